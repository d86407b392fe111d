//! A schema of a PostgreSQL database.
//!
//! Tables that have changed are loaded into a schema of the sink's own, where nobody reads, each in a transaction. Then one transaction locks the old ones, drops them and moves
//! all new ones in: a reader sees all of one run, or all of the other. A statement that has begun to read holds its tables until it is through, so that the exchange
//! waits for it; what comes later sees the new ones. A process that dies before the exchange leaves the old tables.

mod connect;
mod load;
mod record;
mod session;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{Due, Offer, Outcome, Sink, Table, refused};
use crate::config::project::Secret;
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::store::FaultPoint;
use connect::failed;
use record::{Present, Recorded};
use session::{Answer, Client, Fault};

const MADE_BY: &str = "postgres 1";
/// How long the exchange waits for readers, all attempts together.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long one attempt waits: less than the second after which the server looks for deadlocks, so that it is never a reader who is sent away. New readers wait as long.
const ATTEMPT: &str = "400ms";
/// SQLSTATEs.
const LOCK_NOT_AVAILABLE: &str = "55P03";
const DEADLOCK: &str = "40P01";
const DEPENDENTS: &str = "2BP01";
const PAUSE: Duration = Duration::from_millis(800);

pub struct Postgres {
    sink: String,
    url: Secret,
    schema: String,
    /// The sink's own: its record, and tables that are being loaded.
    own: String,
    reader: Option<String>,
}

/// Of which tables each row is looked at, whether somebody has changed it. Of the others, what the catalogue tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    None,
    /// Those that will be replaced.
    Replaced,
    All,
}

/// What is to be done, and what is in the way.
struct Plan<'a> {
    write: Vec<(&'a Table<'a>, String)>,
    remove: Vec<String>,
    as_before: usize,
    in_the_way: Vec<Diagnostic>,
    present: BTreeMap<String, Present>,
}

impl Postgres {
    pub fn new(sink: String, url: Secret, schema: String, reader: Option<String>) -> Postgres {
        let own = format!("{schema}_uramaki");
        Postgres { sink, url, schema, own, reader }
    }

    /// Compares what is there with what should be.
    async fn plan<'a>(&self, client: &mut Client, offer: &'a Offer<'_>, look: Look) -> Result<Plan<'a>> {
        let wrong = |e: Fault| failed("looking at the database", &e);
        let mut recorded = record::read(client, &self.own).await.map_err(wrong)?;
        let present = record::present(client, &self.schema).await.map_err(wrong)?;
        let mut plan = Plan { write: Vec::new(), remove: Vec::new(), as_before: 0, in_the_way: Vec::new(), present };
        for table in &offer.tables {
            let made_from = table.digest(MADE_BY);
            let known = recorded.remove(table.short());
            let is_same = known.as_ref().is_some_and(|k| k.made_from == made_from);
            let there = plan.present.get(table.short());
            let reads_rows = look == Look::All || (look == Look::Replaced && !is_same);
            let touched = self.touched(client, known.as_ref(), there, reads_rows).await.map_err(wrong)?;
            let is_touched = touched.is_some();
            plan.in_the_way.extend(touched.map(|how| self.in_the_way(table.short(), how)));
            if is_same && there.is_some() && !is_touched {
                plan.as_before += 1;
            } else {
                plan.write.push((table, made_from));
            }
        }
        for (name, known) in recorded {
            let there = plan.present.get(&name);
            let touched = self.touched(client, Some(&known), there, look != Look::None).await.map_err(wrong)?;
            plan.in_the_way.extend(touched.map(|how| self.in_the_way(&name, how)));
            plan.remove.push(name);
        }
        Ok(plan)
    }

    async fn touched(
        &self,
        client: &mut Client,
        known: Option<&Recorded>,
        there: Option<&Present>,
        reads_rows: bool,
    ) -> Answer<Option<&'static str>> {
        match (known, there) {
            (_, None) => Ok(None),
            (None, Some(_)) => Ok(Some("was made by somebody else")),
            (Some(known), Some(there)) => record::touched(client, &self.schema, known, there, reads_rows).await,
        }
    }

    fn in_the_way(&self, table: &str, how: &str) -> Diagnostic {
        Diagnostic::new(format!("{}.{table} {how}", self.schema))
    }

    /// Makes the schemas and the role where they are missing. Who may not make them can have them made.
    async fn prepare(&self, client: &mut Client) -> Result<()> {
        for schema in [&self.schema, &self.own] {
            let doing = format!("making the schema {schema}");
            if !record::has_schema(client, schema).await.map_err(|e| failed(&doing, &e))? {
                let sql = format!("create schema {}", name(schema));
                client.run(&sql).await.map_err(|e| failed(&doing, &e))?;
            }
        }
        record::prepare(client, &self.own).await.map_err(|e| failed("making the sink's record", &e))?;
        // Tables of a publication that died, of which nobody has heard.
        let wrong = |e: Fault| failed("sweeping what a publication left that died", &e);
        let left = record::present(client, &self.own).await.map_err(wrong)?;
        for table in left.keys().filter(|t| *t != record::TABLE) {
            let sql = format!("drop table {}.{}", name(&self.own), name(table));
            client.run(&sql).await.map_err(wrong)?;
        }
        if let Some(reader) = &self.reader {
            let wrong = |e: Fault| failed(&format!("making the role {reader}"), &e);
            let there = format!("select 1 from pg_roles where rolname = {}", text(reader));
            if client.rows(&there).await.map_err(wrong)?.is_empty() {
                client.run(&format!("create role {} nologin", name(reader))).await.map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// Lets the reading role read what it may not read yet.
    async fn grant(&self, client: &mut Client, offer: &Offer<'_>) -> Result<()> {
        let Some(reader) = &self.reader else { return Ok(()) };
        let wrong = |e: Fault| failed(&format!("letting the role {reader} read"), &e);
        let tables: Vec<String> = offer.tables.iter().map(|t| text(t.short())).collect();
        let sql = format!(
            "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = {} \
             and c.relname in ('', {}) and c.relkind = 'r' and not has_table_privilege({}::name, c.oid, 'select')",
            text(&self.schema),
            tables.join(", "),
            text(reader)
        );
        let unread = client.rows(&sql).await.map_err(wrong)?;
        let mut statements: Vec<String> = unread
            .iter()
            .filter_map(|row| row.first()?.as_deref())
            .map(|table| format!("grant select on {} to {}", self.full(table), name(reader)))
            .collect();
        let sql = format!("select has_schema_privilege({}::name, {}::text, 'usage')", text(reader), text(&self.schema));
        let [may_enter] = record::one(client, &sql).await.map_err(wrong)?;
        if may_enter != "t" {
            statements.push(format!("grant usage on schema {} to {}", name(&self.schema), name(reader)));
        }
        match statements.is_empty() {
            true => Ok(()),
            false => client.run(&statements.join("; ")).await.map_err(wrong),
        }
    }

    fn full(&self, table: &str) -> String {
        format!("{}.{}", name(&self.schema), name(table))
    }

    /// One transaction: the old tables go, the new ones come.
    async fn exchange(
        &self,
        client: &mut Client,
        offer: &Offer<'_>,
        loaded: &[Recorded],
        plan: &Plan<'_>,
    ) -> Result<()> {
        let _point = FaultPoint::enter("the exchange");
        let going = loaded.iter().map(|r| r.table.as_str()).chain(plan.remove.iter().map(String::as_str));
        let old: Vec<String> = going.filter(|t| plan.present.contains_key(*t)).map(|t| self.full(t)).collect();
        let mut statements = vec!["begin".to_string(), format!("set local lock_timeout = '{ATTEMPT}'")];
        if !old.is_empty() {
            statements.push(format!("lock table {} in access exclusive mode", old.join(", ")));
            statements.push(format!("drop table {}", old.join(", ")));
        }
        for new in loaded {
            let made = format!("{}.{}", name(&self.own), name(&new.table));
            statements.push(format!("alter table {made} set schema {}", name(&self.schema)));
            if let Some(reader) = &self.reader {
                statements.push(format!("grant select on {} to {}", self.full(&new.table), name(reader)));
            }
            statements.push(record::forget(&self.own, &new.table));
            statements.push(new.remember(&self.own, offer.run));
        }
        statements.extend(plan.remove.iter().map(|table| record::forget(&self.own, table)));
        statements.push("commit".to_string());
        let sql = statements.join(";\n");
        let began = Instant::now();
        loop {
            let Err(e) = client.run(&sql).await else { return Ok(()) };
            // A connection that is gone has rolled back by itself.
            let _ = client.run("rollback").await;
            let code = match &e {
                Fault::Server { code, .. } => code.as_str(),
                Fault::Line(_) => "",
            };
            match code {
                LOCK_NOT_AVAILABLE | DEADLOCK => {
                    if began.elapsed() > PATIENCE {
                        return Err(Error::failed(format!(
                            "tables of the schema {} were being read for {} seconds on end",
                            self.schema,
                            PATIENCE.as_secs()
                        ))
                        .hint(format!(
                            "pg_stat_activity shows by whom; then `uramaki publish {}`. The old tables are still there",
                            self.sink
                        )));
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                DEPENDENTS => {
                    return Err(failed("exchanging the tables", &e).hint(
                        "a view or a key of somebody's rests on them: make it a model of the project, or drop it; tables are exchanged, so nothing can rest on them",
                    ));
                }
                _ => return Err(failed("exchanging the tables", &e)),
            }
        }
    }
}

#[async_trait]
impl Sink for Postgres {
    async fn due(&self, offer: &Offer<'_>) -> Result<Due> {
        let mut client = connect::connect(&self.url).await?;
        let plan = self.plan(&mut client, offer, Look::None).await?;
        if !plan.in_the_way.is_empty() {
            return Err(refused(&self.sink, plan.in_the_way));
        }
        Ok(due(&plan))
    }

    async fn publish(&self, offer: &Offer<'_>, overwrite: bool) -> Result<Outcome> {
        let mut client = connect::connect(&self.url).await?;
        // Held until the connection ends.
        let lock = format!("select pg_try_advisory_lock(hashtext('uramaki'), hashtext({}))", text(&self.schema));
        let [is_ours] = record::one(&mut client, &lock).await.map_err(|e| failed("taking the sink's lock", &e))?;
        if is_ours != "t" {
            return Err(Error::new(
                Kind::Failed,
                Diagnostic::new(format!("somebody else is publishing to the schema {}", self.schema))
                    .hint(format!("wait until they are through, then `uramaki publish {}`", self.sink)),
            ));
        }
        // Who overwrites wants all tables as they should be.
        let look = if overwrite { Look::All } else { Look::Replaced };
        let plan = self.plan(&mut client, offer, look).await?;
        if !plan.in_the_way.is_empty() && !overwrite {
            return Err(refused(&self.sink, plan.in_the_way));
        }
        if let Some(other) = plan.write.iter().find(|(t, _)| plan.present.get(t.short()).is_some_and(|p| !p.is_table)) {
            return Err(Error::failed(format!("{}.{} is there and is no table", self.schema, other.0.short()))
                .hint("drop it, or rename it"));
        }
        self.prepare(&mut client).await?;
        let (mut loaded, mut notes) = (Vec::new(), Vec::new());
        for (table, made_from) in &plan.write {
            let load = load::load(&mut client, offer, table, &self.own, made_from).await?;
            if load.zeros > 0 {
                let said = "zero bytes, which PostgreSQL does not hold, became U+FFFD";
                notes.push(format!("{}: {} {said}", table.name, load.zeros));
            }
            loaded.push(load.recorded);
        }
        if !loaded.is_empty() || !plan.remove.is_empty() {
            self.exchange(&mut client, offer, &loaded, &plan).await?;
        }
        self.grant(&mut client, offer).await?;
        Ok(Outcome { done: due(&plan), notes })
    }
}

fn due(plan: &Plan<'_>) -> Due {
    Due {
        write: plan.write.iter().map(|(t, _)| t.name.to_string()).collect(),
        remove: plan.remove.clone(),
        as_before: plan.as_before,
    }
}

/// An identifier.
fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A literal; backslashes mean themselves.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

//! What the sink remembers in the database: of each table, what it was made from, and by what one sees that nobody has touched it since.
//!
//! A row bears the number of the transaction that wrote it (`xmin`): all rows of a table bear that of its load. So an insert or an update shows by another number, a delete
//! by the number of rows. It does not show in a copy that was restored from a dump, which is another table altogether, nor after the count of transactions has come
//! round to the very same number.

use std::collections::BTreeMap;

use super::session::{Answer, Client, Fault, Row};
use super::{name, text};
use crate::sinks::Table;

/// Its name in the sink's own schema; no table of a sink can have it.
pub const TABLE: &str = "uramaki.record";
const RECORD: &str = "\"uramaki.record\"";

/// One table as it was loaded.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub table: String,
    pub made_from: String,
    pub oid: String,
    pub filenode: String,
    pub xid: String,
    pub rows: u64,
    /// Names and types.
    pub columns: String,
}

/// What stands under a name in the sink's schema.
#[derive(Debug, Clone)]
pub struct Present {
    pub oid: String,
    pub filenode: String,
    pub is_table: bool,
    pub columns: String,
}

const COLUMNS: &str = "coalesce((select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum) \
                       from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '')";

/// Makes the place of the record.
pub async fn prepare(client: &mut Client, own: &str) -> Answer<()> {
    client
        .run(&format!(
            "create table if not exists {}.{RECORD} (table_name text primary key, made_from text not null, table_oid oid not null, \
             filenode oid not null, xid text not null, row_count bigint not null, column_list text not null, run bigint not null)",
            name(own)
        ))
        .await
}

/// Whether there is a schema of this name.
pub async fn has_schema(client: &mut Client, schema: &str) -> Answer<bool> {
    let sql = format!("select 1 from pg_namespace where nspname = {}", text(schema));
    Ok(!client.rows(&sql).await?.is_empty())
}

/// By table.
pub async fn read(client: &mut Client, own: &str) -> Answer<BTreeMap<String, Recorded>> {
    let there = format!(
        "select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = {} and c.relname = 'uramaki.record'",
        text(own)
    );
    if client.rows(&there).await?.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "select table_name, made_from, table_oid, filenode, xid, row_count, column_list from {}.{RECORD}",
        name(own)
    );
    let rows = client.rows(&sql).await?;
    let recorded = rows.into_iter().map(|row| {
        let [table, made_from, oid, filenode, xid, rows, columns] = values(row)?;
        let rows = rows.parse().map_err(|_| Fault::Line("the sink's record cannot be read".to_string()))?;
        Ok((table.clone(), Recorded { table, made_from, oid, filenode, xid, rows, columns }))
    });
    recorded.collect()
}

/// The values of a row that has so many, and no NULL.
fn values<const N: usize>(row: Row) -> Answer<[String; N]> {
    let values: Option<Vec<String>> = row.into_iter().collect();
    values
        .and_then(|v| v.try_into().ok())
        .ok_or_else(|| Fault::Line("the database answers otherwise than it was asked".to_string()))
}

/// The only row of an answer.
pub async fn one<const N: usize>(client: &mut Client, sql: &str) -> Answer<[String; N]> {
    values(client.rows(sql).await?.pop().unwrap_or_default())
}

/// Everything in a schema that has rows, by name.
pub async fn present(client: &mut Client, schema: &str) -> Answer<BTreeMap<String, Present>> {
    let sql = format!(
        "select c.relname::text, c.oid, coalesce(pg_relation_filenode(c.oid), 0::oid), c.relkind = 'r', {COLUMNS} \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = {} and c.relkind in ('r', 'v', 'm', 'p', 'f')",
        text(schema)
    );
    let present = client.rows(&sql).await?.into_iter().map(|row| {
        let [name, oid, filenode, is_table, columns] = values(row)?;
        Ok((name, Present { oid, filenode, is_table: is_table == "t", columns }))
    });
    present.collect()
}

/// What somebody did to a table, in words; None where it stands as it was loaded. `reads_rows`: look at each row, not only at what the catalogue tells.
pub async fn touched(
    client: &mut Client,
    schema: &str,
    recorded: &Recorded,
    present: &Present,
    reads_rows: bool,
) -> Answer<Option<&'static str>> {
    if recorded.oid != present.oid {
        return Ok(Some("was replaced by somebody else"));
    }
    if recorded.columns != present.columns {
        return Ok(Some("has other columns than it was written with"));
    }
    if !reads_rows && recorded.filenode == present.filenode {
        return Ok(None);
    }
    let sql = format!(
        "select count(*), count(*) filter (where xmin <> {}::xid) from {}.{}",
        text(&recorded.xid),
        name(schema),
        name(&recorded.table)
    );
    let [rows, other] = one(client, &sql).await?;
    Ok((rows != recorded.rows.to_string() || other != "0").then_some("has rows that somebody else changed"))
}

impl Recorded {
    /// As the open transaction, which has loaded the table, leaves it.
    pub async fn of_transaction(
        client: &mut Client,
        table: &Table<'_>,
        full: &str,
        made_from: &str,
        rows: u64,
    ) -> Answer<Recorded> {
        let sql = format!(
            "select c.oid, pg_relation_filenode(c.oid), (txid_current() % 4294967296)::text, {COLUMNS} \
             from pg_class c where c.oid = {}::regclass",
            text(full)
        );
        let [oid, filenode, xid, columns] = one(client, &sql).await?;
        let (table, made_from) = (table.short().to_string(), made_from.to_string());
        Ok(Recorded { table, made_from, oid, filenode, xid, rows, columns })
    }

    /// The statement that remembers it.
    pub fn remember(&self, own: &str, run: u64) -> String {
        format!(
            "insert into {}.{RECORD} values ({}, {}, {}, {}, {}, {}, {}, {run})",
            name(own),
            text(&self.table),
            text(&self.made_from),
            self.oid,
            self.filenode,
            text(&self.xid),
            self.rows,
            text(&self.columns)
        )
    }
}

/// The statement that forgets a table.
pub fn forget(own: &str, table: &str) -> String {
    format!("delete from {}.{RECORD} where table_name = {}", name(own), text(table))
}

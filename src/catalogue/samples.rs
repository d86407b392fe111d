//! A look into the tables, without a person in it.
//!
//! A table whose rows tell of persons (it has a personal column, a customer, or the id of a row that has) shows no row. Of its columns
//! that are neither personal, nor made of personal ones, nor ids, it shows the values that at least `SHARED` different customers have.
//! Every other table shows its first rows. Identity and quarantine show nothing.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::SessionContext;

use super::entries::{Catalogue, Column, Kind, Sample, Table, Why};
use crate::checks::quoted;
use crate::config::Project;
use crate::engine;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::runs::reading;

/// Rows that are shown.
const ROWS: usize = 5;
/// Rows that are looked at for values that many have.
const LOOKED_AT: usize = 2_000;
/// A value is shown that so many have.
const SHARED: usize = 10;
/// Values of a column.
const VALUES: usize = 6;
/// A longer text is cut: a sample shows what a column is like.
const LONGEST: usize = 60;
const CUSTOMER: &str = "customer_id";

/// Puts the samples in.
pub async fn fill(project: &Project, manifest: &Manifest, catalogue: &mut Catalogue) -> Result<()> {
    let (context, _) = reading::session(project, Some(manifest.run), false).await?;
    let persons = of_persons(catalogue);
    for table in &mut catalogue.tables {
        table.sample = match table.kind {
            Kind::Published if !manifest.tables.contains_key(&table.name) => Sample::None(Why::NoRun),
            Kind::Published if table.rows == Some(0) => Sample::None(Why::Empty),
            Kind::Published if persons.contains(&table.name) => values(&context, table).await?,
            Kind::Published => rows(&context, table).await?,
            Kind::Own if table.layer() == "project" => rows(&context, table).await?,
            Kind::Own => Sample::None(Why::Personal),
            Kind::Object | Kind::View | Kind::Intermediate => Sample::None(Why::NotPublished),
        };
    }
    Ok(())
}

/// The tables whose rows tell of a person.
fn of_persons(catalogue: &Catalogue) -> BTreeSet<String> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut ids: BTreeSet<&str> = [CUSTOMER].into();
    loop {
        let before = found.len();
        for table in &catalogue.tables {
            let tells = |c: &Column| c.personal || ids.contains(c.name.as_str());
            if table.columns.iter().any(tells) && found.insert(&table.name) {
                // Who knows the row's id finds the person.
                if let [key] = table.key.as_slice()
                    && key.ends_with("_id")
                {
                    ids.insert(key);
                }
            }
        }
        if found.len() == before {
            return found.into_iter().map(str::to_string).collect();
        }
    }
}

fn may_be_shown(column: &Column) -> bool {
    !column.personal && !column.of_personal
}

async fn rows(context: &SessionContext, table: &Table) -> Result<Sample> {
    let shown: Vec<&Column> = table.columns.iter().filter(|c| may_be_shown(c)).collect();
    let columns: Vec<String> = shown.iter().map(|c| c.name.clone()).collect();
    let order = if table.key.is_empty() { &columns } else { &table.key };
    let Some(found) = ask(context, table, &columns, order, ROWS).await? else { return Ok(Sample::None(Why::NoRun)) };
    let mut rows = Vec::new();
    for batch in &found {
        let texts = batch.columns().iter().map(|c| texts(c)).collect::<Result<Vec<_>>>()?;
        rows.extend((0..batch.num_rows()).map(|at| texts.iter().map(|t| cut(&t[at])).collect::<Vec<_>>()));
    }
    Ok(if rows.is_empty() { Sample::None(Why::Empty) } else { Sample::Rows { columns, rows } })
}

async fn values(context: &SessionContext, table: &Table) -> Result<Sample> {
    let is_kind = |c: &Column| matches!(c.kind.as_str(), "text" | "boolean") && !c.name.ends_with("_id");
    let shown: Vec<&Column> = table.columns.iter().filter(|c| may_be_shown(c) && is_kind(c)).collect();
    // Without a customer each row is one holder.
    let holder: Vec<String> = table.columns.iter().filter(|c| c.name == CUSTOMER).map(|c| c.name.clone()).collect();
    let mut columns: Vec<String> = shown.iter().map(|c| c.name.clone()).collect();
    columns.extend(holder.iter().cloned());
    if shown.is_empty() {
        return Ok(Sample::None(Why::Personal));
    }
    let Some(found) = ask(context, table, &columns, &table.order, LOOKED_AT).await? else {
        return Ok(Sample::None(Why::NoRun));
    };
    let mut holders: Vec<BTreeMap<String, BTreeSet<String>>> = vec![BTreeMap::new(); shown.len()];
    let mut number = 0;
    for batch in &found {
        let texts = batch.columns().iter().map(|c| texts(c)).collect::<Result<Vec<_>>>()?;
        for at in 0..batch.num_rows() {
            number += 1;
            let who = match texts.get(shown.len()) {
                Some(ids) => ids[at].clone(),
                None => number.to_string(),
            };
            for (place, held) in holders.iter_mut().enumerate() {
                let value = &texts[place][at];
                if !value.is_empty() && !who.is_empty() {
                    held.entry(value.clone()).or_default().insert(who.clone());
                }
            }
        }
    }
    let mut told = Vec::new();
    for (column, held) in shown.iter().zip(holders) {
        let mut common: Vec<(usize, String)> =
            held.into_iter().filter(|(_, who)| who.len() >= SHARED).map(|(value, who)| (who.len(), value)).collect();
        common.sort_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
        if !common.is_empty() {
            told.push((column.name.clone(), common.iter().take(VALUES).map(|(_, value)| cut(value)).collect()));
        }
    }
    Ok(if told.is_empty() { Sample::None(Why::Personal) } else { Sample::Values(told) })
}

/// The first rows of a table, in an order.
async fn ask(
    context: &SessionContext,
    table: &Table,
    columns: &[String],
    order: &[String],
    limit: usize,
) -> Result<Option<Vec<RecordBatch>>> {
    let list = |names: &[String]| names.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(", ");
    let sql = format!("select {} from {} order by {} limit {limit}", list(columns), table.name, list(order));
    // The last run may have been of an older project, with other columns: then there is nothing to show.
    let Ok(frame) = context.sql(&sql).await else { return Ok(None) };
    frame.collect().await.map(Some).map_err(|e| engine::failed(&format!("a sample of {}", table.name), &e))
}

/// A column's values as texts; nothing as an empty one.
fn texts(column: &dyn Array) -> Result<Vec<String>> {
    let options = FormatOptions::default().with_null("").with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%SZ"));
    let failed = |e: arrow::error::ArrowError| Error::failed(format!("writing a sample: {e}"));
    let formatter = ArrayFormatter::try_new(column, &options).map_err(failed)?;
    (0..column.len()).map(|at| formatter.value(at).try_to_string().map_err(failed)).collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

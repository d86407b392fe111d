//! From a row of a table, or one cell of it, back to the lines of the source files, with the proof that these lines alone give it.

mod again;
mod picture;
pub mod rows;
pub mod segment;
pub mod session;
mod tell;
mod walk;
mod whose;

use std::collections::BTreeMap;
use std::time::Instant;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::prelude::{DataFrame, SessionContext};
use serde::Serialize;

pub use picture::html;
pub use tell::text;
pub use walk::restricted;
pub use whose::Customer;

use super::rules::Rules;
use crate::engine;
use crate::error::{Error, Result};
use crate::manifest::{FileRecord, Manifest, TableRecord};
use crate::runs::tables;
use crate::store::Store;
use rows::Found;
use session::Scene;
use walk::Walk;

/// How many rows of a step are named.
const NAMED: usize = 20;

/// What is asked: a row by its key, and one column of it or all.
pub struct Question<'a> {
    pub table: &'a str,
    pub key: &'a [String],
    pub column: Option<&'a str>,
}

/// Where a value comes from.
#[derive(Debug, Serialize)]
pub struct Traced {
    pub run: u64,
    pub as_of: String,
    pub table: String,
    pub key: Vec<Cell>,
    /// The traced cells; all of the row, where no column was named.
    pub values: Vec<Cell>,
    /// From the table down to what the sources and identity gave.
    pub steps: Vec<Step>,
    /// The lines of the source files, by file.
    pub lines: Vec<FileLines>,
    /// Whose records they are, and why.
    pub customers: Vec<Customer>,
    /// More customers than are listed.
    pub more_customers: u64,
    pub proof: Proof,
    /// Why more lines may be listed than are needed; empty: each of them is.
    pub surplus: Vec<Surplus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    pub column: String,
    pub value: Option<String>,
}

/// The rows of one table that take part.
#[derive(Debug, Serialize)]
pub struct Step {
    pub table: String,
    /// The SQL that makes it, inside the project; None for what sources and identity give.
    pub sql: Option<String>,
    pub reads: Vec<String>,
    pub rows: u64,
    /// The keys of the first of them.
    pub keys: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct FileLines {
    pub file: String,
    pub sha256: String,
    pub batch: String,
    /// The bytes as received, inside the warehouse.
    pub archive: Option<String>,
    pub lines: Vec<i64>,
}

/// What the listed rows alone gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The same value.
    Equal,
    /// Only with sides of joins that bring no value; they are listed too.
    EqualWithAllSides,
    /// Only with all rows that the table is made of; these are listed.
    EqualWithAllRows,
    /// Not even all rows gave it: the table was not made by the SQL of this run alone.
    Different,
}

#[derive(Debug, Serialize)]
pub struct Surplus {
    pub model: String,
    pub why: Vec<&'static str>,
}

impl Traced {
    /// An error where what was traced is not what makes the value.
    pub fn holds(&self) -> Result<()> {
        match self.proof {
            Proof::Different => Err(Error::failed(format!("{} is not made again from all that it reads", self.table))
                .hint(format!("`uramaki audit reproduce {}` names what differs", self.run))),
            _ => Ok(()),
        }
    }
}

/// Traces. Errors: a table, column or key that is not there.
pub async fn trace(store: &Store, manifest: &Manifest, question: &Question<'_>) -> Result<Traced> {
    let began = Instant::now();
    let (table, record) = table_named(manifest, question.table)?;
    let rules = Rules::of_run(store, manifest).await?;
    let scene = Scene::open(&rules, store, manifest, std::slice::from_ref(&table)).await?;
    let Some(key) = scene.keys.get(&table).filter(|_| scene.graph.models.contains_key(&table)) else {
        return Err(Error::config(format!("`{table}` is not made by SQL"))
            .hint("`uramaki identity explain` tells of customers and their records"));
    };
    let column = question.column.map(|column| named_column(record, &table, column)).transpose()?;
    let key = keyed(record, key, question.key)?;
    let row = row(&scene.context, &table, &key).await?;
    let Some(row) = row else {
        return Err(Error::config(format!("`{table}` has no such row in run {}", manifest.run))
            .hint(format!("`uramaki audit why-not {} …` says why", question.table)));
    };
    let columns: Vec<String> = key.iter().map(|(name, _)| name.clone()).collect();
    let target = picked(&row, &columns)?;
    let wanted: Vec<String> = match &column {
        Some(column) => vec![column.clone()],
        None => row.schema().fields().iter().map(|f| f.name().clone()).collect(),
    };
    tracing::debug!(seconds = began.elapsed().as_secs_f64(), "tables");
    let mut walk = Walk::new(&scene, true);
    walk.down(&table, &target, column.as_deref()).await?;
    tracing::debug!(seconds = began.elapsed().as_secs_f64(), "rows");
    let mut proof = Proof::Equal;
    let mut made = again::made(&scene, &walk.rows, &table, &wanted).await?;
    if !is_same(&made, &table, &key, &row, &wanted).await? {
        walk = Walk::new(&scene, false);
        walk.down(&table, &target, None).await?;
        proof = Proof::EqualWithAllSides;
        made = again::made(&scene, &walk.rows, &table, &wanted).await?;
        if !is_same(&made, &table, &key, &row, &wanted).await? {
            walk.everything();
            made = again::made(&scene, &walk.rows, &table, &wanted).await?;
            let holds = is_same(&made, &table, &key, &row, &wanted).await?;
            proof = if holds { Proof::EqualWithAllRows } else { Proof::Different };
        }
    }
    tracing::debug!(seconds = began.elapsed().as_secs_f64(), "proof");
    let mut lines = Lines::new(manifest);
    for (name, found) in walk.rows.iter().filter(|(name, _)| name.starts_with("landing.")) {
        for batch in again::keys_of(&scene, name, found).await? {
            lines.add(&batch);
        }
    }
    whose::lines(&scene, &walk, &mut lines).await?;
    let (customers, more_customers) = whose::customers(&scene, &walk, &lines).await?;
    tracing::debug!(seconds = began.elapsed().as_secs_f64(), "whose records");
    Ok(Traced {
        run: manifest.run,
        as_of: manifest.as_of.to_string(),
        key: cells(&row, &columns)?,
        values: cells(&row, &wanted)?,
        steps: steps(&scene, &walk, &made, &table).await?,
        lines: lines.told(),
        customers,
        more_customers,
        proof,
        surplus: walk
            .surplus
            .iter()
            .filter(|(_, why)| !why.is_empty())
            .map(|(model, why)| Surplus { model: model.clone(), why: why.iter().map(|s| s.words()).collect() })
            .collect(),
        table,
    })
}

/// A published table by its name, with or without its layer.
pub fn table_named<'m>(manifest: &'m Manifest, typed: &str) -> Result<(String, &'m TableRecord)> {
    let found = manifest.tables.iter().find(|(name, _)| *name == typed || name.split('.').next_back() == Some(typed));
    if let Some((name, record)) = found {
        return Ok((name.clone(), record));
    }
    // With or without its layer, as it was typed.
    let names = manifest.tables.keys().flat_map(|name| [Some(name.as_str()), name.split('.').next_back()]);
    let near = crate::config::suggest::nearest(typed, names.flatten());
    let error = Error::config(format!("run {} published no table `{typed}`", manifest.run));
    Err(match near {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`uramaki runs show` lists its tables"),
    })
}

fn named_column(record: &TableRecord, table: &str, typed: &str) -> Result<String> {
    if record.columns.iter().any(|c| c.name == typed) {
        return Ok(typed.to_string());
    }
    let near = crate::config::suggest::nearest(typed, record.columns.iter().map(|c| c.name.as_str()));
    let error = Error::config(format!("`{table}` has no column `{typed}`"));
    Err(match near {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    })
}

/// Each column of a key with the value that was typed for it, as an expression of the column's type.
pub fn keyed(record: &TableRecord, key: &[String], typed: &[String]) -> Result<Vec<(String, Expr)>> {
    let schema = tables::recorded_schema(record)?;
    let mut values: BTreeMap<&str, &str> = BTreeMap::new();
    let mut unnamed = typed.iter().filter(|text| match text.split_once('=') {
        Some((name, value)) if key.iter().any(|k| k == name) => {
            values.insert(name, value);
            false
        }
        _ => true,
    });
    let unnamed: Vec<&String> = unnamed.by_ref().collect();
    let open: Vec<&String> = key.iter().filter(|k| !values.contains_key(k.as_str())).collect();
    if open.len() != unnamed.len() {
        return Err(Error::config(format!("the key is {}: one value for each", key.join(", ")))
            .hint(key.iter().map(|k| format!("--key {k}=…")).collect::<Vec<_>>().join(" ")));
    }
    values.extend(open.iter().map(|k| k.as_str()).zip(unnamed.iter().map(|t| t.as_str())));
    key.iter()
        .map(|name| {
            let kind = schema.field_with_name(name).map_err(|e| Error::failed(e.to_string()))?.data_type().clone();
            let text = values.get(name.as_str()).copied().unwrap_or_default();
            let value = datafusion::common::ScalarValue::try_from_string(text.to_string(), &kind).map_err(|_| {
                Error::config(format!("`{name}` is a {}, and `{text}` is none", crate::models::plan::plain(&kind)))
            })?;
            Ok((name.clone(), lit(value)))
        })
        .collect()
}

/// The row with a key.
pub async fn row(context: &SessionContext, table: &str, key: &[(String, Expr)]) -> Result<Option<RecordBatch>> {
    let doing = format!("reading {table}");
    let failed = |e| engine::failed(&doing, &e);
    let mut frame: DataFrame = context.table(table).await.map_err(failed)?;
    for (name, value) in key {
        frame = frame.filter(ident(name).eq(value.clone())).map_err(failed)?;
    }
    let schema = frame.schema().inner().clone();
    let batches = frame.collect().await.map_err(failed)?;
    let all = concat_batches(&schema, &batches).map_err(|e| Error::failed(format!("{doing}: {e}")))?;
    Ok((all.num_rows() == 1).then_some(all))
}

/// Whether what was made of the listed rows alone has the values.
async fn is_same(
    made: &SessionContext,
    table: &str,
    key: &[(String, Expr)],
    row: &RecordBatch,
    wanted: &[String],
) -> Result<bool> {
    let Some(made) = self::row(made, table, key).await? else {
        tracing::debug!("the listed rows do not give the row");
        return Ok(false);
    };
    let is_other = |column: &&String| row.column_by_name(column) != made.column_by_name(column);
    let others: Vec<&String> = wanted.iter().filter(is_other).collect();
    tracing::debug!(columns = ?others, "made otherwise from the listed rows");
    Ok(others.is_empty())
}

fn picked(row: &RecordBatch, columns: &[String]) -> Result<RecordBatch> {
    let at: Vec<usize> = columns.iter().filter_map(|c| row.schema().index_of(c).ok()).collect();
    row.project(&at).map_err(|e| Error::failed(format!("tracing: {e}")))
}

fn cells(row: &RecordBatch, columns: &[String]) -> Result<Vec<Cell>> {
    let schema = row.schema();
    let named = columns.iter().filter_map(|c| Some((c, row.column(schema.index_of(c).ok()?))));
    named.map(|(column, values)| Ok(Cell { column: column.clone(), value: shown(values, 0)? })).collect()
}

/// A value as text; None for NULL.
fn shown(values: &ArrayRef, row: usize) -> Result<Option<String>> {
    if values.is_null(row) {
        return Ok(None);
    }
    let format = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(values, &format).map_err(|e| Error::failed(format!("showing: {e}")))?;
    Ok(Some(formatter.value(row).to_string()))
}

async fn steps(scene: &Scene, walk: &Walk<'_>, made: &SessionContext, top: &str) -> Result<Vec<Step>> {
    // Models as the last comes first, then what sources and identity gave.
    let models = scene.graph.order.iter().rev().filter(|n| walk.rows.contains_key(*n));
    let grounds = walk.rows.keys().filter(|n| !scene.graph.models.contains_key(*n));
    let mut steps = Vec::new();
    for name in models.chain(grounds) {
        let Some(found) = walk.rows.get(name) else { continue };
        let (rows, first) = match found {
            Found::These(rows) => (rows.len() as u64, vec![rows.first(NAMED)?]),
            Found::All => again::all_of(scene, made, name, NAMED).await?,
        };
        if rows == 0 {
            continue;
        }
        let mut keys = Vec::new();
        for batch in first {
            for row in 0..batch.num_rows() {
                let parts: Vec<String> = batch
                    .columns()
                    .iter()
                    .map(|c| Ok(shown(c, row)?.unwrap_or_else(|| "NULL".into())))
                    .collect::<Result<_>>()?;
                keys.push(parts.join(" · "));
            }
        }
        let sql = scene.graph.models.get(name).map(|m| m.file.sql_path.clone());
        let reads = walk.reads.iter().filter(|(reader, _)| reader == name).map(|(_, read)| read.clone()).collect();
        steps.push(Step { table: name.clone(), sql, reads, rows, keys });
    }
    steps.sort_by_key(|step| step.table != top);
    Ok(steps)
}

/// Lines of source files, by batch.
pub struct Lines<'m> {
    manifest: &'m Manifest,
    /// The first file, in file order, that held a batch.
    files: BTreeMap<&'m str, &'m FileRecord>,
    found: BTreeMap<String, Vec<i64>>,
}

impl<'m> Lines<'m> {
    pub fn new(manifest: &'m Manifest) -> Lines<'m> {
        let mut files: BTreeMap<&str, &FileRecord> = BTreeMap::new();
        let place = |f: &FileRecord| (f.date, f.number, f.restatement);
        for file in manifest.files.iter().filter(|f| f.date <= manifest.as_of) {
            let Some(id) = file.batch.as_deref() else { continue };
            let held = files.entry(id).or_insert(file);
            if place(file) < place(held) {
                *held = file;
            }
        }
        Lines { manifest, files, found: BTreeMap::new() }
    }

    /// `file:line` of a row.
    pub fn place(&self, batch: &str, line: i64) -> String {
        let file = self.files.get(batch).map_or(batch, |f| f.name.as_str());
        format!("{file}:{line}")
    }

    /// Keys of landed rows: batch and line.
    pub fn add(&mut self, rows: &RecordBatch) {
        let (batches, lines) = (rows.column(0).as_string::<i32>(), rows.column(1).as_primitive::<Int64Type>());
        for row in 0..rows.num_rows() {
            match self.found.get_mut(batches.value(row)) {
                Some(found) => found.push(lines.value(row)),
                None => {
                    self.found.insert(batches.value(row).to_string(), vec![lines.value(row)]);
                }
            }
        }
    }

    fn told(self) -> Vec<FileLines> {
        let mut all: Vec<FileLines> = self
            .found
            .into_iter()
            .map(|(batch, mut lines)| {
                lines.sort_unstable();
                lines.dedup();
                let file = self.files.get(batch.as_str());
                FileLines {
                    file: file.map_or_else(String::new, |f| f.name.clone()),
                    sha256: file.map_or_else(String::new, |f| f.sha256.clone()),
                    archive: self.manifest.batches.get(&batch).and_then(|b| b.archive.clone()),
                    batch,
                    lines,
                }
            })
            .collect();
        all.sort_by(|a, b| (&a.file, &a.batch).cmp(&(&b.file, &b.batch)));
        all
    }
}

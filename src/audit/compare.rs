//! Two tables side by side, row by row in their order: the first row and columns in which they differ. No message holds personal data.

use std::collections::VecDeque;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::SortOptions;
use arrow::row::{RowConverter, SortField};
use arrow::util::display::array_value_to_string;
use futures::StreamExt;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::async_reader::ParquetRecordBatchStream;

use crate::error::{Error, Result};
use crate::manifest::{DataFile, TableRecord};
use crate::store::{ParquetObject, Store};

/// One of two tables that are compared: what is told of it, and where its files lie.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub store: &'a Store,
    pub record: &'a TableRecord,
    pub files: &'a [DataFile],
}

/// The first difference, in words. `key` are the columns that name a row.
pub async fn first_difference(published: Side<'_>, made: Side<'_>, key: &[String]) -> Result<String> {
    let names = |side: &Side<'_>| -> Vec<String> {
        side.record.columns.iter().map(|c| format!("{} {}", c.name, c.kind)).collect()
    };
    let (before, now) = (names(&published), names(&made));
    if before != now {
        let gone: Vec<&str> = before.iter().filter(|c| !now.contains(c)).map(String::as_str).collect();
        let new: Vec<&str> = now.iter().filter(|c| !before.contains(c)).map(String::as_str).collect();
        return Ok(format!("its columns differ: published [{}], made again [{}]", gone.join(", "), new.join(", ")));
    }
    let (mut left, mut right) = (Rows::new(published), Rows::new(made));
    loop {
        left.fill().await?;
        right.fill().await?;
        let (a, b) = match (&left.batch, &right.batch) {
            (None, None) => {
                return Ok(
                    "every row is the same, but the files' bytes are not: another writer made one of them".into()
                );
            }
            (Some(rows), None) => return Ok(lone(&published, key, rows, 0, "published, and was not made again")),
            (None, Some(rows)) => return Ok(lone(&published, key, rows, 0, "made again, and was not published")),
            (Some(a), Some(b)) => (a.clone(), b.clone()),
        };
        let rows = a.num_rows().min(b.num_rows());
        let (a, b) = (a.slice(0, rows), b.slice(0, rows));
        if a.columns() == b.columns() {
            left.advance(rows);
            right.advance(rows);
            continue;
        }
        let same = |row: usize| a.columns().iter().zip(b.columns()).all(|(x, y)| x.slice(row, 1) == y.slice(row, 1));
        let row = (0..rows).find(|row| !same(*row)).unwrap_or(0);
        return match order(&published.record.order, &a, &b, row)? {
            std::cmp::Ordering::Less => Ok(lone(&published, key, &a, row, "published, and was not made again")),
            std::cmp::Ordering::Greater => Ok(lone(&published, key, &b, row, "made again, and was not published")),
            std::cmp::Ordering::Equal => Ok(columns(&published, key, &a, &b, row)),
        };
    }
}

/// How the two rows stand in the table's order.
fn order(names: &[String], a: &RecordBatch, b: &RecordBatch, row: usize) -> Result<std::cmp::Ordering> {
    let pick = |batch: &RecordBatch| -> Vec<ArrayRef> {
        names.iter().filter_map(|n| batch.column_by_name(n)).map(|c| c.slice(row, 1)).collect()
    };
    let (a, b) = (pick(a), pick(b));
    if a.is_empty() {
        return Ok(std::cmp::Ordering::Equal);
    }
    let failed = |e: arrow::error::ArrowError| Error::failed(format!("comparing rows: {e}"));
    let options = SortOptions { descending: false, nulls_first: false };
    let fields = a.iter().map(|c| SortField::new_with_options(c.data_type().clone(), options)).collect();
    let converter = RowConverter::new(fields).map_err(failed)?;
    let (a, b) = (converter.convert_columns(&a).map_err(failed)?, converter.convert_columns(&b).map_err(failed)?);
    Ok(a.row(0).cmp(&b.row(0)))
}

/// A row that one side has.
fn lone(side: &Side<'_>, key: &[String], rows: &RecordBatch, row: usize, what: &str) -> String {
    format!("the row {} was {what}", named(side, key, rows, row))
}

/// A row that both have, and the columns in which it differs.
fn columns(side: &Side<'_>, key: &[String], a: &RecordBatch, b: &RecordBatch, row: usize) -> String {
    let schema = a.schema();
    let differ: Vec<usize> =
        (0..a.num_columns()).filter(|c| a.column(*c).slice(row, 1) != b.column(*c).slice(row, 1)).collect();
    let mut told = Vec::new();
    for at in &differ {
        let name = schema.field(*at).name();
        if is_personal(side, name) {
            told.push(format!("{name} differs (personal: not shown)"));
        } else {
            told.push(format!("{name} was {}, and is {}", text(a.column(*at), row), text(b.column(*at), row)));
        }
    }
    format!("in the row {}, column {}", named(side, key, a, row), told.join("; column "))
}

/// The row's key, where none of it is personal; else its place.
fn named(side: &Side<'_>, key: &[String], rows: &RecordBatch, row: usize) -> String {
    let key = if key.is_empty() { &side.record.order } else { key };
    if key.iter().any(|name| is_personal(side, name)) {
        return format!("whose key ({}) is personal and not shown", key.join(", "));
    }
    let parts: Vec<String> =
        key.iter().filter_map(|name| Some(format!("{name} = {}", text(rows.column_by_name(name)?, row)))).collect();
    parts.join(", ")
}

fn is_personal(side: &Side<'_>, name: &str) -> bool {
    side.record.columns.iter().any(|c| c.name == name && c.pii)
}

fn text(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return "NULL".into();
    }
    array_value_to_string(column, row).unwrap_or_else(|_| "a value that cannot be shown".into())
}

/// A table's rows in the order of its files.
struct Rows<'a> {
    store: &'a Store,
    files: VecDeque<&'a DataFile>,
    stream: Option<ParquetRecordBatchStream<ParquetObject>>,
    /// What is not looked at yet; None at the end.
    batch: Option<RecordBatch>,
}

impl<'a> Rows<'a> {
    fn new(side: Side<'a>) -> Rows<'a> {
        Rows { store: side.store, files: side.files.iter().collect(), stream: None, batch: None }
    }

    async fn fill(&mut self) -> Result<()> {
        while self.batch.is_none() {
            if let Some(stream) = &mut self.stream {
                match stream.next().await {
                    Some(batch) => {
                        let batch = batch.map_err(|e| Error::failed(format!("reading a table: {e}")))?;
                        self.batch = (batch.num_rows() > 0).then_some(batch);
                        continue;
                    }
                    None => self.stream = None,
                }
            }
            let Some(file) = self.files.pop_front() else { return Ok(()) };
            let broken = |e: parquet::errors::ParquetError| {
                Error::failed(format!("the table cannot be read: {e}")).at(file.path.clone(), None)
            };
            // Its length as it is: a file that was exchanged may have another than its manifest says.
            let size = self.store.head(&file.path).await?.map_or(file.bytes, |meta| meta.size);
            let reader = ParquetObject::new(self.store, &file.path, size)?;
            let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(broken)?;
            self.stream = Some(builder.with_batch_size(8192).build().map_err(broken)?);
        }
        Ok(())
    }

    fn advance(&mut self, rows: usize) {
        self.batch = self.batch.take().filter(|b| b.num_rows() > rows).map(|b| b.slice(rows, b.num_rows() - rows));
    }
}

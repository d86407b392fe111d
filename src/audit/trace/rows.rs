//! Sets of rows: each once, in no order until they are asked for.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use arrow::row::{RowConverter, SortField};

use crate::error::{Error, Result};

/// The rows of a table that take part.
#[derive(Clone)]
pub enum Found {
    /// By their keys.
    These(Distinct),
    All,
}

/// Distinct rows of some columns, each as bytes that sort as the row does.
#[derive(Clone)]
pub struct Distinct {
    schema: Arc<Schema>,
    converter: Arc<RowConverter>,
    rows: HashSet<Box<[u8]>>,
}

impl Distinct {
    pub fn new(fields: Vec<Field>) -> Result<Distinct> {
        let sorts = fields.iter().map(|f| SortField::new(f.data_type().clone())).collect();
        Ok(Distinct {
            converter: Arc::new(RowConverter::new(sorts).map_err(failed)?),
            schema: Arc::new(Schema::new(fields)),
            rows: HashSet::new(),
        })
    }

    pub fn of(batch: &RecordBatch) -> Result<Distinct> {
        let mut all = Distinct::new(batch.schema().fields().iter().map(|f| f.as_ref().clone()).collect())?;
        all.add(batch.columns())?;
        Ok(all)
    }

    /// Adds the rows of these columns, but for those in which all are NULL.
    pub fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let Some(first) = columns.first() else { return Ok(()) };
        if columns.iter().any(|c| c.null_count() == 0) {
            return self.add_where(columns, |_| true);
        }
        let some: Vec<bool> = (0..first.len()).map(|row| columns.iter().any(|c| c.is_valid(row))).collect();
        self.add_where(columns, |row| some[row])
    }

    /// Adds the rows for which `is_there` says so.
    pub fn add_where(&mut self, columns: &[ArrayRef], is_there: impl Fn(usize) -> bool) -> Result<()> {
        let rows = self.converter.convert_columns(columns).map_err(failed)?;
        for (at, row) in rows.iter().enumerate().filter(|(at, _)| is_there(*at)) {
            // Rows of one customer come one after the other, and so do equal ones.
            if at > 0 && is_there(at - 1) && rows.row(at - 1) == row {
                continue;
            }
            if !self.rows.contains(row.as_ref()) {
                self.rows.insert(row.as_ref().into());
            }
        }
        Ok(())
    }

    /// Adds all rows of another set of the same columns.
    pub fn join(&mut self, other: Distinct) {
        if self.rows.is_empty() {
            self.rows = other.rows;
        } else {
            self.rows.extend(other.rows);
        }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows in any order: for what asks only whether a row is among them.
    pub fn batch(&self) -> Result<RecordBatch> {
        self.of_rows(self.rows.iter())
    }

    /// The first `limit` rows, ascending: for what is shown.
    pub fn first(&self, limit: usize) -> Result<RecordBatch> {
        let mut rows: Vec<&Box<[u8]>> = self.rows.iter().collect();
        if limit < rows.len() {
            rows.select_nth_unstable(limit);
            rows.truncate(limit);
        }
        rows.sort_unstable();
        self.of_rows(rows.into_iter())
    }

    fn of_rows<'r>(&self, rows: impl Iterator<Item = &'r Box<[u8]>>) -> Result<RecordBatch> {
        let parser = self.converter.parser();
        let columns = self.converter.convert_rows(rows.map(|row| parser.parse(row))).map_err(failed)?;
        RecordBatch::try_new(self.schema.clone(), columns).map_err(failed)
    }
}

fn failed(e: arrow::error::ArrowError) -> Error {
    Error::failed(format!("gathering rows: {e}"))
}

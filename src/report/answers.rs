//! Asks a committed run: each figure is the answer to one SELECT, which stands beside it on the page.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type};
use arrow::temporal_conversions::date32_to_datetime;
use chrono::{Datelike, Months, NaiveDate};
use datafusion::prelude::SessionContext;

use crate::config::Project;
use crate::engine;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::runs::reading;

/// One value of an answer, exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Nothing,
    Text(String),
    Whole(i64),
    /// Units of `10^-scale`.
    Decimal(i128, u32),
    Day(NaiveDate),
    Truth(bool),
}

impl Cell {
    /// Units and scale of a number.
    pub fn units(&self) -> Option<(i128, u32)> {
        match self {
            Cell::Whole(n) => Some((i128::from(*n), 0)),
            Cell::Decimal(units, scale) => Some((*units, *scale)),
            _ => None,
        }
    }

    /// For a chart's coordinates only.
    pub fn number(&self) -> Option<f64> {
        self.units().map(|(units, scale)| units as f64 / 10f64.powi(scale as i32))
    }
}

/// What a SELECT gave.
#[derive(Debug, Clone)]
pub struct Answer {
    pub sql: String,
    names: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    names: &'a [String],
    cells: &'a [Cell],
}

impl<'a> Row<'a> {
    pub fn cell(&self, name: &str) -> &'a Cell {
        self.names.iter().position(|n| n == name).map_or(&Cell::Nothing, |at| &self.cells[at])
    }

    pub fn text(&self, name: &str) -> &'a str {
        match self.cell(name) {
            Cell::Text(text) => text,
            _ => "",
        }
    }

    /// 0 where there is nothing.
    pub fn whole(&self, name: &str) -> i64 {
        match self.cell(name) {
            Cell::Whole(n) => *n,
            _ => 0,
        }
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.cell(name).number()
    }

    pub fn day(&self, name: &str) -> NaiveDate {
        match self.cell(name) {
            Cell::Day(day) => *day,
            _ => NaiveDate::default(),
        }
    }

    pub fn holds(&self, name: &str) -> bool {
        *self.cell(name) == Cell::Truth(true)
    }
}

impl Answer {
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = Row<'_>> + ExactSizeIterator + Clone {
        self.rows.iter().map(|cells| Row { names: &self.names, cells })
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The different texts of a column, in the order in which they come.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let mut found = Vec::new();
        for row in self.rows() {
            if !found.contains(&row.text(name)) {
                found.push(row.text(name));
            }
        }
        found
    }

    fn of(sql: String, batches: &[RecordBatch]) -> Result<Answer> {
        let names = batches
            .first()
            .map_or_else(Vec::new, |b| b.schema_ref().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>());
        let mut rows = Vec::new();
        for batch in batches {
            for at in 0..batch.num_rows() {
                rows.push(batch.columns().iter().map(|c| cell(c.as_ref(), at)).collect::<Result<_>>()?);
            }
        }
        Ok(Answer { sql, names, rows })
    }
}

fn cell(column: &dyn Array, at: usize) -> Result<Cell> {
    if column.is_null(at) {
        return Ok(Cell::Nothing);
    }
    Ok(match column.data_type() {
        DataType::Utf8 => Cell::Text(column.as_string::<i32>().value(at).to_string()),
        DataType::Utf8View => Cell::Text(column.as_string_view().value(at).to_string()),
        DataType::Int64 => Cell::Whole(column.as_primitive::<Int64Type>().value(at)),
        DataType::Decimal128(_, scale) => {
            let units = column.as_primitive::<Decimal128Type>().value(at);
            Cell::Decimal(units, u32::from(scale.unsigned_abs()))
        }
        DataType::Date32 => {
            let day = date32_to_datetime(column.as_primitive::<Date32Type>().value(at));
            day.map_or(Cell::Nothing, |d| Cell::Day(d.date()))
        }
        DataType::Boolean => Cell::Truth(column.as_boolean().value(at)),
        other => return Err(Error::failed(format!("the report cannot show values of type {other}"))),
    })
}

/// A committed run that can be asked.
pub struct Published {
    pub manifest: Manifest,
    pub zone: String,
    context: SessionContext,
}

impl Published {
    pub async fn open(project: &Project, run: Option<u64>) -> Result<Published> {
        let (context, manifest) = reading::session(project, run, false).await?;
        Ok(Published { manifest, zone: project.time_zone.name().to_string(), context })
    }

    /// The first of the months that reach back so many from that of as_of.
    pub fn month(&self, back: u32) -> NaiveDate {
        let first = self.manifest.as_of.with_day(1).unwrap_or(self.manifest.as_of);
        first.checked_sub_months(Months::new(back)).unwrap_or(first)
    }

    /// None where this project has no such tables, or has them with other columns.
    pub async fn ask(&self, tables: &[&str], sql: String) -> Result<Option<Answer>> {
        if tables.iter().any(|t| !self.manifest.tables.contains_key(*t)) {
            return Ok(None);
        }
        let Ok(plan) = self.context.sql(&sql).await else { return Ok(None) };
        let batches = plan.collect().await.map_err(|e| engine::failed("a figure of the report failed", &e))?;
        Answer::of(sql, &batches).map(Some)
    }
}

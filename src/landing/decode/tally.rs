//! One row after the other by the contract: into the columns, or to quarantine with its first fault.
//!
//! The formats bring rows; what a value means, what is missing, what is counted and summed is decided here
//! for all of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::Settings;
use super::columns::ColumnBuffer;
use super::drift::{Faults, Shape};
use super::outcome::{Decoded, Outcome, Reason, Receiver, Refusal, Rejected, SumState};
use super::value;
use crate::contract::{ColumnType, Contract, DateFormat, ValueMap};
use crate::error::{Error, Result};

/// A source row whose values are found by the place of their column in the contract.
pub trait Row {
    /// `scratch` holds the value where it does not stand in the row as it is.
    fn cell<'r>(&'r self, column: usize, scratch: &'r mut String) -> Result<Cell<'r>, Reason>;
}

pub enum Cell<'r> {
    /// NULL.
    Absent,
    /// A scalar by its text.
    Text(&'r str),
    /// An array or object by its JSON text.
    Json(&'r str),
}

/// What a rejected row says about the sums.
pub enum Summed<'r, R: Row> {
    /// Its values can be looked at.
    Row(&'r R),
    /// It holds no values: a repeated header.
    Nothing,
    /// Nobody knows what it held.
    Unknown,
}

/// For rows that cannot be looked at.
pub struct NoRow;

impl Row for NoRow {
    fn cell<'r>(&'r self, _: usize, _: &'r mut String) -> Result<Cell<'r>, Reason> {
        Ok(Cell::Absent)
    }
}

pub struct Tally<'a> {
    contract: &'a Contract,
    settings: &'a Settings,
    receiver: &'a mut dyn Receiver,
    schema: SchemaRef,
    plans: Vec<Plan>,
    columns: Vec<ColumnBuffer>,
    lines: Vec<i64>,
    sums: Vec<Sum>,
    faults: Faults,
    scratch: String,
    pub outcome: Outcome,
    /// Of each column: whether any row had it. Formats without a header keep this.
    pub present: Option<Vec<bool>>,
}

/// What is asked of a column besides its type.
struct Plan {
    /// Key and cursor: an empty text is none, too.
    is_key: bool,
    required: bool,
    unless: Option<usize>,
    map: Option<ValueMap>,
}

struct Sum {
    name: String,
    /// Place of the column; none: it cannot be summed.
    column: Option<usize>,
    kind: (u8, u8),
    total: Option<i128>,
}

struct Fault {
    reason: Reason,
    shape: Shape,
}

impl<'a> Tally<'a> {
    pub fn new(
        contract: &'a Contract,
        sum_columns: &[String],
        settings: &'a Settings,
        receiver: &'a mut dyn Receiver,
    ) -> Result<Self> {
        let mut columns = Vec::with_capacity(contract.columns.len());
        let mut plans = Vec::with_capacity(contract.columns.len());
        for column in &contract.columns {
            let buffer = ColumnBuffer::new(&column.kind)
                .map_err(|e| e.context(format!("{}, column {}", contract.label(), column.name)))?;
            columns.push(buffer);
            let is_key = contract.key.contains(&column.name) || contract.cursor.as_ref() == Some(&column.name);
            let unless = match &column.unless {
                None => None,
                Some(name) => Some(contract.columns.iter().position(|c| &c.name == name).ok_or_else(|| {
                    Error::config(format!("{}: `unless` names no column `{name}`", contract.label()))
                })?),
            };
            plans.push(Plan { is_key, required: column.required || is_key, unless, map: column.map.clone() });
        }
        Ok(Tally {
            schema: contract.landed_schema(),
            lines: Vec::with_capacity(settings.batch_rows),
            sums: sum_columns.iter().map(|name| Sum::new(contract, name)).collect(),
            faults: Faults::default(),
            scratch: String::new(),
            outcome: Outcome::default(),
            present: None,
            contract,
            settings,
            receiver,
            plans,
            columns,
        })
    }

    /// Takes a row in, or sends it to quarantine.
    #[inline]
    pub fn row<'r, R: Row>(&mut self, line: u64, row: &R, raw: impl FnOnce() -> Cow<'r, str>) -> Result<()> {
        for index in 0..self.columns.len() {
            if let Err(fault) = self.append(index, row) {
                return self.reject_after(index, line, row, fault, raw());
            }
        }
        self.lines.push(line as i64);
        for sum in &mut self.sums {
            if let Some(value) = sum.column.and_then(|index| self.columns[index].last_number()) {
                sum.add(value);
            }
        }
        self.outcome.rows_read += 1;
        self.outcome.rows_accepted += 1;
        if self.lines.len() >= self.settings.batch_rows {
            return self.flush();
        }
        // Long texts fill a batch before its rows do. Now and then is enough to notice.
        if self.lines.len().is_multiple_of(64)
            && self.columns.iter().map(ColumnBuffer::bytes).sum::<usize>() >= self.settings.batch_bytes
        {
            return self.flush();
        }
        Ok(())
    }

    #[inline]
    fn append<R: Row>(&mut self, index: usize, row: &R) -> Result<(), Fault> {
        let plan = &self.plans[index];
        let column = &mut self.columns[index];
        let cell = row.cell(index, &mut self.scratch).map_err(|reason| Fault { reason, shape: Shape::NotSound })?;
        let cell = match &plan.map {
            None => cell,
            Some(map) => mapped(map, cell),
        };
        let has_value = match cell {
            Cell::Text(text) if plan.is_key && text.is_empty() => false,
            Cell::Text(text) => column.push_text(text).map_err(|reason| Fault { reason, shape: Shape::of(text) })?,
            Cell::Json(raw) => column.push_json(raw).map_err(|reason| Fault { reason, shape: Shape::of(raw) })?,
            Cell::Absent => {
                column.push_null();
                false
            }
        };
        if has_value || !plan.required {
            return Ok(());
        }
        if is_excused(plan, row) {
            if column.len() == self.lines.len() {
                column.push_null();
            }
            return Ok(());
        }
        let reason = if plan.is_key { Reason::MissingKey } else { Reason::MissingValue };
        Err(Fault { reason, shape: Shape::Nothing })
    }

    #[cold]
    fn reject_after<R: Row>(
        &mut self,
        index: usize,
        line: u64,
        row: &R,
        fault: Fault,
        raw: Cow<'_, str>,
    ) -> Result<()> {
        let kept = self.lines.len();
        for column in &mut self.columns[..=index] {
            column.truncate(kept);
        }
        self.reject_with(line, Some(index), fault, Summed::Row(row), raw)
    }

    /// Sends a row to quarantine that is at fault as a whole.
    #[cold]
    pub fn reject<R: Row>(
        &mut self,
        line: u64,
        reason: Reason,
        summed: Summed<'_, R>,
        raw: Cow<'_, str>,
    ) -> Result<()> {
        self.reject_with(line, None, Fault { reason, shape: Shape::NotSound }, summed, raw)
    }

    fn reject_with<R: Row>(
        &mut self,
        line: u64,
        index: Option<usize>,
        fault: Fault,
        summed: Summed<'_, R>,
        raw: Cow<'_, str>,
    ) -> Result<()> {
        self.outcome.rows_read += 1;
        self.outcome.rows_rejected += 1;
        self.faults.add(index, fault.reason, fault.shape);
        for sum in &mut self.sums {
            match &summed {
                Summed::Row(row) => sum.add_rejected(*row, &self.plans, &mut self.scratch),
                Summed::Nothing => {}
                Summed::Unknown => sum.total = None,
            }
        }
        let column = index.and_then(|index| self.contract.columns.get(index)).map(|column| column.name.clone());
        let key = match &summed {
            Summed::Row(row) => self.key_of(*row),
            Summed::Nothing | Summed::Unknown => None,
        };
        self.receiver.rejected(Rejected { line, column, reason: fault.reason, raw: raw.into_owned(), key })
    }

    /// The key of a rejected row in the form that its accepted versions have.
    fn key_of<R: Row>(&self, row: &R) -> Option<Vec<String>> {
        let mut scratch = String::new();
        let texts = self.contract.key.iter().map(|name| {
            let index = self.contract.columns.iter().position(|column| &column.name == name)?;
            let Ok(Cell::Text(text)) = row.cell(index, &mut scratch) else { return None };
            match &self.contract.columns[index].kind {
                ColumnType::Text if !text.is_empty() => Some(text.to_string()),
                ColumnType::Integer => value::integer(text).map(|n| n.to_string()),
                ColumnType::Date { format: DateFormat::Iso } => Some(value::trim_blanks(text).to_string()),
                _ => None,
            }
        });
        texts.collect()
    }

    fn flush(&mut self) -> Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len() + 1);
        for column in &mut self.columns {
            self.outcome.ambiguous_times += column.ambiguous_times();
            arrays.push(column.finish()?);
        }
        let lines = std::mem::replace(&mut self.lines, Vec::with_capacity(self.settings.batch_rows));
        arrays.push(Arc::new(Int64Array::from(lines)));
        let batch = RecordBatch::try_new(self.schema.clone(), arrays).map_err(|_| {
            Error::failed(format!("{}: a decoded batch does not fit its schema", self.contract.label()))
        })?;
        self.receiver.batch(batch)
    }

    /// After the last row: the counts, unless too many rows were at fault.
    pub fn finish(mut self) -> Decoded<Outcome> {
        self.flush()?;
        if let Some(refusal) = self.missing_columns() {
            return Err(refusal.into());
        }
        if let Some(refusal) = self.faults.judge(self.contract, self.outcome.rows_read) {
            return Err(refusal.into());
        }
        let name = |index: usize| self.contract.columns.get(index).map(|column| column.name.clone());
        let mut outcome = self.outcome;
        outcome.rejected_by = self
            .faults
            .by_reason()
            .into_iter()
            .map(|((column, reason), count)| ((column.and_then(name), reason), count))
            .collect::<BTreeMap<_, _>>();
        outcome.sums = self
            .sums
            .into_iter()
            .filter(|sum| sum.column.is_some())
            .map(|sum| (sum.name.clone(), sum.state()))
            .collect();
        Ok(outcome)
    }
}

impl Tally<'_> {
    /// Needed columns that no row had. Of a single row nobody can say whether its column or its value is missing: it is in quarantine.
    fn missing_columns(&self) -> Option<Refusal> {
        let present = self.present.as_ref()?;
        let columns = || self.contract.columns.iter().map(|column| column.source.text.clone()).enumerate();
        let missing: Vec<String> =
            columns().filter(|(i, _)| !present[*i] && self.faults.missing(*i) >= 2).map(|(_, name)| name).collect();
        let found = columns().filter(|(i, _)| present[*i]).map(|(_, name)| name).collect();
        (!missing.is_empty()).then_some(Refusal::MissingColumns { missing, found })
    }
}

fn mapped<'r>(map: &'r ValueMap, cell: Cell<'r>) -> Cell<'r> {
    let (Cell::Text(text) | Cell::Json(text)) = cell else { return Cell::Absent };
    match map.values.get(text).or(map.otherwise.as_ref()) {
        Some(value) => Cell::Text(value),
        None => Cell::Absent,
    }
}

/// The column that excuses a missing value is looked at where the row has it, whatever its place.
#[cold]
fn is_excused<R: Row>(plan: &Plan, row: &R) -> bool {
    let Some(unless) = plan.unless else { return false };
    let mut scratch = String::new();
    matches!(row.cell(unless, &mut scratch), Ok(Cell::Text(text)) if value::boolean(text) == Some(true))
}

impl Sum {
    /// Control totals name the column as the source does, or as the contract.
    fn new(contract: &Contract, name: &str) -> Sum {
        let place = contract
            .columns
            .iter()
            .position(|column| column.name == name)
            .or_else(|| contract.columns.iter().position(|column| column.source.text == name));
        let kind = place.and_then(|index| match &contract.columns.get(index)?.kind {
            ColumnType::Integer => Some((18, 0)),
            ColumnType::Decimal { precision, scale } => Some((*precision, u8::try_from(*scale).ok()?)),
            _ => None,
        });
        let (column, kind, total) = match kind {
            Some(kind) => (place, kind, Some(0)),
            None => (None, (0, 0), None),
        };
        Sum { name: name.to_string(), column, kind, total }
    }

    fn add(&mut self, value: i128) {
        self.total = self.total.and_then(|total| total.checked_add(value));
    }

    /// A value that may be missing adds nothing; one that may not, or does not parse, leaves the sum open.
    fn add_rejected<R: Row>(&mut self, row: &R, plans: &[Plan], scratch: &mut String) {
        let Some(index) = self.column else { return };
        let value = match row.cell(index, scratch) {
            Ok(Cell::Text(text)) if !value::trim_blanks(text).is_empty() => {
                if self.kind == (18, 0) {
                    value::integer(text).map(i128::from)
                } else {
                    value::decimal(text, self.kind.0, self.kind.1)
                }
            }
            Ok(Cell::Text(_) | Cell::Absent) => {
                if plans[index].required && !is_excused(&plans[index], row) {
                    None
                } else {
                    Some(0)
                }
            }
            _ => None,
        };
        match value {
            Some(value) => self.add(value),
            None => self.total = None,
        }
    }

    fn state(&self) -> SumState {
        match self.total {
            Some(unscaled) => SumState::Exact { unscaled, scale: self.kind.1 },
            None => SumState::NotVerifiable,
        }
    }
}

//! What real extracts do, case by case, and what must happen to them.

mod csv;
mod jsonl;
mod parquet;
mod refusals;
mod roundtrip;
mod sums;
mod values;

use std::io::Read;

use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::*;
use crate::contract::{Column, ColumnType, DateFormat, PathStep, SourcePath, TimeFormat};
use crate::error::Result;

/// Keeps what it is given.
#[derive(Default)]
struct Kept {
    batches: Vec<RecordBatch>,
    rejected: Vec<Rejected>,
}

impl Receiver for Kept {
    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        assert!(batch.num_rows() > 0);
        self.batches.push(batch);
        Ok(())
    }

    fn rejected(&mut self, row: Rejected) -> Result<()> {
        self.rejected.push(row);
        Ok(())
    }
}

impl Kept {
    /// Values as text, `~` for NULL, `_row` last.
    fn rows(&self) -> Vec<Vec<String>> {
        let options = FormatOptions::new().with_null("~");
        let mut rows = Vec::new();
        for batch in &self.batches {
            let columns: Vec<_> =
                batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
            for i in 0..batch.num_rows() {
                rows.push(columns.iter().map(|c| c.value(i).to_string()).collect());
            }
        }
        rows
    }

    fn column(&self, index: usize) -> Vec<String> {
        self.rows().into_iter().map(|mut row| row.swap_remove(index)).collect()
    }

    fn faults(&self) -> Vec<(u64, Option<&str>, &str)> {
        self.rejected.iter().map(|r| (r.line, r.column.as_deref(), r.reason.as_str())).collect()
    }
}

/// Gives 1 to `most` bytes at a time.
struct Drops<'a> {
    bytes: &'a [u8],
    most: usize,
    turn: usize,
}

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.turn += 1;
        let count = (1 + self.turn % self.most).min(buffer.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}

fn path(text: &str) -> SourcePath {
    let mut steps = Vec::new();
    for part in text.split('.') {
        let (field, list) = part.split_once('[').map_or((part, None), |(f, l)| (f, l.strip_suffix(']')));
        steps.push(PathStep::Field(field.to_string()));
        match list.map(|l| (l.strip_prefix('^'), l.split_once('='))) {
            Some((Some(prefix), _)) => steps.push(PathStep::Prefixed(prefix.to_string())),
            Some((None, Some((field, value)))) => {
                steps.push(PathStep::Where { field: field.to_string(), value: value.to_string() });
            }
            _ => {}
        }
    }
    SourcePath { text: text.to_string(), steps }
}

fn column(name: &str, source: &str, kind: ColumnType) -> Column {
    Column { name: name.into(), source: path(source), kind, required: false, unless: None, personal: false, map: None }
}

fn needed(column: Column) -> Column {
    Column { required: true, ..column }
}

fn money() -> ColumnType {
    ColumnType::Decimal { precision: 18, scale: 2 }
}

fn time() -> ColumnType {
    ColumnType::Timestamp { format: TimeFormat::Iso { zone: "UTC".into() } }
}

fn epoch() -> ColumnType {
    ColumnType::Timestamp { format: TimeFormat::EpochSeconds }
}

fn date() -> ColumnType {
    ColumnType::Date { format: DateFormat::Iso }
}

fn contract(format: Format, columns: Vec<Column>) -> Contract {
    Contract {
        system: "shop".into(),
        object: "orders".into(),
        format,
        key: vec![columns[0].name.clone()],
        columns,
        cursor: None,
        max_line_bytes: 16 << 20,
        drift_share: 0.05,
        drift_rows: 5,
    }
}

const CSV: Format = Format::Csv { delimiter: b',', encoding: Encoding::Utf8 };
const JSONL: Format = Format::Jsonl { encoding: Encoding::Utf8 };

/// id, name, quantity, price, paid, day, updated_at
fn orders() -> Contract {
    contract(
        CSV,
        vec![
            column("id", "id", ColumnType::Text),
            column("name", "name", ColumnType::Text),
            column("quantity", "quantity", ColumnType::Integer),
            needed(column("price", "price", money())),
            column("paid", "paid", ColumnType::Boolean),
            column("day", "day", date()),
            column("updated_at", "updated_at", time()),
        ],
    )
}

const ORDERS: &str = "id,name,quantity,price,paid,day,updated_at";

fn run(contract: &Contract, bytes: &[u8]) -> (Result<Outcome, DecodeError>, Kept) {
    run_summed(contract, bytes, &[])
}

/// At once, and again in drops through a tiny window: the answer is the same.
fn run_summed(contract: &Contract, bytes: &[u8], sums: &[String]) -> (Result<Outcome, DecodeError>, Kept) {
    let mut first = Kept::default();
    let outcome = decode(contract, Compression::None, &mut &bytes[..], sums, &Settings::default(), &mut first);
    for (most, window) in [(1, 1), (7, 16), (100, 64)] {
        let mut again = Kept::default();
        let mut drops = Drops { bytes, most, turn: 0 };
        let settings = Settings { buffer_bytes: window, batch_rows: 3, ..Settings::default() };
        let repeated = decode(contract, Compression::None, &mut drops, sums, &settings, &mut again);
        assert_eq!(format!("{outcome:?}"), format!("{repeated:?}"), "drops of {most}, window of {window}");
        assert_eq!(first.rejected, again.rejected);
        if outcome.is_ok() {
            assert_eq!(first.rows(), again.rows());
        }
    }
    if let Ok(outcome) = &outcome {
        balance(outcome, &first);
    }
    (outcome, first)
}

fn balance(outcome: &Outcome, kept: &Kept) {
    let landed: usize = kept.batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(outcome.rows_read, outcome.rows_accepted + outcome.rows_rejected);
    assert_eq!(outcome.rows_accepted, landed as u64);
    assert_eq!(outcome.rows_rejected, kept.rejected.len() as u64);
    assert_eq!(outcome.rows_rejected, outcome.rejected_by.values().sum::<u64>());
}

fn good(contract: &Contract, bytes: impl AsRef<[u8]>) -> (Outcome, Kept) {
    let (outcome, kept) = run(contract, bytes.as_ref());
    let outcome = outcome.unwrap_or_else(|e| panic!("refused: {e}"));
    for batch in &kept.batches {
        assert_eq!(batch.schema(), contract.landed_schema());
        assert_eq!(batch.column(batch.num_columns() - 1).null_count(), 0);
    }
    (outcome, kept)
}

fn refused(contract: &Contract, bytes: impl AsRef<[u8]>) -> Refusal {
    match run(contract, bytes.as_ref()).0 {
        Err(DecodeError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

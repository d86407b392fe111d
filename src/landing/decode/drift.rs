//! Saying what the contract expected and what stood there instead, without telling any value.

use std::collections::BTreeMap;

use super::outcome::{Reason, Refusal};
use crate::contract::{Column, ColumnType, Contract, Encoding, Format, TimeFormat};

/// What kind of text failed to parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    Nothing,
    WholeNumber,
    NumberWithPoint,
    NumberWithComma,
    NumberWithExponent,
    DateOrTime,
    Text,
    Array,
    Object,
    NotSound,
}

impl Shape {
    pub fn of(text: &str) -> Shape {
        let text = super::value::trim_blanks(text);
        let bytes = text.as_bytes();
        let only = |allowed: &[u8]| bytes.iter().all(|b| b.is_ascii_digit() || allowed.contains(b));
        let has = |byte: u8| bytes.contains(&byte);
        match bytes.first() {
            None => Shape::Nothing,
            Some(b'[') => Shape::Array,
            Some(b'{') => Shape::Object,
            Some(_) if !bytes.iter().any(u8::is_ascii_digit) => Shape::Text,
            Some(_) if only(b"+-") => {
                if bytes.iter().skip(1).any(|b| matches!(b, b'-')) {
                    Shape::DateOrTime
                } else {
                    Shape::WholeNumber
                }
            }
            Some(_) if has(b',') && only(b"+-., '") => Shape::NumberWithComma,
            Some(_) if bytes.iter().filter(|&&b| b == b'.').count() == 1 && only(b"+-.") => Shape::NumberWithPoint,
            Some(_) if only(b"+-.eE") => Shape::NumberWithExponent,
            Some(_) if only(b"+-./: TZtz") => Shape::DateOrTime,
            Some(_) => Shape::Text,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Shape::Nothing => "no value",
            Shape::WholeNumber => "a whole number",
            Shape::NumberWithPoint => "a number with a decimal point",
            Shape::NumberWithComma => "a number with a comma",
            Shape::NumberWithExponent => "a number with an exponent",
            Shape::DateOrTime => "a date or time that does not fit",
            Shape::Text => "text",
            Shape::Array => "a JSON array",
            Shape::Object => "a JSON object",
            Shape::NotSound => "characters that cannot be read",
        }
    }
}

const BILLION: u64 = 1_000_000_000;

/// Faults by column (its place in the contract; none: the row as a whole), reason and shape.
#[derive(Default)]
pub struct Faults(BTreeMap<(Option<usize>, Reason, Shape), u64>);

impl Faults {
    pub fn add(&mut self, column: Option<usize>, reason: Reason, shape: Shape) {
        *self.0.entry((column, reason, shape)).or_default() += 1;
    }

    pub fn by_reason(&self) -> BTreeMap<(Option<usize>, Reason), u64> {
        let mut counts = BTreeMap::new();
        for ((column, reason, _), count) in &self.0 {
            *counts.entry((*column, *reason)).or_default() += count;
        }
        counts
    }

    /// Rows in which a needed value of a column is missing.
    pub fn missing(&self, column: usize) -> u64 {
        let is_missing = |reason: Reason| matches!(reason, Reason::MissingKey | Reason::MissingValue);
        self.0.iter().filter(|((of, reason, _), _)| *of == Some(column) && is_missing(*reason)).map(|(_, n)| n).sum()
    }

    fn of_reason(&self, reason: Reason) -> u64 {
        self.0.iter().filter(|((column, of, _), _)| *of == reason && column.is_none()).map(|(_, count)| count).sum()
    }

    /// The refusal, if more rows are at fault than the contract allows.
    pub fn judge(&self, contract: &Contract, rows: u64) -> Option<Refusal> {
        // In billionths: as a float, 29 of 100 would be more than a share of 0.29.
        let share = (contract.drift_share * BILLION as f64).round() as u128;
        let too_many = |count: u64| {
            count >= contract.drift_rows && u128::from(count) * u128::from(BILLION) > share * u128::from(rows)
        };
        let unreadable = self.of_reason(Reason::BadEncoding);
        if unreadable > 0 && too_many(unreadable) {
            return Some(Refusal::WrongEncoding {
                expected: encoding(contract),
                found: "bytes that it does not have".into(),
                lines: unreadable,
                rows,
            });
        }
        let rejected: u64 = self.0.values().sum();
        if rejected == 0 || !too_many(rejected) {
            return None;
        }
        let worst = self.worst_column();
        let column = worst.and_then(|index| contract.columns.get(index));
        Some(Refusal::Drift {
            column: column.map(|column| column.name.clone()),
            expected: match column {
                Some(column) => expected(contract, column),
                None => "rows of the contract's shape".to_string(),
            },
            found: self.found(worst),
            rows,
            rejected,
        })
    }

    /// With the most faults; of equals the first in contract order. Whole rows come last.
    fn worst_column(&self) -> Option<usize> {
        let mut counts: BTreeMap<Option<usize>, u64> = BTreeMap::new();
        for ((column, _, _), count) in &self.0 {
            *counts.entry(*column).or_default() += count;
        }
        let most = counts.values().copied().max()?;
        let mut worst = counts.iter().filter(|(_, count)| **count == most).map(|(column, _)| *column);
        let first = worst.next()?;
        // None sorts before every column, but a named column says more.
        first.or_else(|| worst.next().flatten())
    }

    fn found(&self, column: Option<usize>) -> String {
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for ((of, reason, shape), count) in &self.0 {
            if *of == column {
                let kind =
                    if column.is_some() { shape.describe().to_string() } else { describe_row(*reason).to_string() };
                *kinds.entry(kind).or_default() += count;
            }
        }
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
        let parts: Vec<String> = kinds
            .iter()
            .take(3)
            .map(|(kind, n)| format!("{kind} in {n} row{}", if *n == 1 { "" } else { "s" }))
            .collect();
        parts.join(", ")
    }
}

fn describe_row(reason: Reason) -> &'static str {
    match reason {
        Reason::TooManyFields => "too many fields",
        Reason::TooFewFields => "too few fields",
        Reason::CutJson => "no whole JSON object",
        Reason::BadEncoding => "bytes of another encoding",
        Reason::LineTooLong => "a line that is too long",
        Reason::RepeatedHeader => "the header again",
        other => other.as_str(),
    }
}

fn encoding(contract: &Contract) -> Encoding {
    match contract.format {
        Format::Csv { encoding, .. } | Format::Jsonl { encoding } => encoding,
        Format::Parquet => Encoding::Utf8,
    }
}

fn expected(contract: &Contract, column: &Column) -> String {
    let needed =
        column.required || contract.key.contains(&column.name) || contract.cursor.as_ref() == Some(&column.name);
    format!("{}{}", describe_type(&column.kind), if needed { ", never missing" } else { "" })
}

pub fn describe_type(kind: &ColumnType) -> String {
    match kind {
        ColumnType::Text => "text".into(),
        ColumnType::Integer => "integer".into(),
        ColumnType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        ColumnType::Boolean => "boolean".into(),
        ColumnType::Date { format: crate::contract::DateFormat::Iso } => "a date (2026-11-20)".into(),
        ColumnType::Date { format: crate::contract::DateFormat::Pattern(pattern) } => format!("a date ({pattern})"),
        ColumnType::Timestamp { format: TimeFormat::Iso { .. } } => "a time (ISO 8601)".into(),
        ColumnType::Timestamp { format: TimeFormat::EpochSeconds } => "a time (seconds since 1970)".into(),
        ColumnType::Timestamp { format: TimeFormat::Pattern { pattern, .. } } => format!("a time ({pattern})"),
        ColumnType::List(item) => format!("a list of {}", describe_type(item)),
        ColumnType::Struct(_) => "an object".into(),
    }
}

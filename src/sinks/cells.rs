//! One value at a time, for formats that are written cell by cell.

use std::fmt::Write as _;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray,
    StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use chrono::{DateTime, NaiveDate, NaiveTime};

use crate::error::{Error, Result};

/// A value of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    Null,
    Text(&'a str),
    Integer(i64),
    Boolean(bool),
    Date(NaiveDate),
    /// UTC
    Time(DateTime<chrono::Utc>),
    Decimal {
        /// Without the point.
        digits: i128,
        scale: i8,
    },
    Double(f64),
    /// Lists and structs.
    Json(String),
}

/// A column whose type is known.
pub enum Column<'a> {
    Text(&'a StringArray),
    Integer(&'a Int64Array),
    Boolean(&'a BooleanArray),
    Date(&'a Date32Array),
    Time(&'a TimestampMicrosecondArray),
    Decimal(&'a Decimal128Array, i8),
    Double(&'a Float64Array),
    List(&'a ListArray),
    Struct(&'a StructArray),
}

impl<'a> Column<'a> {
    /// The types of published tables are those of `config::types`.
    pub fn of(array: &'a ArrayRef) -> Result<Column<'a>> {
        Ok(match array.data_type() {
            DataType::Utf8 => Column::Text(array.as_string()),
            DataType::Int64 => Column::Integer(array.as_primitive::<Int64Type>()),
            DataType::Boolean => Column::Boolean(array.as_boolean()),
            DataType::Date32 => Column::Date(array.as_primitive::<Date32Type>()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Column::Time(array.as_primitive::<TimestampMicrosecondType>())
            }
            DataType::Decimal128(_, scale) => Column::Decimal(array.as_primitive::<Decimal128Type>(), *scale),
            DataType::Float64 => Column::Double(array.as_primitive::<Float64Type>()),
            DataType::List(_) => Column::List(array.as_list()),
            DataType::Struct(_) => Column::Struct(array.as_struct()),
            other => return Err(Error::failed(format!("a column of type {other} cannot be written"))),
        })
    }

    fn array(&self) -> &'a dyn Array {
        match self {
            Column::Text(a) => *a,
            Column::Integer(a) => *a,
            Column::Boolean(a) => *a,
            Column::Date(a) => *a,
            Column::Time(a) => *a,
            Column::Decimal(a, _) => *a,
            Column::Double(a) => *a,
            Column::List(a) => *a,
            Column::Struct(a) => *a,
        }
    }

    pub fn cell(&self, row: usize) -> Result<Cell<'a>> {
        if self.array().is_null(row) {
            return Ok(Cell::Null);
        }
        Ok(match self {
            Column::Text(a) => Cell::Text(a.value(row)),
            Column::Integer(a) => Cell::Integer(a.value(row)),
            Column::Boolean(a) => Cell::Boolean(a.value(row)),
            Column::Date(a) => Cell::Date(
                a.value_as_date(row).ok_or_else(|| Error::failed("a date lies outside of what a calendar holds"))?,
            ),
            Column::Time(a) => Cell::Time(
                DateTime::from_timestamp_micros(a.value(row))
                    .ok_or_else(|| Error::failed("a time lies outside of what a calendar holds"))?,
            ),
            Column::Decimal(a, scale) => Cell::Decimal { digits: a.value(row), scale: *scale },
            Column::Double(a) => Cell::Double(a.value(row)),
            Column::List(_) | Column::Struct(_) => {
                let mut text = String::new();
                self.json(row, &mut text)?;
                Cell::Json(text)
            }
        })
    }

    /// The value as JSON. Decimals are numbers, with all their digits.
    fn json(&self, row: usize, out: &mut String) -> Result<()> {
        if self.array().is_null(row) {
            out.push_str("null");
            return Ok(());
        }
        match self {
            Column::List(list) => {
                let items = list.value(row);
                let column = Column::of(&items)?;
                out.push('[');
                for item in 0..items.len() {
                    if item > 0 {
                        out.push(',');
                    }
                    column.json(item, out)?;
                }
                out.push(']');
            }
            Column::Struct(parts) => {
                out.push('{');
                for (i, (field, part)) in parts.fields().iter().zip(parts.columns()).enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    out.push_str(&quoted(field.name())?);
                    out.push(':');
                    Column::of(part)?.json(row, out)?;
                }
                out.push('}');
            }
            _ => match self.cell(row)? {
                Cell::Null => out.push_str("null"),
                Cell::Double(value) if !value.is_finite() => out.push_str("null"),
                cell @ (Cell::Integer(_) | Cell::Boolean(_) | Cell::Decimal { .. } | Cell::Double(_)) => {
                    out.push_str(&cell.text());
                }
                cell => out.push_str(&quoted(&cell.text())?),
            },
        }
        Ok(())
    }
}

fn quoted(text: &str) -> Result<String> {
    serde_json::to_string(text).map_err(|e| Error::failed(e.to_string()))
}

impl Cell<'_> {
    /// As text: ISO 8601, a decimal point, no separators; nothing for NULL.
    pub fn text(&self) -> String {
        match self {
            Cell::Null => String::new(),
            Cell::Text(text) => (*text).to_string(),
            Cell::Integer(value) => value.to_string(),
            Cell::Boolean(value) => value.to_string(),
            Cell::Date(date) => date.format("%Y-%m-%d").to_string(),
            Cell::Time(time) => time_text(time),
            Cell::Decimal { digits, scale } => decimal_text(*digits, *scale),
            Cell::Double(value) => value.to_string(),
            Cell::Json(text) => text.clone(),
        }
    }
}

/// `2026-11-20T08:00:00Z`, with six more digits where the second is not whole.
fn time_text(time: &DateTime<chrono::Utc>) -> String {
    match time.timestamp_subsec_micros() {
        0 => time.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        _ => time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
    }
}

/// All digits, those behind the point too: 1000 with scale 2 is `10.00`.
pub fn decimal_text(digits: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    let plain = digits.unsigned_abs().to_string();
    let mut out = String::with_capacity(plain.len() + 3);
    if digits < 0 {
        out.push('-');
    }
    if scale == 0 {
        out.push_str(&plain);
    } else if plain.len() > scale {
        let (whole, part) = plain.split_at(plain.len() - scale);
        let _ = write!(out, "{whole}.{part}");
    } else {
        let _ = write!(out, "0.{plain:0>scale$}");
    }
    out
}

/// Days since the last day of 1899, as spreadsheets count them. None before March 1900, where they count wrong.
pub fn spreadsheet_days(date: NaiveDate) -> Option<i64> {
    let first = NaiveDate::from_ymd_opt(1900, 3, 1)?;
    let zero = NaiveDate::from_ymd_opt(1899, 12, 30)?;
    (date >= first && date <= NaiveDate::from_ymd_opt(9999, 12, 31)?).then(|| (date - zero).num_days())
}

/// The part of a day that has passed, in microseconds.
pub fn micros_of_day(time: NaiveTime) -> i64 {
    (time - NaiveTime::MIN).num_microseconds().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, ListArray};

    use super::*;

    #[test]
    fn decimals_keep_their_digits() {
        for (digits, scale, text) in [
            (1000, 2, "10.00"),
            (-5, 2, "-0.05"),
            (0, 2, "0.00"),
            (7, 0, "7"),
            (-123_456, 4, "-12.3456"),
            (i128::from(i64::MAX), 2, "92233720368547758.07"),
        ] {
            assert_eq!(decimal_text(digits, scale), text);
        }
    }

    #[test]
    fn times_are_utc() {
        let at = |micros| Cell::Time(DateTime::from_timestamp_micros(micros).unwrap()).text();
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(1_500_000), "1970-01-01T00:00:01.500000Z");
    }

    #[test]
    fn spreadsheets_count_days() {
        let day = |y, m, d| spreadsheet_days(NaiveDate::from_ymd_opt(y, m, d).unwrap());
        assert_eq!(day(1900, 3, 1), Some(61));
        assert_eq!(day(2026, 11, 20), Some(46_346));
        assert_eq!(day(1900, 2, 28), None);
    }

    #[test]
    fn lists_are_json() {
        let list: ArrayRef =
            Arc::new(ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>([Some([Some(1), None])]));
        assert_eq!(Column::of(&list).unwrap().cell(0).unwrap(), Cell::Json("[1,null]".into()));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(2)]));
        assert_eq!(Column::of(&numbers).unwrap().cell(0).unwrap(), Cell::Null);
    }
}

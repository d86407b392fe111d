//! Exact numbers of any scale, for counts and money.

use std::ops::{Add, Sub};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use serde::{Serialize, Serializer};

use crate::output::thousands;

/// Digits after the point that are kept.
const SCALE: u32 = 10;

/// A number with ten digits after the point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(i128);

impl Amount {
    pub fn rows(n: u64) -> Amount {
        Amount(i128::from(n) * 10_i128.pow(SCALE))
    }

    /// Of a decimal; None where it has more digits than are kept.
    fn scaled(value: i128, scale: i8) -> Option<Amount> {
        let up = SCALE.checked_sub(u32::try_from(scale).ok()?)?;
        value.checked_mul(10_i128.pow(up)).map(Amount)
    }

    /// `-12.50`; None where it is no decimal.
    pub fn parse(text: &str) -> Option<Amount> {
        let text = text.trim();
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{part}");
        if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Amount::scaled(sign * all.parse::<i128>().ok()?, i8::try_from(part.len()).ok()?)
    }

    /// A value of a column of counts or decimals; NULL is nothing. None where it is another kind of column.
    pub fn of(array: &dyn Array, row: usize) -> Option<Amount> {
        match array.data_type() {
            DataType::Null => Some(Amount::default()),
            DataType::Int64 | DataType::Decimal128(_, _) if array.is_null(row) => Some(Amount::default()),
            DataType::Int64 => Amount::scaled(array.as_primitive::<Int64Type>().value(row).into(), 0),
            DataType::Decimal128(_, scale) => Amount::scaled(array.as_primitive::<Decimal128Type>().value(row), *scale),
            _ => None,
        }
    }

    /// As people write it: rows without digits after the point, everything else with two at least.
    pub fn text(self, unit: &str) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let one = 10_u128.pow(SCALE);
        let (whole, part) = (self.0.unsigned_abs() / one, self.0.unsigned_abs() % one);
        let mut digits = format!("{part:010}");
        let least = if unit == "rows" || part == 0 && !is_money(unit) { 0 } else { 2 };
        while digits.len() > least && digits.ends_with('0') {
            digits.pop();
        }
        let whole = u64::try_from(whole).map_or_else(|_| whole.to_string(), thousands);
        if digits.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{digits}") }
    }

    /// As programs read it.
    pub fn plain(self) -> String {
        self.text("").replace(',', "")
    }

    pub fn signed(self, unit: &str) -> String {
        if self.0 > 0 { format!("+{}", self.text(unit)) } else { self.text(unit) }
    }
}

/// Units that are currencies: `EUR`.
fn is_money(unit: &str) -> bool {
    unit.len() == 3 && unit.bytes().all(|b| b.is_ascii_uppercase())
}

impl Add for Amount {
    type Output = Amount;

    fn add(self, other: Amount) -> Amount {
        Amount(self.0.saturating_add(other.0))
    }
}

impl Sub for Amount {
    type Output = Amount;

    fn sub(self, other: Amount) -> Amount {
        Amount(self.0.saturating_sub(other.0))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.plain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_readable() {
        let text = |s: &str, unit: &str| Amount::parse(s).map(|a| a.text(unit));
        assert_eq!(text("98765.43", "EUR").as_deref(), Some("98,765.43"));
        assert_eq!(text("-0.5", "EUR").as_deref(), Some("-0.50"));
        assert_eq!(text("12", "rows").as_deref(), Some("12"));
        assert_eq!(text("12", "EUR").as_deref(), Some("12.00"));
        assert_eq!(text("1.123456", "").as_deref(), Some("1.123456"));
        for wrong in ["", "-", "1e3", "1,5", "1.12345678901"] {
            assert_eq!(Amount::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Amount::parse("0.1").zip(Amount::parse("0.2")).map(|(a, b)| a + b), Amount::parse("0.3"));
    }
}

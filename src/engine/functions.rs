//! The functions that models may call beside the engine's own: few, exact, and each easy to define in another SQL
//! engine (docs/functions.md gives DuckDB's macros).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int64Array, PrimitiveArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, FieldRef, Int64Type, TimeUnit, TimestampMicrosecondType, i256,
};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::zones::Zone;
use crate::contract::utc_micros;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// All of them, to be registered with a session.
pub fn all() -> Vec<ScalarUDF> {
    [Function::DivRound, Function::AddDays, Function::EpochUs, Function::LocalDate, Function::LocalHour]
        .into_iter()
        .map(|function| {
            ScalarUDF::new_from_impl(Udf { function, signature: Signature::user_defined(Volatility::Immutable) })
        })
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Function {
    /// `div_round(a, b, digits)`: a ÷ b, rounded half away from zero to `digits`; NULL where b is 0.
    DivRound,
    /// `add_days(ts, n)`: n × 24 hours later.
    AddDays,
    /// `epoch_us(ts)`: microseconds since 1970.
    EpochUs,
    /// `local_date(ts, zone)`: the day that the zone's calendar shows.
    LocalDate,
    /// `local_hour(ts, zone)`: 0 to 23 on the zone's clock.
    LocalHour,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Udf {
    function: Function,
    signature: Signature,
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &str {
        match self.function {
            Function::DivRound => "div_round",
            Function::AddDays => "add_days",
            Function::EpochUs => "epoch_us",
            Function::LocalDate => "local_date",
            Function::LocalHour => "local_hour",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let wanted = match self.function {
            Function::DivRound => 3,
            Function::AddDays | Function::LocalDate | Function::LocalHour => 2,
            Function::EpochUs => 1,
        };
        if given.len() != wanted {
            return plan_err!("{} takes {wanted} arguments, not {}", self.name(), given.len());
        }
        Ok(match self.function {
            Function::DivRound => vec![exact(&given[0])?, exact(&given[1])?, DataType::Int64],
            Function::AddDays if given[1].is_integer() || given[1] == DataType::Null => {
                vec![utc_micros(), DataType::Int64]
            }
            Function::AddDays => return plan_err!("add_days takes a whole number of days, not {}", given[1]),
            Function::EpochUs => vec![utc_micros()],
            Function::LocalDate | Function::LocalHour => vec![utc_micros(), DataType::Utf8],
        })
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.function {
            Function::DivRound => return plan_err!("div_round needs its digits as a number"),
            Function::AddDays => utc_micros(),
            Function::EpochUs | Function::LocalHour => DataType::Int64,
            Function::LocalDate => DataType::Date32,
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let data_type = match self.function {
            Function::DivRound => match args.scalar_arguments.get(2).copied().flatten().map(ScalarValue::cast_to_int) {
                Some(Some(digits @ 0..=18)) => DataType::Decimal128(18, digits as i8),
                _ => return plan_err!("the third argument of div_round is the number of digits, 0 to 18"),
            },
            _ => self.return_type(&[])?,
        };
        Ok(Arc::new(Field::new(self.name(), data_type, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let all_scalar = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let length = if all_scalar { 1 } else { rows };
        let column = |i: usize| args.args[i].to_array(length);
        let result: ArrayRef = match self.function {
            Function::DivRound => {
                let DataType::Decimal128(_, digits) = args.return_field.data_type() else {
                    return exec_err!("div_round returns a decimal");
                };
                Arc::new(div_round(&column(0)?, &column(1)?, *digits)?)
            }
            Function::AddDays => {
                let (times, days) = (column(0)?, column(1)?);
                let (times, days) =
                    (times.as_primitive::<TimestampMicrosecondType>(), days.as_primitive::<Int64Type>());
                let sum: TimestampMicrosecondArray =
                    arrow::compute::binary(times, days, |t, n| t + n * MICROS_PER_DAY)?;
                Arc::new(sum.with_timezone("UTC"))
            }
            Function::EpochUs => cast(&column(0)?, &DataType::Int64)?,
            Function::LocalDate => {
                let (zone, times) = (zone(&args.args[1])?, column(0)?);
                let times = times.as_primitive::<TimestampMicrosecondType>();
                let days: PrimitiveArray<Date32Type> = times.unary(|t| zone.local_day(t) as i32);
                Arc::new(days)
            }
            Function::LocalHour => {
                let (zone, times) = (zone(&args.args[1])?, column(0)?);
                let times = times.as_primitive::<TimestampMicrosecondType>();
                let hours: Int64Array =
                    times.unary(|t| zone.local_micros(t).rem_euclid(MICROS_PER_DAY) / (MICROS_PER_DAY / 24));
                Arc::new(hours)
            }
        };
        if all_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

trait CastToInt {
    fn cast_to_int(&self) -> Option<i64>;
}

impl CastToInt for ScalarValue {
    fn cast_to_int(&self) -> Option<i64> {
        match self.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(value)) => value,
            _ => None,
        }
    }
}

/// The exact type that a number is divided in: whole numbers and decimals only.
fn exact(given: &DataType) -> Result<DataType> {
    Ok(match given {
        DataType::Decimal128(..) => given.clone(),
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
        DataType::Null => DataType::Decimal128(18, 0),
        t if t.is_integer() => DataType::Decimal128(20, 0),
        t => return plan_err!("div_round divides whole numbers and decimals, not {t}"),
    })
}

fn zone(argument: &ColumnarValue) -> Result<Arc<Zone>> {
    let ColumnarValue::Scalar(ScalarValue::Utf8(Some(name)) | ScalarValue::Utf8View(Some(name))) = argument else {
        return exec_err!("the time zone is a text that is the same for all rows");
    };
    match name.parse() {
        Ok(tz) => Ok(Zone::of(tz)),
        Err(_) => exec_err!("`{name}` is no time zone"),
    }
}

fn div_round(a: &ArrayRef, b: &ArrayRef, digits: i8) -> Result<Decimal128Array> {
    let (DataType::Decimal128(_, a_scale), DataType::Decimal128(_, b_scale)) = (a.data_type(), b.data_type()) else {
        return exec_err!("div_round divides decimals");
    };
    // a/10^sa ÷ b/10^sb × 10^digits = a × 10^(digits + sb) ÷ (b × 10^sa)
    let raise = i32::from(digits) + i32::from(*b_scale) - i32::from(*a_scale);
    let (times, over) = if raise >= 0 { (power(raise)?, 1) } else { (1, power(-raise)?) };
    let (a, b) = (a.as_primitive::<Decimal128Type>(), b.as_primitive::<Decimal128Type>());
    let mut out = Decimal128Array::builder(a.len());
    for i in 0..a.len() {
        if a.is_null(i) || b.is_null(i) || b.value(i) == 0 {
            out.append_null();
            continue;
        }
        let value = quotient(a.value(i), times, b.value(i), over)?;
        if value.unsigned_abs() >= 10u128.pow(18) {
            return exec_err!("a quotient of div_round has more than 18 digits");
        }
        out.append_value(value);
    }
    Ok(out.finish().with_precision_and_scale(18, digits)?)
}

fn power(n: i32) -> Result<i128> {
    match u32::try_from(n).ok().and_then(|n| 10i128.checked_pow(n)) {
        Some(power) => Ok(power),
        None => exec_err!("div_round cannot scale by 10^{n}"),
    }
}

/// a × times ÷ (b × over), half away from zero.
fn quotient(a: i128, times: i128, b: i128, over: i128) -> Result<i128> {
    if let (Some(n), Some(d)) = (a.checked_mul(times), b.checked_mul(over)) {
        // 64-bit division is several times faster, and nearly all amounts fit.
        let (q, r) = match (i64::try_from(n), i64::try_from(d)) {
            (Ok(n), Ok(d)) if n != i64::MIN => (i128::from(n / d), i128::from(n % d)),
            _ => (n / d, n % d),
        };
        let away = if r.unsigned_abs() * 2 >= d.unsigned_abs() { if (n < 0) == (d < 0) { 1 } else { -1 } } else { 0 };
        return Ok(q + away);
    }
    let (n, d) = (
        i256::from_i128(a).wrapping_mul(i256::from_i128(times)),
        i256::from_i128(b).wrapping_mul(i256::from_i128(over)),
    );
    let (q, r) = (n.wrapping_div(d), n.wrapping_rem(d));
    let twice = r.wrapping_abs().wrapping_mul(i256::from_i128(2));
    let up = twice >= d.wrapping_abs();
    let negative = (n < i256::ZERO) != (d < i256::ZERO);
    let q = if up { q.wrapping_add(i256::from_i128(if negative { -1 } else { 1 })) } else { q };
    match q.to_i128() {
        Some(q) => Ok(q),
        None => exec_err!("a quotient of div_round is too large"),
    }
}

/// The types that `utc_micros` columns show up as in SQL.
pub fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, _))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_round_half_away_from_zero() {
        for (a, b, expected) in [(5, 2, 3), (-5, 2, -3), (5, -2, -3), (-5, -2, 3), (1, 3, 0), (2, 3, 1), (7, 7, 1)] {
            assert_eq!(quotient(a, 1, b, 1).unwrap(), expected, "{a} / {b}");
        }
        // Beyond 128 bits inside, the same rule.
        let huge = 10i128.pow(37);
        assert_eq!(quotient(huge, 10i128.pow(18), huge * 2, 10i128.pow(18)).unwrap(), 1);
        assert_eq!(quotient(-huge, 10i128.pow(18), huge * 2, 10i128.pow(18)).unwrap(), -1);
    }
}

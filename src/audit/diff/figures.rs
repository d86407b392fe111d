//! Key figures as exact numbers: the metrics of a project, each over its whole table.

use std::collections::BTreeMap;
use std::fmt;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::prelude::SessionContext;

use crate::config::Project;
use crate::config::project::{Aggregate, Metric, MetricKind};
use crate::engine;
use crate::error::{Error, Result};
use crate::models::metric;

/// Digits of what is a float in its table: it is cut to them before it is added up, so that the sum is exact.
const FLOAT_DIGITS: i8 = 6;

/// A decimal number of any scale; sums and differences of it are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exact {
    digits: i128,
    scale: u32,
}

impl Exact {
    pub fn new(digits: i128, scale: u32) -> Exact {
        Exact { digits, scale }
    }

    pub fn is_zero(&self) -> bool {
        self.digits == 0
    }

    fn at(self, scale: u32) -> Option<i128> {
        self.digits.checked_mul(10i128.checked_pow(scale - self.scale)?)
    }

    fn combine(self, other: Exact, f: fn(i128, i128) -> Option<i128>) -> Result<Exact> {
        let scale = self.scale.max(other.scale);
        let sum = self.at(scale).zip(other.at(scale)).and_then(|(a, b)| f(a, b));
        let digits = sum.ok_or_else(|| Error::failed("a key figure has more digits than can be reckoned with"))?;
        Ok(Exact { digits, scale })
    }

    pub fn plus(self, other: Exact) -> Result<Exact> {
        self.combine(other, i128::checked_add)
    }

    pub fn minus(self, other: Exact) -> Result<Exact> {
        self.combine(other, i128::checked_sub)
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, digits) = (if self.digits < 0 { "-" } else { "" }, self.digits.unsigned_abs().to_string());
        let scale = self.scale as usize;
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, rest) = digits.split_at(digits.len() - scale);
        write!(f, "{sign}{whole}.{rest}")
    }
}

/// A figure's name and what it is counted from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub table: String,
    pub figure: String,
}

/// All figures of a project.
pub fn of(project: &Project) -> BTreeMap<Name, Metric> {
    metric::all(project).map(|(table, m)| (Name { table, figure: m.name.clone() }, m.clone())).collect()
}

/// The tables that a figure is counted from: its own, or those of a ratio's parts.
pub fn tables(project: &Project, name: &Name) -> Vec<String> {
    let all = of(project);
    match all.get(name).map(|m| &m.kind) {
        Some(MetricKind::Ratio { numerator, denominator }) => {
            let part = |wanted: &str| all.keys().find(|n| n.figure == wanted).map(|n| n.table.clone());
            [numerator, denominator].into_iter().filter_map(|p| part(p)).collect()
        }
        Some(MetricKind::Aggregate { .. }) => vec![name.table.clone()],
        None => Vec::new(),
    }
}

/// The figure's value by the tables of a session. Over no rows it is 0. None: it is no number.
pub async fn value(context: &SessionContext, project: &Project, name: &Name) -> Result<Option<Exact>> {
    let metric = of(project)
        .remove(name)
        .ok_or_else(|| Error::failed(format!("the project has no key figure `{}`", name.figure)))?;
    let doing = format!("counting {}", name.figure);
    let Some(sql) = metric::select(project, &name.table, &metric) else { return Ok(None) };
    let failed = |e: datafusion::error::DataFusionError| engine::failed(&doing, &e);
    let mut plan = context.state().create_logical_plan(&sql).await.map_err(failed)?;
    if plan.schema().field(0).data_type().is_floating() {
        let Some(sql) = in_decimals(&name.table, &metric) else { return Ok(None) };
        plan = context.state().create_logical_plan(&sql).await.map_err(failed)?;
    }
    let scale = match plan.schema().field(0).data_type() {
        t if t.is_integer() => 0,
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) if *scale >= 0 => *scale,
        _ => return Ok(None),
    };
    let batches = datafusion::dataframe::DataFrame::new(context.state(), plan).collect().await.map_err(failed)?;
    let Some(batch) = batches.iter().find(|b| b.num_rows() > 0) else { return Ok(Some(Exact::default())) };
    let exact =
        cast(batch.column(0), &DataType::Decimal128(38, scale)).map_err(|e| Error::failed(format!("{doing}: {e}")))?;
    let exact = exact.as_primitive::<Decimal128Type>();
    let value = exact.iter().next().flatten().unwrap_or(0);
    Ok(Some(Exact::new(value, scale.unsigned_abs().into())))
}

/// A figure over floats, each of them cut to a decimal first.
fn in_decimals(table: &str, metric: &Metric) -> Option<String> {
    let MetricKind::Aggregate { how, expression: Some(expression), condition, .. } = &metric.kind else { return None };
    let cut = format!("cast({expression} as decimal(28, {FLOAT_DIGITS}))");
    let value = match how {
        Aggregate::Average => format!("div_round(sum({cut}), count({cut}), {FLOAT_DIGITS})"),
        how => metric::aggregate(*how, Some(&cut)),
    };
    let filter = condition.as_ref().map_or_else(String::new, |c| format!(" where {c}"));
    Some(format!("select {value} as {} from {table}{filter}", metric.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_scale_add_up() {
        let (a, b) = (Exact::new(1250, 2), Exact::new(-7, 0));
        assert_eq!(a.plus(b).expect("a sum").to_string(), "5.50");
        assert_eq!(b.minus(a).expect("a difference").to_string(), "-19.50");
        assert_eq!(Exact::new(-5, 3).to_string(), "-0.005");
        assert!(Exact::new(i128::MAX, 0).plus(Exact::new(1, 6)).is_err());
    }
}

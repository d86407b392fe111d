//! Checks that are queries: relationships, doubtful keys, SQL checks, and the offenders themselves.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

use super::{Check, Rule, quoted};
use crate::engine;
use crate::error::{Error, Result};

/// Offenders that are kept for reading.
pub const KEPT: usize = 100;

/// The query that selects a check's offenders in `table`.
pub fn offenders_sql(check: &Check, table: &str) -> String {
    match &check.rule {
        Rule::Row(condition) => format!("select * from {table} where not coalesce(({condition}), true)"),
        Rule::Unique(columns) => {
            let list = columns.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(", ");
            let full = columns.iter().map(|c| format!("{} is not null", quoted(c))).collect::<Vec<_>>().join(" and ");
            format!("select {list}, count(*) as rows from {table} where {full} group by {list} having count(*) > 1")
        }
        Rule::Relationship { column, to, to_column } => format!(
            "select t.* from {table} as t left anti join {to} as o on t.{} = o.{} where t.{} is not null",
            quoted(column),
            quoted(to_column),
            quoted(column)
        ),
    }
}

/// Counts the rows of a query.
pub async fn count(context: &SessionContext, sql: &str, doing: &str) -> Result<u64> {
    let frame = context
        .sql(&format!("select count(*) as n from ({sql}) as offenders"))
        .await
        .map_err(|e| engine::failed(doing, &e))?;
    first_number(&frame.collect().await.map_err(|e| engine::failed(doing, &e))?)
}

/// Counts the rows of a planned query.
pub async fn count_plan(context: &SessionContext, plan: LogicalPlan, doing: &str) -> Result<u64> {
    let frame = datafusion::dataframe::DataFrame::new(context.state(), plan);
    Ok(frame.count().await.map_err(|e| engine::failed(doing, &e))? as u64)
}

/// Some offenders, for reading.
pub async fn sample(context: &SessionContext, plan: LogicalPlan, doing: &str) -> Result<Vec<RecordBatch>> {
    let frame = datafusion::dataframe::DataFrame::new(context.state(), plan)
        .limit(0, Some(KEPT))
        .map_err(|e| engine::failed(doing, &e))?;
    frame.collect().await.map_err(|e| engine::failed(doing, &e))
}

fn first_number(batches: &[RecordBatch]) -> Result<u64> {
    batches
        .iter()
        .find(|b| b.num_rows() > 0)
        .and_then(|b| b.column(0).as_primitive_opt::<Int64Type>().map(|c| c.value(0) as u64))
        .ok_or_else(|| Error::failed("a count gave no number"))
}

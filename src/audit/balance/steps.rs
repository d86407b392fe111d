//! The company's own balances, from staging to the marts: `sql/balances/`.

use arrow::array::{Array, AsArray, RecordBatch};
use datafusion::dataframe::DataFrame;
use datafusion::prelude::SessionContext;

use super::{Amount, Step};
use crate::config::Project;
use crate::engine;
use crate::error::{Error, Kind, Result};
use crate::manifest::Manifest;
use crate::models::{graph, plan};
use crate::runs::compile::BALANCE_COLUMNS;
use crate::runs::plan::end_of_day;

/// Asks every balance of the project.
pub async fn steps(project: &Project, manifest: &Manifest, context: &SessionContext) -> Result<Vec<Step>> {
    let mut out = Vec::new();
    for balance in graph::balances(project, end_of_day(project, manifest.as_of)?)? {
        let file = &balance.file;
        let doing = format!("the balance {}", file.name);
        let logical = plan::logical(context, &balance.statement, &file.sql_path)
            .await
            .map_err(|finding| Error::new(Kind::Failed, finding))?;
        let frame = DataFrame::new(context.state(), logical);
        let batches = frame.collect().await.map_err(|e| engine::failed(&doing, &e))?;
        let wrong = || {
            Error::failed(format!("{doing} does not select what a balance selects"))
                .at(&file.sql_path, None)
                .hint("`uramaki check` says what is wrong with it")
        };
        for batch in &batches {
            for row in 0..batch.num_rows() {
                out.push(step(batch, row, &file.name, &file.sql_path).ok_or_else(wrong)?);
            }
        }
    }
    Ok(out)
}

fn step(batch: &RecordBatch, row: usize, name: &str, path: &str) -> Option<Step> {
    let column = |wanted: &str| batch.column_by_name(wanted);
    let text = |wanted: &str| -> Option<String> {
        let array = column(wanted)?;
        if array.is_null(row) || array.data_type().is_null() {
            return Some(String::new());
        }
        Some(array.as_string_opt::<i32>()?.value(row).to_string())
    };
    let value = |wanted: &str| Amount::of(column(wanted)?.as_ref(), row);
    let [step, measure, unit, origin, origin_value, target, target_value, reason] = BALANCE_COLUMNS;
    let (origin_value, target_value) = (value(origin_value)?, value(target_value)?);
    let reason = text(reason)?;
    let reason = (!reason.is_empty()).then_some(reason);
    Some(Step {
        of: name.to_string(),
        step: text(step)?,
        measure: text(measure)?,
        unit: text(unit)?,
        origin: text(origin)?,
        origin_value,
        target: text(target)?,
        target_value,
        difference: target_value - origin_value,
        holds: origin_value == target_value || reason.is_some(),
        is_verified: true,
        reason,
        place: path.to_string(),
    })
}

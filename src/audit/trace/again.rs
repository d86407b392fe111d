//! The proof of a trace: the listed rows alone, through the same SQL, give the same values.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::MemTable;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::prelude::{DataFrame, SessionContext};

use super::rows::Distinct;
use super::segment::column_named;
use super::session::Scene;
use super::walk::restricted;
use crate::catalog;
use crate::config::project::Materialized;
use crate::engine::{self, Limits};
use crate::error::{Error, Kind, Result};
use crate::models::graph::CALENDAR;
use crate::models::plan;
use crate::runs::tables;

/// A session in which each table of sources and of identity holds the listed rows alone (with `whole`: all rows), and every model of which rows take part is made of these.
pub async fn made(scene: &Scene, rows: &BTreeMap<String, Distinct>, whole: bool) -> Result<SessionContext> {
    let context = engine::session(&Limits { partitions: 1, ..Limits::default() }, None)?;
    catalog::prepare(&context, &[])?;
    for name in scene.within.iter().filter(|name| !scene.graph.models.contains_key(*name)) {
        let provider = scene.context.table_provider(name).await.map_err(|e| engine::failed("reading a table", &e))?;
        if name == CALENDAR {
            // It tells of no customer: the project's zone and holidays make it.
            catalog::register(&context, name, provider)?;
            continue;
        }
        let kept = match (rows.get(name), whole) {
            (_, true) => Some(all(scene, name).await?),
            (Some(rows), false) => Some(of_table(scene, name, rows).await?),
            (None, false) => None,
        };
        let table = MemTable::try_new(provider.schema(), vec![kept.unwrap_or_default()]);
        catalog::register(&context, name, Arc::new(table.map_err(|e| engine::failed("holding rows", &e))?))?;
    }
    for name in scene.graph.order.iter().filter(|name| scene.within.contains(*name)) {
        let Some(model) = scene.graph.models.get(name) else { continue };
        let schema = plan::declared_schema(&model.file.spec);
        if !whole && !rows.contains_key(name) {
            // No row of it takes part.
            let table = MemTable::try_new(schema, vec![Vec::new()]).map_err(|e| engine::failed("holding rows", &e))?;
            catalog::register(&context, name, Arc::new(table))?;
            continue;
        }
        let logical = plan::of_model(&context, model).await.map_err(|finding| Error::new(Kind::Failed, finding))?;
        if model.file.spec.materialized == Materialized::View {
            tables::register_view(&context, name, logical, &model.file.sql)?;
            continue;
        }
        let doing = format!("making {name} again");
        let batches =
            DataFrame::new(context.state(), logical).collect().await.map_err(|e| engine::failed(&doing, &e))?;
        let batches = batches.iter().map(|b| declared(b, &schema)).collect::<Result<Vec<_>, _>>();
        let batches = batches.map_err(|e| Error::failed(format!("{doing}: {e}")))?;
        let table = MemTable::try_new(schema, vec![batches]);
        catalog::register(&context, name, Arc::new(table.map_err(|e| engine::failed(&doing, &e))?))?;
    }
    Ok(context)
}

async fn all(scene: &Scene, table: &str) -> Result<Vec<RecordBatch>> {
    let frame = scene.context.table(table).await.map_err(|e| engine::failed("reading a table", &e))?;
    frame.collect().await.map_err(|e| engine::failed(&format!("reading {table}"), &e))
}

/// The rows of a table with these keys.
pub async fn of_table(scene: &Scene, table: &str, rows: &Distinct) -> Result<Vec<RecordBatch>> {
    with_keys(&scene.context, table, scene.keys.get(table).map_or(&[], Vec::as_slice), &rows.batch()?).await
}

/// The rows of a table whose columns `key` have the values of the target.
pub async fn with_keys(
    context: &SessionContext,
    table: &str,
    key: &[String],
    target: &RecordBatch,
) -> Result<Vec<RecordBatch>> {
    let doing = format!("reading {table}");
    let failed = |e| engine::failed(&doing, &e);
    let frame = context.table(table).await.map_err(failed)?;
    let plan = frame.into_unoptimized_plan();
    let by: Vec<Expr> = key.iter().map(|c| column_named(plan.schema(), c)).collect::<Result<_, _>>().map_err(failed)?;
    let plan = restricted(plan, &by, target).map_err(failed)?;
    let plan = LogicalPlanBuilder::from(plan).build().map_err(failed)?;
    DataFrame::new(context.state(), plan).collect().await.map_err(failed)
}

/// With the declared types: what the engine finds out on the way may be wider, or never NULL.
fn declared(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, arrow::error::ArrowError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(values, field)| cast_with_options(values, field.data_type(), &strict));
    RecordBatch::try_new(schema.clone(), columns.collect::<Result<_, _>>()?)
}

//! The proof of a trace: the listed rows alone, through the same SQL, give the same values.
//!
//! Only columns that the values hang on are read and made; any other is NULL, so that one which is missed shows as a difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::MemTable;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr, ident};
use datafusion::prelude::{DataFrame, SessionContext};

use super::rows::Found;
use super::segment::column_named;
use super::session::{Scene, scanned};
use super::walk::restricted;
use crate::catalog;
use crate::config::project::Materialized;
use crate::engine::{self, Limits};
use crate::error::{Error, Kind, Result};
use crate::models::graph::CALENDAR;
use crate::models::plan;
use crate::runs::tables;

/// From so many rows on, the engine's usual number of partitions is worth its while.
const MANY: usize = 100_000;

type Columns = BTreeMap<String, BTreeSet<String>>;

/// A session in which each table of sources and of identity holds the listed rows alone, and every model of which rows take part is made of these, as far
/// as the columns `wanted` of `top` need it.
pub async fn made(
    scene: &Scene,
    rows: &BTreeMap<String, Found>,
    top: &str,
    wanted: &[String],
) -> Result<SessionContext> {
    let columns = columns_read(scene, top, wanted).await?;
    let is_many = rows.values().any(|found| match found {
        Found::These(rows) => rows.len() > MANY,
        Found::All => true,
    });
    let partitions = if is_many { Limits::default().partitions } else { 1 };
    let context = engine::session(&Limits { partitions, ..Limits::default() }, None)?;
    catalog::prepare(&context, &[])?;
    for name in scene.within.iter().filter(|name| !scene.graph.models.contains_key(*name)) {
        let provider = scene.context.table_provider(name).await.map_err(|e| engine::failed("reading a table", &e))?;
        if name == CALENDAR {
            // It tells of no customer: the project's zone and holidays make it.
            catalog::register(&context, name, provider)?;
            continue;
        }
        let needed = columns.get(name);
        let is_needed = |c: &str| needed.is_some_and(|needed| needed.contains(c));
        let kept = match rows.get(name) {
            Some(found) => of_found(scene, name, found, is_needed).await?,
            None => Vec::new(),
        };
        hold(&context, name, &provider.schema(), kept)?;
    }
    for name in scene.graph.order.iter().filter(|name| scene.within.contains(*name)) {
        let Some(model) = scene.graph.models.get(name) else { continue };
        let schema = plan::declared_schema(&model.file.spec);
        let takes_part = rows.contains_key(name);
        let (Some(needed), true) = (columns.get(name), takes_part) else {
            hold(&context, name, &schema, Vec::new())?;
            continue;
        };
        let logical = plan::of_model(&context, model).await.map_err(|finding| Error::new(Kind::Failed, finding))?;
        if model.file.spec.materialized == Materialized::View {
            tables::register_view(&context, name, logical, &model.file.sql)?;
            continue;
        }
        let began = Instant::now();
        let doing = format!("making {name} again");
        let failed = |e| engine::failed(&doing, &e);
        let logical = narrowed(logical, needed).map_err(failed)?;
        let narrow = logical.schema().fields().iter().filter_map(|f| schema.field_with_name(f.name()).ok().cloned());
        let narrow = Arc::new(Schema::new(narrow.collect::<Vec<_>>()));
        let parts = DataFrame::new(context.state(), logical).collect_partitioned().await.map_err(failed)?;
        let parts = parts
            .into_iter()
            .map(|batches| batches.iter().map(|b| declared(b, &narrow)).collect::<Result<Vec<_>, _>>())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| Error::failed(format!("{doing}: {e}")))?;
        hold(&context, name, &schema, parts)?;
        tracing::debug!(table = name, seconds = began.elapsed().as_secs_f64(), "made again");
    }
    Ok(context)
}

/// The columns of every table that the columns `wanted` of `top` hang on, as the engine's own plans name them.
async fn columns_read(scene: &Scene, top: &str, wanted: &[String]) -> Result<Columns> {
    let mut all = Columns::new();
    let key = scene.keys.get(top).into_iter().flatten();
    all.insert(top.to_string(), wanted.iter().chain(key).cloned().collect());
    for name in scene.graph.order.iter().rev() {
        let (Some(model), Some(needed)) = (scene.graph.models.get(name), all.get(name)) else { continue };
        let failed = |e| engine::failed(&format!("planning {name}"), &e);
        let logical = plan::of_model(&scene.context, model).await.map_err(|f| Error::new(Kind::Failed, f))?;
        let logical = narrowed(logical, needed).map_err(failed)?;
        let optimized = scene.context.state().optimize(&logical).map_err(failed)?;
        optimized
            .apply_with_subqueries(|node| {
                if let (Some(table), LogicalPlan::TableScan(scan)) = (scanned(node), node) {
                    let read = scan.projected_schema.fields().iter().map(|f| f.name().clone());
                    let filtered = scan.filters.iter().flat_map(Expr::column_refs).map(|c| c.name.clone());
                    all.entry(table).or_default().extend(read.chain(filtered));
                }
                Ok(TreeNodeRecursion::Continue)
            })
            .map_err(failed)?;
    }
    Ok(all)
}

/// The plan with some of its columns; with one at least.
fn narrowed(plan: LogicalPlan, needed: &BTreeSet<String>) -> datafusion::common::Result<LogicalPlan> {
    let all = plan.schema().fields().iter().map(|f| f.name().clone());
    let mut kept: Vec<String> = all.clone().filter(|name| needed.contains(name)).collect();
    kept.extend(all.take(usize::from(kept.is_empty())));
    let exprs: Vec<Expr> = kept.iter().map(|c| column_named(plan.schema(), c)).collect::<Result<_, _>>()?;
    LogicalPlanBuilder::from(plan).project(exprs)?.build()
}

/// Registers rows of some columns as a table; its other columns are NULL.
fn hold(context: &SessionContext, name: &str, schema: &SchemaRef, parts: Vec<Vec<RecordBatch>>) -> Result<()> {
    let failed = |e| engine::failed("holding rows", &e);
    let Some(held) = parts.iter().flatten().next().map(RecordBatch::schema) else {
        let table = MemTable::try_new(schema.clone(), vec![Vec::new()]).map_err(failed)?;
        return catalog::register(context, name, Arc::new(table));
    };
    let table = Arc::new(MemTable::try_new(held.clone(), parts).map_err(failed)?);
    if held.fields().len() == schema.fields().len() {
        return catalog::register(context, name, table);
    }
    let view = || {
        let exprs = schema.fields().iter().map(|field| {
            Ok(match held.field_with_name(field.name()) {
                Ok(_) => ident(field.name()),
                Err(_) => Expr::Literal(ScalarValue::try_from(field.data_type())?, None).alias(field.name()),
            })
        });
        let exprs = exprs.collect::<datafusion::common::Result<Vec<_>>>()?;
        LogicalPlanBuilder::scan("held", provider_as_source(table), None)?.project(exprs)?.build()
    };
    catalog::register(context, name, Arc::new(ViewTable::new(view().map_err(failed)?, None)))
}

/// The rows of a table that take part.
pub async fn of_table(scene: &Scene, table: &str, found: &Found) -> Result<Vec<RecordBatch>> {
    Ok(of_found(scene, table, found, |_| true).await?.into_iter().flatten().collect())
}

/// Their keys.
pub async fn keys_of(scene: &Scene, table: &str, found: &Found) -> Result<Vec<RecordBatch>> {
    match found {
        Found::These(rows) => Ok(vec![rows.batch()?]),
        Found::All => {
            let key = scene.keys.get(table).map_or(&[][..], Vec::as_slice);
            let batches = of_found(scene, table, found, |c| key.iter().any(|k| k == c)).await?.into_iter().flatten();
            let named = |b: RecordBatch| {
                let at: Vec<usize> = key.iter().filter_map(|k| b.schema().index_of(k).ok()).collect();
                b.project(&at).map_err(|e| Error::failed(format!("reading {table}: {e}")))
            };
            batches.map(named).collect()
        }
    }
}

/// How many rows a table has, and the keys of the first of them. Of what a run does not keep, only the number is told, as it was `made` again.
pub async fn all_of(
    scene: &Scene,
    made: &SessionContext,
    table: &str,
    first: usize,
) -> Result<(u64, Vec<RecordBatch>)> {
    let doing = format!("reading {table}");
    let failed = |e| engine::failed(&doing, &e);
    let known = scene.rows_of(table);
    let is_kept = known.is_some() || !scene.graph.models.contains_key(table);
    let context = if is_kept { &scene.context } else { made };
    let frame = context.table(table).await.map_err(failed)?;
    let rows = match known {
        Some(rows) => rows,
        None => frame.clone().count().await.map_err(failed)? as u64,
    };
    if !is_kept {
        return Ok((rows, Vec::new()));
    }
    let key = scene.keys.get(table).map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = key.iter().map(String::as_str).collect();
    let frame = frame.select_columns(&names).and_then(|f| f.sort(ascending(key))).and_then(|f| f.limit(0, Some(first)));
    Ok((rows, frame.map_err(failed)?.collect().await.map_err(failed)?))
}

fn ascending(key: &[String]) -> Vec<SortExpr> {
    key.iter().map(|c| ident(c).sort(true, true)).collect()
}

async fn of_found(
    scene: &Scene,
    table: &str,
    found: &Found,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Vec<RecordBatch>>> {
    let key = scene.keys.get(table).map_or(&[][..], Vec::as_slice);
    match found {
        Found::These(rows) => select(&scene.context, table, key, Some(&rows.batch()?), is_wanted).await,
        Found::All => select(&scene.context, table, key, None, is_wanted).await,
    }
}

/// The rows of a table whose columns `key` have the values of the target.
pub async fn with_keys(
    context: &SessionContext,
    table: &str,
    key: &[String],
    target: &RecordBatch,
) -> Result<Vec<RecordBatch>> {
    Ok(select(context, table, key, Some(target), |_| true).await?.into_iter().flatten().collect())
}

/// Some columns, one at least, of the rows of a table whose columns `key` have the values of the target; without one, of all rows.
async fn select(
    context: &SessionContext,
    table: &str,
    key: &[String],
    target: Option<&RecordBatch>,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Vec<RecordBatch>>> {
    let doing = format!("reading {table}");
    let failed = |e| engine::failed(&doing, &e);
    let frame = context.table(table).await.map_err(failed)?;
    let wanted = frame.schema().fields().iter().map(|f| f.name().clone()).filter(|c| is_wanted(c)).collect();
    let mut plan = frame.into_unoptimized_plan();
    if let Some(target) = target {
        let by = key.iter().map(|c| column_named(plan.schema(), c)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        plan = restricted(plan, &by, target).map_err(failed)?;
    }
    let plan = narrowed(plan, &wanted).map_err(failed)?;
    DataFrame::new(context.state(), plan).collect_partitioned().await.map_err(failed)
}

/// With the declared types: what the engine finds out on the way may be wider, or never NULL.
fn declared(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, arrow::error::ArrowError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(values, field)| cast_with_options(values, field.data_type(), &strict));
    RecordBatch::try_new(schema.clone(), columns.collect::<Result<_, _>>()?)
}

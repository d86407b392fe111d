//! The tables of a run as a trace sees them: each model is a table by itself, also where the engine would inline it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::{TableType, ViewTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown};
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
use datafusion::optimizer::{Optimizer, OptimizerContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;

use crate::audit::rules::Rules;
use crate::catalog;
use crate::config::project::Materialized;
use crate::contract::{BATCH_COLUMN, ROW_COLUMN};
use crate::engine::{self, Limits};
use crate::error::{Error, Kind, Result};
use crate::identity;
use crate::landing::{newest, order};
use crate::manifest::Manifest;
use crate::models::graph::{CALENDAR, Graph, Model, REJECTED};
use crate::models::plan;
use crate::runs::tables;
use crate::store::Store;

/// A plan that is read as a table: its filters are pushed into it, and it is not inlined.
#[derive(Debug)]
struct Boundary(ViewTable);

#[async_trait]
impl TableProvider for Boundary {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        self.0.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        self.0.scan(state, projection, filters, limit).await
    }
}

/// A plan's rows as a table.
pub fn opaque_rows(plan: LogicalPlan) -> Arc<dyn TableProvider> {
    Arc::new(Boundary(ViewTable::new(plan, None)))
}

/// A plan that reads `rows` wherever it read the table `name` without a schema.
pub fn replaced(plan: LogicalPlan, name: &str, rows: &Arc<dyn TableProvider>) -> DfResult<LogicalPlan> {
    let done = plan.transform_down(|node| match &node {
        LogicalPlan::TableScan(scan) if scan.table_name.schema().is_none() && scan.table_name.table() == name => {
            let source = provider_as_source(rows.clone());
            let scan = LogicalPlanBuilder::scan(scan.table_name.clone(), source, None)?.build()?;
            Ok(Transformed::yes(scan))
        }
        _ => Ok(Transformed::no(node)),
    })?;
    Ok(done.data)
}

/// A run with its rules, and a session over its tables.
pub struct Scene {
    pub context: SessionContext,
    pub graph: Graph,
    /// The key of every table that rows are named by.
    pub keys: BTreeMap<String, Vec<String>>,
    /// The tables that are traced, and all that these are made of.
    pub within: BTreeSet<String>,
}

impl Scene {
    /// `wanted` are the tables that are to be traced; what they are made of comes with them. Reads the keys of the landed objects among these.
    pub async fn open(rules: &Rules, store: &Store, manifest: &Manifest, wanted: &[String]) -> Result<Scene> {
        let project = &rules.project;
        let context = engine::session(&Limits { partitions: project.partitions, ..Limits::default() }, None)?;
        {
            // All subqueries are to become joins.
            let state = context.state_ref();
            let mut state = state.write();
            state.config_mut().options_mut().optimizer.enable_physical_uncorrelated_scalar_subquery = false;
        }
        catalog::prepare(&context, &[store])?;
        let graph = Graph::build(project, crate::runs::plan::end_of_day(project, manifest.as_of)?)?;
        let needed = ancestors(&graph, wanted);
        for (name, table) in &manifest.tables {
            tables::register_recorded(&context, store, name, table)?;
        }
        tables::register_calendar(&context, project, manifest.as_of)?;
        tables::register_rejected(&context, store, Some(manifest))?;
        let objects: Vec<_> = project.objects().collect();
        let sequences = order::sequences(&objects, &manifest.files, &manifest.batches, manifest.as_of);
        let mut keys = BTreeMap::new();
        for object in objects {
            let table = format!("landing.{}", object.contract.table());
            let (true, Some((sequence, _))) = (needed.contains(&table), sequences.get(&object.contract.label())) else {
                continue;
            };
            let newest = newest::resolve(store, &object.contract, sequence, false, newest::BUDGET).await?;
            tables::register_landed(&context, store, object, sequence, &newest)?;
            keys.insert(table, vec![BATCH_COLUMN.to_string(), ROW_COLUMN.to_string()]);
        }
        for name in graph.order.iter().filter(|name| needed.contains(*name)) {
            let Some(model) = graph.models.get(name) else { continue };
            keys.insert(name.clone(), model.file.spec.key.clone());
            if model.file.spec.materialized != Materialized::Table {
                let logical = of_model(&context, model).await?;
                catalog::register(&context, name, Arc::new(Boundary(ViewTable::new(logical, None))))?;
            }
        }
        for spec in identity::tables::SPECS {
            keys.insert(spec.name.to_string(), spec.order());
        }
        keys.insert(CALENDAR.to_string(), vec!["date".to_string()]);
        let rejected = ["batch_id", "line", "column_name", "reason"].map(String::from).to_vec();
        keys.insert(REJECTED.to_string(), rejected);
        Ok(Scene { context, graph, keys, within: needed })
    }

    /// A model's plan with types settled and subqueries as joins.
    pub async fn plan(&self, model: &Model) -> Result<LogicalPlan> {
        let logical = of_model(&self.context, model).await?;
        joined(&self.context, logical)
    }
}

async fn of_model(context: &SessionContext, model: &Model) -> Result<LogicalPlan> {
    plan::logical(context, &model.statement, &model.file.sql_path)
        .await
        .and_then(|l| plan::conform(l, model).map_err(|mut f| f.remove(0)))
        .map_err(|finding| Error::new(Kind::Failed, finding))
}

/// Types settled, and subqueries as joins.
fn joined(context: &SessionContext, plan: LogicalPlan) -> Result<LogicalPlan> {
    let failed = |e| engine::failed("planning the trace", &e);
    let state = context.state();
    let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}).map_err(failed)?;
    let rules = Optimizer::with_rules(vec![
        Arc::new(DecorrelatePredicateSubquery::new()),
        Arc::new(ScalarSubqueryToJoin::new()),
        Arc::new(DecorrelateLateralJoin::new()),
    ]);
    let options = OptimizerContext::new_with_config_options(state.config_options().clone());
    rules.optimize(plan, &options, |_, _| {}).map_err(failed)
}

/// The tables themselves and all that they are made of, landed objects among them. Identity is an end: what it decided is recorded.
pub fn ancestors(graph: &Graph, wanted: &[String]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut open = wanted.to_vec();
    while let Some(name) = open.pop() {
        if all.insert(name.clone()) {
            open.extend(graph.models.get(&name).into_iter().flat_map(|m| m.reads.iter().cloned()));
        }
    }
    all
}

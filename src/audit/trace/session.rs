//! The tables of a run as a trace sees them: each model is a table by itself, also where the engine would inline it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::{TableType, ViewTable, provider_as_source};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown};
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
use datafusion::optimizer::{Optimizer, OptimizerContext};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use futures::future::BoxFuture;
use tempfile::TempDir;

use crate::audit::rules::Rules;
use crate::catalog;
use crate::config::project::Materialized;
use crate::contract::{BATCH_COLUMN, ROW_COLUMN};
use crate::engine::{self, Limits};
use crate::error::{Error, Kind, Result};
use crate::identity;
use crate::landing::{newest, order};
use crate::manifest::{DataFile, Manifest};
use crate::models::graph::{CALENDAR, Graph, Model, REJECTED};
use crate::models::plan;
use crate::models::writer::{self, Unobserved};
use crate::runs::tables;
use crate::store::Store;

/// The engine's number for the folder of intermediates.
const SCRATCH: usize = 3;

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

/// Tables with their rows.
type MadeTables = BTreeMap<String, (Arc<dyn TableProvider>, u64)>;

/// A run with its rules, and a session over its tables.
pub struct Scene {
    pub context: SessionContext,
    pub graph: Graph,
    /// The key of every table that rows are named by.
    pub keys: BTreeMap<String, Vec<String>>,
    /// The tables that are traced, and all that these are made of.
    pub within: BTreeSet<String>,
    /// Rows of the published tables.
    published: BTreeMap<String, u64>,
    /// Intermediates that were made for this trace: a run does not keep them.
    made: Mutex<MadeTables>,
    scratch: Store,
    folder: TempDir,
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
        let folder = tempfile::tempdir()?;
        let scratch = Store::open(&folder.path().display().to_string(), SCRATCH)?;
        catalog::prepare(&context, &[store, &scratch])?;
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
            // Without a key, all columns together name a row.
            let spec = &model.file.spec;
            let all = || spec.columns.iter().map(|c| c.name.clone()).collect();
            keys.insert(name.clone(), if spec.key.is_empty() { all() } else { spec.key.clone() });
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
        let published = manifest.tables.iter().map(|(name, table)| (name.clone(), table.rows)).collect();
        Ok(Scene { context, graph, keys, within: needed, published, made: Mutex::default(), scratch, folder })
    }

    /// How many rows a table has, as far as that is known without reading it.
    pub fn rows_of(&self, table: &str) -> Option<u64> {
        self.published.get(table).copied().or_else(|| self.lock().get(table).map(|(_, rows)| *rows))
    }

    /// A model's plan with types settled and subqueries as joins.
    pub async fn plan(&self, model: &Model) -> Result<LogicalPlan> {
        let logical = joined(&self.context, of_model(&self.context, model).await?)?;
        // What a recursive query reads is read again at each step.
        let is_recursive = logical.exists(|node| Ok(matches!(node, LogicalPlan::RecursiveQuery(_))));
        if is_recursive.map_err(|e| engine::failed("planning the trace", &e))? {
            self.settled(logical).await
        } else {
            Ok(logical)
        }
    }

    /// Runs a plan. Intermediates that it reads are made once, in files that go with the scene: read through, each would be made again for
    /// every table that reads it.
    pub async fn run(&self, plan: LogicalPlan, doing: &str) -> Result<SendableRecordBatchStream> {
        let failed = |e| engine::failed(doing, &e);
        let plan = self.settled(plan).await?;
        let physical = self.context.state().create_physical_plan(&plan).await.map_err(failed)?;
        execute_stream(physical, self.context.task_ctx()).map_err(failed)
    }

    /// The plan, with intermediates read from what was made of them.
    fn settled(&self, plan: LogicalPlan) -> BoxFuture<'_, Result<LogicalPlan>> {
        Box::pin(async move {
            let failed = |e| engine::failed("planning the trace", &e);
            let mut read: BTreeSet<String> = BTreeSet::new();
            plan.apply(|node| {
                read.extend(scanned(node).filter(|name| self.is_intermediate(name)));
                Ok(TreeNodeRecursion::Continue)
            })
            .map_err(failed)?;
            for name in &read {
                self.make(name).await?;
            }
            if read.is_empty() {
                return Ok(plan);
            }
            let done = plan.transform_down(|node| {
                let made = scanned(&node).and_then(|name| self.lock().get(&name).map(|(table, _)| table.clone()));
                match (&node, made) {
                    (LogicalPlan::TableScan(scan), Some(made)) => {
                        let source = provider_as_source(made);
                        Ok(Transformed::yes(LogicalPlanBuilder::scan(scan.table_name.clone(), source, None)?.build()?))
                    }
                    _ => Ok(Transformed::no(node)),
                }
            });
            Ok(done.map_err(failed)?.data)
        })
    }

    fn is_intermediate(&self, name: &str) -> bool {
        let model = self.graph.models.get(name);
        model.is_some_and(|m| m.file.spec.materialized == Materialized::Intermediate)
    }

    async fn make(&self, name: &str) -> Result<()> {
        let Some(model) = self.graph.models.get(name) else { return Ok(()) };
        if self.lock().contains_key(name) {
            return Ok(());
        }
        let doing = format!("making {name}");
        let began = Instant::now();
        let logical = of_model(&self.context, model).await?;
        let rows = Box::pin(self.run(logical, &doing)).await?;
        let schema = plan::declared_schema(&model.file.spec);
        let file = self.folder.path().join(format!("{name}.parquet"));
        let written = writer::write(rows, schema.clone(), &[], &file, &doing, &mut Unobserved).await?;
        let data = DataFile {
            path: format!("{name}.parquet"),
            sha256: written.sha256,
            bytes: written.bytes,
            rows: written.rows,
        };
        let table: Arc<dyn TableProvider> = tables::published(&self.scratch, &schema, &[data], &[])?;
        catalog::register(&self.context, name, table.clone())?;
        self.lock().insert(name.to_string(), (table, written.rows));
        tracing::debug!(table = name, rows = written.rows, seconds = began.elapsed().as_secs_f64(), "made");
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, MadeTables> {
        self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The table that a scan reads, with its layer.
pub fn scanned(node: &LogicalPlan) -> Option<String> {
    match node {
        LogicalPlan::TableScan(scan) => Some(format!("{}.{}", scan.table_name.schema()?, scan.table_name.table())),
        _ => None,
    }
}

async fn of_model(context: &SessionContext, model: &Model) -> Result<LogicalPlan> {
    plan::of_model(context, model).await.map_err(|finding| Error::new(Kind::Failed, finding))
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
fn ancestors(graph: &Graph, wanted: &[String]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut open = wanted.to_vec();
    while let Some(name) = open.pop() {
        if all.insert(name.clone()) {
            open.extend(graph.models.get(&name).into_iter().flat_map(|m| m.reads.iter().cloned()));
        }
    }
    all
}

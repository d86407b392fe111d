//! Builds tables: every model as soon as what it reads is there, several beside one another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execute_stream, execute_stream_partitioned};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use tokio::task::JoinSet;

use super::fingerprint::{Fingerprints, digest};
use super::keep::Keeper;
use super::tables;
use crate::catalog;
use crate::checks;
use crate::checks::observe::{RowChecks, Seen};
use crate::config::project::{Materialized, ModelSpec};
use crate::engine;
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::identity;
use crate::manifest::{ColumnRecord, DataFile, Manifest, StageRecord, TableRecord};
use crate::models::graph::{Graph, IDENTITY_TABLES, Model};
use crate::models::plan;
use crate::models::writer::{self, Observer, Unobserved, Written};
use crate::output::Bar;
use crate::sinks::delta;
use crate::store::Store;

/// The memory with which one model gets through, whatever its size.
const OF_ONE: usize = 1 << 30;

/// Models that are built beside one another. Each keeps two threads busy by itself; with more at once, each gets a smaller part of the memory and spills
/// sooner, and what cannot spill (the table of a join) finds no room. Identity runs beside them: most of it is one thread's work.
pub fn at_once(threads: usize, memory: usize) -> usize {
    (threads / 2).min(memory / OF_ONE).max(1)
}

/// The node that makes all identity tables.
pub const IDENTITY: &str = "identity";

/// What building needs, shared by all its tasks.
pub struct Site {
    pub context: SessionContext,
    pub graph: Graph,
    pub warehouse: Store,
    /// Local files on their way into the warehouse.
    pub scratch: Store,
    pub scratch_folder: PathBuf,
    pub keeper: Keeper,
    pub fingerprints: Fingerprints,
    pub previous: Option<Manifest>,
    pub run: u64,
    /// Nothing of an earlier run is to be used.
    pub full_refresh: bool,
    pub at_once: usize,
    pub yield_: Mutex<Yield>,
}

/// What building brings forth.
#[derive(Default)]
pub struct Yield {
    /// Tables that were made in this run, as they will be published.
    pub tables: BTreeMap<String, TableRecord>,
    /// (local file, path in the warehouse)
    pub files: Vec<(PathBuf, String)>,
    pub seen: Vec<(String, Seen)>,
    pub stages: Vec<StageRecord>,
    pub warnings: Vec<String>,
}

impl Site {
    pub fn with_yield<T>(&self, f: impl FnOnce(&mut Yield) -> T) -> T {
        f(&mut self.yield_.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// A new local file.
    pub fn scratch_file(&self, name: &str) -> PathBuf {
        self.scratch_folder.join(format!("{name}.parquet"))
    }

    /// Takes a finished file as the new content of a table, and registers it for the models after it.
    pub fn publish(
        &self,
        name: &str,
        columns: Vec<ColumnRecord>,
        description: &str,
        order: &[String],
        written: Written,
    ) -> Result<()> {
        let path = format!("{}/part-{}.parquet", delta::folder(name), &written.sha256[..32]);
        let content = digest([written.sha256.as_str()]);
        let previous = self.previous.as_ref().and_then(|m| m.tables.get(name));
        let fingerprint = self.fingerprints.get(name).cloned().unwrap_or_default();
        let mut record = TableRecord {
            version: previous.map_or(0, |p| p.version + 1),
            run: self.run,
            rows: written.rows,
            columns,
            order: order.to_vec(),
            files: vec![DataFile {
                path: path.clone(),
                sha256: written.sha256,
                bytes: written.bytes,
                rows: written.rows,
            }],
            content,
            fingerprint,
            description: description.to_string(),
        };
        if let Some(before) = previous
            && before.content == record.content
            && before.columns == record.columns
            && before.description == record.description
        {
            // The same rows again: no new version.
            (record.version, record.run) = (before.version, before.run);
        }
        self.with_yield(|y| {
            y.files.push((written.file, path));
            y.tables.insert(name.to_string(), record);
        });
        Ok(())
    }

    /// The local file of a table that this run has made.
    fn local(&self, name: &str) -> Option<(PathBuf, DataFile)> {
        self.with_yield(|y| {
            let data = y.tables.get(name)?.files.first()?.clone();
            let local = y.files.iter().find(|(_, path)| *path == data.path)?.0.clone();
            Some((local, data))
        })
    }

    /// Registers a table's scratch file under its name.
    pub fn register_scratch(&self, name: &str, schema: &Schema, order: &[String]) -> Result<()> {
        let Some((local, data)) = self.local(name) else { return Ok(()) };
        let file = local.file_name().and_then(|f| f.to_str()).unwrap_or_default().to_string();
        let data = DataFile { path: file, ..data };
        catalog::register(&self.context, name, tables::published(&self.scratch, schema, &[data], order)?)
    }
}

/// How a node is made beside the models: identity.
pub type Special = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Builds the chosen nodes. `reads_of_identity` are the tables that identity reads.
pub async fn build(
    site: Arc<Site>,
    chosen: &BTreeSet<String>,
    identity: Option<(BTreeSet<String>, Special)>,
    bar: &Bar,
) -> Result<()> {
    let mut waiting: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let with_identity = identity.is_some();
    let node_of = |read: &String| -> Option<String> {
        if IDENTITY_TABLES.contains(&read.as_str()) {
            with_identity.then(|| IDENTITY.to_string())
        } else {
            chosen.contains(read).then(|| read.clone())
        }
    };
    for name in chosen {
        if let Some(model) = site.graph.models.get(name) {
            waiting.insert(name.clone(), model.reads.iter().filter_map(node_of).collect());
        }
    }
    let mut special = None;
    if let Some((reads, task)) = identity {
        waiting.insert(IDENTITY.into(), reads.iter().filter_map(node_of).collect());
        special = Some(task);
    }
    let mut readers: BTreeMap<String, usize> = BTreeMap::new();
    for needs in waiting.values() {
        for need in needs {
            *readers.entry(need.clone()).or_default() += 1;
        }
    }
    let mut identity_runs = false;
    let depth = depths(&waiting);
    let needs_of = waiting.clone();
    let mut running: JoinSet<Result<String>> = JoinSet::new();
    loop {
        while running.len() < site.at_once + usize::from(identity_runs) {
            // Of those that could start, the one with the longest way still to go behind it.
            let next = waiting
                .iter()
                .filter(|(_, needs)| needs.is_empty())
                .max_by_key(|(name, _)| (depth.get(*name).copied().unwrap_or(0), std::cmp::Reverse((*name).clone())))
                .map(|(name, _)| name.clone());
            let Some(name) = next else { break };
            waiting.remove(&name);
            if name == IDENTITY {
                if let Some(task) = special.take() {
                    identity_runs = true;
                    running.spawn(async move { task.await.map(|()| IDENTITY.to_string()) });
                }
                continue;
            }
            let is_read = readers.contains_key(&name);
            let site = site.clone();
            running.spawn(async move { model(&site, &name, is_read).await.map(|()| name) });
        }
        let Some(done) = running.join_next().await else { break };
        let name = done.map_err(|e| Error::failed(format!("building stopped: {e}")))??;
        identity_runs &= name != IDENTITY;
        bar.advance(&name);
        for needs in waiting.values_mut() {
            needs.remove(&name);
        }
        for need in needs_of.get(&name).into_iter().flatten() {
            if let Some(left) = readers.get_mut(need) {
                *left -= 1;
                if *left == 0 {
                    let_go(&site, need)?;
                }
            }
        }
    }
    match waiting.keys().next() {
        None => Ok(()),
        Some(name) => Err(Error::failed(format!("`{name}` could not be started"))),
    }
}

/// Nobody reads it any more: its memory goes back; a published table is read from its file by the checks.
fn let_go(site: &Site, name: &str) -> Result<()> {
    if name == IDENTITY {
        for spec in identity::tables::SPECS {
            release(site, spec.name, &spec.schema(), &spec.order())?;
        }
        return Ok(());
    }
    match site.graph.models.get(name) {
        Some(model) => release(site, name, &plan::declared_schema(&model.file.spec), &model.file.spec.write_order()),
        None => Ok(()),
    }
}

fn release(site: &Site, name: &str, schema: &Schema, order: &[String]) -> Result<()> {
    let is_checked = site.graph.checks.iter().any(|c| c.reads.contains(name));
    if !site.keeper.holds(name) {
        return Ok(());
    }
    if site.local(name).is_some() {
        site.register_scratch(name, schema, order)?;
    } else if is_checked {
        // An intermediate has no file: it is kept for the check that names it.
        return Ok(());
    } else {
        catalog::deregister(&site.context, name)?;
    }
    site.keeper.release(name);
    Ok(())
}

/// Length of the longest way from each node to one that nobody reads.
fn depths(needs: &BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, usize> {
    fn of(name: &str, needs: &BTreeMap<String, BTreeSet<String>>, done: &mut BTreeMap<String, usize>) -> usize {
        if let Some(depth) = done.get(name) {
            return *depth;
        }
        let readers: Vec<&String> = needs.iter().filter(|(_, n)| n.contains(name)).map(|(reader, _)| reader).collect();
        let depth = readers.into_iter().map(|r| of(r, needs, done) + 1).max().unwrap_or(0);
        done.insert(name.to_string(), depth);
        depth
    }
    let mut done = BTreeMap::new();
    for name in needs.keys() {
        of(name, needs, &mut done);
    }
    done
}

/// Plans, runs and registers one model.
async fn model(site: &Site, name: &str, is_read: bool) -> Result<()> {
    let started = Instant::now();
    let Some(model) = site.graph.models.get(name) else { return Err(Error::failed(format!("no model `{name}`"))) };
    let logical = plan::logical(&site.context, &model.statement, &model.file.sql_path)
        .await
        .map_err(|finding| Error::new(Kind::Failed, finding))?;
    let logical = plan::conform(logical, model).map_err(|findings| Error { kind: Kind::Failed, findings })?;
    let rows = match model.file.spec.materialized {
        Materialized::View => {
            tables::register_view(&site.context, name, logical, &model.file.sql)?;
            None
        }
        Materialized::Intermediate => Some(intermediate(site, model, logical).await?),
        Materialized::Table => Some(table(site, model, logical, is_read).await?),
    };
    if rows.is_some() {
        let seconds = started.elapsed().as_secs_f64();
        tracing::debug!(model = name, seconds, rows, "built");
        site.with_yield(|y| y.stages.push(StageRecord { name: name.to_string(), seconds, rows }));
    }
    Ok(())
}

/// Watches rows on their way into a file: checks them, and keeps them for the next models.
struct Watch<'a> {
    checks: RowChecks,
    collector: Option<&'a mut super::keep::Collector>,
}

impl Observer for Watch<'_> {
    fn rows(&mut self, batch: &RecordBatch) -> Result<()> {
        self.checks.rows(batch)?;
        if let Some(collector) = &mut self.collector {
            collector.push(batch)?;
        }
        Ok(())
    }
}

async fn table(site: &Site, model: &Model, logical: LogicalPlan, is_read: bool) -> Result<u64> {
    let spec = &model.file.spec;
    let doing = format!("building {}", model.name);
    let schema = plan::declared_schema(spec);
    let logical = plan::sorted(logical, model).map_err(|f| Error::new(Kind::Failed, f))?;
    let physical = physical(site, logical, &doing, model).await?;
    let stream = execute_stream(physical.clone(), site.context.task_ctx()).map_err(|e| engine::failed(&doing, &e))?;
    let mut collector = is_read.then(|| site.keeper.collector(&model.name, schema.clone()));
    let mut watch = Watch {
        checks: RowChecks::compile(&site.context, &schema, &checks::of_model(&model.file))?,
        collector: collector.as_mut(),
    };
    let file = site.scratch_file(&model.name);
    let written = writer::write(stream, schema.clone(), &personal(spec), &file, &doing, &mut watch).await?;
    trace_plan(model, &physical);
    let rows = written.rows;
    let seen = watch.checks.finish();
    site.with_yield(|y| y.seen.extend(seen.into_iter().map(|s| (model.name.clone(), s))));
    let order = spec.write_order();
    site.publish(&model.name, columns(spec), &spec.description, &order, written)?;
    let kept = match collector {
        Some(collector) => site.keeper.table(&model.name, schema.clone(), vec![collector], &order)?,
        None => None,
    };
    match kept {
        Some(table) => catalog::register(&site.context, &model.name, table)?,
        None => site.register_scratch(&model.name, &schema, &order)?,
    }
    Ok(rows)
}

/// Computed once a run; in memory, or in local files where it does not fit.
async fn intermediate(site: &Site, model: &Model, logical: LogicalPlan) -> Result<u64> {
    let spec = &model.file.spec;
    let doing = format!("building {}", model.name);
    let schema = plan::declared_schema(spec);
    let is_sorted = spec.sort.is_some();
    let logical =
        if is_sorted { plan::sorted(logical, model).map_err(|f| Error::new(Kind::Failed, f))? } else { logical };
    let physical = physical(site, logical, &doing, model).await?;
    let order = if is_sorted { spec.write_order() } else { Vec::new() };
    let task = site.context.task_ctx();
    let streams = if physical.output_partitioning().partition_count() == 1 || is_sorted {
        vec![execute_stream(physical.clone(), task).map_err(|e| engine::failed(&doing, &e))?]
    } else {
        execute_stream_partitioned(physical.clone(), task).map_err(|e| engine::failed(&doing, &e))?
    };
    let mut parts = JoinSet::new();
    for (i, stream) in streams.into_iter().enumerate() {
        let collector = site.keeper.collector(&model.name, schema.clone());
        let checks = RowChecks::compile(&site.context, &schema, &checks::of_model(&model.file))?;
        let file = site.scratch_file(&format!("{}-{i}", model.name));
        parts.spawn(drain(stream, collector, checks, file, schema.clone(), doing.clone()));
    }
    let mut drained: BTreeMap<PathBuf, Part> = BTreeMap::new();
    while let Some(part) = parts.join_next().await {
        let part = part.map_err(|e| Error::failed(format!("{doing}: {e}")))??;
        drained.insert(part.path.clone(), part);
    }
    let (mut collectors, mut files) = (Vec::new(), Vec::new());
    let mut checks: Option<RowChecks> = None;
    for part in drained.into_values() {
        match &mut checks {
            Some(all) => all.merge(part.checks),
            None => checks = Some(part.checks),
        }
        match part.written {
            Some(written) => files.push(written),
            None => collectors.push(part.collector),
        }
    }
    trace_plan(model, &physical);
    let rows = checks.as_ref().map_or(0, |c| c.rows);
    let seen = checks.map(RowChecks::finish).unwrap_or_default();
    if files.is_empty() {
        let Some(table) = site.keeper.table(&model.name, schema, collectors, &order)? else {
            return Err(Error::failed(format!("{doing}: what was kept has gone")));
        };
        catalog::register(&site.context, &model.name, table)?;
        settle(site, &model.name, seen).await?;
        return Ok(rows);
    }
    // Some did not fit: what the others hold goes to files too, so that the table is of one kind.
    for (i, mut collector) in collectors.into_iter().enumerate() {
        let file = site.scratch_file(&format!("{}-kept-{i}", model.name));
        files.push(spill(collector.take()?, &file, &schema, &doing).await?);
    }
    let data: Vec<DataFile> = files
        .into_iter()
        .map(|w| DataFile {
            path: w.file.file_name().and_then(|f| f.to_str()).unwrap_or_default().to_string(),
            sha256: w.sha256,
            bytes: w.bytes,
            rows: w.rows,
        })
        .collect();
    let table = tables::published(&site.scratch, &schema, &data, &order)?;
    catalog::register(&site.context, &model.name, table)?;
    settle(site, &model.name, seen).await?;
    Ok(rows)
}

/// Notes what the checks saw. Keys with equal hashes are looked at now: an intermediate is gone when the others are judged.
async fn settle(site: &Site, table: &str, seen: Vec<Seen>) -> Result<()> {
    for mut seen in seen {
        if !seen.is_certain {
            let sql = checks::queries::offenders_sql(&seen.check, table);
            seen.offenders = checks::queries::count(&site.context, &sql, &seen.check.name).await?;
            seen.is_certain = true;
        }
        site.with_yield(|y| y.seen.push((table.to_string(), seen)));
    }
    Ok(())
}

struct Part {
    path: PathBuf,
    collector: super::keep::Collector,
    checks: RowChecks,
    written: Option<Written>,
}

/// Takes a partition into memory; from where that is full, into a file.
async fn drain(
    mut stream: SendableRecordBatchStream,
    mut collector: super::keep::Collector,
    mut checks: RowChecks,
    path: PathBuf,
    schema: SchemaRef,
    doing: String,
) -> Result<Part> {
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|e| engine::failed(&doing, &e))?;
        if batch.num_rows() == 0 {
            continue;
        }
        checks.rows(&batch)?;
        let Some(held) = collector.push_or_take(&batch)? else { continue };
        // The rest of this partition goes to the file, after what was held.
        let head = futures::stream::iter(held.into_iter().map(Ok));
        let all = RecordBatchStreamAdapter::new(schema.clone(), head.chain(stream));
        let mut rest = Rest { seen: checks.rows as usize, checks: &mut checks };
        let written = writer::write(Box::pin(all), schema.clone(), &[], &path, &doing, &mut rest).await?;
        return Ok(Part { path, collector, checks, written: Some(written) });
    }
    let written = match collector.finish_or_take()? {
        Some(held) => Some(spill(held, &path, &schema, &doing).await?),
        None => None,
    };
    Ok(Part { path, collector, checks, written })
}

/// Checks the rows after those that were seen already.
struct Rest<'a> {
    seen: usize,
    checks: &'a mut RowChecks,
}

impl Observer for Rest<'_> {
    fn rows(&mut self, batch: &RecordBatch) -> Result<()> {
        let seen = self.seen.min(batch.num_rows());
        self.seen -= seen;
        if seen < batch.num_rows() {
            self.checks.rows(&batch.slice(seen, batch.num_rows() - seen))?;
        }
        Ok(())
    }
}

/// Writes rows that were held into a file.
async fn spill(held: Vec<RecordBatch>, file: &Path, schema: &SchemaRef, doing: &str) -> Result<Written> {
    let rows = futures::stream::iter(held.into_iter().map(Ok));
    let stream = RecordBatchStreamAdapter::new(schema.clone(), rows);
    writer::write(Box::pin(stream), schema.clone(), &[], file, doing, &mut Unobserved).await
}

async fn physical(site: &Site, logical: LogicalPlan, doing: &str, model: &Model) -> Result<Arc<dyn ExecutionPlan>> {
    site.context
        .state()
        .create_physical_plan(&logical)
        .await
        .map_err(|e| engine::failed(doing, &e).at(&model.file.sql_path, None))
}

/// The plan as it ran: rows and times of each operator (`-vv`).
fn trace_plan(model: &Model, physical: &Arc<dyn ExecutionPlan>) {
    if tracing::enabled!(tracing::Level::TRACE) {
        let shown = DisplayableExecutionPlan::with_metrics(physical.as_ref()).indent(false).to_string();
        tracing::trace!("{}:\n{shown}", model.name);
    }
}

fn personal(spec: &ModelSpec) -> Vec<String> {
    spec.columns.iter().filter(|c| c.pii).map(|c| c.name.clone()).collect()
}

/// The columns as the manifest and the Delta schema tell of them.
pub fn columns(spec: &ModelSpec) -> Vec<ColumnRecord> {
    spec.columns
        .iter()
        .map(|c| ColumnRecord {
            name: c.name.clone(),
            kind: c.data_type.text.clone(),
            description: c.description.clone(),
            pii: c.pii,
            unit: c.unit.clone(),
        })
        .collect()
}

/// An error that names a table which no run has made.
pub fn never_built(name: &str, by: &str) -> Error {
    Error::new(
        Kind::Config,
        Diagnostic::new(format!("`{by}` reads `{name}`, which no run has made yet"))
            .hint(format!("select it too: --select +{by}")),
    )
}

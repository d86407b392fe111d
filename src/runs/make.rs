//! From landed batches to tables: newest versions, what is to be made, the building of it. A run does this between landing and commit, and an audit does it
//! again later, from the same inputs. Nothing here writes into the warehouse.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, NaiveDate, Utc};
use tokio::sync::Semaphore;

use super::build::{self, Site};
use super::fingerprint::{self, Fingerprints};
use super::keep::Keeper;
use super::resolve::{self, Customers};
use super::tables;
use crate::catalog;
use crate::config::project::{Materialized, Project};
use crate::engine::{self, Limits};
use crate::error::{Error, Result};
use crate::landing::newest::{self, Newest, Sequence};
use crate::landing::order;
use crate::manifest::{BatchRecord, FileRecord, Manifest, ObjectBalance, StageRecord};
use crate::models::graph::{Graph, IDENTITY_TABLES};
use crate::models::parameters::Parameters;
use crate::models::select;
use crate::output::Narrator;
use crate::store::Store;

/// All that tables are made from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    pub project: &'a Project,
    /// Where batches and recorded tables lie; it is only read.
    pub warehouse: &'a Store,
    pub files: &'a [FileRecord],
    pub batches: &'a BTreeMap<String, BatchRecord>,
    pub as_of: NaiveDate,
    pub as_of_instant: DateTime<Utc>,
    /// The run before: its tables stand where nothing has changed, and the events of customers go on from it.
    pub previous: Option<&'a Manifest>,
    pub number: u64,
    /// Empty: everything.
    pub select: &'a [String],
    /// Nothing of an earlier run is to be used, but the events so far.
    pub full_refresh: bool,
}

/// What the making may use.
#[derive(Clone, Copy)]
pub struct Effort<'a> {
    pub threads: usize,
    pub memory: usize,
    /// A folder for local files.
    pub scratch: &'a Path,
}

/// Which rows of the landed batches count, by object: `shopify/orders`.
pub struct Counted {
    pub sequences: BTreeMap<String, Sequence>,
    pub newest: Arc<BTreeMap<String, Newest>>,
    pub balances: BTreeMap<String, ObjectBalance>,
}

/// What was made: tables in local files, and a session that knows them all.
pub struct Made {
    pub site: Arc<Site>,
    pub chosen: Chosen,
}

/// What a run makes.
pub struct Chosen {
    pub models: BTreeSet<String>,
    pub identity: bool,
}

/// Stage timings.
#[derive(Default)]
pub struct Clock {
    pub stages: Vec<StageRecord>,
}

impl Clock {
    pub fn note(&mut self, name: &str, since: Instant, rows: Option<u64>) {
        self.stages.push(StageRecord { name: name.into(), seconds: since.elapsed().as_secs_f64(), rows });
    }
}

/// The newest version of each key, as of the day.
pub async fn count(inputs: &Inputs<'_>, effort: &Effort<'_>) -> Result<Counted> {
    let objects: Vec<_> = inputs.project.objects().collect();
    let ordered = order::sequences(&objects, inputs.files, inputs.batches, inputs.as_of);
    let newest = Arc::new(resolve_newest(inputs, &ordered, effort).await?);
    let balances = balances(&ordered, &newest);
    let sequences = ordered.into_iter().map(|(label, (s, _))| (label, s)).collect();
    Ok(Counted { sequences, newest, balances })
}

/// Makes what has to be made: what was never made, or from something else, or all.
pub async fn make(
    inputs: &Inputs<'_>,
    graph: Graph,
    counted: &Counted,
    customers: Customers,
    effort: &Effort<'_>,
    narrator: &Narrator,
    clock: &mut Clock,
) -> Result<Made> {
    let Inputs { project, warehouse, previous, .. } = *inputs;
    let scratch = Store::open(&effort.scratch.display().to_string(), 2)?;
    // A quarter is for what operators do not count: batches on their way, row groups that are being encoded.
    let limits = Limits { partitions: project.partitions, memory: effort.memory / 4 * 3 };
    let context = engine::session(&limits, Some(effort.scratch))?;
    catalog::prepare(&context, &[warehouse, &scratch])?;
    for object in project.objects() {
        let label = object.contract.label();
        if let (Some(sequence), Some(newest)) = (counted.sequences.get(&label), counted.newest.get(&label)) {
            tables::register_landed(&context, warehouse, object, sequence, newest)?;
        }
    }
    tables::register_calendar(&context, project, inputs.as_of)?;
    tables::register_rejected_of(&context, warehouse, inputs.files, inputs.batches, inputs.as_of)?;
    let parameters = Parameters::new(project, inputs.as_of_instant);
    let year = inputs.as_of.format("%Y").to_string();
    let fingerprints = fingerprint::all(project, &graph, &parameters, &counted.sequences, &year)?;
    let selected = if inputs.select.is_empty() { None } else { Some(select::select(&graph, inputs.select)?) };
    let mut chosen = choose(&graph, previous, &fingerprints, selected.as_ref(), inputs.full_refresh)?;
    chosen.identity &= !matches!(customers, Customers::Recorded(_));
    for (name, record) in previous.iter().flat_map(|m| &m.tables).chain(customers.recorded()) {
        let is_known = graph.models.contains_key(name) || IDENTITY_TABLES.contains(&name.as_str());
        if is_known && !chosen.models.contains(name) {
            tables::register_recorded(&context, warehouse, name, record)?;
        }
    }

    // Identity, warehouse and marts, as parallel as they can.
    let at = Instant::now();
    let keeper = Keeper::new(context.clone(), effort.memory / 4);
    let site = Arc::new(Site {
        context,
        graph,
        warehouse: warehouse.clone(),
        scratch,
        scratch_folder: effort.scratch.to_path_buf(),
        keeper,
        fingerprints,
        previous: previous.cloned(),
        run: inputs.number,
        full_refresh: inputs.full_refresh,
        at_once: build::at_once(effort.threads, effort.memory),
        yield_: std::sync::Mutex::default(),
    });
    let identity =
        chosen.identity.then(|| resolve::task(project, &site, counted.newest.clone(), customers)).transpose()?;
    let bar = narrator.bar("building", chosen.models.len() as u64);
    build::build(site.clone(), &chosen.models, identity, &bar).await?;
    bar.finish();
    clock.note("building", at, None);
    Ok(Made { site, chosen })
}

async fn resolve_newest(
    inputs: &Inputs<'_>,
    ordered: &BTreeMap<String, (Sequence, ObjectBalance)>,
    effort: &Effort<'_>,
) -> Result<BTreeMap<String, Newest>> {
    let mut tasks = tokio::task::JoinSet::new();
    let permits = Arc::new(Semaphore::new(effort.threads));
    // All threads together take an eighth of the memory.
    let budget = (effort.memory / 8 / effort.threads).max(newest::LEAST);
    for object in inputs.project.objects() {
        let label = object.contract.label();
        let Some((sequence, _)) = ordered.get(&label) else { continue };
        let (contract, sequence, store) = (object.contract.clone(), sequence.clone(), inputs.warehouse.clone());
        let (permits, is_person) = (permits.clone(), object.person.is_some());
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await.map_err(|e| Error::failed(e.to_string()))?;
            Ok::<_, Error>((label, newest::resolve(&store, &contract, &sequence, is_person, budget).await?))
        });
    }
    let mut out = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        let (label, newest) = done.map_err(|e| Error::failed(format!("finding newest versions stopped: {e}")))??;
        out.insert(label, newest);
    }
    Ok(out)
}

/// accepted = keys + superseded + outdated, for every object.
fn balances(
    ordered: &BTreeMap<String, (Sequence, ObjectBalance)>,
    newest: &BTreeMap<String, Newest>,
) -> BTreeMap<String, ObjectBalance> {
    ordered
        .iter()
        .map(|(label, (_, balance))| {
            let mut balance = balance.clone();
            if let Some(newest) = newest.get(label) {
                balance.keys = newest.keys;
                balance.superseded = newest.superseded.iter().map(|s| s.len() as u64).sum();
                let kept: u64 = newest.kept_versions.iter().map(|(b, skip)| b.landed.rows - skip.len() as u64).sum();
                balance.outdated -= kept;
            }
            (label.clone(), balance)
        })
        .collect()
}

fn choose(
    graph: &Graph,
    before: Option<&Manifest>,
    fingerprints: &Fingerprints,
    selected: Option<&BTreeSet<String>>,
    full_refresh: bool,
) -> Result<Chosen> {
    let recorded = |name: &str| before.and_then(|m| m.tables.get(name));
    let is_fresh =
        |name: &str| !full_refresh && recorded(name).is_some_and(|t| fingerprints.get(name) == Some(&t.fingerprint));
    let kind = |name: &str| graph.models.get(name).map(|m| m.file.spec.materialized);
    let mut models: BTreeSet<String> = match selected {
        Some(selected) => selected.clone(),
        None => graph.models.keys().filter(|n| kind(n) == Some(Materialized::Table) && !is_fresh(n)).cloned().collect(),
    };
    models = closure(graph, before, models)?;
    let reads_identity = models
        .iter()
        .filter_map(|n| graph.models.get(n))
        .any(|m| m.reads.iter().any(|r| IDENTITY_TABLES.contains(&r.as_str())));
    let made = IDENTITY_TABLES.iter().all(|n| recorded(n).is_some());
    let identity = match selected {
        Some(_) => reads_identity && !made,
        None => full_refresh || !IDENTITY_TABLES.iter().all(|n| is_fresh(n)),
    };
    if identity {
        // Identity reads staging.
        for model in graph.models.values().filter(|m| m.file.layer == "staging") {
            models.insert(model.name.clone());
        }
    }
    // SQL checks and a reader of views may name any staging view: they cost nothing until they are read. One over a table that no run has made is left out.
    for name in &graph.order {
        let Some(model) = graph.models.get(name) else { continue };
        let is_there = |read: &String| match kind(read) {
            Some(Materialized::Table) => models.contains(read) || recorded(read).is_some(),
            Some(Materialized::View) => models.contains(read),
            Some(Materialized::Intermediate) | None => true,
        };
        if model.file.spec.materialized == Materialized::View && model.reads.iter().all(is_there) {
            models.insert(name.clone());
        }
    }
    Ok(Chosen { models, identity })
}

/// With the views and intermediates that the models read. A table that they read has to be chosen too, or made before.
pub fn closure(graph: &Graph, before: Option<&Manifest>, mut models: BTreeSet<String>) -> Result<BTreeSet<String>> {
    let mut open: Vec<String> = models.iter().cloned().collect();
    while let Some(name) = open.pop() {
        for read in graph.models.get(&name).iter().flat_map(|m| &m.reads) {
            let Some(model) = graph.models.get(read) else { continue };
            let is_table = model.file.spec.materialized == Materialized::Table;
            if !is_table && models.insert(read.clone()) {
                open.push(read.clone());
            }
            if is_table && !models.contains(read) && before.is_none_or(|m| !m.tables.contains_key(read)) {
                return Err(build::never_built(read, &name));
            }
        }
    }
    Ok(models)
}

//! One run, from the drop folder to the published tables. Read top down: it is the order of stages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use chrono::{NaiveDate, Utc};
use tokio::sync::Semaphore;

use super::build::{self, Site, Yield};
use super::commit::{self, Prepared};
use super::intake::{self, Loaded};
use super::keep::Keeper;
use super::plan::{self, Intake};
use super::verdict::{self, Verdict};
use super::{compile, fingerprint, lock, resolve, tables};
use crate::catalog;
use crate::config::RELEASES_FILE;
use crate::config::project::{Materialized, Project};
use crate::engine::{self, Limits};
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::landing::newest::{self, Newest, Sequence};
use crate::landing::order;
use crate::manifest::{FORMAT, Manifest, ObjectBalance, ProjectRecord, StageRecord, Stored};
use crate::models::graph::{Graph, IDENTITY_TABLES};
use crate::models::parameters::Parameters;
use crate::models::select;
use crate::output::{self, Narrator};
use crate::sources::drop;
use crate::store::Store;

/// What describes this run, not the project.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub as_of: Option<NaiveDate>,
    pub select: Vec<String>,
    pub full_refresh: bool,
    pub threads: usize,
    pub memory: usize,
    /// Set before the manifest is written: from there on the run is not to be stopped, since it may be published.
    pub is_committing: Arc<AtomicBool>,
}

/// How a run ended, if it did not fail.
pub enum Ended {
    /// Inputs, project and as_of are those of the last run.
    Unchanged {
        run: u64,
        as_of: NaiveDate,
        warnings: Vec<String>,
        seconds: f64,
    },
    Published(Box<Report>),
}

/// What there is to tell of a run.
pub struct Report {
    pub manifest: Manifest,
    pub recovered: Option<String>,
    pub new_files: usize,
    pub unchanged_files: usize,
    pub later_files: usize,
    /// Tables with a new version.
    pub changed: Vec<String>,
    pub verdict: Verdict,
    pub seconds: f64,
}

/// Stage timings.
#[derive(Default)]
struct Clock {
    stages: Vec<StageRecord>,
}

impl Clock {
    fn note(&mut self, name: &str, since: Instant, rows: Option<u64>) {
        self.stages.push(StageRecord { name: name.into(), seconds: since.elapsed().as_secs_f64(), rows });
    }
}

/// The whole run, under the lock.
pub async fn run(project: &Project, request: &Request, narrator: &Narrator) -> Result<Ended> {
    let began = Instant::now();
    let warehouse = Store::open(&project.warehouse, 0)?;
    let lock = lock::take(&warehouse).await?;
    let ended = run_locked(project, request, narrator, warehouse, began).await;
    lock.release().await?;
    ended
}

async fn run_locked(
    project: &Project,
    request: &Request,
    narrator: &Narrator,
    warehouse: Store,
    began: Instant,
) -> Result<Ended> {
    let mut clock = Clock::default();
    let started_at = lock::now();
    let (last, recovered) = commit::recover(&warehouse).await?;
    if let Some(said) = &recovered {
        narrator.say(said);
    }
    let drop = Store::open_source(&project.drop, 1)?;
    let before = last.as_ref().map(|s| &s.manifest);
    let at = Instant::now();
    let listing = drop::list(&drop).await?;
    let intake = plan::intake(project, &listing, before, request.as_of, request.full_refresh, Utc::now())?;
    clock.note("listing", at, None);
    let graph = Graph::build(project, intake.as_of_instant)?;
    // A wrong name is found before anything is read, and also where nothing has changed.
    let selected = select::select(&graph, &request.select)?;
    closure(&graph, before, selected)?;
    let is_same = before.is_some_and(|m| unchanged(project, m, &intake, request));
    if is_same && intake.read.is_empty() && intake.again.is_empty() {
        return Ok(nothing_to_do(before, &intake, began));
    }
    // Wrong models are found before anything is read.
    compile::compile(project, &graph).await?;
    let number = before.map_or(1, |m| m.run + 1);
    let scratch = Scratch::create(&warehouse)?;
    commit::mark(&warehouse, number).await?;
    let result =
        work(project, request, narrator, &warehouse, &drop, intake, graph, last, number, &scratch, clock, started_at)
            .await;
    // A run that failed leaves landed batches that the next one would make again: the marker lets it sweep first what is of no use.
    match result {
        Ok(Outcome::Unchanged(ended)) => {
            commit::unmark(&warehouse).await?;
            Ok(ended(began))
        }
        Ok(Outcome::Published(mut report)) => {
            commit::forget_failed(&warehouse).await?;
            commit::unmark(&warehouse).await?;
            report.recovered = recovered;
            report.seconds = began.elapsed().as_secs_f64();
            Ok(Ended::Published(report))
        }
        Err(e) => Err(e),
    }
}

enum Outcome {
    Unchanged(Box<dyn FnOnce(Instant) -> Ended + Send>),
    Published(Box<Report>),
}

/// Files that wait, and names that nobody reads.
fn left_alone(intake: &Intake) -> Vec<String> {
    let waiting = intake.not_ready.iter().map(|f| format!("{f}{NOT_READY}"));
    waiting.chain(intake.ignored.iter().map(|f| format!("{f}{IGNORED}"))).collect()
}

const NOT_READY: &str = " is not ready yet and was left for the next run";
const IGNORED: &str = " is no extract of any pipeline and was left alone";

/// What the last run warned of still holds, but for what lay about then.
fn nothing_to_do(before: Option<&Manifest>, intake: &Intake, began: Instant) -> Ended {
    let mut warnings = before.map(|m| m.warnings.clone()).unwrap_or_default();
    warnings.retain(|w| !w.ends_with(NOT_READY) && !w.ends_with(IGNORED));
    warnings.extend(left_alone(intake));
    warnings.sort();
    Ended::Unchanged {
        run: before.map_or(0, |m| m.run),
        as_of: intake.as_of,
        warnings,
        seconds: began.elapsed().as_secs_f64(),
    }
}

/// Whether the last run was made from the same project, day and program, and from everything.
fn unchanged(project: &Project, last: &Manifest, intake: &Intake, request: &Request) -> bool {
    !request.full_refresh
        && last.as_of == intake.as_of
        && last.project.digest == commit::project_digest(project)
        && last.versions == fingerprint::versions()
        && (last.select.is_empty() || last.select == request.select)
}

#[allow(clippy::too_many_arguments, reason = "the stages share all of it, and each is used once")]
async fn work(
    project: &Project,
    request: &Request,
    narrator: &Narrator,
    warehouse: &Store,
    drop: &Store,
    intake: Intake,
    graph: Graph,
    last: Option<Stored>,
    number: u64,
    scratch: &Scratch,
    mut clock: Clock,
    started_at: String,
) -> Result<Outcome> {
    let before = last.as_ref().map(|s| &s.manifest);
    narrator.say(&format!(
        "run {number} as of {}: {} files to read, {} unchanged",
        intake.as_of,
        intake.read.len() + intake.again.len(),
        intake.unchanged
    ));

    // Sources and landing.
    let at = Instant::now();
    let mut loaded =
        intake::load(project, drop, warehouse, &intake, before, request.threads, &scratch.folder, narrator).await?;
    let (stale, too_old) = plan::freshness(project, &loaded.files, intake.as_of);
    if !too_old.is_empty() {
        return Err(Error { kind: Kind::Failed, findings: too_old });
    }
    loaded.warnings.extend(stale);
    if !project.releases.is_empty() {
        let lines = project.releases.len();
        loaded
            .warnings
            .push(format!("{RELEASES_FILE} has {lines} lines: this version reads them and releases nothing"));
    }
    loaded.warnings.extend(left_alone(&intake));
    loaded.warnings.sort();
    loaded.warnings.dedup();
    clock.note("landing", at, Some(rows_of(&loaded, number)));

    // Nothing but times of files has changed: no new run.
    let same_files = before.is_some_and(|m| same_inputs(m, &loaded));
    if same_files && intake.again.is_empty() && before.is_some_and(|m| unchanged(project, m, &intake, request)) {
        let (run, as_of, mut warnings) = (before.map_or(0, |m| m.run), intake.as_of, loaded.warnings);
        warnings.extend(resolve::warnings(before));
        return Ok(Outcome::Unchanged(Box::new(move |began| Ended::Unchanged {
            run,
            as_of,
            warnings,
            seconds: began.elapsed().as_secs_f64(),
        })));
    }

    // The newest version of each key.
    let at = Instant::now();
    let scratch_store = Store::open(&scratch.folder.display().to_string(), 2)?;
    // A quarter is for what operators do not count: batches on their way, row groups that are being encoded.
    let limits = Limits { partitions: project.partitions, memory: request.memory / 4 * 3 };
    let context = engine::session(&limits, Some(&scratch.folder))?;
    catalog::prepare(&context, &[warehouse, &scratch_store])?;
    let objects: Vec<_> = project.objects().collect();
    let ordered = order::sequences(&objects, &loaded.files, &loaded.batches, intake.as_of);
    let newest = Arc::new(resolve_newest(project, warehouse, &ordered, request).await?);
    for (label, newest) in newest.iter().filter(|(_, n)| n.kept_unread > 0) {
        loaded.warnings.push(format!(
            "{label}: {} rows that its newest snapshot does not hold were kept, since rows of it without a readable key are in quarantine",
            newest.kept_unread
        ));
    }
    let balances = balances(&ordered, &newest);
    let sequences: BTreeMap<String, Sequence> = ordered.into_iter().map(|(label, (s, _))| (label, s)).collect();
    for object in &objects {
        let label = object.contract.label();
        if let (Some(sequence), Some(newest)) = (sequences.get(&label), newest.get(&label)) {
            tables::register_landed(&context, warehouse, object, sequence, newest)?;
        }
    }
    tables::register_calendar(&context, project, intake.as_of)?;
    clock.note("newest versions", at, None);

    // What has to be made: what was never made, or from something else.
    let parameters = Parameters::new(project, intake.as_of_instant);
    let year = intake.as_of.format("%Y").to_string();
    let fingerprints = fingerprint::all(project, &graph, &parameters, &sequences, &year)?;
    let selected = if request.select.is_empty() { None } else { Some(select::select(&graph, &request.select)?) };
    let chosen = choose(&graph, before, &fingerprints, selected.as_ref(), request.full_refresh)?;
    for (name, record) in before.iter().flat_map(|m| &m.tables) {
        let is_known = graph.models.contains_key(name) || IDENTITY_TABLES.contains(&name.as_str());
        if is_known && !chosen.models.contains(name) {
            tables::register_recorded(&context, warehouse, name, record)?;
        }
    }
    let draft = draft(project, &intake, &loaded, &balances, &last, number, request, &started_at);
    tables::register_rejected(&context, warehouse, Some(&draft))?;

    // Identity, warehouse and marts, as parallel as they can.
    let at = Instant::now();
    let keeper = Keeper::new(context.clone(), request.memory / 4);
    let site = Arc::new(Site {
        context: context.clone(),
        graph,
        warehouse: warehouse.clone(),
        scratch: scratch_store,
        scratch_folder: scratch.folder.clone(),
        keeper,
        fingerprints,
        previous: last.as_ref().map(|s| s.manifest.clone()),
        run: number,
        full_refresh: request.full_refresh,
        at_once: build::at_once(request.threads),
        yield_: std::sync::Mutex::default(),
    });
    let identity = chosen.identity.then(|| resolve::task(project, &site, newest.clone())).transpose()?;
    let bar = narrator.bar("building", chosen.models.len() as u64);
    build::build(site.clone(), &chosen.models, identity, &bar).await?;
    bar.finish();
    clock.note("building", at, None);

    // Checks: an error publishes nothing.
    let at = Instant::now();
    let made: BTreeSet<String> = chosen.models.clone();
    let verdict = verdict::judge(&site, &made, warehouse, number).await?;
    clock.note("checks", at, None);

    // The commit.
    let at = Instant::now();
    let Yield { tables: built, files, stages: model_stages, warnings, .. } = site.with_yield(std::mem::take);
    let mut manifest = draft;
    manifest.warnings.extend(warnings);
    if !chosen.identity {
        manifest.warnings.extend(resolve::warnings(before));
    }
    manifest.warnings.sort();
    manifest.tables = before.map(|m| m.tables.clone()).unwrap_or_default();
    manifest.tables.retain(|name, _| site.graph.models.contains_key(name) || IDENTITY_TABLES.contains(&name.as_str()));
    let changed: Vec<String> = built.iter().filter(|(_, t)| t.run == number).map(|(n, _)| n.clone()).collect();
    manifest.tables.extend(built);
    manifest.checks = verdict.records.clone();
    manifest.finished_at = lock::now();
    let mut stages = std::mem::take(&mut clock.stages);
    stages.extend(model_stages);
    manifest.stages = stages;
    manifest.peak_memory_bytes = output::peak_memory();
    let committed = Prepared { manifest, files }.commit(warehouse, project, &request.is_committing).await?;
    committed.roll_forward(warehouse, before).await?;
    let mut manifest = committed.manifest;
    manifest.stages.push(StageRecord { name: "commit".into(), seconds: at.elapsed().as_secs_f64(), rows: None });
    Ok(Outcome::Published(Box::new(Report {
        manifest,
        recovered: None,
        new_files: loaded.new_files,
        unchanged_files: intake.unchanged,
        later_files: intake.later,
        changed,
        verdict,
        seconds: 0.0,
    })))
}

/// Rows that were read in this run.
fn rows_of(loaded: &Loaded, run: u64) -> u64 {
    let mine = loaded.files.iter().filter(|f| f.loaded_in == run);
    mine.filter_map(|f| loaded.batches.get(f.batch.as_ref()?)).map(|b| b.rows_read).sum()
}

fn same_inputs(last: &Manifest, loaded: &Loaded) -> bool {
    last.files.len() == loaded.files.len()
        && last
            .files
            .iter()
            .zip(&loaded.files)
            .all(|(a, b)| (&a.name, &a.sha256, &a.batch) == (&b.name, &b.sha256, &b.batch))
}

async fn resolve_newest(
    project: &Project,
    warehouse: &Store,
    ordered: &BTreeMap<String, (Sequence, ObjectBalance)>,
    request: &Request,
) -> Result<BTreeMap<String, Newest>> {
    let mut tasks = tokio::task::JoinSet::new();
    let permits = Arc::new(Semaphore::new(request.threads));
    // All threads together take an eighth of the memory.
    let budget = (request.memory / 8 / request.threads).max(newest::LEAST);
    for object in project.objects() {
        let label = object.contract.label();
        let Some((sequence, _)) = ordered.get(&label) else { continue };
        let (contract, sequence, store) = (object.contract.clone(), sequence.clone(), warehouse.clone());
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

/// What this run makes.
struct Chosen {
    models: BTreeSet<String>,
    identity: bool,
}

fn choose(
    graph: &Graph,
    before: Option<&Manifest>,
    fingerprints: &fingerprint::Fingerprints,
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
    // SQL checks and a reader of views may name any staging view: they cost nothing until they are read.
    for model in graph.models.values().filter(|m| m.file.spec.materialized == Materialized::View) {
        models.insert(model.name.clone());
    }
    Ok(Chosen { models, identity })
}

/// With the views and intermediates that the models read. A table that they read has to be chosen too, or made before.
fn closure(graph: &Graph, before: Option<&Manifest>, mut models: BTreeSet<String>) -> Result<BTreeSet<String>> {
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

#[allow(clippy::too_many_arguments, reason = "a manifest has many parts")]
fn draft(
    project: &Project,
    intake: &Intake,
    loaded: &Loaded,
    balances: &BTreeMap<String, ObjectBalance>,
    last: &Option<Stored>,
    number: u64,
    request: &Request,
    started_at: &str,
) -> Manifest {
    let files: BTreeMap<String, String> = project.files.iter().map(|f| (f.path.clone(), f.sha256.clone())).collect();
    let digest = commit::project_digest(project);
    let fingerprint = fingerprint::of_run(&digest, intake.as_of, &loaded.files);
    Manifest {
        format: FORMAT,
        run: number,
        sealed: true,
        previous: commit::previous_digest(last.as_ref()),
        as_of: intake.as_of,
        as_of_instant: intake.as_of_instant.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        started_at: started_at.to_string(),
        finished_at: String::new(),
        select: request.select.clone(),
        versions: fingerprint::versions(),
        project: ProjectRecord { name: project.name.clone(), digest, files },
        fingerprint,
        files: loaded.files.clone(),
        batches: loaded.batches.clone(),
        objects: balances.clone(),
        tables: BTreeMap::new(),
        checks: Vec::new(),
        warnings: loaded.warnings.clone(),
        stages: Vec::new(),
        peak_memory_bytes: 0,
    }
}

/// A folder for local files, gone with the run.
struct Scratch {
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Scratch {
    /// Inside a local warehouse, so that a finished file is moved by a rename; else in the system's folder for such.
    fn create(warehouse: &Store) -> Result<Scratch> {
        match warehouse.local() {
            Some(root) => {
                let folder = root.join(commit::SCRATCH);
                if folder.exists() {
                    std::fs::remove_dir_all(&folder)?;
                }
                std::fs::create_dir_all(&folder)?;
                Ok(Scratch { folder, _temporary: None })
            }
            None => {
                let temporary = tempfile::tempdir()?;
                Ok(Scratch { folder: temporary.path().to_path_buf(), _temporary: Some(temporary) })
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is swept by the next run; a failure here changes nothing.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// One finding from a check's verdict, for the error of a failed run.
pub fn failed_checks(findings: Vec<Diagnostic>) -> Error {
    Error { kind: Kind::Check, findings }
}

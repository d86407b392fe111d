//! One run, from the drop folder to the published tables. Read top down: it is the order of stages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use chrono::{DateTime, NaiveDate, Utc};
use tokio::sync::mpsc;

use super::build::Yield;
use super::commit::{self, Prepared};
use super::intake::{self, Loaded};
use super::make::{self, Clock, Effort, Inputs, Made};
use super::plan::{self, Intake};
use super::resolve::{self, Customers};
use super::verdict::{self, Verdict};
use super::{compile, fingerprint, lock};
use crate::config::RELEASES_FILE;
use crate::config::project::Project;
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::manifest::{FORMAT, Manifest, ObjectBalance, ProjectRecord, StageRecord, Stored};
use crate::models::graph::{Graph, IDENTITY_TABLES};
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
    /// Is told when the run begins to work; a run that finds nothing to do tells nothing.
    pub begun: Option<mpsc::UnboundedSender<Begun>>,
}

/// A run that begins to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    pub run: u64,
    pub as_of: NaiveDate,
    /// As the manifest will say.
    pub started_at: String,
    /// The business day that the run stands for: from, to.
    pub day: (DateTime<Utc>, DateTime<Utc>),
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
    make::closure(&graph, before, selected)?;
    let is_same = before.is_some_and(|m| unchanged(project, m, &intake, request));
    if is_same && intake.read.is_empty() && intake.again.is_empty() {
        return Ok(nothing_to_do(before, &intake, began));
    }
    // Wrong models are found before anything is read.
    compile::compile(project, &graph).await?;
    let number = before.map_or(1, |m| m.run + 1);
    let scratch = Scratch::create(&warehouse)?;
    commit::mark(&warehouse, number).await?;
    if let Some(begun) = &request.begun {
        let starts = plan::end_of_day(project, intake.as_of.pred_opt().unwrap_or(intake.as_of))?;
        // Who asked may have gone: that is no matter of the run.
        let _ = begun.send(Begun {
            run: number,
            as_of: intake.as_of,
            started_at: started_at.clone(),
            day: (starts, intake.as_of_instant),
        });
    }
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
    let inputs = Inputs {
        project,
        warehouse,
        files: &loaded.files,
        batches: &loaded.batches,
        as_of: intake.as_of,
        as_of_instant: intake.as_of_instant,
        previous: before,
        number,
        select: &request.select,
        full_refresh: request.full_refresh,
    };
    let effort = Effort { threads: request.threads, memory: request.memory, scratch: &scratch.folder };
    let counted = make::count(&inputs, &effort).await?;
    clock.note("newest versions", at, None);

    // What has to be made: identity, warehouse and marts.
    let Made { site, chosen } =
        make::make(&inputs, graph, &counted, Customers::Resolved, &effort, narrator, &mut clock).await?;
    for (label, newest) in counted.newest.iter().filter(|(_, n)| n.kept_unread > 0) {
        loaded.warnings.push(format!(
            "{label}: {} rows that its newest snapshot does not hold were kept, since rows of it without a readable key are in quarantine",
            newest.kept_unread
        ));
    }

    // Checks: an error publishes nothing.
    let at = Instant::now();
    let made: BTreeSet<String> = chosen.models.clone();
    let verdict = verdict::judge(&site, &made, warehouse, number).await?;
    clock.note("checks", at, None);

    // The commit.
    let at = Instant::now();
    let Yield { tables: built, files, stages: model_stages, warnings, .. } = site.with_yield(std::mem::take);
    let mut manifest = draft(project, &intake, &loaded, &counted.balances, &last, number, request, &started_at);
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

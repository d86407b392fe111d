//! `audit reproduce`: makes a committed run again from its landed batches, its own copies of the project's files and its day, in a scratch place and
//! without the drop folder, and compares every table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::compare::{self, Side};
use super::replay::{self, Recorded};
use crate::config::Project;
use crate::config::project::Object;
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::landing::batch::{self, Landed};
use crate::manifest::{BatchRecord, DataFile, FileRecord, Manifest, TableRecord};
use crate::models::graph::{Graph, IDENTITY_TABLES};
use crate::output::{Narrator, counted};
use crate::runs::make::{self, Clock, Effort, Inputs, Made};
use crate::runs::resolve::Customers;
use crate::runs::{intake, plan, verdict};
use crate::store::Store;

/// They tell of the loading itself: each run writes on in what the run before left.
const CONTINUED: [&str; 2] = ["identity.customer_event", "identity.id_history"];
/// What they are continued from.
pub const CONTINUED_FROM: [&str; 2] = ["identity.customer_event", "identity.customer_xref"];

/// What is to be made again, and with what.
pub struct Request<'a> {
    pub run: u64,
    /// Keep the tables in this folder, which is empty or new.
    pub into: Option<&'a Path>,
    pub threads: usize,
    pub memory: usize,
    /// A folder for local files, gone afterwards.
    pub scratch: &'a Path,
}

/// What came of it: every table is the same.
pub struct Reproduced {
    pub run: u64,
    /// Tables that were made again.
    pub tables: usize,
    /// Tables that the run left as an earlier one had made them, with that run.
    pub left: Vec<(String, u64)>,
    pub checks: usize,
}

/// Makes a run again. An error names the first thing that differs.
pub async fn reproduce(store: &Store, request: &Request<'_>, narrator: &Narrator) -> Result<Reproduced> {
    if let Some(into) = request.into {
        must_be_empty(into)?;
    }
    let Recorded { run, before } = replay::recorded(store, request.run).await?;
    let needed = replay::version_needed(&run);
    if let Some(needed) = &needed {
        narrator.warn(&format!("{needed}; it is tried all the same"));
    }
    let made = again(store, &run, before.as_ref(), request, narrator).await;
    // What another version makes otherwise is no fault of the data.
    made.map_err(|e| match needed {
        Some(needed) => {
            let hint = e.findings.last().and_then(|f| f.hint.clone());
            e.hint(hint.map_or(needed.clone(), |hint| format!("{needed}; {hint}")))
        }
        None => e,
    })
}

async fn again(
    store: &Store,
    run: &Manifest,
    before: Option<&Manifest>,
    request: &Request<'_>,
    narrator: &Narrator,
) -> Result<Reproduced> {
    let is_partial = !run.select.is_empty();
    // The rules.
    let files = replay::files(store, run).await?;
    let project = replay::project_of(store, run, &files, request.scratch)?;
    let graph = Graph::build(&project, plan::end_of_day(&project, run.as_of)?)?;
    // The bytes.
    let batches = read_batches(run);
    check_inputs(store, &batches, before, request.threads).await?;
    narrator.say(&format!(
        "1. the inputs of run {} are as its manifest says: {}, {}",
        run.run,
        counted(files.len() as u64, "project file"),
        counted(batches.len() as u64, "landed file"),
    ));
    let landed = land_again(store, &project, &batches, request).await?;
    narrator.say(&format!("2. {}", landed.told()));
    // The tables.
    let kept = kept_tables(store, &graph, run, before, request.threads).await?;
    let inputs = Inputs {
        project: &project,
        warehouse: store,
        files: &run.files,
        batches: &run.batches,
        as_of: run.as_of,
        as_of_instant: plan::end_of_day(&project, run.as_of)?,
        previous: before,
        number: run.run,
        select: &run.select,
        full_refresh: !is_partial,
    };
    let effort = Effort { threads: request.threads, memory: request.memory, scratch: request.scratch };
    let balances = make::count(&inputs, &effort).await?;
    let order = graph.order.clone();
    let mut clock = Clock::default();
    let made = make::make(&inputs, graph, &balances, Customers::Resolved, &effort, narrator, &mut clock).await?;
    let (tables, local) = made.site.with_yield(|y| (y.tables.clone(), y.files.clone()));
    narrator.say(&format!(
        "3. {} built again as of {}, from nothing but these inputs",
        counted(tables.len() as u64, "table"),
        run.as_of
    ));
    if let Some(before) = before.filter(|_| tables.contains_key(CONTINUED[0])) {
        narrator.say(&format!(
            "   {} and {} tell of the loading itself: they were continued from the customers that run {} published",
            CONTINUED[0], CONTINUED[1], before.run
        ));
    }
    for (name, of) in &kept {
        narrator.say(&format!(
            "   {name} was not part of run {}: it is that of run {of}, and its digest is right",
            run.run
        ));
    }
    let result = Outcome { store, run, made: &made, tables: &tables, kept: &kept, order: &order };
    result.compare(&local, request.scratch).await?;
    if balances.balances != run.objects {
        return Err(Error::failed(format!("the rows of run {} are counted otherwise than its manifest says", run.run)));
    }
    let checks = checks(&made, run, request.scratch).await?;
    narrator.say(&format!("4. every table has the digest that the manifest of run {} states", run.run));
    if let Some(into) = request.into {
        keep(store, run, &tables, &local, &kept, into).await?;
    }
    Ok(Reproduced { run: run.run, tables: tables.len(), left: kept.into_iter().collect(), checks })
}

/// A folder that nothing is in, or that is not there yet.
fn must_be_empty(folder: &Path) -> Result<()> {
    match std::fs::read_dir(folder).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(Error::config(format!("the folder `{}` is not empty", folder.display()))
            .hint("--into takes a new folder, or an empty one")),
        Ok(false) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::config(format!("the folder `{}` cannot be read: {e}", folder.display()))),
    }
}

/// The batches that the run's files landed as, each with the first file of it.
fn read_batches(run: &Manifest) -> Vec<(&FileRecord, &BatchRecord)> {
    let mut seen = BTreeSet::new();
    run.files
        .iter()
        .filter_map(|file| {
            let id = file.batch.as_ref()?;
            seen.insert(id).then(|| Some((file, run.batches.get(id)?)))?
        })
        .collect()
}

/// Landed and quarantined files, and the tables of the run before that this one continues, by their digests.
async fn check_inputs(
    store: &Store,
    batches: &[(&FileRecord, &BatchRecord)],
    before: Option<&Manifest>,
    threads: usize,
) -> Result<()> {
    let mut files: Vec<(DataFile, String)> = Vec::new();
    for (file, batch) in batches {
        let named = format!("the batch of {}", file.name);
        files.push((batch.landed.clone(), format!("{named}, as it landed")));
        files.extend(batch.quarantined.iter().map(|q| (q.clone(), format!("{named}, its quarantine"))));
    }
    for (manifest, name) in before.iter().flat_map(|m| CONTINUED_FROM.map(|name| (*m, name))) {
        let record = manifest.tables.get(name);
        let of_table = record.into_iter().flat_map(|t| &t.files);
        files.extend(of_table.map(|f| (f.clone(), format!("{name} of run {}", manifest.run))));
    }
    check_all(store, files, threads).await
}

/// Checks files beside one another; an error names them all.
async fn check_all(store: &Store, files: Vec<(DataFile, String)>, threads: usize) -> Result<()> {
    let permits = Arc::new(Semaphore::new(threads.max(1)));
    let mut tasks = JoinSet::new();
    for (file, what) in files {
        let (store, permits) = (store.clone(), permits.clone());
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await.map_err(|e| Error::failed(e.to_string()))?;
            replay::check(&store, &file).await.map_err(|e| e.context(what))
        });
    }
    let mut findings = Vec::new();
    while let Some(done) = tasks.join_next().await {
        match done.map_err(|e| Error::failed(format!("reading stopped: {e}")))? {
            Ok(()) => {}
            Err(e) => findings.extend(e.findings),
        }
    }
    findings.sort();
    if findings.is_empty() { Ok(()) } else { Err(Error { kind: Kind::Failed, findings }) }
}

/// What came of landing the archived bytes again.
#[derive(Default)]
struct Again {
    landed: usize,
    not_archived: usize,
    /// By a contract that the run's project does not have, or that this program describes otherwise.
    other_contract: usize,
}

impl Again {
    fn told(&self) -> String {
        let mut told = format!(
            "{} landed again from the bytes as received, with the same result",
            counted(self.landed as u64, "file")
        );
        if self.not_archived > 0 {
            told.push_str(&format!("; {} not archived: their batches are taken as they landed", self.not_archived));
        }
        if self.other_contract > 0 {
            told.push_str(&format!(
                "; {} landed by contracts that the project no longer has: their batches are taken as they landed",
                self.other_contract
            ));
        }
        told
    }
}

/// Lands the archived bytes by the run's own contracts.
async fn land_again(
    store: &Store,
    project: &Project,
    batches: &[(&FileRecord, &BatchRecord)],
    request: &Request<'_>,
) -> Result<Again> {
    let (mut again, mut findings) = (Again::default(), Vec::new());
    let permits = Arc::new(Semaphore::new(request.threads.max(1)));
    let mut tasks = JoinSet::new();
    for (i, (file, batch)) in batches.iter().enumerate() {
        let object = project.objects().find(|o| o.contract.system == batch.system && o.contract.object == batch.object);
        let is_same = |o: &&Object| batch::contract_digest(&o.contract).is_ok_and(|digest| digest == batch.contract);
        let Some(object) = object.filter(is_same) else {
            again.other_contract += 1;
            continue;
        };
        if batch.archive.is_none() {
            again.not_archived += 1;
            continue;
        }
        again.landed += 1;
        // The bytes are archived already.
        let object = Object { archive: false, ..object.clone() };
        let (store, permits) = (store.clone(), permits.clone());
        let (file, batch, folder) = ((*file).clone(), (*batch).clone(), request.scratch.join(format!("landed-{i}")));
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await.map_err(|e| Error::failed(e.to_string()))?;
            let finding = land_one(&store, object, &file, &batch, &folder).await?;
            std::fs::remove_dir_all(&folder)?;
            Ok::<_, Error>(finding)
        });
    }
    while let Some(done) = tasks.join_next().await {
        findings.extend(done.map_err(|e| Error::failed(format!("landing stopped: {e}")))??);
    }
    findings.sort();
    if findings.is_empty() { Ok(again) } else { Err(Error { kind: Kind::Failed, findings }) }
}

/// Lands one file again: a finding where something else came of it.
async fn land_one(
    store: &Store,
    object: Object,
    file: &FileRecord,
    batch: &BatchRecord,
    folder: &Path,
) -> Result<Option<Diagnostic>> {
    let found = intake::as_found(file);
    let path = batch.archive.clone().unwrap_or_default();
    let at = |message: String| Some(Diagnostic::new(message).at(path.clone(), None));
    // A file that is not there is named by its place in the archive.
    replay::open(store, &path).await.map_err(|e| e.context(format!("the archive of {}", file.name)))?;
    let Some(input) = batch::open_archived(store, batch, found.compression.is_some()).await? else { return Ok(None) };
    std::fs::create_dir_all(folder)?;
    let target = folder.to_path_buf();
    let landed = replay::blocking(move || batch::land(&object, &found, input, None, &target)).await;
    Ok(match landed {
        // Bytes that cannot even be unpacked are no longer those that came.
        Err(e) => at(format!("the archive of {}: {}", file.name, e.findings.first().map_or("", |f| &f.message))),
        Ok(Landed::Refused { sha256, .. }) if sha256 == batch.source => {
            at(format!("{} is refused now: its bytes and contract are those that were landed", file.name))
        }
        Ok(Landed::Refused { sha256, .. }) => at(other_source(file, batch, &sha256)),
        Ok(Landed::Batch(new)) if new.record.source != batch.source => {
            at(other_source(file, batch, &new.record.source))
        }
        Ok(Landed::Batch(new)) => {
            let (a, b) = (&batch.landed, &new.record.landed);
            let quarantine = |r: &BatchRecord| r.quarantined.as_ref().map(|q| (q.sha256.clone(), q.rows));
            if (a.rows, &a.sha256) != (b.rows, &b.sha256) {
                at(format!("{} landed otherwise: {} rows then, {} now, other bytes", file.name, a.rows, b.rows))
            } else if quarantine(batch) != quarantine(&new.record) {
                at(format!("{} has another quarantine than when it landed", file.name))
            } else {
                None
            }
        }
    })
}

fn other_source(file: &FileRecord, batch: &BatchRecord, found: &str) -> String {
    format!(
        "the archive of {} holds other bytes: their SHA-256 is {found}, the manifest says {}",
        file.name, batch.source
    )
}

/// Of a partial run: the tables that it left as they were, with the run that made them. Their digests are checked, since others are built from them.
async fn kept_tables(
    store: &Store,
    graph: &Graph,
    run: &Manifest,
    before: Option<&Manifest>,
    threads: usize,
) -> Result<BTreeMap<String, u64>> {
    if run.select.is_empty() {
        return Ok(BTreeMap::new());
    }
    let selected = crate::models::select::select(graph, &run.select)?;
    let made = make::closure(graph, before, selected)?;
    let was_there = |name: &str| before.is_some_and(|m| m.tables.contains_key(name));
    let kept: BTreeMap<String, u64> = run
        .tables
        .iter()
        .filter(|(name, _)| !made.contains(*name) && was_there(name))
        .map(|(name, record)| (name.clone(), record.run))
        .collect();
    let files = kept.keys().filter_map(|name| Some((name, run.tables.get(name)?)));
    let files = files.flat_map(|(name, t)| t.files.iter().map(move |f| (f.clone(), name.clone()))).collect();
    check_all(store, files, threads).await?;
    Ok(kept)
}

/// The verdicts of all checks, compared with those of the run.
async fn checks(made: &Made, run: &Manifest, scratch: &Path) -> Result<usize> {
    // Offenders would be written there, were there any.
    let offenders = Store::open(&scratch.join("offenders").display().to_string(), 3)?;
    let verdict = verdict::judge(&made.site, &made.chosen.models, &offenders, run.run).await?;
    let differ = verdict.records.iter().find(|record| !run.checks.contains(record));
    match differ {
        Some(record) => Err(Error::failed(format!(
            "the check `{}` has another verdict: {} now",
            record.name,
            counted(record.offenders, "offender")
        ))),
        None => Ok(verdict.records.len()),
    }
}

/// What was made, beside what was published.
struct Outcome<'a> {
    store: &'a Store,
    run: &'a Manifest,
    made: &'a Made,
    tables: &'a BTreeMap<String, TableRecord>,
    kept: &'a BTreeMap<String, u64>,
    order: &'a [String],
}

impl Outcome<'_> {
    /// The first difference in the order in which tables are built is an error; the others are counted.
    async fn compare(&self, local: &[(PathBuf, String)], scratch: &Path) -> Result<()> {
        let known = IDENTITY_TABLES.iter().map(|n| (*n).to_string()).chain(self.order.iter().cloned());
        let mut names: Vec<String> = known.filter(|n| self.run.tables.contains_key(n)).collect();
        let rest: Vec<String> = self.run.tables.keys().filter(|n| !names.contains(n)).cloned().collect();
        names.extend(rest);
        let differing: Vec<&String> = names
            .iter()
            .filter(|name| !self.kept.contains_key(*name))
            .filter(|name| self.tables.get(*name).map(|t| &t.content) != self.run.tables.get(*name).map(|t| &t.content))
            .collect();
        let surplus = self.tables.keys().find(|name| !self.run.tables.contains_key(*name));
        let Some((first, others)) = differing.split_first() else {
            return match surplus {
                Some(name) => {
                    Err(Error::failed(format!("{name} was made again, and run {} has no such table", self.run.run)))
                }
                None => Ok(()),
            };
        };
        let said = self.difference(first, local, scratch).await?;
        let more = match others {
            [] => String::new(),
            [other] => format!("; another table differs: {other}"),
            others => {
                let named: Vec<&str> = others.iter().take(5).map(|n| n.as_str()).collect();
                let dots = if others.len() > 5 { ", …" } else { "" };
                format!("; {} other tables differ: {}{dots}", others.len(), named.join(", "))
            }
        };
        Err(Error::failed(format!("run {} is not reproduced: {first}: {said}{more}", self.run.run))
            .hint("the inputs are as the manifest says, so what was published did not come from them by these rules"))
    }

    async fn difference(&self, name: &str, local: &[(PathBuf, String)], scratch: &Path) -> Result<String> {
        let (Some(published), made) = (self.run.tables.get(name), self.tables.get(name)) else {
            return Ok("no such table was published".into());
        };
        let Some(made) = made else { return Ok("the run's project does not make it".into()) };
        for file in &published.files {
            if self.store.head(&file.path).await?.is_none() {
                return Ok(format!(
                    "its digest is another than the manifest states ({} of its rows then, {} now); `{}` is not here, so that no row can be named",
                    published.rows, made.rows, file.path
                ));
            }
            if let Err(e) = replay::check(self.store, file).await {
                let why = e.findings.first().map(|f| f.message.clone()).unwrap_or_default();
                return Ok(format!("the published file `{}` itself has been changed ({why})", file.path));
            }
        }
        let place = Store::open(&scratch.display().to_string(), 2)?;
        let files = local_files(made, local);
        let key = self.made.site.graph.models.get(name).map(|m| m.file.spec.key.clone()).unwrap_or_default();
        let published = Side { store: self.store, record: published, files: &published.files };
        compare::first_difference(published, Side { store: &place, record: made, files: &files }, &key).await
    }
}

/// The files of a table that was made, by their names in the scratch folder.
fn local_files(made: &TableRecord, local: &[(PathBuf, String)]) -> Vec<DataFile> {
    let name = |path: &str| {
        let (file, _) = local.iter().find(|(_, p)| p == path)?;
        Some(file.file_name()?.to_str()?.to_string())
    };
    made.files.iter().filter_map(|f| Some(DataFile { path: name(&f.path)?, ..f.clone() })).collect()
}

/// Lays the tables down as `<schema>/<table>.parquet`.
async fn keep(
    store: &Store,
    run: &Manifest,
    tables: &BTreeMap<String, TableRecord>,
    local: &[(PathBuf, String)],
    kept: &BTreeMap<String, u64>,
    into: &Path,
) -> Result<()> {
    let target = |name: &str| -> Result<PathBuf> {
        let path = into.join(format!("{}.parquet", name.replacen('.', "/", 1)));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(path)
    };
    for (name, record) in tables {
        let of_table = record.files.iter().filter_map(|f| local.iter().find(|(_, p)| *p == f.path));
        for (file, _) in of_table {
            std::fs::copy(file, target(name)?)?;
        }
    }
    for name in kept.keys() {
        for file in run.tables.get(name).into_iter().flat_map(|t| &t.files) {
            let (mut reader, path) = (store.reader(&file.path).await?, target(name)?);
            replay::blocking(move || {
                std::io::copy(&mut reader, &mut std::fs::File::create(path)?)?;
                Ok(())
            })
            .await?;
        }
    }
    Ok(())
}

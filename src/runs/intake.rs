//! Reads the files that the plan names, beside one another, and moves their batches into the warehouse.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::plan::{Intake, wrong_format};
use crate::config::project::{Object, OnRefused, Project};
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::landing::batch::{self, ControlTotals, Landed, NewBatch};
use crate::landing::decode::Reason;
use crate::manifest::{BatchRecord, FileRecord, Manifest};
use crate::output::Narrator;
use crate::sources::drop::Found;
use crate::store::Store;

/// What is known after reading.
#[derive(Debug, Default)]
pub struct Loaded {
    pub files: Vec<FileRecord>,
    pub batches: BTreeMap<String, BatchRecord>,
    /// Names of files that were new, and that were stated again.
    pub new_files: usize,
    pub restated: Vec<String>,
    /// Files whose bytes came before under another name.
    pub repeated: Vec<String>,
    /// Per object: columns of its new files that the contract does not name.
    pub unmapped: BTreeMap<String, BTreeSet<String>>,
    pub warnings: Vec<String>,
}

/// One file to land: from the drop folder, or from the archive.
struct Job {
    found: Found,
    object: Object,
    /// Archived bytes of before.
    archived: Option<BatchRecord>,
}

/// Lands everything; a refused file ends the run after all others were looked at, so that all refusals show at once.
#[allow(clippy::too_many_arguments, reason = "each is used once, and nothing else shares them")]
pub async fn load(
    project: &Project,
    drop: &Store,
    warehouse: &Store,
    intake: &Intake,
    last: Option<&Manifest>,
    threads: usize,
    scratch: &Path,
    narrator: &Narrator,
) -> Result<Loaded> {
    let mut loaded = Loaded {
        files: last.map(|m| m.files.clone()).unwrap_or_default(),
        batches: last.map(|m| m.batches.clone()).unwrap_or_default(),
        ..Loaded::default()
    };
    let run = last.map_or(1, |m| m.run + 1);
    let jobs = jobs(project, intake, &loaded)?;
    let bar = narrator.bar("reading", jobs.len() as u64);
    let permits = Arc::new(Semaphore::new(threads.max(1)));
    let mut tasks = JoinSet::new();
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    // The largest first, so that none is left alone at the end.
    order.sort_by_key(|i| std::cmp::Reverse(jobs[*i].found.bytes));
    for i in order {
        let (found, object, archived) = (jobs[i].found.clone(), jobs[i].object.clone(), jobs[i].archived.clone());
        let (drop, warehouse, permits) = (drop.clone(), warehouse.clone(), permits.clone());
        let folder = scratch.join(format!("file-{i}"));
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await.map_err(|e| Error::failed(e.to_string()))?;
            let landed = land(&drop, &warehouse, object, found, archived, &folder).await?;
            Ok::<_, Error>((i, landed))
        });
    }
    let mut results: BTreeMap<usize, Landed> = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        let (i, landed) = done.map_err(|e| Error::failed(format!("reading stopped: {e}")))??;
        bar.advance(&jobs[i].found.name);
        results.insert(i, landed);
    }
    bar.finish();
    let mut findings = Vec::new();
    for (i, landed) in results {
        let job = &jobs[i];
        match landed {
            Landed::Batch(batch) => record(&mut loaded, job, *batch, warehouse, run).await?,
            Landed::Refused { sha256, finding, .. } => match job.object.on_refused {
                OnRefused::Skip => leave_out(&mut loaded, job, sha256, finding.message, run),
                OnRefused::Fail => findings.push(finding),
            },
        }
    }
    if !findings.is_empty() {
        return Err(Error { kind: Kind::Failed, findings });
    }
    for (label, columns) in &loaded.unmapped {
        let columns = columns.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        loaded.warnings.push(format!("{label}: unmapped columns: {columns}"));
    }
    loaded.warnings.extend(unsettled(&loaded.files));
    Ok(loaded)
}

fn jobs(project: &Project, intake: &Intake, loaded: &Loaded) -> Result<Vec<Job>> {
    let object = |system: &str, name: &str| {
        project
            .objects()
            .find(|o| o.contract.system == system && o.contract.object == name)
            .cloned()
            .ok_or_else(|| Error::failed(format!("no pipeline has {system}/{name}")))
    };
    let mut jobs = Vec::new();
    for record in &intake.again {
        let batch = record.batch.as_ref().and_then(|id| loaded.batches.get(id)).cloned();
        jobs.push(Job { found: as_found(record), object: object(&record.system, &record.object)?, archived: batch });
    }
    for found in &intake.read {
        jobs.push(Job { found: found.clone(), object: object(&found.system, &found.object)?, archived: None });
    }
    Ok(jobs)
}

/// A file of before, as if it had been found again.
pub fn as_found(record: &FileRecord) -> Found {
    Found {
        name: record.name.clone(),
        system: record.system.clone(),
        object: record.object.clone(),
        date: record.date,
        number: record.number,
        format: String::new(),
        compression: compression_of(&record.name),
        bytes: record.bytes,
        modified: record.modified,
        e_tag: record.e_tag.clone(),
        control: None,
    }
}

fn compression_of(name: &str) -> Option<String> {
    name.rsplit_once('.').map(|(_, end)| end).filter(|end| matches!(*end, "gz" | "zst")).map(Into::into)
}

async fn land(
    drop: &Store,
    warehouse: &Store,
    object: Object,
    found: Found,
    archived: Option<BatchRecord>,
    folder: &Path,
) -> Result<Landed> {
    let (totals, faulty) = match &found.control {
        Some(name) => {
            let bytes = drop.get(name).await?.ok_or_else(|| Error::failed(format!("`{name}` has gone")))?;
            match ControlTotals::parse(&bytes, name) {
                Ok(totals) => (Some(totals), None),
                Err(finding) => (None, Some(*finding)),
            }
        }
        None => (None, None),
    };
    let faulty = faulty.or_else(|| wrong_format(&object, &found).filter(|_| archived.is_none()));
    let input = match &archived {
        Some(batch) => match batch::open_archived(warehouse, batch, found.compression.is_some()).await? {
            Some(input) => input,
            None => drop.reader(&found.name).await.map_err(|_| {
                Error::failed(format!("{} was not archived, and is no longer in the drop folder", found.name))
                    .at(&found.name, None)
                    .hint("hand the file over again: its contract has changed")
            })?,
        },
        None => drop.reader(&found.name).await?,
    };
    std::fs::create_dir_all(folder)?;
    let folder = folder.to_path_buf();
    tokio::task::spawn_blocking(move || {
        if let Some(finding) = faulty {
            return Ok(Landed::Refused { sha256: batch::digest(input)?, finding, is_drift: false });
        }
        let landed = batch::land(&object, &found, input, totals, &folder)?;
        if let (Landed::Batch(batch), Some(before)) = (&landed, &archived)
            && batch.record.source != before.source
        {
            return Err(Error::failed(format!("{} was not archived, and holds other bytes by now", found.name))
                .at(&found.name, None)
                .hint("hand the earlier bytes over again under this name, or take the change of its contract back"));
        }
        Ok(refuse_empty_snapshot(&object, &found, landed))
    })
    .await
    .map_err(|e| Error::failed(format!("reading stopped: {e}")))?
}

fn refuse_empty_snapshot(object: &Object, found: &Found, landed: Landed) -> Landed {
    match landed {
        Landed::Batch(batch) if object.snapshot_full && !object.allow_empty && is_empty(&batch) => Landed::Refused {
            sha256: batch.record.source.clone(),
            finding: Diagnostic::new(format!(
                "{} refused: a full snapshot without a row would delete everything",
                object.contract.label()
            ))
            .at(&found.name, None)
            .hint("hand over the whole table again, or say `allow_empty: true` in the pipeline"),
            is_drift: false,
        },
        other => other,
    }
}

/// Without a row: a header, once or several times.
fn is_empty(batch: &NewBatch) -> bool {
    let headers = batch.record.rejected.get(Reason::RepeatedHeader.as_str()).copied().unwrap_or(0);
    batch.record.rows_read == headers
}

async fn record(loaded: &mut Loaded, job: &Job, batch: NewBatch, warehouse: &Store, run: u64) -> Result<()> {
    let sha256 = batch.record.source.clone();
    if job.archived.is_some() {
        let (id, mut record) = batch.store(warehouse).await?;
        keep_archive(loaded, &mut record);
        // Control totals are not archived: what they said of these bytes still holds.
        record.control = record.control.or_else(|| job.archived.as_ref()?.control.clone());
        record.stated = record.stated.or_else(|| job.archived.as_ref()?.stated.clone());
        for file in loaded
            .files
            .iter_mut()
            .filter(|f| f.sha256 == sha256 && f.system == record.system && f.object == record.object)
        {
            file.batch = Some(id.clone());
        }
        loaded.batches.insert(id, record);
        return Ok(());
    }
    let same_name = loaded.files.iter().rposition(|f| f.name == job.found.name);
    let same_bytes = same_name.filter(|at| loaded.files[*at].sha256 == sha256);
    if let Some(at) = same_bytes {
        let file = &mut loaded.files[at];
        touch(file, &job.found);
        if file.batch.is_some() {
            // Only its time has changed.
            return Ok(());
        }
    }
    if loaded.batches.contains_key(&batch.id) {
        loaded.repeated.push(job.found.name.clone());
    }
    if same_name.is_some() && same_bytes.is_none() {
        loaded.restated.push(job.found.name.clone());
        loaded.warnings.push(format!("{} was restated: the same name came with other bytes", job.found.name));
    }
    if !batch.record.unmapped.is_empty() {
        let unmapped = batch.record.unmapped.iter().cloned();
        loaded.unmapped.entry(job.object.contract.label()).or_default().extend(unmapped);
    }
    if let Some(control) = batch.record.control.as_deref().filter(|c| c.starts_with("rows only")) {
        loaded.warnings.push(format!("{}: control totals checked for {control}", job.found.name));
    }
    let (id, mut record) = batch.store(warehouse).await?;
    keep_archive(loaded, &mut record);
    record.control = record.control.or_else(|| loaded.batches.get(&id)?.control.clone());
    record.stated = record.stated.or_else(|| loaded.batches.get(&id)?.stated.clone());
    loaded.batches.insert(id.clone(), record);
    match same_bytes {
        // It had been left out, and is settled.
        Some(at) => {
            let file = &mut loaded.files[at];
            (file.batch, file.refused, file.loaded_in) = (Some(id), None, run);
            loaded.new_files += 1;
        }
        None => add_file(loaded, &job.found, sha256, Some(id), None, run),
    }
    Ok(())
}

/// An archived file that was there before stays as it is, and so does what is known of it.
fn keep_archive(loaded: &Loaded, record: &mut BatchRecord) {
    if record.archive.is_none() {
        return;
    }
    if let Some(before) = loaded.batches.values().find(|b| b.archive == record.archive) {
        record.archive_sha256 = before.archive_sha256.clone();
    }
}

/// Goes on without a refused file, as its pipeline says; every report tells of it until it is settled.
fn leave_out(loaded: &mut Loaded, job: &Job, sha256: String, why: String, run: u64) {
    if job.archived.is_some() {
        // Loaded once, and refused by the contract of today.
        let (system, object) = (&job.found.system, &job.found.object);
        let mine = |f: &&mut FileRecord| f.sha256 == sha256 && f.system == *system && f.object == *object;
        for file in loaded.files.iter_mut().filter(mine) {
            (file.batch, file.refused) = (None, Some(why.clone()));
        }
        return;
    }
    match loaded.files.iter_mut().rfind(|f| f.name == job.found.name) {
        Some(file) if file.sha256 == sha256 => {
            touch(file, &job.found);
            if file.batch.is_none() {
                file.refused = Some(why);
            }
        }
        _ => add_file(loaded, &job.found, sha256, None, Some(why), run),
    }
}

/// The file has not changed, but what is known of it without reading it may have.
fn touch(file: &mut FileRecord, found: &Found) {
    (file.bytes, file.modified, file.e_tag) = (found.bytes, found.modified, found.e_tag.clone());
}

fn add_file(
    loaded: &mut Loaded,
    found: &Found,
    sha256: String,
    batch: Option<String>,
    refused: Option<String>,
    run: u64,
) {
    let restatement = loaded.files.iter().filter(|f| f.name == found.name).count() as u32;
    loaded.new_files += 1;
    loaded.files.push(FileRecord {
        name: found.name.clone(),
        system: found.system.clone(),
        object: found.object.clone(),
        date: found.date,
        number: found.number,
        restatement,
        sha256,
        bytes: found.bytes,
        modified: found.modified,
        e_tag: found.e_tag.clone(),
        batch,
        refused,
        loaded_in: run,
    });
}

/// Files that were left out, and whose name has not come again since.
fn unsettled(files: &[FileRecord]) -> Vec<String> {
    let last: BTreeMap<&str, &FileRecord> = files.iter().map(|f| (f.name.as_str(), f)).collect();
    last.values().filter_map(|f| f.refused.as_ref().map(|why| format!("{} was left out: {why}", f.name))).collect()
}

//! One manifest by itself and against the one before: numbers, names and sums that follow from one another.

use std::collections::{BTreeMap, BTreeSet};

use super::{Findings, RESTORE};
use crate::landing::batch::batch_id;
use crate::manifest::{BatchRecord, FileRecord, Manifest, ObjectBalance, TableRecord};
use crate::runs::fingerprint;
use crate::sinks::delta;

/// Collects what is wrong with one manifest.
struct Record<'a> {
    path: String,
    found: &'a mut Findings,
}

impl Record<'_> {
    fn says(&mut self, what: impl Into<String>) {
        self.found.fault(&self.path, what, RESTORE);
    }

    /// A number that was reckoned again.
    fn equals(&mut self, what: &str, recorded: u64, reckoned: u64) {
        if recorded != reckoned {
            self.says(format!("{what}: the manifest says {recorded}, and {reckoned} follows from its parts"));
        }
    }
}

/// Everything that a manifest can be held against without reading another file.
pub fn check(manifest: &Manifest, before: Option<&Manifest>, found: &mut Findings) {
    let mut record = Record { path: Manifest::path(manifest.run), found };
    let fingerprint = fingerprint::of_run(&manifest.project.digest, manifest.as_of, &manifest.files);
    if fingerprint != manifest.fingerprint {
        record.says("the run's fingerprint does not follow from its project, day and batches");
    }
    for (id, batch) in &manifest.batches {
        batch_holds(id, batch, &mut record);
    }
    record.found.count("batches of manifests", manifest.batches.len() as u64);
    files(manifest, before, &mut record);
    for (label, balance) in &manifest.objects {
        let at = &mut record;
        object(label, balance, manifest, at);
    }
    record.found.count("balances of objects", manifest.objects.len() as u64);
    for (name, table) in &manifest.tables {
        table_holds(name, table, manifest, before, &mut record);
    }
    record.found.count("tables of manifests", manifest.tables.len() as u64);
    if let Some(before) = before {
        for (id, old) in &before.batches {
            match manifest.batches.get(id) {
                None => record.says(format!("the batch {id} of run {} is gone", before.run)),
                Some(new) if !same_batch(old, new) => {
                    record.says(format!("the batch {id} is not as run {} had it", before.run))
                }
                Some(_) => {}
            }
        }
    }
}

/// A batch is a function of bytes and contract. What control totals say of it may come later, and its archive may be given up.
fn same_batch(old: &BatchRecord, new: &BatchRecord) -> bool {
    (&old.system, &old.object, &old.source, &old.contract, &old.landed, &old.quarantined)
        == (&new.system, &new.object, &new.source, &new.contract, &new.landed, &new.quarantined)
        && (old.rows_read, &old.rejected) == (new.rows_read, &new.rejected)
}

fn batch_holds(id: &str, batch: &BatchRecord, at: &mut Record<'_>) {
    if batch_id(&batch.source, &batch.contract) != id {
        at.says(format!("the batch {id} does not have the name that its source and contract give it"));
    }
    let place = |kind: &str| format!("{kind}/{}/{}/{id}.parquet", batch.system, batch.object);
    if batch.landed.path != place("landing") {
        at.says(format!("the batch {id} lies in another place than its name says: {}", batch.landed.path));
    }
    if let Some(file) = batch.quarantined.as_ref().filter(|q| q.path != place("quarantine")) {
        at.says(format!("the batch {id} has its quarantine in another place than its name says: {}", file.path));
    }
    if let Some(archive) = &batch.archive {
        let stem = format!("archive/{}/{}.", batch.source.get(..2).unwrap_or_default(), batch.source);
        if !archive.strip_prefix(&stem).is_some_and(|end| matches!(end, "zst" | "gz")) {
            at.says(format!("the batch {id} is archived under another name than its digest: {archive}"));
        }
    }
    let rejected: u64 = batch.rejected.values().sum();
    at.equals(&format!("rows read of the batch {id}"), batch.rows_read, batch.landed.rows + rejected);
    at.equals(
        &format!("rows in quarantine of the batch {id}"),
        batch.quarantined.as_ref().map_or(0, |q| q.rows),
        rejected,
    );
    if let Some(rows) = batch.stated.as_ref().and_then(|s| s.rows) {
        at.equals(&format!("rows of the batch {id} that the control totals state"), rows, batch.rows_read);
    }
}

/// The part of a file's record that never changes.
fn identity(file: &FileRecord) -> impl PartialEq + '_ {
    (&file.name, &file.sha256, &file.system, &file.object, file.date, file.number, file.restatement)
}

fn files(manifest: &Manifest, before: Option<&Manifest>, at: &mut Record<'_>) {
    let old: &[FileRecord] = before.map_or(&[], |m| &m.files);
    if manifest.files.len() < old.len() {
        at.says(format!("{} files were read so far, and the run before had read {}", manifest.files.len(), old.len()));
    }
    for (new, old) in manifest.files.iter().zip(old) {
        if identity(new) != identity(old) {
            at.says(format!("the record of the file {} is not as the run before had it", old.name));
        }
    }
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    for (i, file) in manifest.files.iter().enumerate() {
        let restatement = names.entry(&file.name).or_default();
        if file.restatement != *restatement {
            at.says(format!("{}: it is restatement {restatement} of its name, not {}", file.name, file.restatement));
        }
        *restatement += 1;
        if !file.name.starts_with(&format!("{}/{}/{}", file.system, file.object, file.date)) {
            at.says(format!("{}: its name tells of another system, object or date than its record", file.name));
        }
        let is_new = before.is_some() && i >= old.len();
        if file.loaded_in > manifest.run || is_new && file.loaded_in != manifest.run {
            at.says(format!("{}: it cannot have been loaded in run {}", file.name, file.loaded_in));
        }
        let batch = file.batch.as_ref().map(|id| (id, manifest.batches.get(id)));
        match batch {
            None if file.refused.is_none() => at.says(format!("{}: neither loaded nor refused", file.name)),
            None => {}
            Some((id, None)) => at.says(format!("{}: its batch {id} is not in the manifest", file.name)),
            Some((id, Some(batch)))
                if (&batch.source, &batch.system, &batch.object) != (&file.sha256, &file.system, &file.object) =>
            {
                at.says(format!("{}: its batch {id} is of other bytes, or of another object", file.name));
            }
            Some((_, Some(_))) => {}
        }
    }
    at.found.count("files handed over", manifest.files.len() as u64 - old.len().min(manifest.files.len()) as u64);
}

/// rows in files = accepted + quarantined + repeated, each reckoned again over the files; accepted = keys + superseded + outdated.
fn object(label: &str, balance: &ObjectBalance, manifest: &Manifest, at: &mut Record<'_>) {
    let mut own = ObjectBalance::default();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mine = |f: &&FileRecord| format!("{}/{}", f.system, f.object) == label && f.date <= manifest.as_of;
    for file in manifest.files.iter().filter(mine) {
        let Some((id, batch)) = file.batch.as_deref().and_then(|id| Some((id, manifest.batches.get(id)?))) else {
            continue;
        };
        own.files += 1;
        own.rows += batch.rows_read;
        own.newest = own.newest.max(Some(file.date));
        if !seen.insert(id) {
            own.repeated += batch.rows_read;
            continue;
        }
        own.accepted += batch.landed.rows;
        for (reason, rows) in &batch.rejected {
            own.quarantined += rows;
            *own.by_reason.entry(reason.clone()).or_default() += rows;
        }
    }
    at.equals(&format!("files of {label}"), balance.files, own.files);
    at.equals(&format!("rows of {label}"), balance.rows, own.rows);
    at.equals(&format!("accepted rows of {label}"), balance.accepted, own.accepted);
    at.equals(&format!("quarantined rows of {label}"), balance.quarantined, own.quarantined);
    at.equals(&format!("repeated rows of {label}"), balance.repeated, own.repeated);
    if balance.by_reason != own.by_reason {
        at.says(format!("{label}: the reasons of its quarantine are not those of its batches"));
    }
    if balance.newest != own.newest {
        at.says(format!("{label}: its newest file is of another day"));
    }
    at.equals(
        &format!("rows of {label} in all"),
        balance.rows,
        balance.accepted + balance.quarantined + balance.repeated,
    );
    at.equals(
        &format!("accepted rows of {label}, as keys and older versions"),
        balance.accepted,
        balance.keys + balance.superseded + balance.outdated,
    );
}

/// What of a table stays the same where a run did not make a new version.
fn version_of(table: &TableRecord) -> impl PartialEq + '_ {
    (table.version, table.run, table.rows, &table.columns, &table.files, &table.content, &table.description)
}

fn table_holds(name: &str, table: &TableRecord, manifest: &Manifest, before: Option<&Manifest>, at: &mut Record<'_>) {
    at.equals(&format!("rows of {name}"), table.rows, table.files.iter().map(|f| f.rows).sum());
    let content = fingerprint::digest(table.files.iter().map(|f| f.sha256.as_str()));
    if content != table.content {
        at.says(format!("the content digest of {name} does not follow from its files"));
    }
    let folder = delta::folder(name);
    for file in &table.files {
        if file.path != format!("{folder}/part-{}.parquet", file.sha256.get(..32).unwrap_or_default()) {
            at.says(format!("a file of {name} does not have the name that its digest gives it: {}", file.path));
        }
    }
    if manifest.run > 1 && before.is_none() {
        return;
    }
    let old = before.and_then(|m| m.tables.get(name));
    let is_new = table.run == manifest.run;
    match old {
        None if !is_new || table.version != 0 => {
            at.says(format!("{name} begins in this run, and is version {} of run {}", table.version, table.run));
        }
        None => {}
        Some(old) if is_new => at.equals(&format!("the version of {name}"), table.version, old.version + 1),
        Some(old) if version_of(old) != version_of(table) => {
            at.says(format!("{name} was not made in this run, and is not as the run before had it"));
        }
        Some(_) => {}
    }
}

//! The commit: data files, then the manifest by put-if-absent, then the Delta logs. And recovery: whatever a dead run left
//! is rolled forward (its manifest is there) or swept (it is not).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::seal;
use crate::config::project::{Project, ProjectFile};
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::manifest::{self, Manifest, RUNS, Stored};
use crate::models::writer::sha256;
use crate::sinks::delta;
use crate::store::Store;

/// There while a run works, and after one died.
pub const MARKER: &str = "_runs/in_progress.json";
/// Offenders of the last run that failed its checks.
pub const FAILED: &str = "_failed";
/// Local files of a run in a local warehouse.
pub const SCRATCH: &str = "_scratch";

/// Where a run writes. What lies in `_runs` itself is named by its place, not by a manifest.
const FOLDERS: [&str; 9] =
    ["landing", "quarantine", "archive", "identity", "warehouse", "marts", SCRATCH, "_runs/files", RUNS];

/// A run that is ready: nothing of it can be seen yet. Committing consumes it, so that it happens once.
pub struct Prepared {
    pub manifest: Manifest,
    /// (local file, path in the warehouse)
    pub files: Vec<(PathBuf, String)>,
}

/// A run whose manifest is there: readers see it, its Delta logs are to follow.
pub struct Committed {
    pub manifest: Manifest,
    /// Of the manifest, as stored.
    sha256: String,
}

/// Says that a run is at work.
pub async fn mark(store: &Store, run: u64) -> Result<()> {
    store.put(MARKER, Bytes::from(format!("{{\"run\": {run}}}\n"))).await
}

/// Says that it is through.
pub async fn unmark(store: &Store) -> Result<()> {
    store.delete(MARKER).await
}

/// Removes the offenders of runs that failed before this one: they are mended, and no manifest names them.
pub async fn forget_failed(store: &Store) -> Result<()> {
    for meta in store.list(FAILED).await? {
        store.delete(&store.relative(&meta.location)).await?;
    }
    Ok(())
}

impl Prepared {
    /// The commit point is the manifest's put-if-absent.
    pub async fn commit(self, store: &Store, project: &Project, is_committing: &AtomicBool) -> Result<Committed> {
        for (local, path) in &self.files {
            store.import(local, path).await?;
        }
        for file in &project.files {
            let path = format!("{RUNS}/files/{}", file.sha256);
            if store.head(&path).await?.is_none() {
                store.put(&path, Bytes::from(file.bytes.clone())).await?;
            }
        }
        is_committing.store(true, Ordering::SeqCst);
        let path = Manifest::path(self.manifest.run);
        let bytes = Bytes::from(self.manifest.to_bytes()?);
        let sha256 = sha256(&bytes);
        if !store.put_if_absent(&path, bytes).await? {
            return Err(Error::new(
                Kind::Locked,
                Diagnostic::new(format!("another run committed as run {} first", self.manifest.run))
                    .hint("start again: this run published nothing"),
            ));
        }
        Ok(Committed { manifest: self.manifest, sha256 })
    }
}

impl Committed {
    /// Lets the tables' logs follow the manifest, and seals both.
    pub async fn roll_forward(&self, store: &Store, before: Option<&Manifest>) -> Result<()> {
        delta::roll_forward(store, &self.manifest, before).await?;
        seal::write(store, &self.manifest, &self.sha256, before).await
    }
}

/// Brings the warehouse into the state of its last manifest. Returns that manifest, and what was done.
pub async fn recover(store: &Store) -> Result<(Option<Stored>, Option<String>)> {
    let last = manifest::last(store).await?;
    let Some(marker) = store.get(MARKER).await? else {
        // Killed in the midst of writing the marker.
        sweep_halves(store, &[RUNS])?;
        return Ok((last, None));
    };
    let died = serde_json::from_slice::<serde_json::Value>(&marker)
        .ok()
        .and_then(|v| v.get("run").and_then(serde_json::Value::as_u64));
    let said = match &last {
        Some(stored) if died == Some(stored.manifest.run) => {
            let before = match stored.manifest.run {
                1 => None,
                n => Some(manifest::read(store, n - 1).await?.manifest),
            };
            delta::roll_forward(store, &stored.manifest, before.as_ref()).await?;
            seal::write(store, &stored.manifest, &stored.sha256, before.as_ref()).await?;
            sweep_halves(store, &FOLDERS)?;
            format!("run {} ended after its commit: its tables were rolled forward", stored.manifest.run)
        }
        _ => {
            let swept = sweep(store).await?;
            format!("the run before ended without a commit: {swept} files of it were swept")
        }
    };
    unmark(store).await?;
    Ok((last, Some(said)))
}

/// Removes files that no manifest names. Only the holder of the lock may do this.
async fn sweep(store: &Store) -> Result<u64> {
    let mut named: BTreeSet<String> = BTreeSet::new();
    for run in manifest::numbers(store).await? {
        let manifest = manifest::read(store, run).await?.manifest;
        named.extend(manifest.project.files.values().map(|digest| format!("{RUNS}/files/{digest}")));
        for table in manifest.tables.values() {
            named.extend(table.files.iter().map(|f| f.path.clone()));
        }
        for batch in manifest.batches.values() {
            named.insert(batch.landed.path.clone());
            named.extend(batch.quarantined.iter().map(|q| q.path.clone()));
            named.extend(batch.archive.clone());
        }
    }
    let mut swept = 0;
    for folder in FOLDERS.into_iter().filter(|f| *f != RUNS) {
        for meta in store.list(folder).await? {
            let path = store.relative(&meta.location);
            if !named.contains(&path) && !path.contains("/_delta_log/") {
                store.delete(&path).await?;
                swept += 1;
            }
        }
    }
    Ok(swept + sweep_halves(store, &FOLDERS)?)
}

/// Files that a kill left half written: the store's own names for them end in `#` and a number, and it does not list them.
fn sweep_halves(store: &Store, folders: &[&str]) -> Result<u64> {
    let Some(root) = store.local() else { return Ok(0) };
    folders.iter().map(|f| halves(&root.join(f))).sum()
}

fn halves(folder: &std::path::Path) -> Result<u64> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(0) };
    let mut swept = 0;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            swept += halves(&path)?;
            continue;
        }
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let is_half =
            name.rsplit_once('#').is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if is_half {
            std::fs::remove_file(&path)?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// The manifest's link to the one before.
pub fn previous_digest(last: Option<&Stored>) -> Option<String> {
    last.map(|s| s.sha256.clone())
}

/// A digest over the project's files, as far as tables are made from them: not over the sinks.
pub fn project_digest(project: &Project) -> String {
    digest_of_files(&project.files)
}

/// The same from the files alone, sorted by path.
pub fn digest_of_files(files: &[ProjectFile]) -> String {
    let lines: Vec<String> = files.iter().map(|f| format!("{} {}\n", f.sha256_without_sinks(), f.path)).collect();
    sha256(lines.concat().as_bytes())
}

//! What it takes to make a committed run again: its manifest, the one before, and its own copies of the project's files. Each is checked against its digest.

use std::io::Read;
use std::path::{Component, Path};

use bytes::Bytes;

use crate::config::{self, Overrides, Project};
use crate::error::{Error, Kind, Result};
use crate::landing::batch;
use crate::manifest::{self, DataFile, Manifest, RUNS, Stored};
use crate::models::writer::sha256;
use crate::runs::fingerprint;
use crate::store::Store;

/// A committed run, and the one before it.
pub struct Recorded {
    pub run: Manifest,
    pub before: Option<Manifest>,
}

/// Reads both, and holds the chain between them to its digest.
pub async fn recorded(store: &Store, run: u64) -> Result<Recorded> {
    let stored = manifest::read(store, run).await?;
    let Stored { manifest: run, .. } = stored;
    let Some(expected) = &run.previous else { return Ok(Recorded { run, before: None }) };
    let number = run.run.saturating_sub(1);
    let before = manifest::read(store, number).await?;
    if before.sha256 != *expected {
        return Err(other_bytes(&Manifest::path(number), expected, &before.sha256)
            .context(format!("run {} followed another manifest", run.run)));
    }
    Ok(Recorded { before: Some(before.manifest), run })
}

/// Bytes that are not those that a manifest names.
pub fn other_bytes(path: &str, expected: &str, found: &str) -> Error {
    Error::failed(format!("other bytes: its SHA-256 is {found}, the manifest says {expected}"))
        .at(path, None)
        .hint("restore it from a copy of the warehouse; `uramaki audit verify` finds all that was changed")
}

/// The project's files as a run read them: path and bytes.
pub async fn files(store: &Store, manifest: &Manifest) -> Result<Vec<(String, Bytes)>> {
    let mut out = Vec::new();
    for (path, digest) in &manifest.project.files {
        if !is_inside(Path::new(path)) {
            return Err(Error::failed(format!("the manifest names a project file outside the project: `{path}`")));
        }
        let held = format!("{RUNS}/files/{digest}");
        let bytes = store.get(&held).await?.ok_or_else(|| {
            Error::failed(format!("`{path}` of the project is not there as run {} read it", manifest.run))
                .at(held.clone(), None)
                .hint("restore it from a copy of the warehouse")
        })?;
        let found = sha256(&bytes);
        if found != *digest {
            return Err(other_bytes(&held, digest, &found).context(format!("`{path}` as run {} read it", manifest.run)));
        }
        out.push((path.clone(), bytes));
    }
    Ok(out)
}

/// Whether a relative path stays where it is.
pub fn is_inside(path: &Path) -> bool {
    path.components().next().is_some() && path.components().all(|c| matches!(c, Component::Normal(_)))
}

/// Lays files out as a project, and reads it. Its drop folder is an empty one: nothing of today is looked at.
pub fn project(store: &Store, files: &[(String, Bytes)], folder: &Path) -> Result<Project> {
    let (root, nothing) = (folder.join("project"), folder.join("no-drop"));
    std::fs::create_dir_all(&nothing)?;
    std::fs::create_dir_all(&root)?;
    for (path, bytes) in files {
        let target = root.join(path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(target, bytes)?;
    }
    let overrides = Overrides { warehouse: Some(store.label().to_string()), drop: Some(nothing.display().to_string()) };
    config::load(&root, &overrides)
}

/// The project of a run. What the run could read and this program cannot is no fault of a person's.
pub fn project_of(store: &Store, manifest: &Manifest, files: &[(String, Bytes)], folder: &Path) -> Result<Project> {
    let project = project(store, files, folder).map_err(|mut e| {
        e.kind = Kind::Failed;
        let said = format!("this program does not understand the project of run {}", manifest.run);
        let e = e.context(said);
        match version_needed(manifest) {
            Some(needed) => e.hint(needed),
            None => e,
        }
    })?;
    Ok(project)
}

/// None: this program is of the run's versions.
pub fn version_needed(manifest: &Manifest) -> Option<String> {
    let here = fingerprint::versions();
    if here == manifest.versions {
        return None;
    }
    let names: std::collections::BTreeSet<&String> = here.keys().chain(manifest.versions.keys()).collect();
    let told: Vec<String> = names
        .into_iter()
        .filter(|name| here.get(*name) != manifest.versions.get(*name))
        .map(|name| {
            let of = |v: Option<&String>| v.map_or("none".to_string(), Clone::clone);
            format!("{name} {} (here: {})", of(manifest.versions.get(name)), of(here.get(name)))
        })
        .collect();
    Some(format!("run {} was made by other versions: it needs {}", manifest.run, told.join(", ")))
}

/// Whether a file has the bytes that a manifest names.
pub async fn check(store: &Store, file: &DataFile) -> Result<()> {
    let found = digest(store, &file.path).await?;
    if found == file.sha256 { Ok(()) } else { Err(other_bytes(&file.path, &file.sha256, &found)) }
}

async fn digest(store: &Store, path: &str) -> Result<String> {
    let reader = open(store, path).await?;
    blocking(move || batch::digest(reader)).await
}

/// Opens a file that must be there.
pub async fn open(store: &Store, path: &str) -> Result<Box<dyn Read + Send>> {
    if store.head(path).await?.is_none() {
        return Err(Error::failed("the file is not there, and a manifest names it")
            .at(path, None)
            .hint("restore it from a copy of the warehouse"));
    }
    store.reader(path).await
}

/// Work that waits for bytes.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::failed(format!("reading stopped: {e}")))?
}

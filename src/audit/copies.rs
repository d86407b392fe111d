//! The project as it was at a run, from the copies of its files in the warehouse.

use std::path::{Component, Path};

use tempfile::TempDir;

use crate::config::{self, Overrides, Project};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, RUNS};
use crate::store::Store;

/// A project that lies in a folder of its own while it is asked.
pub struct Copy {
    pub project: Project,
    _folder: TempDir,
}

/// Puts the project's files together again and reads them.
pub async fn project(store: &Store, manifest: &Manifest) -> Result<Copy> {
    let folder = tempfile::tempdir()?;
    for (path, sha256) in &manifest.project.files {
        let stored = format!("{RUNS}/files/{sha256}");
        let broken = |what: &str| {
            Error::failed(format!("the project of run {} cannot be put together: {what}", manifest.run))
                .at(stored.clone(), None)
                .hint("`uramaki audit verify` says what else is not as it was written")
        };
        if !Path::new(path).components().all(|c| matches!(c, Component::Normal(_))) {
            return Err(broken("a file of it has no place in a project"));
        }
        let bytes = store.get(&stored).await?.ok_or_else(|| broken("a file of it is not there"))?;
        if crate::models::writer::sha256(&bytes) != *sha256 {
            return Err(broken("a file of it was changed"));
        }
        let target = folder.path().join(path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(target, &bytes)?;
    }
    let overrides = Overrides { warehouse: Some(store.label().to_string()), drop: None };
    let project = config::load(folder.path(), &overrides)
        .map_err(|e| e.context(format!("the project of run {}, read by this version", manifest.run)))?;
    Ok(Copy { project, _folder: folder })
}

//! The project as it was at a run: from the copies that the warehouse keeps, not from the files of today.

use tempfile::TempDir;

use crate::config::{self, Overrides, Project};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, RUNS};
use crate::models::writer::sha256;
use crate::store::Store;

/// A run's project. Its files lie in a folder that goes with it.
pub struct Rules {
    pub project: Project,
    _folder: TempDir,
}

impl Rules {
    /// Reads the copies that the manifest names. Errors: one that is not there or is not what the manifest says, and a project that this version does
    /// not understand.
    pub async fn of_run(store: &Store, manifest: &Manifest) -> Result<Rules> {
        let folder = tempfile::tempdir()?;
        for (name, digest) in &manifest.project.files {
            let path = format!("{RUNS}/files/{digest}");
            let bytes = store.get(&path).await?.ok_or_else(|| {
                Error::failed(format!("the copy of `{name}` that run {} used is not there", manifest.run))
                    .at(&path, None)
                    .hint("`uramaki audit verify` tells what else is missing")
            })?;
            if sha256(&bytes) != *digest {
                return Err(Error::failed(format!("the copy of `{name}` that run {} used was changed", manifest.run))
                    .at(&path, None)
                    .hint("`uramaki audit verify` tells what else was changed"));
            }
            let target = folder.path().join(name);
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(&target, &bytes)?;
        }
        let nowhere = folder.path().join("drop").display().to_string();
        let overrides = Overrides { warehouse: None, drop: Some(nowhere) };
        let project = config::load(folder.path(), &overrides)
            .map_err(|e| e.context(format!("reading the project of run {}", manifest.run)))?;
        Ok(Rules { project, _folder: folder })
    }
}

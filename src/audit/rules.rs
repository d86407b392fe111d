//! The project as it was at a run: from the copies that the warehouse keeps, not from the files of today.

use tempfile::TempDir;

use super::replay;
use crate::config::Project;
use crate::error::Result;
use crate::manifest::Manifest;
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
        let files = replay::files(store, manifest).await?;
        let project = replay::project_of(store, manifest, &files, folder.path())?;
        Ok(Rules { project, _folder: folder })
    }
}

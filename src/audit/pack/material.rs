//! What the folder is made from: manifests, and the project files as they were at the runs.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use crate::audit::balance::{self, Balance};
use crate::config::{self, Overrides, Project};
use crate::error::{Error, Result};
use crate::manifest::{self, Manifest, Stored};
use crate::models::graph::Graph;
use crate::models::writer::sha256;
use crate::pages::Language;
use crate::runs::{compile, reading};
use crate::store::Store;

/// A project file as a run had it.
pub struct Source {
    pub sha256: String,
    /// None: the warehouse has lost it, or it is another one now.
    pub bytes: Option<Vec<u8>>,
}

/// By path.
pub type Sources = BTreeMap<String, Source>;

/// A project of a run, read by the program of today.
pub struct Rules {
    pub project: Project,
    pub graph: Graph,
}

/// The run of the last folder.
pub struct Before {
    pub stored: Stored,
    pub sources: Sources,
    pub rules: Option<Rules>,
}

pub struct Material {
    pub language: Language,
    pub now: Stored,
    pub sources: Sources,
    /// An error says why the program of today cannot read them.
    pub rules: Result<Rules>,
    pub before: Option<Before>,
    /// Rows and money from the sources to the marts. An error says why they cannot be balanced.
    pub balance: Result<Balance>,
}

impl Material {
    pub async fn gather(
        project: &Project,
        run: Option<u64>,
        since: Option<u64>,
        language: Language,
    ) -> Result<Material> {
        let (store, last) = reading::manifest_of(project, run).await?;
        let now = manifest::read(&store, last.run).await?;
        let earlier = match since {
            Some(since) if since >= last.run => {
                return Err(Error::config(format!("run {since} is not before run {}", last.run))
                    .hint("`--since` names the run of the last pack"));
            }
            Some(since) => Some(since),
            None => manifest::numbers(&store).await?.into_iter().rfind(|n| *n < last.run),
        };
        let before = match earlier {
            Some(run) => {
                let stored = manifest::read(&store, run).await?;
                let sources = sources(&store, &stored.manifest).await?;
                let rules = rules(&sources).ok();
                Some(Before { stored, sources, rules })
            }
            None => None,
        };
        let sources = sources(&store, &now.manifest).await?;
        let balance = balance::balance(&store, Some(now.manifest.run)).await;
        Ok(Material { language, rules: rules(&sources), sources, now, before, balance })
    }

    pub fn manifest(&self) -> &Manifest {
        &self.now.manifest
    }
}

async fn sources(store: &Store, manifest: &Manifest) -> Result<Sources> {
    let mut found = Sources::new();
    for (path, digest) in &manifest.project.files {
        let bytes = store.get(&format!("{}/files/{digest}", manifest::RUNS)).await?;
        let bytes = bytes.filter(|bytes| sha256(bytes) == *digest).map(|bytes| bytes.to_vec());
        found.insert(path.clone(), Source { sha256: digest.clone(), bytes });
    }
    Ok(found)
}

/// The project, read from a folder that is gone afterwards. Its places (drop, warehouse) are not to be used.
fn rules(sources: &Sources) -> Result<Rules> {
    let folder = tempfile::tempdir()?;
    for (path, source) in sources {
        let is_plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        let Some(bytes) = source.bytes.as_ref().filter(|_| is_plain) else {
            return Err(Error::failed(format!("{path} is not in the warehouse as the manifest names it")));
        };
        let target = folder.path().join(path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(target, bytes)?;
    }
    let rules = config::load(folder.path(), &Overrides::default()).and_then(|project| {
        let graph = compile::graph(&project)?;
        Ok(Rules { project, graph })
    });
    // The folder's name is another one each time, and says nothing.
    let shown = folder.path().display().to_string();
    rules.map_err(|mut error| {
        error.findings.iter_mut().for_each(|f| f.message = f.message.replace(&shown, "the project's folder"));
        error
    })
}

/// Rules that people write, and that hold no person: models, contracts, settings. Decisions and labels name records.
pub fn is_rule(path: &str) -> bool {
    [".sql", ".yml", ".yaml"].iter().any(|ending| path.ends_with(ending))
}

/// A rule's text.
pub fn text<'a>(sources: &'a Sources, path: &str) -> Option<&'a str> {
    let bytes = sources.get(path).filter(|_| is_rule(path))?.bytes.as_deref()?;
    std::str::from_utf8(bytes).ok()
}

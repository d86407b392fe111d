//! The data catalogue: every table and column, where it comes from, what its checks said, and how to reach it.
//!
//! Three files that need nothing else: a page for people, the same as JSON for other catalogues, and the metrics as a semantic
//! layer. The same project and run give the same bytes. No value of a personal column is read.

mod checked;
mod connect;
mod entries;
mod export;
mod gather;
mod page;
mod samples;
mod sections;
mod semantic;

use crate::config::Project;
use crate::error::Result;
use crate::manifest::{self, Manifest};
use crate::pages::Language;
use crate::runs::compile;
use crate::store::Store;

pub use entries::{Catalogue, Column, Kind, Table};

/// The page.
pub const PAGE: &str = "index.html";
/// The same for programs.
pub const EXPORT: &str = "catalogue.json";
/// Entities, dimensions, measures and metrics.
pub const SEMANTIC: &str = "semantic_models.yml";

/// The files of a catalogue, by name, and the run that it shows; None where there is none yet.
pub struct Files {
    pub files: Vec<(&'static str, String)>,
    pub run: Option<u64>,
    pub tables: usize,
    pub columns: usize,
}

/// Writes the catalogue of a project, with what its last run published.
pub async fn files(project: &Project, language: Language) -> Result<Files> {
    let graph = compile::graph(project)?;
    let manifest = last(project).await?;
    let mut catalogue = gather::gather(project, &graph, manifest.as_ref()).await?;
    if let Some(manifest) = &manifest {
        samples::fill(project, manifest, &mut catalogue).await?;
    }
    Ok(Files {
        run: manifest.as_ref().map(|m| m.run),
        tables: catalogue.tables.len(),
        columns: catalogue.tables.iter().map(|t| t.columns.len()).sum(),
        files: vec![
            (PAGE, page::html(project, &catalogue, language)),
            (EXPORT, export::json(&catalogue)?),
            (SEMANTIC, semantic::yaml(project)),
        ],
    })
}

async fn last(project: &Project) -> Result<Option<Manifest>> {
    let Some(store) = Store::open_if_there(&project.warehouse, 0)? else { return Ok(None) };
    Ok(manifest::last(&store).await?.map(|stored| stored.manifest))
}

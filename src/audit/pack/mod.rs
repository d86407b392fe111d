//! The auditor's folder of a run: what ran and by which rules, on which inputs, with which results, and what has changed; as a page that prints, in the terms of
//! GoBD (Verfahrensdokumentation) and of a test of information produced by the entity (IPE), and as lists for programs.
//!
//! Everything is generated from the run's manifest and from the project files as they were then, kept in the warehouse. The same run gives the same bytes. Of
//! rows only counts and sums are told, so that nobody stands in it.

mod balance;
mod changes;
mod checks;
mod describe;
mod difference;
mod inputs;
mod lists;
mod material;
mod models;
mod page;
mod proof;
mod technical;

use crate::config::Project;
use crate::error::Result;
use crate::pages::Language;

use material::Material;

/// The page.
pub const PAGE: &str = "index.html";

/// The files of the folder, by name, and the runs that they are about.
pub struct Pack {
    pub files: Vec<(&'static str, String)>,
    pub run: u64,
    /// Changes are told since this run.
    pub since: Option<u64>,
}

/// Makes the folder of a run (default: the last), with the changes since another (default: the run before).
pub async fn files(project: &Project, run: Option<u64>, since: Option<u64>, language: Language) -> Result<Pack> {
    let material = Material::gather(project, run, since, language).await?;
    Ok(Pack {
        files: vec![
            (PAGE, page::html(&material)),
            ("inputs.csv", lists::inputs(&material.now.manifest)),
            ("balance.csv", lists::balance(&material)),
            ("checks.csv", lists::checks(&material)),
            ("files.sha256", lists::digests(&material.now)),
        ],
        run: material.now.manifest.run,
        since: material.before.as_ref().map(|b| b.stored.manifest.run),
    })
}

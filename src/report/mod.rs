//! The report: one page of one committed run that needs nothing else. No server, no requests, no personal data.
//!
//! The same run gives the same bytes: no clock but the run's own stands on the page.

mod answers;
mod customers;
mod figure;
mod history;
mod journeys;
mod page;
mod service;

use answers::Published;
use page::Page;

use crate::config::Project;
use crate::error::Result;
use crate::manifest;
use crate::pages::Language;
use crate::store::Store;

/// The page, and the number of its run.
pub async fn html(project: &Project, run: Option<u64>, language: Language) -> Result<(String, u64)> {
    let now = Published::open(project, run).await?;
    let before = before(project, &now).await?;
    let headlines = customers::headlines(&now, before.as_ref(), language).await?;
    let earlier = before.as_ref().map(|b| &b.manifest);
    let sections = [
        customers::trend(&now, language).await?,
        journeys::lost(&now, language).await?,
        journeys::journeys(&now, language).await?,
        service::frictions(&now, language).await?,
        service::first_contact(&now, language).await?,
        customers::cohorts(&now, language).await?,
        service::rush(&now, language).await?,
        Some(history::changes(&now.manifest, earlier, language)),
        history::quarantine(&now, language).await?,
        Some(history::checks(&now.manifest, earlier, language)),
    ];
    let page = Page {
        project,
        manifest: &now.manifest,
        language,
        headlines,
        sections: sections.into_iter().flatten().collect(),
    };
    Ok((page.html(), now.manifest.run))
}

/// The run before, if its manifest is still there.
async fn before(project: &Project, now: &Published) -> Result<Option<Published>> {
    let Some(store) = Store::open_if_there(&project.warehouse, 0)? else { return Ok(None) };
    let numbers = manifest::numbers(&store).await?;
    match numbers.iter().rev().find(|n| **n < now.manifest.run) {
        Some(run) => Published::open(project, Some(*run)).await.map(Some),
        None => Ok(None),
    }
}

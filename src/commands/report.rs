//! `uramaki report`: one page of a committed run, in one file.

use crate::cli::{Lang, ReportArgs};
use crate::config::Project;
use crate::error::{Error, Result};
use crate::output::bytes;
use crate::report::{self, Language};

pub async fn report(project: &Project, args: &ReportArgs) -> Result<()> {
    let language = match args.lang {
        Lang::En => Language::English,
        Lang::De => Language::German,
    };
    let (page, run) = report::html(project, args.run, language).await?;
    let path = args.output.clone().unwrap_or_else(|| project.root.join("report.html"));
    std::fs::write(&path, &page).map_err(|e| Error::failed(format!("cannot write `{}`: {e}", path.display())))?;
    super::print(&format!("report of run {run}: {} ({})", path.display(), bytes(page.len() as u64)))
}

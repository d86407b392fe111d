//! `uramaki report`: one page of a committed run, in one file.

use crate::cli::{Lang, ReportArgs};
use crate::config::Project;
use crate::error::{Error, Result};
use crate::output::bytes;
use crate::pages::Language;
use crate::report;

pub async fn report(project: &Project, args: &ReportArgs) -> Result<()> {
    let (page, run) = report::html(project, args.run, language(args.lang)).await?;
    let path = args.output.clone().unwrap_or_else(|| project.root.join("report.html"));
    std::fs::write(&path, &page).map_err(|e| Error::failed(format!("cannot write `{}`: {e}", path.display())))?;
    super::print(&format!("report of run {run}: {} ({})", path.display(), bytes(page.len() as u64)))
}

/// The language as pages know it.
pub fn language(typed: Lang) -> Language {
    match typed {
        Lang::En => Language::English,
        Lang::De => Language::German,
    }
}

//! `uramaki docs`: the data catalogue, in a folder of files that need nothing else.

use super::report::language;
use crate::catalogue;
use crate::cli::DocsArgs;
use crate::config::Project;
use crate::error::Result;
use crate::output::counted;

pub async fn docs(project: &Project, args: &DocsArgs) -> Result<()> {
    let made = catalogue::files(project, language(args.lang)).await?;
    let folder = args.output.clone().unwrap_or_else(|| project.root.join("catalogue"));
    super::write_files(&folder, &made.files)?;
    let of = match made.run {
        Some(run) => format!("run {run}"),
        None => "a project without a run: `uramaki run` adds rows, results of checks and samples".to_string(),
    };
    super::print(&format!(
        "catalogue of {} with {}, {of}: {}",
        counted(made.tables as u64, "table"),
        counted(made.columns as u64, "column"),
        folder.join(catalogue::PAGE).display()
    ))
}

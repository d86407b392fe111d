//! `uramaki audit pack`: the auditor's folder of a run.

use std::path::PathBuf;

use crate::audit::pack;
use crate::cli::Lang;
use crate::commands::report::language;
use crate::commands::write_files;
use crate::config::Project;
use crate::error::Result;

pub async fn pack(
    project: &Project,
    run: Option<u64>,
    lang: Lang,
    output: Option<PathBuf>,
    since: Option<u64>,
) -> Result<()> {
    let made = pack::files(project, run, since, language(lang)).await?;
    let folder = output.unwrap_or_else(|| project.root.join("audit").join(format!("run-{}", made.run)));
    write_files(&folder, &made.files)?;
    let since = match made.since {
        Some(since) => format!("with the changes since run {since}"),
        None => "the first run".to_string(),
    };
    crate::commands::print(&format!(
        "auditor's folder of run {}, {since}: {}",
        made.run,
        folder.join(pack::PAGE).display()
    ))
}

//! `uramaki audit pack`: the auditor's folder of a run.

use std::path::PathBuf;

use crate::audit::pack;
use crate::cli::Lang;
use crate::commands::report::language;
use crate::config::Project;
use crate::error::{Error, Result};

pub async fn pack(
    project: &Project,
    run: Option<u64>,
    lang: Lang,
    output: Option<PathBuf>,
    since: Option<u64>,
) -> Result<()> {
    let made = pack::files(project, run, since, language(lang)).await?;
    let folder = output.unwrap_or_else(|| project.root.join("audit").join(format!("run-{}", made.run)));
    let failed = |path: &std::path::Path, e: std::io::Error| {
        Error::failed(format!("cannot write `{}`: {e}", path.display())).hint("name another folder: --output DIR")
    };
    std::fs::create_dir_all(&folder).map_err(|e| failed(&folder, e))?;
    for (name, text) in &made.files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| failed(&path, e))?;
    }
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

//! `uramaki check`: compile everything, touch no data.

use crate::cli::CheckArgs;
use crate::config::Project;
use crate::error::Result;
use crate::runs::compile;

/// `--offline` is what it does anyway; the flag lets a script say so.
pub async fn check(project: &Project, _args: &CheckArgs) -> Result<()> {
    let graph = compile::graph(project)?;
    let compiled = compile::compile(project, &graph).await?;
    compile::balances(project, &graph).await?;
    let models: Vec<String> = compiled.models.iter().map(|(layer, n)| format!("{n} {layer}")).collect();
    super::print(&format!(
        "{}: {} pipelines with {} objects, models: {}, {} checks: all in order",
        project.name,
        compiled.pipelines,
        compiled.objects,
        models.join(", "),
        compiled.checks
    ))
}

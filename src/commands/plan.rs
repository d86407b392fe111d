//! `uramaki plan`: what a run would do, and why.

use chrono::Utc;

use crate::cli::PlanArgs;
use crate::config::Project;
use crate::error::Result;
use crate::manifest;
use crate::models::graph::Graph;
use crate::models::select;
use crate::runs::{commit, compile, fingerprint, plan, publish};
use crate::sources::drop;
use crate::store::Store;

pub async fn plan(project: &Project, args: &PlanArgs) -> Result<()> {
    let last = match Store::open_if_there(&project.warehouse, 0)? {
        Some(warehouse) => manifest::last(&warehouse).await?.map(|s| s.manifest),
        None => None,
    };
    let listing = drop::list(&Store::open_source(&project.drop, 1)?).await?;
    let intake = plan::intake(project, &listing, last.as_ref(), args.as_of, args.full_refresh, Utc::now())?;
    let graph = Graph::build(project, intake.as_of_instant)?;
    compile::compile(project, &graph).await?;
    let mut lines = vec![match &last {
        Some(last) => {
            format!("run {} as of {} (the last: run {} as of {})", last.run + 1, intake.as_of, last.run, last.as_of)
        }
        None => format!("run 1 as of {} (the warehouse is new)", intake.as_of),
    }];
    lines.push(format!(
        "files: {} to read, {} to land again, {} unchanged, {} dated later, {} not ready",
        intake.read.len(),
        intake.again.len(),
        intake.unchanged,
        intake.later,
        intake.not_ready.len()
    ));
    lines.extend(intake.read.iter().map(|f| format!("  read {} ({})", f.name, crate::output::bytes(f.bytes))));
    lines.extend(
        intake.again.iter().map(|f| format!("  land again {}: its contract has changed, or --full-refresh", f.name)),
    );
    let mut reasons = Vec::new();
    if args.full_refresh {
        reasons.push("--full-refresh".to_string());
    }
    if !intake.read.is_empty() || !intake.again.is_empty() {
        reasons.push("there are files to read".to_string());
    }
    if let Some(last) = &last {
        if last.as_of != intake.as_of {
            reasons.push(format!("as_of moves from {} to {}", last.as_of, intake.as_of));
        }
        if last.project.digest != commit::project_digest(project) {
            let changed: Vec<&str> = project
                .files
                .iter()
                .filter(|f| last.project.files.get(&f.path) != Some(&f.sha256))
                .map(|f| f.path.as_str())
                .collect();
            reasons.push(format!("the project has changed: {}", changed.join(", ")));
        }
        if last.versions != fingerprint::versions() {
            reasons.push("another version of uramaki or its engine made the last run".to_string());
        }
    } else {
        reasons.push("nothing has been built yet".to_string());
    }
    if args.select.is_empty() {
        lines.push(match reasons.is_empty() {
            true => "models: nothing to build; the run would say that nothing changed".to_string(),
            false => format!("models: what the changes reach, of {}: {}", graph.order.len(), reasons.join("; ")),
        });
    } else {
        let chosen = select::select(&graph, &args.select)?;
        lines.push(format!("models: {} selected, others keep their version", chosen.len()));
        lines.extend(graph.order.iter().filter(|n| chosen.contains(*n)).map(|n| format!("  build {n}")));
    }
    lines.push(format!("warehouse: {}", project.warehouse));
    if let (Some(last), false) = (&last, project.sinks.is_empty()) {
        // What the run itself will change is not known before it has built it.
        lines.push(format!("sinks, of the tables of run {}:", last.run));
        for (name, kind, due) in publish::due(project, &graph).await? {
            lines.push(match due {
                Ok(due) => format!("  {name} ({kind}): {}", super::publish::due(&due, "to write", "to remove")),
                Err(e) => {
                    let said: Vec<&str> = e.findings.iter().map(|f| f.message.as_str()).collect();
                    format!("  {name} ({kind}): {}", said.join("; "))
                }
            });
        }
    }
    super::print(&lines.join("\n"))
}

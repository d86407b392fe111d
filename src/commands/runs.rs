//! `uramaki runs`: history.

use crate::cli::{RunsArgs, RunsVerb};
use crate::config::Project;
use crate::error::Result;
use crate::manifest::{self, Manifest};
use crate::output::{bytes, thousands};
use crate::runs::reading;
use crate::store::Store;

pub async fn runs(project: &Project, args: &RunsArgs) -> Result<()> {
    match &args.verb {
        None | Some(RunsVerb::List) => list(project).await,
        Some(RunsVerb::Show { run, json }) => {
            let (_, manifest) = reading::manifest_of(project, *run).await?;
            if *json { super::print(&super::pretty(&manifest)?) } else { super::print(&show(&manifest, project)) }
        }
    }
}

async fn list(project: &Project) -> Result<()> {
    let store = Store::open_if_there(&project.warehouse, 0)?;
    let mut lines = vec![format!(
        "{:>5}  {:<12}{:<26}{:>7}{:>12}{:>8}{:>8}  {}",
        "run", "as of", "finished", "files", "rows read", "tables", "warned", "selected"
    )];
    let numbers = match &store {
        Some(store) => manifest::numbers(store).await?,
        None => Vec::new(),
    };
    for (run, store) in numbers.into_iter().zip(store.iter().cycle()) {
        let m = match manifest::read(store, run).await {
            Ok(stored) => stored.manifest,
            // One that cannot be read hides no other.
            Err(e) => {
                lines.push(format!("{run:>5}  {}", e.findings.first().map(|f| f.message.as_str()).unwrap_or_default()));
                continue;
            }
        };
        let files: Vec<_> = m.files.iter().filter(|f| f.loaded_in == run).collect();
        let rows: u64 = files.iter().filter_map(|f| m.batches.get(f.batch.as_ref()?)).map(|b| b.rows_read).sum();
        let changed = m.tables.values().filter(|t| t.run == run).count();
        let warned = m.checks.iter().filter(|c| c.offenders > 0).count();
        lines.push(format!(
            "{run:>5}  {:<12}{:<26}{:>7}{:>12}{:>8}{:>8}  {}",
            m.as_of.to_string(),
            m.finished_at,
            files.len(),
            thousands(rows),
            changed,
            warned,
            if m.select.is_empty() { "everything".to_string() } else { m.select.join(" ") }
        ));
    }
    if lines.len() == 1 {
        lines = vec!["no run yet: `uramaki run` makes the first".to_string()];
    }
    super::print(&lines.join("\n"))
}

fn show(m: &Manifest, project: &Project) -> String {
    let mut out = vec![
        format!("run {} of {}, as of {} (until {})", m.run, m.project.name, m.as_of, m.as_of_instant),
        format!("from {} to {}", m.started_at, m.finished_at),
        format!("manifest before: {}", m.previous.as_deref().unwrap_or("none, this is the first")),
        format!("project: {} files, digest {}", m.project.files.len(), m.project.digest),
        format!("made by: {}", m.versions.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>().join(", ")),
    ];
    if !m.select.is_empty() {
        out.push(format!("partial: only {} was built", m.select.join(" ")));
    }
    out.push(String::new());
    out.push("inputs of this run:".to_string());
    for file in m.files.iter().filter(|f| f.loaded_in == m.run) {
        let what = match (&file.batch, &file.refused) {
            (Some(batch), _) => format!("batch {batch}"),
            (None, Some(why)) => format!("left out: {why}"),
            (None, None) => String::new(),
        };
        out.push(format!("  {:<52} sha256 {}  {what}", file.name, &file.sha256[..16]));
    }
    out.push(String::new());
    out.push(
        "balance (rows in files = accepted + quarantined + repeated; accepted = keys + superseded + outdated):".into(),
    );
    for (name, b) in &m.objects {
        out.push(format!(
            "  {name:<28} {} = {} + {} + {};  {} = {} + {} + {}",
            thousands(b.rows),
            thousands(b.accepted),
            thousands(b.quarantined),
            thousands(b.repeated),
            thousands(b.accepted),
            thousands(b.keys),
            thousands(b.superseded),
            thousands(b.outdated)
        ));
    }
    out.push(String::new());
    out.push(format!("tables (files inside {}):", project.warehouse));
    for (name, t) in &m.tables {
        let made = if t.run == m.run { "made in this run".to_string() } else { format!("of run {}", t.run) };
        out.push(format!("  {name:<34} {:>12} rows  version {}, {made}", thousands(t.rows), t.version));
        out.extend(t.files.iter().map(|f| format!("    {} ({})", f.path, bytes(f.bytes))));
    }
    out.push(String::new());
    let offended: Vec<_> = m.checks.iter().filter(|c| c.offenders > 0).collect();
    out.push(format!("checks: {} made, {} with offenders", m.checks.len(), offended.len()));
    out.extend(offended.iter().map(|c| format!("  {}: {}: {} rows", c.severity, c.name, thousands(c.offenders))));
    if !m.warnings.is_empty() {
        out.push(String::new());
        out.push("warnings:".to_string());
        out.extend(m.warnings.iter().map(|w| format!("  {w}")));
    }
    out.push(String::new());
    out.push(format!("timings (at most {} of memory):", bytes(m.peak_memory_bytes)));
    let mut stages = m.stages.clone();
    stages.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    for stage in stages {
        let rows = stage.rows.map(|r| format!("  {} rows", thousands(r))).unwrap_or_default();
        out.push(format!("  {:<40} {:>8.2} s{rows}", stage.name, stage.seconds));
    }
    out.join("\n")
}

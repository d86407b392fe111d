//! `uramaki run`: the nightly job, and its summary.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::publish;
use crate::cli::RunArgs;
use crate::config::{self, Project};
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::lineage_events::{Ending, Events};
use crate::output::{self, Narrator, thousands};
use crate::runs::run::{self, Ended, Report, Request};

pub async fn run(project: &Project, args: &RunArgs, threads: usize, narrator: &Narrator) -> Result<()> {
    let mut request = Request {
        as_of: args.plan.as_of,
        select: args.plan.select.clone(),
        full_refresh: args.plan.full_refresh,
        threads,
        memory: memory(args.memory.as_deref(), project.memory)?,
        is_committing: Arc::default(),
        begun: None,
    };
    let mut events = Events::of(project);
    let (told, mut begun) = mpsc::unbounded_channel();
    if events.is_some() {
        request.begun = Some(told);
    }
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = |kind, word: &str| {
        Err(Error::new(
            kind,
            Diagnostic::new(format!("{word}; nothing was published")).hint("the next run starts clean"),
        ))
    };
    let mut work = std::pin::pin!(run::run(project, &request, narrator));
    let ended = loop {
        let (kind, word) = tokio::select! {
            // What is told first is heard first.
            biased;
            Some(begun) = begun.recv() => {
                events.iter_mut().for_each(|events| events.began(begun.clone()));
                continue;
            }
            ended = &mut work => break ended,
            _ = interrupt.recv() => (Kind::Interrupted, "interrupted"),
            _ = terminate.recv() => (Kind::Terminated, "terminated"),
        };
        if !request.is_committing.load(Ordering::SeqCst) {
            tell(&mut events, project, Ending::Stopped, narrator).await;
            return stopped(kind, word);
        }
        narrator.say(&format!("{word}, but the run is being published: it goes on to its end"));
    };
    while let Ok(begun) = begun.try_recv() {
        events.iter_mut().for_each(|events| events.began(begun.clone()));
    }
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => {
            tell(&mut events, project, Ending::Failed(&error), narrator).await;
            return Err(error);
        }
    };
    let ending = match &ended {
        Ended::Published(report) => Ending::Published(&report.manifest),
        Ended::Unchanged { .. } => Ending::Unchanged,
    };
    // The commit stands, whatever becomes of the sinks and of who listens. What is interrupted here is caught up by the next run.
    let after = async {
        let told = tell(&mut events, project, ending, narrator);
        tokio::join!(publish::after_run(project, narrator), told).0
    };
    let sinks = tokio::select! {
        lines = after => lines,
        _ = interrupt.recv() => return sinks_stopped(Kind::Interrupted, "interrupted"),
        _ = terminate.recv() => return sinks_stopped(Kind::Terminated, "terminated"),
    };
    match ended {
        Ended::Unchanged { run, as_of, warnings, seconds } => {
            for warning in &warnings {
                narrator.warn(warning);
            }
            let mut lines = vec![
                format!("nothing changed since run {run} (as of {as_of}): no new run, {seconds:.1} s"),
                format!("warehouse: {}", project.warehouse),
            ];
            lines.extend(sinks);
            super::print(&lines.join("\n"))
        }
        Ended::Published(report) => {
            // On a terminal the summary says them, right below.
            if !std::io::stdout().is_terminal() || !std::io::stderr().is_terminal() {
                for warning in &report.manifest.warnings {
                    narrator.warn(warning);
                }
                for (check, offenders) in &report.verdict.warned {
                    narrator.warn(&format!("{check}: {}", output::counted(*offenders, "row")));
                }
            }
            super::print(&summary(project, &report, &sinks))
        }
    }
}

/// Hands the last events over; who listens has no say in how the run ends.
async fn tell(events: &mut Option<Events>, project: &Project, ending: Ending<'_>, narrator: &Narrator) {
    let Some(events) = events else { return };
    let how = match ending {
        Ending::Published(_) => "the run is committed, but its OpenLineage events were not all delivered",
        _ => "the OpenLineage events of this run were not all delivered",
    };
    for said in events.ended(project, ending).await {
        narrator.warn(&format!("{how}: {said}"));
    }
}

fn sinks_stopped(kind: Kind, word: &str) -> Result<()> {
    let said = Diagnostic::new(format!("{word} after the commit: not all sinks were written"));
    Err(Error::new(kind, said.hint("`uramaki publish`, or the next run, writes what is missing")))
}

/// Bytes for operators: as typed, as the project says, or half of the machine's.
pub fn memory(typed: Option<&str>, stated: Option<u64>) -> Result<usize> {
    let bytes = match typed {
        Some(text) => {
            config::size(text).map_err(|e| Error::config(format!("--memory: {e}")).hint("say it as 512MiB or 2GiB"))?
        }
        None => stated.unwrap_or_else(|| total_memory() / 2),
    };
    const LEAST: u64 = 128 << 20;
    if bytes < LEAST {
        return Err(Error::config("--memory must be at least 128MiB"));
    }
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// The machine's memory (Linux), or 4 GiB where it does not say.
fn total_memory() -> u64 {
    std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|l| l.starts_with("MemTotal:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(4 << 30, |kib| kib * 1024)
}

/// What a person wants to know in the morning.
fn summary(project: &Project, report: &Report, sinks: &[String]) -> String {
    let manifest = &report.manifest;
    let mut out = vec![format!("run {} of {}, as of {}", manifest.run, project.name, manifest.as_of)];
    if let Some(recovered) = &report.recovered {
        out.push(format!("  {recovered}"));
    }
    out.push(String::new());
    out.push(format!(
        "came in: {} new files, {} unchanged{}",
        report.new_files,
        report.unchanged_files,
        if report.later_files > 0 { format!(", {} dated later", report.later_files) } else { String::new() }
    ));
    out.push(format!(
        "  {:<28}{:>7}{:>13}{:>13}{:>13}{:>10}{:>13}{:>12}{:>10}",
        "object", "files", "rows", "accepted", "quarantined", "repeated", "keys", "superseded", "outdated"
    ));
    for (name, b) in &manifest.objects {
        out.push(format!(
            "  {name:<28}{:>7}{:>13}{:>13}{:>13}{:>10}{:>13}{:>12}{:>10}",
            thousands(b.files),
            thousands(b.rows),
            thousands(b.accepted),
            thousands(b.quarantined),
            thousands(b.repeated),
            thousands(b.keys),
            thousands(b.superseded),
            thousands(b.outdated)
        ));
    }
    let quarantined: u64 = manifest.objects.values().map(|b| b.quarantined).sum();
    out.push(String::new());
    if quarantined > 0 {
        out.push(format!("quarantined: {} (uramaki quarantine list)", output::counted(quarantined, "row")));
        for (name, b) in manifest.objects.iter().filter(|(_, b)| b.quarantined > 0) {
            let reasons: Vec<String> = b.by_reason.iter().map(|(r, n)| format!("{r} {}", thousands(*n))).collect();
            out.push(format!("  {name:<28}{}", reasons.join(", ")));
        }
    } else {
        out.push("quarantined: nothing".to_string());
    }
    for warning in &manifest.warnings {
        out.push(format!("  note: {warning}"));
    }
    out.push(String::new());
    out.push(format!("built: {} of {} tables have a new version", report.changed.len(), manifest.tables.len()));
    for (name, table) in manifest.tables.iter().filter(|(n, _)| n.starts_with("marts.")) {
        let mark = if report.changed.contains(name) {
            if table.version == 0 { "new" } else { "changed" }
        } else {
            "as before"
        };
        out.push(format!("  {name:<34}{:>12} rows  version {} ({mark})", thousands(table.rows), table.version));
    }
    out.push(String::new());
    let warned: u64 = report.verdict.warned.iter().map(|w| w.1).sum();
    out.push(format!(
        "checks: {} made, no error, {} warned ({} rows)",
        thousands(manifest.checks.len() as u64),
        report.verdict.warned.len(),
        thousands(warned)
    ));
    for (name, offenders) in &report.verdict.warned {
        out.push(format!("  warn: {name}: {}", output::counted(*offenders, "row")));
    }
    out.push(String::new());
    let stages = ["landing", "newest versions", "building", "checks", "commit"];
    let timings: Vec<String> = manifest
        .stages
        .iter()
        .filter(|s| stages.contains(&s.name.as_str()))
        .map(|s| format!("{} {:.1} s", s.name, s.seconds))
        .collect();
    out.push(format!(
        "took {:.1} s ({}), at most {} of memory",
        report.seconds,
        timings.join(", "),
        output::bytes(output::peak_memory())
    ));
    out.push(format!("marts: {}/marts (Delta tables)", project.warehouse));
    out.extend_from_slice(sinks);
    let marts = || manifest.tables.keys().filter(|name| name.starts_with("marts."));
    if let Some(mart) = marts().find(|name| *name == "marts.customer_360").or_else(|| marts().next()) {
        out.push(format!("ask them: uramaki query \"select * from {mart} limit 5\""));
    }
    out.push(format!("this run: uramaki runs show {}", manifest.run));
    out.join("\n")
}

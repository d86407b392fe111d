//! `uramaki publish`: the committed marts to their sinks again. And what a run says of its sinks.

use crate::cli::PublishArgs;
use crate::config::Project;
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::output::{Narrator, counted};
use crate::runs::publish::{self, Published};
use crate::sinks::Due;

pub async fn publish(project: &Project, args: &PublishArgs, narrator: &Narrator) -> Result<()> {
    let published = publish::publish(project, args.sink.as_deref(), args.overwrite).await?;
    let mut findings = Vec::new();
    let mut lines = Vec::new();
    for sink in &published {
        lines.push(line(sink));
        match &sink.outcome {
            Ok(outcome) => outcome.notes.iter().for_each(|note| narrator.warn(&format!("sink {}: {note}", sink.sink))),
            Err(e) => findings.extend(e.findings.iter().map(|f| of_sink(&sink.sink, f))),
        }
    }
    super::print(&lines.join("\n"))?;
    match findings.is_empty() {
        true => Ok(()),
        false => Err(Error { kind: Kind::Failed, findings }),
    }
}

/// After a run, or where there was nothing new: all sinks. The run is committed whatever becomes of them, so each failure is a warning. Returns a line for each sink.
pub async fn after_run(project: &Project, narrator: &Narrator) -> Vec<String> {
    if project.sinks.is_empty() {
        return Vec::new();
    }
    let published = match publish::publish(project, None, false).await {
        Ok(published) => published,
        Err(e) => {
            for finding in &e.findings {
                narrator.warn(&format!("the run is committed, but its sinks were not written: {finding}"));
            }
            return vec!["sinks: not written (uramaki publish)".to_string()];
        }
    };
    for sink in &published {
        match &sink.outcome {
            Ok(outcome) => outcome.notes.iter().for_each(|note| narrator.warn(&format!("sink {}: {note}", sink.sink))),
            Err(e) => {
                for finding in &e.findings {
                    narrator.warn(&format!(
                        "the run is committed, but a sink was not written: {}\n  then: uramaki publish {}",
                        of_sink(&sink.sink, finding),
                        sink.sink
                    ));
                }
            }
        }
    }
    let mut lines = vec!["sinks:".to_string()];
    lines.extend(published.iter().map(|p| format!("  {}", line(p))));
    lines
}

fn of_sink(sink: &str, finding: &Diagnostic) -> Diagnostic {
    Diagnostic { message: format!("sink {sink}: {}", finding.message), ..finding.clone() }
}

fn line(published: &Published) -> String {
    let Published { sink, kind, run, outcome } = published;
    match outcome {
        Ok(outcome) => format!("{sink} ({kind}): run {run}, {}", due(&outcome.done, "written", "removed")),
        Err(_) => format!("{sink} ({kind}): not written (uramaki publish {sink})"),
    }
}

/// `3 files written, 12 as before`
pub fn due(due: &Due, written: &str, removed: &str) -> String {
    let mut parts = Vec::new();
    if !due.write.is_empty() {
        parts.push(format!("{} {written}", due.write.len()));
    }
    if !due.remove.is_empty() {
        parts.push(format!("{} {removed}", due.remove.len()));
    }
    if due.as_before > 0 || parts.is_empty() {
        parts.push(format!("{} as before", due.as_before));
    }
    match due.write.len() + due.remove.len() + due.as_before {
        0 => counted(0, "table"),
        _ => parts.join(", "),
    }
}

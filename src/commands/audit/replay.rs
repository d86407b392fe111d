//! `uramaki audit reproduce`, `bundle` and `diff`: what makes a run again.

use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};

use super::warehouse;
use crate::audit::diff::{self as split, told};
use crate::audit::{bundle as archive, reproduce as again};
use crate::cli::{Effort, Global, Told};
use crate::commands::{cores, narrator, pretty, print, run, with_pool, with_runtime};
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::output::{self, counted};
use crate::store::Store;

pub fn reproduce(
    number: u64,
    into: Option<PathBuf>,
    bundle: Option<PathBuf>,
    effort: &Effort,
    global: &Global,
) -> Result<()> {
    let (threads, memory) = resources(effort)?;
    let scratch = tempfile::tempdir()?;
    let work = scratch.path().join("work");
    std::fs::create_dir_all(&work)?;
    let store = match &bundle {
        Some(bundle) => {
            let unpacked = scratch.path().join("bundle");
            archive::unpack(bundle, &unpacked)?;
            Store::open(&archive::warehouse(&unpacked).display().to_string(), 0)?
        }
        None => warehouse(global)?,
    };
    let narrator = narrator(global);
    let request = again::Request { run: number, into: into.as_deref(), threads, memory, scratch: &work };
    let made = with_runtime(threads, interruptible(again::reproduce(&store, &request, &narrator)))?;
    let mut lines = vec![format!(
        "identical: {} of run {} made again, byte for byte",
        counted(made.tables as u64, "table"),
        made.run
    )];
    for (name, of) in &made.left {
        lines.push(format!("  {name}: not part of this run, as run {of} made it"));
    }
    lines.push(format!("  {} with the same verdict", counted(made.checks as u64, "check")));
    if let Some(into) = &into {
        lines.push(format!("  the tables: {}", into.display()));
    }
    print(&lines.join("\n"))
}

pub fn bundle(number: u64, output: Option<PathBuf>, with_tables: bool, global: &Global) -> Result<()> {
    let store = warehouse(global)?;
    let output = output.unwrap_or_else(|| PathBuf::from(format!("run-{number}.tar")));
    let made = with_runtime(cores(), interruptible(archive::bundle(&store, number, &output, with_tables)))?;
    print(&format!(
        "{}: {}, {}\nit holds personal data; to make the run again: uramaki audit reproduce {number} --bundle {}",
        output.display(),
        counted(made.files as u64, "file"),
        output::bytes(made.bytes),
        output.display()
    ))
}

pub fn diff(from: u64, to: u64, format: Told, effort: &Effort, global: &Global) -> Result<()> {
    let (threads, memory) = resources(effort)?;
    let store = warehouse(global)?;
    let scratch = tempfile::tempdir()?;
    let request = split::Request { from, to, threads, memory, scratch: scratch.path() };
    let found = with_runtime(threads, interruptible(split::diff(&store, &request, &narrator(global))))?;
    match format {
        Told::Text => print(&told::text(&found)),
        Told::Json => print(&pretty(&told::json(&found))?),
    }
}

/// Scratch files hold personal data: they go also when somebody stops the work.
async fn interruptible<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stopped = |kind, word: &str| Err(Error::new(kind, Diagnostic::new(format!("{word}; nothing was kept"))));
    tokio::select! {
        done = work => done,
        _ = interrupt.recv() => stopped(Kind::Interrupted, "interrupted"),
        _ = terminate.recv() => stopped(Kind::Terminated, "terminated"),
    }
}

/// Threads and memory, as typed or as the machine has them.
fn resources(effort: &Effort) -> Result<(usize, usize)> {
    let threads = effort.threads.unwrap_or_else(cores);
    with_pool(threads)?;
    Ok((threads, run::memory(effort.memory.as_deref(), None)?))
}

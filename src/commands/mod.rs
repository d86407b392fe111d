//! The verbs. Each takes what was typed and returns success or an error with its exit code; data goes to stdout.

mod audit;
mod check;
mod docs;
mod generate;
mod identity;
mod identity_project;
mod init;
mod plan;
mod publish;
mod quarantine;
mod query;
mod report;
mod run;
mod runs;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Color, Global, LogFormat, Verb};
use crate::config::{self, Overrides, PROJECT_FILE, Project};
use crate::error::{Error, Kind, Result};
use crate::output::Narrator;

/// Runs the verb.
pub fn run(cli: Cli) -> Result<()> {
    let global = &cli.global;
    match cli.verb {
        Verb::Schema => print(&pretty(&config::schemas())?),
        Verb::Generate(args) => generate::generate(&args),
        Verb::Init(args) => init::init(&args),
        Verb::Check(args) => with_runtime(1, check::check(&project(global)?, &args)),
        Verb::Plan(args) => with_runtime(1, plan::plan(&project(global)?, &args)),
        Verb::Run(args) => {
            let project = project(global)?;
            let threads = args.threads.or(project.threads).unwrap_or_else(cores);
            with_pool(threads)?;
            with_runtime(threads, run::run(&project, &args, threads, &narrator(global)))
        }
        Verb::Publish(args) => with_runtime(cores(), publish::publish(&project(global)?, &args, &narrator(global))),
        Verb::Identity(args) => identity::identity(&args, global),
        Verb::Query(args) => with_runtime(cores(), query::query(&project(global)?, &args, global.color)),
        Verb::Runs(args) => with_runtime(1, runs::runs(&project(global)?, &args)),
        Verb::Report(args) => with_runtime(cores(), report::report(&project(global)?, &args)),
        Verb::Docs(args) => with_runtime(cores(), docs::docs(&project(global)?, &args)),
        Verb::Audit(args) => audit::audit(args, global),
        Verb::Quarantine(args) => with_runtime(cores(), quarantine::quarantine(&project(global)?, &args)),
    }
}

/// As in the project file. Each has a stack of its own.
const MOST_THREADS: usize = 1024;

fn with_pool(threads: usize) -> Result<()> {
    if !(1..=MOST_THREADS).contains(&threads) {
        return Err(Error::config(format!("--threads must be 1 to {MOST_THREADS}")));
    }
    // Later pools than the first are refused: the first is ours.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    Ok(())
}

fn runtime(threads: usize) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        // Each thread keeps memory of its own. Files that land, identity, encoders and reads of files need one each.
        .max_blocking_threads(2 * threads + 4)
        // Plans of many joins are deep.
        .thread_stack_size(8 << 20)
        .enable_all()
        .build()
        .map_err(|e| Error::failed(format!("starting: {e}")))
}

fn with_runtime<T>(threads: usize, work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = runtime(threads)?;
    let out = runtime.block_on(work);
    // A blocking read that still waits for its source is not waited for.
    runtime.shutdown_background();
    out
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The project of the flags, of this folder or of the nearest above it.
fn project(global: &Global) -> Result<Project> {
    let overrides = Overrides { warehouse: global.warehouse.clone(), drop: global.drop.clone() };
    config::load(&root(global.project.as_deref())?, &overrides)
}

fn root(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_path_buf());
    }
    let here = std::env::current_dir()?;
    here.ancestors().find(|folder| folder.join(PROJECT_FILE).is_file()).map(Path::to_path_buf).ok_or_else(|| {
        Error::config(format!("there is no {PROJECT_FILE} in this folder or above it"))
            .hint("`uramaki init` begins a project; `--project DIR` names one")
    })
}

fn narrator(global: &Global) -> Narrator {
    Narrator::new(global.log_format == LogFormat::Json, global.quiet)
}

/// Sets up the narration on stderr.
pub fn narrate(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "warn",
        (false, 0) => "info",
        (false, 1) => "debug",
        (false, _) => "trace",
    };
    // Libraries speak up only where something is wrong.
    let filter =
        EnvFilter::try_from_env("URAMAKI_LOG").unwrap_or_else(|_| EnvFilter::new(format!("error,uramaki={level}")));
    let color = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(color);
    // A second subscriber in one process (tests) is refused, and that is fine.
    let _ = match global.log_format {
        LogFormat::Json => builder.json().flatten_event(true).with_target(false).try_init(),
        LogFormat::Text => builder.without_time().with_target(false).with_level(false).try_init(),
    };
    JSON.store(global.log_format == LogFormat::Json, std::sync::atomic::Ordering::Relaxed);
}

static JSON: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// The error as text on stderr, or as JSON lines.
pub fn report(error: &Error, is_run: bool) {
    if JSON.load(std::sync::atomic::Ordering::Relaxed) {
        for finding in &error.findings {
            tracing::error!(
                exit_code = error.kind.exit_code(),
                file = finding.file.as_deref(),
                line = finding.line,
                hint = finding.hint.as_deref(),
                "{}",
                finding.message
            );
        }
        return;
    }
    let _ = writeln!(std::io::stderr(), "{error}");
    if is_run && matches!(error.kind, Kind::Failed | Kind::Check) {
        let _ = writeln!(std::io::stderr(), "nothing was published");
    }
}

/// Files of a folder that a person named, by their names in it.
fn write_files(folder: &Path, files: &[(&str, String)]) -> Result<()> {
    let failed = |path: &Path, e: std::io::Error| {
        Error::failed(format!("cannot write `{}`: {e}", path.display())).hint("name another folder: --output DIR")
    };
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| failed(&path, e))?;
    }
    Ok(())
}

/// Data on stdout. A reader that has gone is no error.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::failed(format!("writing to stdout: {e}"))),
        _ => Ok(()),
    }
}

fn pretty(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|e| Error::failed(e.to_string()))
}

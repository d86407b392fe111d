//! `uramaki query` on a terminal, without SQL: a shell over one committed run.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use futures::StreamExt;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{CompletionType, Editor};
use tokio::sync::Notify;

use super::editor::{COMMANDS, Known, Words};
use super::history::History;
use super::{Wanted, named};
use crate::cli::{Format, QueryArgs};
use crate::config::{Project, suggest};
use crate::error::{Error, Kind, Result};
use crate::manifest::{ColumnRecord, Manifest};
use crate::output::counted;
use crate::runs::reading::Reader;

type Line = Editor<Words, MemHistory>;

struct Shell<'a> {
    project: &'a Project,
    reader: Reader<'a>,
    wanted: Wanted,
    /// Tables of the run, by name.
    tables: BTreeMap<String, Shown>,
    run: u64,
    workers: Workers,
}

/// The threads that work out answers. Who is told to stop may go on for a while, since operators cannot be broken off at any place: the next statement gets others.
#[derive(Default)]
struct Workers {
    runtime: Option<tokio::runtime::Runtime>,
}

impl Workers {
    /// Works a statement out beside the one who waits for its rows.
    fn run(&mut self, frame: DataFrame) -> Result<SendableRecordBatchStream> {
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            None => crate::commands::runtime(crate::commands::cores())?,
        };
        let mut builder = RecordBatchReceiverStream::builder(Arc::new(frame.schema().as_arrow().clone()), 2);
        let out = builder.tx();
        let work = async move {
            let mut stream = frame.execute_stream().await?;
            while let Some(batch) = stream.next().await {
                if out.send(batch).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        builder.spawn_on(work, self.runtime.insert(runtime).handle());
        Ok(builder.build())
    }

    fn leave(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A table as `.schema` shows it.
struct Shown {
    description: String,
    /// None: a view.
    rows: Option<u64>,
    columns: Vec<ColumnRecord>,
}

/// What follows a line.
#[derive(PartialEq, Eq)]
enum Next {
    Go,
    End,
}

/// Asks and answers until the user has had enough. Errors are shown, and the shell goes on.
pub async fn shell(project: &Project, args: &QueryArgs, mut wanted: Wanted) -> Result<()> {
    if args.format == Format::Parquet || args.output.is_some() {
        return Err(Error::config("the shell answers on the screen").hint("say what to ask: a SELECT, or -f FILE"));
    }
    wanted.more = ".rows 0 shows all";
    let mut shell = Shell {
        project,
        reader: Reader::new(project, args.run),
        wanted,
        tables: BTreeMap::new(),
        run: 0,
        workers: Workers::default(),
    };
    let greeting = shell.look().await?;
    let history = History::new(args.history.as_deref().map(Path::new), shell.personal());
    let mut line = editor(&shell, &history).map_err(|e| Error::failed(format!("the terminal: {e}")))?;
    tracing::info!("{greeting}. Statements end with `;`, .help lists what else there is");
    match history.path() {
        Some(path) => tracing::info!(
            "remembered in {}: what you ask, but not beside personal columns, and nothing that begins with a blank",
            path.display()
        ),
        None => tracing::info!("nothing is remembered"),
    }
    let interrupts = interrupts()?;
    loop {
        let prompt = format!("{}:{}> ", project.name, shell.run);
        let text = match line.readline(&prompt) {
            Ok(text) => text,
            // A line thrown away, not the shell.
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(e) => return Err(Error::failed(format!("the terminal: {e}"))),
        };
        if text.trim().is_empty() {
            continue;
        }
        // Ours remembers what it may; the editor's own is gone with the shell.
        let _ = line.add_history_entry(text.as_str());
        if let Err(e) = history.add(&text) {
            tracing::warn!("warning: not remembered: {e}");
        }
        let run = shell.run;
        // Before the work begins, so that no Ctrl-C is missed.
        let interrupted = interrupts.notified();
        tokio::pin!(interrupted);
        interrupted.as_mut().enable();
        let done = tokio::select! {
            biased;
            () = interrupted => Err(Error::new(Kind::Interrupted, crate::error::Diagnostic::new("cancelled"))),
            done = shell.follow(&text) => done,
        };
        match done {
            Ok(Next::End) => return Ok(()),
            Ok(Next::Go) => {}
            Err(e) if e.kind == Kind::Interrupted => {
                shell.workers.leave();
                tracing::info!("cancelled");
            }
            Err(e) => crate::commands::report(&e, false),
        }
        if shell.run != run {
            line.set_helper(Some(shell.words()));
        }
    }
}

/// Tells of each Ctrl-C. From a thread of its own: the engine may keep all of the runtime's threads busy for a while, and those would tell of it too late.
fn interrupts() -> Result<Arc<Notify>> {
    let failed = |e: std::io::Error| Error::failed(format!("listening for Ctrl-C: {e}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    // Before the editor's first line: it puts back what it finds there.
    let mut listener = {
        let _inside = runtime.enter();
        listener().map_err(failed)?
    };
    let notify = Arc::new(Notify::new());
    let told = notify.clone();
    std::thread::Builder::new()
        .name("interrupts".into())
        .spawn(move || {
            runtime.block_on(async {
                while listener.recv().await.is_some() {
                    told.notify_waiters();
                }
            });
        })
        .map_err(failed)?;
    Ok(notify)
}

#[cfg(unix)]
fn listener() -> std::io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
}

#[cfg(windows)]
fn listener() -> std::io::Result<tokio::signal::windows::CtrlC> {
    tokio::signal::windows::ctrl_c()
}

fn editor(shell: &Shell<'_>, history: &History) -> rustyline::Result<Line> {
    let config = rustyline::Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(false)
        .auto_add_history(false)
        .build();
    let mut line = Line::with_history(config.clone(), MemHistory::with_config(&config))?;
    line.set_helper(Some(shell.words()));
    for statement in history.load() {
        let _ = line.add_history_entry(statement.as_str());
    }
    Ok(line)
}

impl Shell<'_> {
    /// Learns what the run has; says which one it is.
    async fn look(&mut self) -> Result<String> {
        let manifest = self.reader.manifest().await?;
        self.run = manifest.run;
        self.tables = tables(manifest, self.project);
        Ok(format!(
            "run {} of {}, as of {}: {}",
            manifest.run,
            manifest.project.name,
            manifest.as_of,
            counted(self.tables.len() as u64, "table")
        ))
    }

    /// Lower-case names of columns that hold personal data.
    fn personal(&self) -> BTreeSet<String> {
        let columns = self.tables.values().flat_map(|t| &t.columns);
        columns.filter(|c| c.pii).map(|c| c.name.to_lowercase()).collect()
    }

    fn words(&self) -> Words {
        let known = |(name, table): (&String, &Shown)| Known {
            name: name.clone(),
            columns: table.columns.iter().map(|c| c.name.clone()).collect(),
        };
        Words::new(self.tables.iter().map(known).collect())
    }

    async fn follow(&mut self, text: &str) -> Result<Next> {
        if !text.trim_start().starts_with('.') {
            self.ask(text).await?;
            return Ok(Next::Go);
        }
        let typed = text.trim().trim_end_matches(';').trim_end();
        let (command, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
        let rest = rest.trim();
        match command {
            ".quit" | ".exit" | ".q" => return Ok(Next::End),
            ".help" | ".h" => self.help()?,
            ".tables" => self.list(rest)?,
            ".schema" => self.schema(rest)?,
            ".run" => self.switch(rest).await?,
            ".format" => self.format(rest)?,
            ".rows" => self.rows(rest)?,
            other => {
                let names = COMMANDS.map(|(name, ..)| name);
                return Err(Error::config(format!("there is no command `{other}`"))
                    .hint(suggest::hint(other, "commands", &names)));
            }
        }
        Ok(Next::Go)
    }

    async fn ask(&mut self, sql: &str) -> Result<()> {
        let frames = self.reader.plan(sql).await?;
        for frame in frames {
            let began = Instant::now();
            super::answer(self.workers.run(frame)?, &self.wanted, None, began).await?;
        }
        Ok(())
    }

    fn help(&self) -> Result<()> {
        let mut lines = vec![
            "a statement, ended by `;`, over as many lines as it takes; Tab completes, Ctrl-C cancels".to_string(),
        ];
        for (name, argument, meaning) in COMMANDS {
            lines.push(format!("  {:26} {meaning}", format!("{name} {argument}")));
        }
        crate::commands::print(&lines.join("\n"))
    }

    fn list(&self, part: &str) -> Result<()> {
        let found: Vec<_> = self.tables.iter().filter(|(name, _)| name.contains(&part.to_lowercase())).collect();
        if found.is_empty() {
            return Err(Error::config(format!("no table has `{part}` in its name")).hint(".tables lists all"));
        }
        let widest = found.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let lines = found.iter().map(|(name, table)| {
            let rows = table.rows.map_or(Cow::Borrowed("view"), |n| Cow::Owned(crate::output::thousands(n)));
            super::table::cut(
                &format!("{name:widest$}  {rows:>11}  {}", first_sentence(&table.description)),
                self.width(),
            )
        });
        crate::commands::print(&lines.collect::<Vec<_>>().join("\n"))
    }

    fn width(&self) -> usize {
        self.wanted.view.width.unwrap_or(usize::MAX)
    }

    fn schema(&self, name: &str) -> Result<()> {
        if name.is_empty() {
            return Err(Error::config("say which table: .schema marts.customer_360"));
        }
        let wanted = name.to_lowercase();
        let names: Vec<&str> = self.tables.keys().map(String::as_str).collect();
        let short = || names.iter().copied().find(|n| n.split('.').next_back() == Some(wanted.as_str()));
        let Some((name, table)) =
            self.tables.get_key_value(&wanted).or_else(|| short().and_then(|n| self.tables.get_key_value(n)))
        else {
            let near = suggest::nearest(&wanted, names.iter().copied()).or_else(|| {
                names.iter().copied().find(|n| suggest::nearest(&wanted, n.split('.').next_back()).is_some())
            });
            let hint =
                near.map_or(".tables lists all".to_string(), |n| format!("did you mean `{n}`? .tables lists all"));
            return Err(Error::config(format!("there is no table `{name}`")).hint(hint));
        };
        let widest = |of: fn(&ColumnRecord) -> usize| table.columns.iter().map(of).max().unwrap_or(0);
        let (names, kinds) = (widest(|c| c.name.len()), widest(|c| c.kind.len()));
        let mut lines = vec![name.clone()];
        lines.extend(wrapped(&table.description, 2, self.width()));
        lines.push(String::new());
        for column in &table.columns {
            let said: Vec<&str> = [
                (!column.description.is_empty()).then_some(column.description.as_str()),
                column.pii.then_some("Personal data."),
            ]
            .into_iter()
            .flatten()
            .collect();
            let unit = column.unit.as_ref().map_or(String::new(), |u| format!("[{u}] "));
            let left = format!("  {:names$}  {:kinds$}  ", column.name, column.kind);
            let about = wrapped(&format!("{unit}{}", said.join(" ")), left.len(), self.width());
            let mut about = about.into_iter();
            lines.push(format!("{left}{}", about.next().unwrap_or_default().trim_start()).trim_end().to_string());
            lines.extend(about);
        }
        crate::commands::print(&lines.join("\n"))
    }

    async fn switch(&mut self, rest: &str) -> Result<()> {
        let run = match rest {
            "" => {
                tracing::info!("run {}; .run N reads another, .run last the newest", self.run);
                return Ok(());
            }
            "last" => None,
            number => Some(number.parse().map_err(|_| {
                Error::config(format!("`{number}` is no number of a run")).hint("`uramaki runs` lists the runs")
            })?),
        };
        let mut reader = Reader::new(self.project, run);
        reader.manifest().await?;
        self.reader = reader;
        tracing::info!("{}", self.look().await?);
        Ok(())
    }

    fn format(&mut self, rest: &str) -> Result<()> {
        self.wanted.format = match rest {
            "" => {
                tracing::info!("format {}", named(self.wanted.format));
                return Ok(());
            }
            "table" => Format::Table,
            "csv" => Format::Csv,
            "json" => Format::Json,
            "parquet" => {
                return Err(Error::config("Parquet is no text")
                    .hint("uramaki query --format parquet --output FILE \"select …\""));
            }
            other => {
                return Err(Error::config(format!("there is no format `{other}`")).hint(suggest::hint(
                    other,
                    "formats",
                    &["table", "csv", "json"],
                )));
            }
        };
        Ok(())
    }

    fn rows(&mut self, rest: &str) -> Result<()> {
        if rest.is_empty() {
            let rows = self.wanted.view.rows.map_or("all rows".to_string(), |n| counted(n, "row"));
            tracing::info!("{rows} are shown");
            return Ok(());
        }
        let rows: u64 = rest.parse().map_err(|_| Error::config(format!("`{rest}` is no number of rows")))?;
        self.wanted.view.rows = Some(rows).filter(|n| *n > 0);
        Ok(())
    }
}

/// The run's tables with what its manifest says of them, and the project's views.
fn tables(manifest: &Manifest, project: &Project) -> BTreeMap<String, Shown> {
    let mut tables = BTreeMap::new();
    for model in project.models.iter().filter(|m| m.layer == "staging") {
        let columns = model.spec.columns.iter().map(|c| ColumnRecord {
            name: c.name.clone(),
            kind: c.data_type.text.clone(),
            description: c.description.clone(),
            pii: c.pii,
            unit: c.unit.clone(),
        });
        let columns = columns.collect();
        let description = model.spec.description.clone();
        tables.insert(model.full_name(), Shown { description, rows: None, columns });
    }
    for (name, table) in &manifest.tables {
        let (description, columns) = (table.description.clone(), table.columns.clone());
        tables.insert(name.clone(), Shown { description, rows: Some(table.rows), columns });
    }
    tables
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}

/// A text in lines of at most `width`, each after `indent` blanks.
fn wrapped(text: &str, indent: usize, width: usize) -> Vec<String> {
    let room = width.saturating_sub(indent).max(20);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.into_iter().map(|l| format!("{}{l}", " ".repeat(indent)).trim_end().to_string()).collect()
}

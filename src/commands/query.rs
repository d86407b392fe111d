//! `uramaki query`: SELECTs over a committed run, from the command line, a file or a shell.

mod editor;
mod history;
mod shell;
mod table;

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;

use crate::cli::{Color, Format, QueryArgs};
use crate::config::Project;
use crate::engine;
use crate::error::{Error, Result};
use crate::output::counted;
use crate::runs::reading::{self, Reader};
use table::View;

/// Rows that a table shows on a terminal.
const SHOWN: u64 = 50;

/// How an answer is given.
#[derive(Debug, Clone)]
struct Wanted {
    format: Format,
    view: View,
    /// How to see the rows that are not shown.
    more: &'static str,
}

impl Wanted {
    fn new(format: Format, rows: Option<u64>, color: Color, is_screen: bool) -> Wanted {
        let view = View {
            width: is_screen.then(table::screen_width),
            rows: rows.or(is_screen.then_some(SHOWN)).filter(|n| *n > 0),
            color: match color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => is_screen && std::env::var_os("NO_COLOR").is_none(),
            },
        };
        Wanted { format, view, more: "--rows 0 shows all" }
    }
}

pub async fn query(project: &Project, args: &QueryArgs, color: Color) -> Result<()> {
    let sql = match (&args.sql, &args.file) {
        (Some(sql), _) => sql.clone(),
        (None, Some(file)) if file.as_os_str() == "-" => std::io::read_to_string(std::io::stdin())?,
        (None, Some(file)) => std::fs::read_to_string(file)
            .map_err(|e| Error::config(format!("cannot read `{}`: {e}", file.display())))?,
        (None, None) if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() => {
            return shell::shell(project, args, Wanted::new(args.format, args.rows, color, true)).await;
        }
        (None, None) => {
            return Err(Error::config("say what to ask: a SELECT, or -f FILE (`-` reads stdin)")
                .hint("on a terminal, `uramaki query` without either is a shell"));
        }
    };
    let is_screen = args.output.is_none() && std::io::stdout().is_terminal();
    let wanted = Wanted::new(args.format, args.rows, color, is_screen);
    let frames = Reader::new(project, args.run).plan(&sql).await?;
    if frames.len() > 1 && args.format != Format::Table {
        return Err(Error::config(format!("{} statements have no one answer as {}", frames.len(), named(args.format)))
            .hint("ask them one by one, or with --format table"));
    }
    if frames.len() > 1 && args.output.is_some() {
        return Err(Error::config(format!("{} statements do not go into one file", frames.len()))
            .hint("ask them one by one, or send stdout to the file"));
    }
    for (i, frame) in frames.into_iter().enumerate() {
        if i > 0 {
            super::print("")?;
        }
        let began = Instant::now();
        answer(reading::stream(frame).await?, &wanted, args.output.as_deref(), began).await?;
    }
    Ok(())
}

/// The answer to a SELECT on stdout.
pub async fn show(project: &Project, sql: &str, format: Format) -> Result<()> {
    let began = Instant::now();
    let wanted = Wanted::new(format, Some(0), Color::Never, false);
    answer(reading::query(project, sql, None).await?, &wanted, None, began).await
}

fn named(format: Format) -> &'static str {
    match format {
        Format::Table => "table",
        Format::Csv => "csv",
        Format::Json => "json",
        Format::Parquet => "parquet",
    }
}

async fn answer(
    mut stream: SendableRecordBatchStream,
    wanted: &Wanted,
    output: Option<&Path>,
    began: Instant,
) -> Result<()> {
    match wanted.format {
        Format::Table => {
            let kept = table::collect(stream, wanted.view.rows).await?;
            let (text, shown) = table::render(&kept, &wanted.view)?;
            match output {
                Some(path) => writeln!(create(path)?, "{text}")?,
                None => super::print(&text)?,
            }
            // The number alone where nobody looks: equal questions say equal things.
            let took = if std::io::stderr().is_terminal() { format!(" ({})", seconds(began)) } else { String::new() };
            if shown < kept.total || kept.is_more {
                let more = if kept.is_more { "more than " } else { "" };
                let all = counted(kept.total, "row");
                // Also with --quiet: who takes a part for the whole is wrong.
                tracing::warn!("the first {} of {more}{all}{took}; {}", counted(shown, "row"), wanted.more);
            } else {
                tracing::info!("{}{took}", counted(kept.total, "row"));
            }
            Ok(())
        }
        Format::Parquet => {
            let Some(path) = output else {
                return Err(Error::config("Parquet is no text: name a file with --output"));
            };
            let failed = |e: parquet::errors::ParquetError| Error::failed(format!("writing {}: {e}", path.display()));
            let mut writer = ArrowWriter::try_new(create(path)?, stream.schema(), None).map_err(failed)?;
            while let Some(batch) = stream.next().await {
                writer.write(&batch.map_err(|e| engine::failed("the query failed", &e))?).map_err(failed)?;
            }
            writer.close().map_err(failed)?;
            Ok(())
        }
        Format::Csv | Format::Json => {
            let out: Box<dyn Write> = match output {
                Some(path) => Box::new(create(path)?),
                None => Box::new(std::io::stdout().lock()),
            };
            let written = text(out, wanted.format, stream).await;
            match written {
                Err(e) if e.to_string().contains("Broken pipe") => Ok(()),
                other => other,
            }
        }
    }
}

/// `0.04 s`
fn seconds(began: Instant) -> String {
    format!("{:.2} s", began.elapsed().as_secs_f64())
}

fn create(path: &Path) -> Result<File> {
    File::create(path).map_err(|e| Error::failed(format!("cannot write `{}`: {e}", path.display())))
}

async fn text(out: Box<dyn Write>, format: Format, mut stream: SendableRecordBatchStream) -> Result<()> {
    let failed = |e: arrow::error::ArrowError| Error::failed(format!("writing the answer: {e}"));
    if format == Format::Csv {
        let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(out);
        let mut is_empty = true;
        while let Some(batch) = stream.next().await {
            is_empty = false;
            writer.write(&batch.map_err(|e| engine::failed("the query failed", &e))?).map_err(failed)?;
        }
        if is_empty {
            writer.write(&RecordBatch::new_empty(stream.schema())).map_err(failed)?;
        }
        return Ok(());
    }
    let mut writer =
        arrow::json::WriterBuilder::new().with_explicit_nulls(true).build::<_, arrow::json::writer::LineDelimited>(out);
    while let Some(batch) = stream.next().await {
        writer.write(&batch.map_err(|e| engine::failed("the query failed", &e))?).map_err(failed)?;
    }
    writer.finish().map_err(failed)
}

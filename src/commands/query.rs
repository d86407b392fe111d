//! `uramaki query`: one SELECT over a committed run.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;

use crate::cli::{Format, QueryArgs};
use crate::config::Project;
use crate::engine;
use crate::error::{Error, Result};
use crate::output::counted;
use crate::runs::reading;

pub async fn query(project: &Project, args: &QueryArgs) -> Result<()> {
    let sql = match (&args.sql, &args.file) {
        (Some(sql), _) => sql.clone(),
        (None, Some(file)) if file.as_os_str() == "-" => std::io::read_to_string(std::io::stdin())?,
        (None, Some(file)) => std::fs::read_to_string(file)
            .map_err(|e| Error::config(format!("cannot read `{}`: {e}", file.display())))?,
        (None, None) => return Err(Error::config("say what to ask: a SELECT, or -f FILE")),
    };
    let stream = reading::query(project, &sql, args.run).await?;
    answer(stream, args.format, args.output.as_deref()).await
}

/// The answer to a SELECT on stdout.
pub async fn show(project: &Project, sql: &str, format: Format) -> Result<()> {
    answer(reading::query(project, sql, None).await?, format, None).await
}

async fn answer(mut stream: SendableRecordBatchStream, format: Format, output: Option<&Path>) -> Result<()> {
    match format {
        Format::Table => {
            let schema = stream.schema();
            let mut batches = Vec::new();
            while let Some(batch) = stream.next().await {
                batches.push(batch.map_err(|e| engine::failed("the query failed", &e))?);
            }
            let text = table(&schema, &batches)?;
            match output {
                Some(path) => Ok(create(path)?.write_all(text.as_bytes())?),
                None => super::print(&text),
            }
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
            let written = text(out, format, stream).await;
            match written {
                Err(e) if e.to_string().contains("Broken pipe") => Ok(()),
                other => other,
            }
        }
    }
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

/// A table for people.
fn table(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<String> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let options = arrow::util::display::FormatOptions::default().with_null("");
    let empty = [RecordBatch::new_empty(schema.clone())];
    let shown = if batches.is_empty() { &empty[..] } else { batches };
    let text = arrow::util::pretty::pretty_format_batches_with_options(shown, &options)
        .map_err(|e| Error::failed(format!("showing the answer: {e}")))?;
    Ok(format!("{text}\n{}", counted(rows as u64, "row")))
}

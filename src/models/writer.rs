//! Writes a stream of sorted rows as one Parquet file whose bytes are a function of the rows alone.
//!
//! Rows are re-chunked to row groups of one size, each encoded by one call per column; nothing of the stream's own
//! batches, threads or clock is left. Row groups are encoded beside one another, and appended in order.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use crate::engine;
use crate::error::{Error, Result};

/// Rows of a row group. A constant: it is part of the bytes.
pub const ROW_GROUP_ROWS: usize = 131_072;
/// The largest dictionary of a column in a row group: some thousand values.
const DICTIONARY_BYTES: usize = 128 << 10;
/// Row groups that are encoded at once; each holds its rows until it is appended.
const GROUPS_IN_FLIGHT: usize = 1;

/// A finished local file.
#[derive(Debug, Clone)]
pub struct Written {
    pub file: PathBuf,
    pub sha256: String,
    pub bytes: u64,
    pub rows: u64,
}

/// Sees each chunk of rows as it is written, in order.
pub trait Observer: Send {
    fn rows(&mut self, batch: &RecordBatch) -> Result<()>;
}

/// Nobody looks.
pub struct Unobserved;

impl Observer for Unobserved {
    fn rows(&mut self, _: &RecordBatch) -> Result<()> {
        Ok(())
    }
}

/// How the file is encoded; personal columns get no statistics (they would outlive the rows in footers and logs).
pub fn properties(personal: &[String]) -> Result<WriterPropertiesPtr> {
    let level = ZstdLevel::try_new(1).map_err(|e| Error::failed(e.to_string()))?;
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by("uramaki".into())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // A column of many values gives its dictionary up soon, not after nearly all of a group has gone through it.
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_offset_index_disabled(true);
    for column in personal {
        builder = builder.set_column_statistics_enabled(ColumnPath::from(column.as_str()), EnabledStatistics::None);
    }
    Ok(Arc::new(builder.build()))
}

/// Drains the stream into `file`.
pub async fn write(
    mut rows: SendableRecordBatchStream,
    schema: SchemaRef,
    personal: &[String],
    file: &Path,
    doing: &str,
    observer: &mut dyn Observer,
) -> Result<Written> {
    let mut writer = GroupWriter::create(schema.clone(), personal, file)?;
    let mut coalescer = BatchCoalescer::new(schema, ROW_GROUP_ROWS);
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|e| engine::failed(doing, &e))?;
        coalescer.push_batch(batch).map_err(|e| Error::failed(format!("{doing}: {e}")))?;
        while let Some(group) = coalescer.next_completed_batch() {
            observer.rows(&group)?;
            writer.push(group).await?;
        }
    }
    coalescer.finish_buffered_batch().map_err(|e| Error::failed(format!("{doing}: {e}")))?;
    while let Some(group) = coalescer.next_completed_batch() {
        observer.rows(&group)?;
        writer.push(group).await?;
    }
    writer.finish().await
}

/// Encodes row groups in the background and appends them in order.
struct GroupWriter {
    file: SerializedFileWriter<HashingFile>,
    factory: Arc<ArrowRowGroupWriterFactory>,
    path: PathBuf,
    pending: VecDeque<JoinHandle<Result<Vec<ArrowColumnChunk>>>>,
    groups: usize,
    rows: u64,
}

impl GroupWriter {
    fn create(schema: SchemaRef, personal: &[String], path: &Path) -> Result<GroupWriter> {
        let properties = properties(personal)?;
        let descriptor = ArrowSchemaConverter::new().convert(&schema).map_err(parquet_failed)?;
        let target = HashingFile::create(path)?;
        let file =
            SerializedFileWriter::new(target, descriptor.root_schema_ptr(), properties).map_err(parquet_failed)?;
        let factory = Arc::new(ArrowRowGroupWriterFactory::new(&file, schema));
        Ok(GroupWriter { file, factory, path: path.into(), pending: VecDeque::new(), groups: 0, rows: 0 })
    }

    async fn push(&mut self, group: RecordBatch) -> Result<()> {
        self.rows += group.num_rows() as u64;
        let (factory, index) = (self.factory.clone(), self.groups);
        self.groups += 1;
        self.pending.push_back(tokio::task::spawn_blocking(move || encode(&factory, index, &group)));
        while self.pending.len() > GROUPS_IN_FLIGHT {
            self.append().await?;
        }
        Ok(())
    }

    async fn append(&mut self) -> Result<()> {
        let Some(handle) = self.pending.pop_front() else { return Ok(()) };
        let chunks = handle.await.map_err(|e| Error::failed(format!("encoding stopped: {e}")))??;
        let mut group = self.file.next_row_group().map_err(parquet_failed)?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group).map_err(parquet_failed)?;
        }
        group.close().map_err(parquet_failed)?;
        Ok(())
    }

    async fn finish(mut self) -> Result<Written> {
        while !self.pending.is_empty() {
            self.append().await?;
        }
        let target = self.file.into_inner().map_err(parquet_failed)?;
        let (sha256, bytes) = target.finish()?;
        Ok(Written { file: self.path, sha256, bytes, rows: self.rows })
    }
}

fn encode(factory: &ArrowRowGroupWriterFactory, index: usize, group: &RecordBatch) -> Result<Vec<ArrowColumnChunk>> {
    let mut writers = factory.create_column_writers(index).map_err(parquet_failed)?.into_iter();
    let mut chunks = Vec::new();
    for (field, column) in group.schema().fields().iter().zip(group.columns()) {
        for leaf in compute_leaves(field, column).map_err(parquet_failed)? {
            let Some(mut writer) = writers.next() else { return Err(Error::failed("a column has no writer")) };
            writer.write(&leaf).map_err(parquet_failed)?;
            chunks.push(writer.close().map_err(parquet_failed)?);
        }
    }
    Ok(chunks)
}

fn parquet_failed(e: parquet::errors::ParquetError) -> Error {
    Error::failed(format!("writing Parquet: {e}"))
}

/// A file that knows the digest of what was written to it.
pub struct HashingFile {
    inner: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
}

impl HashingFile {
    pub fn create(path: &Path) -> Result<HashingFile> {
        let file = File::create(path).map_err(|e| Error::failed(format!("cannot write `{}`: {e}", path.display())))?;
        Ok(HashingFile { inner: BufWriter::with_capacity(1 << 20, file), digest: Sha256::new(), bytes: 0 })
    }

    /// The digest in hexadecimal, and the length in bytes.
    pub fn finish(mut self) -> Result<(String, u64)> {
        self.inner.flush()?;
        Ok((hex(&self.digest.finalize()), self.bytes))
    }
}

impl Write for HashingFile {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.digest.update(&buf[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

//! One source file becomes one batch: hashed, archived and decoded in a single pass over its bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::decode::{self, Compression, DecodeError, Outcome, Receiver, Refusal, Rejected, Settings, SumState};
use crate::config::project::Object;
use crate::contract::{Contract, Format};
use crate::error::{Diagnostic, Error, Result};
use crate::manifest::{BatchRecord, DataFile, StatedTotals};
use crate::models::writer::{HashingFile, hex, properties, sha256};
use crate::sources::drop::Found;
use crate::store::Store;

/// Rejected rows are written in chunks of this many.
const REJECTED_ROWS: usize = 4096;

/// What came of a file.
pub enum Landed {
    Batch(Box<NewBatch>),
    Refused { sha256: String, finding: Diagnostic, is_drift: bool },
}

/// A batch that is complete, and still in local files.
pub struct NewBatch {
    pub record: BatchRecord,
    pub id: String,
    landed: PathBuf,
    quarantined: Option<PathBuf>,
    archive: Option<PathBuf>,
}

/// `{"rows": 1234, "sums": {"total_price": "98765.43"}}`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlTotals {
    pub rows: Option<u64>,
    #[serde(default)]
    pub sums: BTreeMap<String, Stated>,
}

/// A sum as it is written, in quotes or not: read as a number, it could lose digits.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Stated(Box<serde_json::value::RawValue>);

impl Stated {
    fn text(&self) -> &str {
        self.0.get().trim_matches('"')
    }
}

impl ControlTotals {
    /// As a manifest keeps them.
    fn stated(&self) -> StatedTotals {
        let sums = self.sums.iter().map(|(column, sum)| (column.clone(), sum.text().to_string())).collect();
        StatedTotals { rows: self.rows, sums }
    }

    pub fn parse(bytes: &[u8], name: &str) -> Result<ControlTotals, Box<Diagnostic>> {
        serde_json::from_slice(bytes).map_err(|e| {
            Box::new(
                Diagnostic::new(format!("the control totals cannot be read: {e}"))
                    .at(name, Some(e.line() as u64))
                    .hint("they look like {\"rows\": 1234, \"sums\": {\"total_price\": \"98765.43\"}}"),
            )
        })
    }
}

/// The digest of a file that is not landed. Blocking.
pub fn digest(mut input: Box<dyn Read + Send>) -> Result<String> {
    let mut source = Source { inner: &mut input, digest: Sha256::new(), archive: None, failed: None };
    std::io::copy(&mut source, &mut std::io::sink())?;
    Ok(hex(&source.digest.finalize()))
}

/// Raised whenever landed or quarantined files come out otherwise from the same bytes and contract: then archived bytes are landed again.
const LANDING_FORMAT: u8 = 3;

/// The digest of a contract: part of the name of every batch that landed by it.
pub fn contract_digest(contract: &Contract) -> Result<String> {
    let text = serde_json::to_vec(&(LANDING_FORMAT, contract))
        .map_err(|e| Error::failed(format!("describing a contract: {e}")))?;
    Ok(sha256(&text))
}

/// A batch is a function of the bytes and the contract, and so is its name.
pub fn batch_id(source: &str, contract: &str) -> String {
    sha256(format!("{source}:{contract}").as_bytes())[..16].to_string()
}

/// Lands a file into local files under `scratch`. Blocking.
pub fn land(
    object: &Object,
    found: &Found,
    mut input: Box<dyn Read + Send>,
    totals: Option<ControlTotals>,
    scratch: &Path,
) -> Result<Landed> {
    let contract = &object.contract;
    let stem = sha256(found.name.as_bytes())[..16].to_string();
    let paths = Paths::new(scratch, &stem);
    let archive = object.archive.then(|| Archive::create(&paths.archive, found.compression.is_some())).transpose()?;
    let mut source = Source { inner: &mut input, digest: Sha256::new(), archive, failed: None };
    let mut receiver = Writer::create(contract, &paths)?;
    let stated = totals.as_ref().map(ControlTotals::stated);
    let sums: Vec<String> = totals.iter().flat_map(|t| t.sums.keys().cloned()).collect();
    let settings = Settings::default();
    let compression = match found.compression.as_deref() {
        Some("gz") => Compression::Gzip,
        Some("zst") => Compression::Zstd,
        _ => Compression::None,
    };
    let decoded = match contract.format {
        Format::Parquet => {
            // Its footer is read first: the whole content has to be there.
            let mut copy = File::create(&paths.copy)?;
            match decode::undo(compression, &mut source, &mut copy) {
                Ok(()) => {
                    let file = File::open(&paths.copy)?;
                    decode::decode_parquet(contract, file, &sums, &settings, &mut receiver)
                }
                Err(e) => Err(e),
            }
        }
        _ => decode::decode(contract, compression, &mut source, &sums, &settings, &mut receiver),
    };
    // A refused file is read to its end all the same: it is known by the digest of all its bytes.
    std::io::copy(&mut source, &mut std::io::sink())
        .map_err(|e| Error::failed(format!("cannot read the file to its end: {e}")).at(&found.name, None))?;
    let (source_digest, archive_sha256) = source.finish(&paths.archive)?;
    let archive = archive_sha256.is_some();
    let refused = |finding: Diagnostic, is_drift| {
        Ok(Landed::Refused { sha256: source_digest.clone(), finding: finding.at(&found.name, None), is_drift })
    };
    let outcome = match decoded {
        Ok(outcome) => outcome,
        Err(DecodeError::Refused(refusal)) => {
            return refused(refusal_finding(contract, &refusal), refusal.is_drift());
        }
        Err(DecodeError::Failed(e)) => return Err(e.context(format!("landing {}", found.name))),
    };
    let control = match check_totals(totals.as_ref(), &outcome) {
        Ok(control) => control,
        Err(finding) => return refused(*finding, false),
    };
    let digest = contract_digest(contract)?;
    let id = batch_id(&source_digest, &digest);
    let folder = |kind: &str| format!("{kind}/{}/{}/{id}.parquet", contract.system, contract.object);
    let (landed, quarantined) = receiver.finish(folder("landing"), folder("quarantine"))?;
    let record = BatchRecord {
        system: contract.system.clone(),
        object: contract.object.clone(),
        source: source_digest.clone(),
        contract: digest,
        landed,
        rows_read: outcome.rows_read,
        rejected: by_reason(&outcome),
        unmapped: outcome.unmapped,
        archive: archive.then(|| {
            let end = found.compression.as_deref().unwrap_or("zst");
            format!("archive/{}/{source_digest}.{end}", &source_digest[..2])
        }),
        archive_sha256,
        control,
        stated,
        ambiguous_times: outcome.ambiguous_times,
        quarantined: quarantined.clone(),
    };
    Ok(Landed::Batch(Box::new(NewBatch {
        record,
        id,
        landed: paths.landed,
        quarantined: quarantined.map(|_| paths.quarantined),
        archive: archive.then_some(paths.archive),
    })))
}

impl NewBatch {
    /// Moves the batch's files to their content-addressed names. Nobody reads them before a manifest names them.
    pub async fn store(self, store: &Store) -> Result<(String, BatchRecord)> {
        store.import(&self.landed, &self.record.landed.path).await?;
        if let (Some(local), Some(file)) = (&self.quarantined, &self.record.quarantined) {
            store.import(local, &file.path).await?;
        }
        if let (Some(local), Some(path)) = (&self.archive, &self.record.archive) {
            store.import(local, path).await?;
        }
        Ok((self.id, self.record))
    }
}

fn by_reason(outcome: &Outcome) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    for ((_, reason), rows) in &outcome.rejected_by {
        *out.entry(reason.as_str().to_string()).or_default() += rows;
    }
    out
}

fn refusal_finding(contract: &Contract, refusal: &Refusal) -> Diagnostic {
    // A drift says so itself.
    let word = if refusal.is_drift() { "" } else { " refused" };
    Diagnostic::new(format!("{}{word}: {refusal}", contract.label())).hint(refusal.hint())
}

/// Totals that do not balance mean that the extract is incomplete.
fn check_totals(totals: Option<&ControlTotals>, outcome: &Outcome) -> Result<Option<String>, Box<Diagnostic>> {
    let Some(totals) = totals else { return Ok(None) };
    let incomplete = |what: String| {
        Box::new(
            Diagnostic::new(format!("incomplete extract: {what}"))
                .hint("hand over the whole file again, or control totals that belong to it"),
        )
    };
    if let Some(rows) = totals.rows
        && rows != outcome.rows_read
    {
        return Err(incomplete(format!("the control totals state {rows} rows, the file has {}", outcome.rows_read)));
    }
    // Columns that the contract does not have, and those of which a quarantined value does not parse.
    let is_open = |column: &str| matches!(outcome.sums.get(column), None | Some(SumState::NotVerifiable));
    let unverifiable: Vec<&str> = totals.sums.keys().map(String::as_str).filter(|c| is_open(c)).collect();
    // Where a quarantined value does not parse, the rows alone decide.
    let rows_decide = outcome.sums.values().any(|sum| *sum == SumState::NotVerifiable);
    for (column, stated) in totals.sums.iter().filter(|_| !rows_decide) {
        if let Some(sum) = outcome.sums.get(column)
            && sum.equals(stated.text()) != Some(true)
        {
            return Err(incomplete(format!(
                "the control totals state {} as the sum of `{column}`, the file has {sum}",
                stated.text()
            )));
        }
    }
    Ok(Some(if unverifiable.is_empty() {
        "balanced".to_string()
    } else {
        format!("rows only: the sum of {} is not verifiable", unverifiable.join(", "))
    }))
}

struct Paths {
    landed: PathBuf,
    quarantined: PathBuf,
    archive: PathBuf,
    copy: PathBuf,
}

impl Paths {
    fn new(scratch: &Path, stem: &str) -> Paths {
        let file = |end: &str| scratch.join(format!("{stem}.{end}"));
        Paths { landed: file("landed"), quarantined: file("quarantined"), archive: file("archive"), copy: file("copy") }
    }
}

/// The bytes as received: hashed and archived while they are read.
struct Source<'a> {
    inner: &'a mut (dyn Read + Send),
    digest: Sha256,
    archive: Option<Archive>,
    failed: Option<std::io::Error>,
}

impl Read for Source<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.digest.update(&buf[..n]);
        if let Some(archive) = &mut self.archive
            && let Err(e) = archive.write_all(&buf[..n])
        {
            // The decoder would take this for a fault of the source.
            self.failed.get_or_insert(e);
        }
        Ok(n)
    }
}

impl Source<'_> {
    /// The digest, and that of the archived file where there is one.
    fn finish(self, path: &Path) -> Result<(String, Option<String>)> {
        if let Some(e) = self.failed {
            return Err(Error::failed(format!("cannot write the archive `{}`: {e}", path.display())));
        }
        let archived = self.archive.map(Archive::finish).transpose()?;
        Ok((hex(&self.digest.finalize()), archived))
    }
}

/// What came compressed is kept as it came.
enum Archive {
    Plain(HashingFile),
    Zstd(zstd::Encoder<'static, HashingFile>),
}

impl Archive {
    fn create(path: &Path, compressed: bool) -> Result<Archive> {
        let file = HashingFile::create(path)?;
        Ok(if compressed { Archive::Plain(file) } else { Archive::Zstd(zstd::Encoder::new(file, 1)?) })
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Archive::Plain(file) => file.write_all(bytes),
            Archive::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// The digest of the file.
    fn finish(self) -> Result<String> {
        let file = match self {
            Archive::Plain(file) => file,
            Archive::Zstd(encoder) => encoder.finish()?,
        };
        Ok(file.finish()?.0)
    }
}

/// Opens archived bytes as they were received.
pub async fn open_archived(
    store: &Store,
    batch: &BatchRecord,
    was_compressed: bool,
) -> Result<Option<Box<dyn Read + Send>>> {
    let Some(path) = &batch.archive else { return Ok(None) };
    let reader = store.reader(path).await?;
    if was_compressed {
        return Ok(Some(reader));
    }
    Ok(Some(Box::new(zstd::Decoder::new(reader)?)))
}

/// The schema of a quarantine file.
pub fn rejected_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("line", DataType::Int64, false),
        Field::new("column_name", DataType::Utf8, true),
        Field::new("reason", DataType::Utf8, false),
        Field::new("raw", DataType::Utf8, false),
        // The key's columns as text, parted by the unit separator; NULL where they cannot be read.
        Field::new("record_key", DataType::Utf8, true),
    ]))
}

/// Writes accepted and rejected rows as they come.
struct Writer {
    landed: ArrowWriter<HashingFile>,
    landed_rows: u64,
    quarantined: Option<ArrowWriter<HashingFile>>,
    quarantined_rows: u64,
    pending: Vec<Rejected>,
    path: PathBuf,
}

impl Writer {
    fn create(contract: &Contract, paths: &Paths) -> Result<Writer> {
        let personal: Vec<String> = contract.columns.iter().filter(|c| c.personal).map(|c| c.name.clone()).collect();
        Ok(Writer {
            landed: parquet_writer(&paths.landed, contract.landed_schema(), &personal)?,
            landed_rows: 0,
            quarantined: None,
            quarantined_rows: 0,
            pending: Vec::new(),
            path: paths.quarantined.clone(),
        })
    }

    fn flush_rejected(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.pending);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.line as i64))),
            Arc::new(StringArray::from_iter(rows.iter().map(|r| r.column.as_deref()))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.reason.as_str()))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.raw.as_str()))),
            Arc::new(StringArray::from_iter(rows.iter().map(|r| r.key.as_ref().map(|k| k.join("\u{1f}"))))),
        ];
        let batch = RecordBatch::try_new(rejected_schema(), columns)
            .map_err(|e| Error::failed(format!("writing the quarantine: {e}")))?;
        let writer = match &mut self.quarantined {
            Some(writer) => writer,
            None => self.quarantined.insert(parquet_writer(
                &self.path,
                rejected_schema(),
                &["raw".to_string(), "record_key".to_string()],
            )?),
        };
        self.quarantined_rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(|e| Error::failed(format!("writing the quarantine: {e}")))
    }

    fn finish(mut self, landed: String, quarantined: String) -> Result<(DataFile, Option<DataFile>)> {
        self.flush_rejected()?;
        let landed = data_file(self.landed, landed, self.landed_rows)?;
        let rows = self.quarantined_rows;
        let quarantined = self.quarantined.map(|w| data_file(w, quarantined, rows)).transpose()?;
        Ok((landed, quarantined))
    }
}

fn data_file(writer: ArrowWriter<HashingFile>, path: String, rows: u64) -> Result<DataFile> {
    let file = writer.into_inner().map_err(|e| Error::failed(format!("writing {path}: {e}")))?;
    let (sha256, bytes) = file.finish()?;
    Ok(DataFile { path, sha256, bytes, rows })
}

fn parquet_writer(path: &Path, schema: SchemaRef, personal: &[String]) -> Result<ArrowWriter<HashingFile>> {
    let options = ArrowWriterOptions::new()
        .with_properties(properties(personal)?.as_ref().clone())
        .with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(HashingFile::create(path)?, schema, options)
        .map_err(|e| Error::failed(format!("writing `{}`: {e}", path.display())))
}

impl Receiver for Writer {
    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        self.landed_rows += batch.num_rows() as u64;
        self.landed.write(&batch).map_err(|e| Error::failed(format!("writing a batch: {e}")))
    }

    fn rejected(&mut self, row: Rejected) -> Result<()> {
        self.pending.push(row);
        if self.pending.len() >= REJECTED_ROWS { self.flush_rejected() } else { Ok(()) }
    }
}

//! Every file that a manifest names: there, of its size and digest, and inside as it was recorded. Each is read once, several beside one another.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::parquet_to_arrow_schema;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::{Findings, RESTORE, Site};
use crate::audit::rules::Rules;
use crate::config::project::ProjectFile;
use crate::error::{Error, Result};
use crate::landing::batch::{contract_digest, rejected_schema};
use crate::manifest::{BatchRecord, DataFile, Manifest, RUNS};
use crate::models::writer::hex;
use crate::runs::commit;
use crate::runs::tables::recorded_schema;
use crate::store::{ParquetObject, Store};

/// What a manifest says of a file.
#[derive(Debug, Clone, PartialEq)]
struct Expected {
    /// Of the file itself; None where only its content's digest is known.
    sha256: Option<String>,
    bytes: Option<u64>,
    inside: Inside,
}

#[derive(Debug, Clone, PartialEq)]
enum Inside {
    /// Nothing that its digest does not say.
    Bytes,
    /// Parquet with so many rows, and these columns where they are known.
    Rows { rows: u64, columns: Option<Arc<Schema>> },
    /// Bytes as received, perhaps behind zstd, with this digest.
    Received(String),
}

/// The files that manifests name.
#[derive(Debug, Default)]
pub struct Named {
    files: BTreeMap<String, Expected>,
    /// Run → its project's digest, and path → digest of its files.
    projects: BTreeMap<u64, (String, BTreeMap<String, String>)>,
}

impl Named {
    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Takes in what one manifest names.
    pub fn add(&mut self, manifest: &Manifest, found: &mut Findings) {
        let by = Manifest::path(manifest.run);
        for (name, table) in &manifest.tables {
            let columns = match recorded_schema(table) {
                Ok(schema) => Some(schema),
                Err(_) => {
                    found.fault(&by, format!("the columns of {name} have types that are none"), RESTORE);
                    None
                }
            };
            for file in &table.files {
                self.put(&by, &file.path, data(file, columns.clone()), found);
            }
        }
        for batch in manifest.batches.values() {
            self.put(&by, &batch.landed.path, data(&batch.landed, None), found);
            if let Some(file) = &batch.quarantined {
                self.put(&by, &file.path, data(file, Some(rejected_schema())), found);
            }
            if let Some(path) = &batch.archive {
                self.put(&by, path, archived(batch), found);
            }
        }
        for digest in manifest.project.files.values() {
            let expected = Expected { sha256: Some(digest.clone()), bytes: None, inside: Inside::Bytes };
            self.put(&by, &format!("{RUNS}/files/{digest}"), expected, found);
        }
        self.projects.insert(manifest.run, (manifest.project.digest.clone(), manifest.project.files.clone()));
    }

    /// The columns of landed files stand in their contract: it is a part of the project, known to a manifest by its digest.
    pub async fn contracts(&mut self, site: &Site<'_>, manifest: &Manifest, found: &mut Findings) -> Result<()> {
        let copy = match Rules::of_run(site.store, manifest).await {
            Ok(copy) => copy,
            Err(e) => {
                let why = e.findings.first().map(|f| f.message.clone()).unwrap_or_default();
                let hint = "columns of landed files were not looked at; their digests, sizes and rows were";
                found.note(Manifest::path(manifest.run), why, hint);
                return Ok(());
            }
        };
        let mut schemas: BTreeMap<String, Arc<Schema>> = BTreeMap::new();
        for object in copy.project.objects() {
            schemas.insert(contract_digest(&object.contract)?, object.contract.landed_schema());
        }
        for batch in manifest.batches.values() {
            let held = self.files.get_mut(&batch.landed.path).map(|expected| &mut expected.inside);
            // Of batches by earlier contracts the columns are not known.
            if let (Some(Inside::Rows { columns, .. }), Some(schema)) = (held, schemas.get(&batch.contract)) {
                *columns = Some(schema.clone());
            }
        }
        Ok(())
    }

    fn put(&mut self, by: &str, path: &str, expected: Expected, found: &mut Findings) {
        match self.files.get_mut(path) {
            None => {
                self.files.insert(path.to_string(), expected);
            }
            // What a later program kept of the same file besides.
            Some(held) if held.sha256.is_none() && held.inside == expected.inside => *held = expected,
            Some(held) if expected.sha256.is_none() && held.inside == expected.inside => {}
            Some(held) if (&held.sha256, held.bytes) != (&expected.sha256, expected.bytes) => {
                found.fault(
                    by,
                    format!("it says of {path} what an earlier manifest, or another place of this one, does not"),
                    RESTORE,
                );
            }
            Some(_) => {}
        }
    }

    /// Reads every file once.
    pub async fn verify(&self, site: &Site<'_>, found: &mut Findings) -> Result<()> {
        let permits = Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)));
        let mut by_size: Vec<(&String, &Expected)> = self.files.iter().collect();
        by_size.sort_by_key(|(path, _)| std::cmp::Reverse(site.there.get(*path)));
        let mut tasks = Vec::new();
        for (path, expected) in by_size {
            let kind = kind(path);
            found.count(kind, 1);
            let Some(bytes) = site.there.get(path) else {
                found.fault(path, "a manifest names it, and it is not there", RESTORE);
                continue;
            };
            if let Some(recorded) = expected.bytes.filter(|recorded| recorded != bytes) {
                found.fault(path, format!("it has {bytes} bytes, and was written with {recorded}"), RESTORE);
                continue;
            }
            found.count("bytes read", *bytes);
            let (store, path, bytes, expected) = (site.store.clone(), path.clone(), *bytes, expected.clone());
            let permits = permits.clone();
            // A task of its own: where a reader panics on garbage, that is a fault of the file.
            tasks.push((
                path.clone(),
                tokio::spawn(async move {
                    let _permit = permits.acquire_owned().await.map_err(|e| Error::failed(e.to_string()))?;
                    faults_of(&store, &path, bytes, expected).await
                }),
            ));
        }
        for (path, task) in tasks {
            match task.await {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(what))) => found.fault(path, what, RESTORE),
                Ok(Err(e)) => {
                    let why = e.findings.first().map(|f| f.message.clone()).unwrap_or_default();
                    found.fault(path, format!("it cannot be read: {why}"), RESTORE);
                }
                Err(_) => found.fault(path, "it is so broken that it cannot be read", RESTORE),
            }
        }
        Ok(())
    }
}

fn data(file: &DataFile, columns: Option<Arc<Schema>>) -> Expected {
    Expected {
        sha256: Some(file.sha256.clone()),
        bytes: Some(file.bytes),
        inside: Inside::Rows { rows: file.rows, columns },
    }
}

fn archived(batch: &BatchRecord) -> Expected {
    Expected { sha256: batch.archive_sha256.clone(), bytes: None, inside: Inside::Received(batch.source.clone()) }
}

fn kind(path: &str) -> &'static str {
    match path.split('/').next().unwrap_or_default() {
        "landing" => "landed files",
        "quarantine" => "quarantine files",
        "archive" => "archived files",
        RUNS => "project files",
        _ => "table files",
    }
}

async fn faults_of(store: &Store, path: &str, bytes: u64, expected: Expected) -> Result<Option<String>> {
    let reader = store.reader(path).await?;
    let digest = blocking(move || digest(reader)).await?;
    if expected.sha256.as_ref().is_some_and(|recorded| *recorded != digest) {
        return Ok(Some(format!("its SHA-256 is {digest}, and not the recorded one")));
    }
    match expected.inside {
        Inside::Bytes => Ok(None),
        Inside::Received(source) if digest == source => Ok(None),
        Inside::Received(source) => {
            let reader = store.reader(path).await?;
            let content = blocking(move || digest_behind_zstd(reader)).await;
            Ok(match content {
                Ok(content) if content == source => None,
                Ok(_) => Some("the bytes in it are not those that were received".to_string()),
                Err(_) => Some("it is neither the bytes as received nor a whole zstd file of them".to_string()),
            })
        }
        Inside::Rows { rows, columns } => inside(store, path, bytes, rows, columns.as_deref()).await,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::failed(format!("reading stopped: {e}")))?
}

fn digest(mut reader: impl Read) -> Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hex(&digest.finalize())),
            Ok(n) => digest.update(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
}

fn digest_behind_zstd(reader: impl Read) -> Result<String> {
    digest(zstd::Decoder::new(reader)?)
}

/// What Parquet's own footer says.
async fn inside(store: &Store, path: &str, bytes: u64, rows: u64, columns: Option<&Schema>) -> Result<Option<String>> {
    let unreadable = |e: parquet::errors::ParquetError| Error::failed(format!("its footer: {e}"));
    let metadata = ParquetObject::new(store, path, bytes)?.get_metadata(None).await.map_err(unreadable)?;
    let file = metadata.file_metadata();
    let of_groups: i64 = metadata.row_groups().iter().map(|g| g.num_rows()).sum();
    if u64::try_from(file.num_rows()).ok() != Some(rows) || of_groups != file.num_rows() {
        return Ok(Some(format!("it has {} rows, and was recorded with {rows}", file.num_rows())));
    }
    let Some(columns) = columns else { return Ok(None) };
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata()).map_err(unreadable)?;
    let same = schema.fields().len() == columns.fields().len()
        && schema.fields().iter().zip(columns.fields()).all(|(a, b)| same_field(a, b, true));
    Ok((!same).then(|| "its columns are not the recorded ones".to_string()))
}

/// Of lists, the name of the item means nothing.
fn same_field(a: &Field, b: &Field, with_name: bool) -> bool {
    let same_type = match (a.data_type(), b.data_type()) {
        (DataType::List(a), DataType::List(b)) => same_field(a, b, false),
        (DataType::Struct(a), DataType::Struct(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_field(a, b, true))
        }
        (a, b) => a == b,
    };
    same_type && (!with_name || a.name() == b.name())
}

/// The digest of each project, from the stored bytes of its files.
pub async fn project_digests(site: &Site<'_>, named: &Named, found: &mut Findings) -> Result<()> {
    let mut known: BTreeMap<&BTreeMap<String, String>, Option<String>> = BTreeMap::new();
    for (run, (digest, files)) in &named.projects {
        if !known.contains_key(files) {
            known.insert(files, digest_of(site, files).await?);
        }
        // A file that is missing was found to be.
        if let Some(Some(reckoned)) = known.get(files)
            && reckoned != digest
        {
            found.fault(Manifest::path(*run), "the project's digest does not follow from its files", RESTORE);
        }
        found.count("projects", 1);
    }
    Ok(())
}

async fn digest_of(site: &Site<'_>, files: &BTreeMap<String, String>) -> Result<Option<String>> {
    let mut project = Vec::new();
    for (path, sha256) in files {
        // Only the project file's text is looked into; of all others the digest alone counts.
        let bytes = match path == crate::config::PROJECT_FILE {
            true => {
                let stored = format!("{RUNS}/files/{sha256}");
                let bytes = match site.there.contains_key(&stored) {
                    true => site.store.get(&stored).await?,
                    false => None,
                };
                match bytes {
                    Some(bytes) if crate::models::writer::sha256(&bytes) == *sha256 => bytes.to_vec(),
                    _ => return Ok(None),
                }
            }
            false => Vec::new(),
        };
        project.push(ProjectFile { path: path.clone(), bytes, sha256: sha256.clone() });
    }
    Ok(Some(commit::digest_of_files(&project)))
}

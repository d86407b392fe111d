//! Sinks of files: one file for each unit of a kind, each replaced as a whole, with a record of what was written last.
//!
//! The record (`.uramaki.json`) names each file's digest. Before files are replaced it is told what they will be: a process that dies in between leaves
//! files that the next one knows as its own.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use object_store::ObjectMeta;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Due, Offer, Outcome, Sink, Table, refused};
use crate::error::{Diagnostic, Error, Result};
use crate::models::writer::hex;
use crate::store::Store;

/// The record's name in the folder: hidden, so that readers of all files there pass it by.
const RECORD: &str = ".uramaki.json";
/// Where files are made before they get their names.
const SCRATCH: &str = ".uramaki-scratch";
const FORMAT: u32 = 1;

/// One file of a sink.
pub struct Unit<'a> {
    /// In the folder: `marts/customer_360.csv`.
    pub path: String,
    /// The file is a function of this.
    pub digest: String,
    /// The table that it holds, if it is one.
    pub table: Option<&'a Table<'a>>,
}

/// A kind of files.
#[async_trait]
pub trait FileKind: Send + Sync {
    /// As the project file calls it.
    fn word(&self) -> &'static str;

    /// The files that the sink is to hold.
    fn units<'a>(&self, offer: &'a Offer<'_>) -> Result<Vec<Unit<'a>>>;

    /// Makes one of them.
    async fn make(&self, offer: &Offer<'_>, unit: &Unit<'_>, file: &Path, notes: &mut Vec<String>) -> Result<()>;
}

/// A folder of files of one kind.
pub struct Folder<K> {
    sink: String,
    location: String,
    kind: K,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    format: u32,
    kind: String,
    /// The run whose tables the files hold.
    run: u64,
    files: BTreeMap<String, Written>,
}

/// A file as it was written.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    made: Made,
    /// Of the store, once the file stood there.
    e_tag: Option<String>,
    /// What it is about to be replaced by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<Made>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    /// The digest of its unit; empty where the file is not there yet.
    made_from: String,
    sha256: String,
    bytes: u64,
}

/// What is to be done, and what is in the way.
struct Plan<'a> {
    write: Vec<Unit<'a>>,
    remove: Vec<String>,
    as_before: usize,
    in_the_way: Vec<Diagnostic>,
}

impl<K: FileKind> Folder<K> {
    pub fn new(sink: String, location: &str, kind: K) -> Folder<K> {
        Folder { sink, location: location.to_string(), kind }
    }

    async fn record(&self, store: &Store) -> Result<Record> {
        let Some(bytes) = store.get(RECORD).await? else {
            return Ok(Record { format: FORMAT, kind: self.kind.word().into(), ..Record::default() });
        };
        let place = format!("{RECORD} in {}", self.location);
        let record: Record = serde_json::from_slice(&bytes).map_err(|e| {
            Error::failed(format!("the record of the sink cannot be read: {e}"))
                .at(place.clone(), None)
                .hint(format!("remove it, then `uramaki publish {} --overwrite` writes all files again", self.sink))
        })?;
        if record.format > FORMAT {
            return Err(Error::failed(format!("the record's format {} is newer than this program", record.format))
                .at(place, None)
                .hint("use a newer version of uramaki"));
        }
        if record.kind != self.kind.word() {
            return Err(Error::failed(format!("the folder holds a sink of kind {}", record.kind))
                .at(place, None)
                .hint("give each sink a folder of its own, or empty this one"));
        }
        Ok(record)
    }

    /// Compares what is there with what should be. Takes over files that a process wrote which died before it could say so.
    async fn plan<'a>(&self, offer: &'a Offer<'_>, store: &Store, record: &mut Record) -> Result<Plan<'a>> {
        let mut plan = Plan { write: Vec::new(), remove: Vec::new(), as_before: 0, in_the_way: Vec::new() };
        let mut of_before: Vec<String> = record.files.keys().cloned().collect();
        for unit in self.kind.units(offer)? {
            of_before.retain(|path| *path != unit.path);
            let there = store.head(&unit.path).await?;
            let is_ours = match (record.files.get_mut(&unit.path), &there) {
                (Some(written), Some(meta)) => stands(store, &unit.path, written, meta).await?,
                (_, None) => true,
                (None, Some(_)) => false,
            };
            let known = record.files.get(&unit.path);
            if !is_ours {
                let how = if known.is_some() { "was changed by somebody else" } else { "was written by somebody else" };
                plan.in_the_way.push(Diagnostic::new(format!("`{}` {how}", unit.path)).at(self.location.clone(), None));
            }
            match known {
                Some(written) if is_ours && there.is_some() && written.made.made_from == unit.digest => {
                    plan.as_before += 1
                }
                _ => plan.write.push(unit),
            }
        }
        for path in of_before {
            let Some(meta) = store.head(&path).await? else {
                record.files.remove(&path);
                continue;
            };
            let is_ours = match record.files.get_mut(&path) {
                Some(written) => stands(store, &path, written, &meta).await?,
                None => false,
            };
            if !is_ours {
                let said = format!("`{path}` is no longer published, and was changed by somebody else");
                plan.in_the_way.push(Diagnostic::new(said).at(self.location.clone(), None));
            }
            plan.remove.push(path);
        }
        Ok(plan)
    }

    async fn save(&self, store: &Store, record: &Record) -> Result<()> {
        let mut bytes = serde_json::to_vec_pretty(record).map_err(|e| Error::failed(e.to_string()))?;
        bytes.push(b'\n');
        store.put(RECORD, Bytes::from(bytes)).await
    }

    /// Makes all files, then lets them take their names one after the other.
    async fn write(
        &self,
        offer: &Offer<'_>,
        store: &Store,
        record: &mut Record,
        units: &[Unit<'_>],
        notes: &mut Vec<String>,
    ) -> Result<()> {
        let scratch = Scratch::create(store)?;
        let mut made = Vec::new();
        for (number, unit) in units.iter().enumerate() {
            let file = scratch.folder.join(number.to_string());
            self.kind.make(offer, unit, &file, notes).await?;
            let (sha256, bytes) = digest_of(std::fs::File::open(&file)?)?;
            let next = Made { made_from: unit.digest.clone(), sha256, bytes };
            let nothing = Made { made_from: String::new(), sha256: String::new(), bytes: 0 };
            let written =
                record.files.entry(unit.path.clone()).or_insert(Written { made: nothing, e_tag: None, next: None });
            written.next = Some(next.clone());
            made.push((file, unit, next));
        }
        self.save(store, record).await?;
        for (file, unit, made) in made {
            store.replace(&file, &unit.path).await?;
            let e_tag = store.head(&unit.path).await?.and_then(|meta| meta.e_tag);
            record.files.insert(unit.path.clone(), Written { made, e_tag, next: None });
        }
        Ok(())
    }
}

#[async_trait]
impl<K: FileKind> Sink for Folder<K> {
    async fn due(&self, offer: &Offer<'_>) -> Result<Due> {
        let Some(store) = Store::open_if_there(&self.location, STORE)? else {
            let write = self.kind.units(offer)?.into_iter().map(|u| name(&u)).collect();
            return Ok(Due { write, ..Due::default() });
        };
        let mut record = self.record(&store).await?;
        let plan = self.plan(offer, &store, &mut record).await?;
        if !plan.in_the_way.is_empty() {
            return Err(refused(&self.sink, plan.in_the_way));
        }
        Ok(Due { write: plan.write.iter().map(name).collect(), remove: plan.remove, as_before: plan.as_before })
    }

    async fn publish(&self, offer: &Offer<'_>, overwrite: bool) -> Result<Outcome> {
        let store = Store::open(&self.location, STORE)?;
        let mut record = self.record(&store).await?;
        let plan = self.plan(offer, &store, &mut record).await?;
        if !plan.in_the_way.is_empty() && !overwrite {
            return Err(refused(&self.sink, plan.in_the_way));
        }
        let mut notes = Vec::new();
        let is_same = plan.write.is_empty() && plan.remove.is_empty() && record.run == offer.run;
        if !is_same {
            self.write(offer, &store, &mut record, &plan.write, &mut notes).await?;
            for path in &plan.remove {
                store.delete(path).await?;
                record.files.remove(path);
            }
            record.run = offer.run;
            self.save(&store, &record).await?;
        }
        let write = plan.write.iter().map(name).collect();
        Ok(Outcome { done: Due { write, remove: plan.remove, as_before: plan.as_before }, notes })
    }
}

/// The engine does not know this store: any number will do.
const STORE: usize = 8;

fn name(unit: &Unit<'_>) -> String {
    unit.table.map_or_else(|| unit.path.clone(), |t| t.name.to_string())
}

/// Whether a file is as it was written. Where size and mark of the store are those of then, it is not read; else its bytes decide.
async fn stands(store: &Store, path: &str, written: &mut Written, there: &ObjectMeta) -> Result<bool> {
    if written.next.is_none()
        && written.e_tag.is_some()
        && there.e_tag == written.e_tag
        && there.size == written.made.bytes
    {
        return Ok(true);
    }
    let reader = store.reader(path).await?;
    let (sha256, _) = tokio::task::spawn_blocking(move || digest_of(reader))
        .await
        .map_err(|e| Error::failed(format!("reading `{path}`: {e}")))??;
    if let Some(next) = written.next.take()
        && next.sha256 == sha256
    {
        written.made = next;
    }
    if written.made.sha256 == sha256 {
        written.e_tag.clone_from(&there.e_tag);
        return Ok(true);
    }
    Ok(false)
}

fn digest_of(mut reader: impl Read) -> Result<(String, u64)> {
    let (mut digest, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let n = reader.read(&mut chunk)?;
        if n == 0 {
            return Ok((hex(&digest.finalize()), bytes));
        }
        digest.update(&chunk[..n]);
        bytes += n as u64;
    }
}

/// A folder for files in the making: in the sink's own folder if it is local, so that each gets its name by a rename.
struct Scratch {
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Scratch {
    fn create(store: &Store) -> Result<Scratch> {
        let Some(root) = store.local() else {
            let temporary = tempfile::tempdir()?;
            return Ok(Scratch { folder: temporary.path().to_path_buf(), _temporary: Some(temporary) });
        };
        let folder = root.join(SCRATCH);
        // What a process left that died.
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(Scratch { folder, _temporary: None })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is swept by the next publication; a failure here changes nothing.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A file for each table: `marts/customer_360.csv`.
pub fn one_a_table<'a>(offer: &'a Offer<'_>, ending: &str, made_by: &str) -> Vec<Unit<'a>> {
    let unit = |table: &'a Table<'a>| Unit {
        path: format!("{}/{}.{ending}", table.layer(), table.short()),
        digest: table.digest(made_by),
        table: Some(table),
    };
    offer.tables.iter().map(unit).collect()
}

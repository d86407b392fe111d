//! The Delta logs against the manifests: each entry is written again from the manifests, and compared byte by byte.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;

use super::{Findings, RESTORE, Site};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::models::writer::sha256;
use crate::runs::seal::Line;
use crate::sinks::delta;
use crate::store::{ParquetObject, Store};

/// Entries that are read at once.
const AT_ONCE: usize = 16;

/// What belongs to the logs.
#[derive(Debug, Default)]
pub struct Logs {
    named: BTreeSet<String>,
    /// Table → version of its newest checkpoint, and the files that are active there.
    checkpoints: BTreeMap<String, (u64, u64)>,
}

impl Logs {
    /// The entries of one run.
    pub async fn compare(
        &mut self,
        site: &Site<'_>,
        manifest: &Manifest,
        before: Option<&Manifest>,
        seal: Option<&[Line]>,
        found: &mut Findings,
    ) -> Result<()> {
        let path = Manifest::path(manifest.run);
        let entries = match delta::entries(manifest, before) {
            Ok(entries) => entries,
            Err(e) => {
                found.fault(path, e.findings.first().map(|f| f.message.clone()).unwrap_or_default(), RESTORE);
                return Ok(());
            }
        };
        let mut read = futures::stream::iter(entries)
            .map(|entry| async move {
                let bytes = match site.there.contains_key(&entry.path) {
                    true => site.store.get(&entry.path).await,
                    false => Ok(None),
                };
                (entry, bytes)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((entry, bytes)) = read.next().await {
            found.count("entries of Delta logs", 1);
            match bytes? {
                None => found.unless(
                    site.is_open(manifest.run),
                    &entry.path,
                    format!("version {} of the Delta table {} is not in its log", entry.version, entry.table),
                    RESTORE,
                ),
                Some(bytes) if bytes != entry.bytes => found.fault(
                    &entry.path,
                    format!("version {} of the Delta table {} is not as {path} has it", entry.version, entry.table),
                    RESTORE,
                ),
                Some(_) => {}
            }
            self.checkpoint(site, manifest, &entry.table, entry.version, seal, found);
            self.named.insert(entry.path);
        }
        Ok(())
    }

    fn checkpoint(
        &mut self,
        site: &Site<'_>,
        manifest: &Manifest,
        table: &str,
        version: u64,
        seal: Option<&[Line]>,
        found: &mut Findings,
    ) {
        if !delta::has_checkpoint(version) {
            return;
        }
        let path = delta::checkpoint_path(table, version);
        found.count("checkpoints of Delta logs", 1);
        if site.there.contains_key(&path) {
            let adds = manifest.tables.get(table).map_or(0, |t| t.files.len() as u64);
            self.checkpoints.insert(table.to_string(), (version, adds));
        } else if manifest.sealed || seal.is_some() {
            let explained = site.is_open(manifest.run);
            found.unless(
                explained,
                &path,
                format!("the checkpoint of version {version} of {table} is not there"),
                RESTORE,
            );
        }
        self.named.insert(path);
    }

    /// The entries of a run whose manifest before is missing: its seal holds their digests.
    pub async fn sealed(
        &mut self,
        site: &Site<'_>,
        manifest: &Manifest,
        seal: Option<&[Line]>,
        found: &mut Findings,
    ) -> Result<()> {
        for (name, table) in manifest.tables.iter().filter(|(_, t)| t.run == manifest.run) {
            let path = delta::entry_path(name, table.version);
            let checkpoint = delta::checkpoint_path(name, table.version);
            for path in [path, checkpoint] {
                let Some(line) = seal.and_then(|s| s.iter().find(|l| l.path == path)) else {
                    self.named.insert(path);
                    continue;
                };
                found.count("entries of Delta logs", 1);
                let bytes = match site.there.contains_key(&path) {
                    true => site.store.get(&path).await?,
                    false => None,
                };
                match bytes {
                    None => found.fault(&path, "the seal names it, and it is not there", RESTORE),
                    Some(bytes) if sha256(&bytes) != line.sha256 => {
                        found.fault(&path, "its digest is not the one in the seal", RESTORE);
                    }
                    Some(_) => {}
                }
                self.named.insert(path);
            }
            if delta::has_checkpoint(table.version) {
                self.checkpoints.insert(name.clone(), (table.version, table.files.len() as u64));
            }
        }
        Ok(())
    }

    /// `_last_checkpoint` is the one file that is written over: its content follows from the newest checkpoint.
    pub async fn last_checkpoints(&mut self, site: &Site<'_>, found: &mut Findings) -> Result<()> {
        for (table, (version, adds)) in &self.checkpoints {
            let path = delta::last_checkpoint_path(table);
            self.named.insert(path.clone());
            let expected = expected(site, &delta::checkpoint_path(table, *version), *version, *adds).await;
            match (site.store.get(&path).await?, expected) {
                (None, _) => {
                    found.fault(&path, format!("{table} has a checkpoint, and its log does not say so"), RESTORE)
                }
                // The checkpoint cannot be read: its seal tells of that.
                (Some(_), None) => {}
                (Some(bytes), Some(expected))
                    if bytes.trim_ascii_end() != expected.as_bytes() || bytes.len() > expected.len() + 1 =>
                {
                    found.fault(
                        &path,
                        format!("it does not tell of the newest checkpoint of {table}, version {version}"),
                        RESTORE,
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub fn has(&self, path: &str) -> bool {
        self.named.contains(path)
    }
}

async fn expected(site: &Site<'_>, checkpoint: &str, version: u64, adds: u64) -> Option<String> {
    let bytes = *site.there.get(checkpoint)?;
    let actions = footer_rows(site.store, checkpoint, bytes).await?;
    Some(format!("{{\"version\":{version},\"size\":{actions},\"sizeInBytes\":{bytes},\"numOfAddFiles\":{adds}}}"))
}

/// In a task of its own: a reader may panic on garbage.
async fn footer_rows(store: &Store, path: &str, bytes: u64) -> Option<u64> {
    use parquet::arrow::async_reader::AsyncFileReader;
    let mut object = ParquetObject::new(store, path, bytes).ok()?;
    let read = tokio::spawn(async move { object.get_metadata(None).await });
    let metadata = read.await.ok()?.ok()?;
    u64::try_from(metadata.file_metadata().num_rows()).ok()
}

/// `marts/customer_360/_delta_log/00000000000000000003.json` → (`marts.customer_360`, 3).
pub fn version_of(path: &str) -> Option<(String, u64)> {
    let (table, entry) = path.split_once("/_delta_log/")?;
    let version = entry.strip_suffix(".json")?.parse().ok()?;
    Some((table.replacen('/', ".", 1), version))
}

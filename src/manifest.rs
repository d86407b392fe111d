//! The run manifest: what a run read, by which rules, and what it published.
//!
//! `_runs/<N>.json`, chained by digest. Tables name their files here; a table exists for a reader because a manifest says so.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::store::Store;

/// The manifests' folder in the warehouse.
pub const RUNS: &str = "_runs";
/// Version of this format; readers refuse greater ones.
pub const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub run: u64,
    /// Whether `_runs/<N>.sha256` belongs to it: manifests of before seals have none.
    #[serde(default)]
    pub sealed: bool,
    /// SHA-256 of the manifest before, as stored.
    pub previous: Option<String>,
    /// The business day that the run stands for.
    pub as_of: NaiveDate,
    /// The instant at which that day ends, UTC.
    pub as_of_instant: String,
    pub started_at: String,
    pub finished_at: String,
    /// What `--select` named; empty: everything.
    pub select: Vec<String>,
    pub versions: BTreeMap<String, String>,
    pub project: ProjectRecord,
    /// Digest over inputs, project, as_of and versions: equal means that there is nothing to do.
    pub fingerprint: String,
    /// Every file ever read, in the order of reading.
    pub files: Vec<FileRecord>,
    /// Every batch that those files landed as, by id.
    pub batches: BTreeMap<String, BatchRecord>,
    /// Rows per object at this run: `shopify/orders`.
    pub objects: BTreeMap<String, ObjectBalance>,
    /// Every table as this run left it: `marts.customer_360`.
    pub tables: BTreeMap<String, TableRecord>,
    pub checks: Vec<CheckRecord>,
    pub warnings: Vec<String>,
    pub stages: Vec<StageRecord>,
    pub peak_memory_bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProjectRecord {
    pub name: String,
    pub digest: String,
    /// Path → SHA-256; the bytes lie in `_runs/files/<sha256>`.
    pub files: BTreeMap<String, String>,
}

/// One file as it was handed over: a name with certain bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Inside the drop folder: `shopify/orders/2026-11-20.csv.gz`.
    pub name: String,
    pub system: String,
    pub object: String,
    pub date: NaiveDate,
    /// NN of the name, 0 without one.
    pub number: u32,
    /// 0, then 1 for the first time that the same name came with other bytes, and so on.
    pub restatement: u32,
    pub sha256: String,
    pub bytes: u64,
    /// Milliseconds since 1970, of the store.
    pub modified: i64,
    pub e_tag: Option<String>,
    /// None: refused, and left out.
    pub batch: Option<String>,
    pub refused: Option<String>,
    pub loaded_in: u64,
}

/// What a file landed as: a function of its bytes and the contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchRecord {
    pub system: String,
    pub object: String,
    /// SHA-256 of the source file's bytes.
    pub source: String,
    pub contract: String,
    pub landed: DataFile,
    /// None where no row was quarantined.
    pub quarantined: Option<DataFile>,
    pub rows_read: u64,
    pub rejected: BTreeMap<String, u64>,
    pub unmapped: Vec<String>,
    /// The archived bytes, relative to the warehouse.
    pub archive: Option<String>,
    /// SHA-256 of the archived file itself; None in records of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_sha256: Option<String>,
    /// `balanced`, `rows only: …`, or None without control totals.
    pub control: Option<String>,
    /// What the control totals state; None without them, and in records of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated: Option<StatedTotals>,
    /// Local times that a clock change made ambiguous.
    #[serde(default)]
    pub ambiguous_times: u64,
}

/// The control totals of a file, as its source states them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StatedTotals {
    pub rows: Option<u64>,
    /// Column → sum, as written.
    pub sums: BTreeMap<String, String>,
}

/// A Parquet file, relative to the warehouse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataFile {
    pub path: String,
    pub sha256: String,
    pub bytes: u64,
    pub rows: u64,
}

/// rows in files = accepted + quarantined + repeated; accepted = keys + superseded + outdated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectBalance {
    pub files: u64,
    pub rows: u64,
    pub accepted: u64,
    pub quarantined: u64,
    /// Rows of files whose bytes came before.
    pub repeated: u64,
    pub keys: u64,
    pub superseded: u64,
    /// Rows of snapshots before the newest.
    pub outdated: u64,
    pub by_reason: BTreeMap<String, u64>,
    pub newest: Option<NaiveDate>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableRecord {
    /// Version of the Delta table.
    pub version: u64,
    /// The run that made this version.
    pub run: u64,
    pub rows: u64,
    pub columns: Vec<ColumnRecord>,
    /// The columns that the rows are sorted by.
    pub order: Vec<String>,
    pub files: Vec<DataFile>,
    /// SHA-256 over the files' digests.
    pub content: String,
    /// Digest over what the table was made from; equal means that it need not be made again.
    pub fingerprint: String,
    pub description: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnRecord {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub description: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pii: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    pub name: String,
    /// error or warn
    pub severity: String,
    pub offenders: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    pub name: String,
    pub seconds: f64,
    pub rows: Option<u64>,
}

impl Manifest {
    pub fn path(run: u64) -> String {
        format!("{RUNS}/{run}.json")
    }

    /// The digests of what the run wrote last: its manifest and its entries in the Delta logs.
    pub fn seal_path(run: u64) -> String {
        format!("{RUNS}/{run}.sha256")
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|e| Error::failed(format!("writing the manifest: {e}")))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// A manifest as stored, with its digest.
#[derive(Debug, Clone)]
pub struct Stored {
    pub manifest: Manifest,
    pub sha256: String,
}

/// The run numbers that are there, ascending.
pub async fn numbers(store: &Store) -> Result<Vec<u64>> {
    let mut found: Vec<u64> = store
        .list(RUNS)
        .await?
        .iter()
        .filter_map(|meta| {
            let name = store.relative(&meta.location);
            name.strip_prefix("_runs/")?.strip_suffix(".json")?.parse().ok()
        })
        .collect();
    found.sort_unstable();
    Ok(found)
}

/// One run's manifest.
pub async fn read(store: &Store, run: u64) -> Result<Stored> {
    let path = Manifest::path(run);
    let bytes = store
        .get(&path)
        .await?
        .ok_or_else(|| Error::config(format!("there is no run {run}")).hint("`uramaki runs` lists the runs"))?;
    let broken = |e: String| {
        Error::failed(format!("the manifest of run {run} cannot be read: {e}"))
            .at(path.clone(), None)
            .hint("restore it from a copy of the warehouse; it is never edited")
    };
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| broken(e.to_string()))?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format <= u64::from(FORMAT) => {}
        Some(format) => {
            return Err(broken(format!("its format {format} is newer than this program"))
                .hint("use a newer version of uramaki"));
        }
        None => return Err(broken("it has no format".into())),
    }
    let manifest = serde_json::from_value(value).map_err(|e| broken(e.to_string()))?;
    Ok(Stored { manifest, sha256: crate::models::writer::sha256(&bytes) })
}

/// The last committed run, if there is one.
pub async fn last(store: &Store) -> Result<Option<Stored>> {
    match numbers(store).await?.last() {
        Some(run) => Ok(Some(read(store, *run).await?)),
        None => Ok(None),
    }
}

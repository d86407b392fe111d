//! Delta logs: each published table is one whole version after the other, for any Delta reader.
//!
//! A log entry is a function of the manifest: written again after a crash it has the same bytes, so rolling forward is idempotent. That is why
//! entries are built here (the library's own commit stamps the clock and a random id); checkpoints and reading are the library's.

use bytes::Bytes;
use chrono::DateTime;
use deltalake_core::DeltaTableBuilder;
use deltalake_core::protocol::checkpoints::create_checkpoint;
use serde_json::{Value, json};
use url::Url;

use crate::error::{Error, Result};
use crate::manifest::{ColumnRecord, Manifest, TableRecord};
use crate::models::writer::sha256;
use crate::store::Store;

/// A checkpoint every so many versions: readers need not read the whole log.
const CHECKPOINT_EVERY: u64 = 20;

/// The folder of a table: `marts/customer_360`.
pub fn folder(table: &str) -> String {
    table.replacen('.', "/", 1)
}

/// Where the log entry of a version lies.
pub fn entry_path(table: &str, version: u64) -> String {
    format!("{}/_delta_log/{version:020}.json", folder(table))
}

/// Where the checkpoint of a version lies.
pub fn checkpoint_path(table: &str, version: u64) -> String {
    format!("{}/_delta_log/{version:020}.checkpoint.parquet", folder(table))
}

/// Where a table's log says which checkpoint is the newest.
pub fn last_checkpoint_path(table: &str) -> String {
    format!("{}/_delta_log/_last_checkpoint", folder(table))
}

/// Whether a checkpoint goes with this version.
pub fn has_checkpoint(version: u64) -> bool {
    version > 0 && version.is_multiple_of(CHECKPOINT_EVERY)
}

/// One log entry, as the manifests have it.
pub struct Entry {
    pub table: String,
    pub version: u64,
    pub path: String,
    pub bytes: Bytes,
}

/// The log entries of a run, by table.
pub fn entries(manifest: &Manifest, before: Option<&Manifest>) -> Result<Vec<Entry>> {
    manifest
        .tables
        .iter()
        .filter(|(_, table)| table.run == manifest.run)
        .map(|(name, table)| {
            let previous = before.and_then(|m| m.tables.get(name));
            Ok(Entry {
                table: name.clone(),
                version: table.version,
                path: entry_path(name, table.version),
                bytes: entry(name, table, previous, manifest)?,
            })
        })
        .collect()
}

/// Writes the log entries of every table that the manifest's run published, where they are not there yet.
pub async fn roll_forward(store: &Store, manifest: &Manifest, before: Option<&Manifest>) -> Result<()> {
    for Entry { table, version, path, bytes } in entries(manifest, before)? {
        if !store.put_if_absent(&path, bytes.clone()).await? {
            let there = store.get(&path).await?;
            if there.as_ref() != Some(&bytes) {
                return Err(Error::failed(format!("version {version} of the Delta table {table} was written by somebody else"))
                    .at(path, None)
                    .hint("Uramaki alone writes its tables; restore the table's log, or move the table's folder away and run with --full-refresh"));
            }
        }
        // A run that died between entry and checkpoint left the first without the second.
        if has_checkpoint(version) && store.head(&checkpoint_path(&table, version)).await?.is_none() {
            checkpoint(store, &table, version).await?;
        }
    }
    Ok(())
}

async fn checkpoint(store: &Store, name: &str, version: u64) -> Result<()> {
    let failed = |e: String| Error::failed(format!("writing a checkpoint of {name}: {e}"));
    // The library knows tables by schemes of its own. A local one it opens by itself: it puts the entries in order, which a local listing is not. Of any other
    // store it is handed the door, and takes of the location the path alone.
    let builder = match store.local() {
        Some(root) => {
            let folder = root.join(folder(name));
            let url =
                Url::from_directory_path(&folder).map_err(|()| failed(format!("`{}` is no path", folder.display())))?;
            DeltaTableBuilder::from_url(url).map_err(|e| failed(e.to_string()))?
        }
        None => {
            let url =
                Url::parse(&format!("memory:///{}/", store.path(&folder(name))?)).map_err(|e| failed(e.to_string()))?;
            let builder = DeltaTableBuilder::from_url(url.clone()).map_err(|e| failed(e.to_string()))?;
            builder.with_storage_backend(store.inner(), url)
        }
    };
    let table = builder.with_version(version).load().await.map_err(|e| failed(e.to_string()))?;
    create_checkpoint(&table, None).await.map_err(|e| failed(e.to_string()))
}

/// The lines of one log entry.
fn entry(name: &str, table: &TableRecord, previous: Option<&TableRecord>, manifest: &Manifest) -> Result<Bytes> {
    let millis = DateTime::parse_from_rfc3339(&manifest.finished_at)
        .map_err(|e| Error::failed(format!("the manifest of run {} has no time: {e}", manifest.run)))?
        .timestamp_millis();
    let mut actions = vec![json!({"commitInfo": {
        "timestamp": millis,
        "operation": "WRITE",
        "operationParameters": {"mode": "Overwrite"},
        "engineInfo": format!("uramaki {}", engine_version(manifest)),
        "uramakiRun": manifest.run,
    }})];
    if table.version == 0 {
        actions.push(json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}));
    }
    if previous.is_none_or(|p| p.columns != table.columns || p.description != table.description) {
        actions.push(metadata(name, table, millis));
    }
    for file in previous.iter().flat_map(|p| &p.files) {
        actions.push(json!({"remove": {
            "path": relative(name, &file.path),
            "deletionTimestamp": millis,
            "dataChange": true,
            "extendedFileMetadata": true,
            "partitionValues": {},
            "size": file.bytes,
        }}));
    }
    for file in &table.files {
        actions.push(json!({"add": {
            "path": relative(name, &file.path),
            "partitionValues": {},
            "size": file.bytes,
            "modificationTime": millis,
            "dataChange": true,
            // Counts alone: smallest and greatest values of personal columns would outlive their rows here.
            "stats": json!({"numRecords": file.rows}).to_string(),
        }}));
    }
    let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
    Ok(Bytes::from(lines.join("\n") + "\n"))
}

/// The program that made the run: an entry is the same whoever makes it again.
fn engine_version(manifest: &Manifest) -> &str {
    manifest.versions.get("uramaki").map_or(env!("CARGO_PKG_VERSION"), String::as_str)
}

fn relative<'a>(table: &str, path: &'a str) -> &'a str {
    path.strip_prefix(&format!("{}/", folder(table))).unwrap_or(path)
}

fn metadata(name: &str, table: &TableRecord, millis: i64) -> Value {
    let digest = sha256(name.as_bytes());
    let id = format!("{}-{}-{}-{}-{}", &digest[..8], &digest[8..12], &digest[12..16], &digest[16..20], &digest[20..32]);
    let schema = json!({"type": "struct", "fields": table.columns.iter().map(field).collect::<Vec<_>>()});
    json!({"metaData": {
        "id": id,
        "name": name,
        "description": table.description,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema.to_string(),
        "partitionColumns": [],
        "configuration": {"delta.dataSkippingNumIndexedCols": "0"},
        "createdTime": millis,
    }})
}

fn field(column: &ColumnRecord) -> Value {
    json!({
        "name": column.name,
        "type": delta_type(&column.kind),
        "nullable": true,
        "metadata": {"comment": column.description},
    })
}

/// Our vocabulary in Delta's.
fn delta_type(kind: &str) -> Value {
    match kind {
        "text" => json!("string"),
        "bigint" => json!("long"),
        "boolean" | "date" | "timestamp" | "double" => json!(kind),
        decimal if decimal.starts_with("decimal") => json!(decimal.replace(' ', "")),
        list if list.starts_with("list<") => {
            let item = list.trim_start_matches("list<");
            let item = item.strip_suffix('>').unwrap_or(item);
            json!({"type": "array", "elementType": delta_type(item), "containsNull": true})
        }
        other => json!(other),
    }
}

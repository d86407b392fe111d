//! The seal of a run: `_runs/<N>.sha256`, the digests of its manifest and of what it wrote into the Delta logs, for `sha256sum --check`.
//!
//! The chain of manifests leaves the newest one without a holder of its digest, and no manifest holds the digests of log entries. The seal
//! is a function of the manifest and the logs: whoever rolls a dead run forward writes the same bytes.

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::models::writer::sha256;
use crate::sinks::delta;
use crate::store::Store;

/// One sealed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub sha256: String,
    /// Relative to the warehouse.
    pub path: String,
}

/// The seal's text, in the format of `sha256sum`.
pub fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{}  {}\n", line.sha256, line.path)).collect()
}

/// The lines of a seal; None where one of them is none.
pub fn parse(text: &str) -> Option<Vec<Line>> {
    text.lines()
        .map(|line| {
            let (sha256, path) = line.split_once("  ")?;
            let is_digest = sha256.len() == 64 && sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            is_digest.then(|| Line { sha256: sha256.to_string(), path: path.to_string() })
        })
        .collect()
}

/// What a run's seal says: its manifest, and by table its log entry and the checkpoint that was written with it.
pub async fn lines(store: &Store, manifest: &Manifest, digest: &str, before: Option<&Manifest>) -> Result<Vec<Line>> {
    let mut lines = vec![Line { sha256: digest.to_string(), path: Manifest::path(manifest.run) }];
    for entry in delta::entries(manifest, before)? {
        lines.push(Line { sha256: sha256(&entry.bytes), path: entry.path });
        if delta::has_checkpoint(entry.version) {
            let path = delta::checkpoint_path(&entry.table, entry.version);
            if let Some(bytes) = store.get(&path).await? {
                lines.push(Line { sha256: sha256(&bytes), path });
            }
        }
    }
    Ok(lines)
}

/// Seals a run whose logs have been rolled forward. A seal that is there already must say the same.
pub async fn write(store: &Store, manifest: &Manifest, digest: &str, before: Option<&Manifest>) -> Result<()> {
    if !manifest.sealed {
        return Ok(());
    }
    let bytes = Bytes::from(text(&lines(store, manifest, digest, before).await?));
    let path = Manifest::seal_path(manifest.run);
    if !store.put_if_absent(&path, bytes.clone()).await? && store.get(&path).await?.as_ref() != Some(&bytes) {
        return Err(Error::failed(format!("the seal of run {} was written by somebody else", manifest.run))
            .at(path, None)
            .hint("`uramaki audit verify` says what differs; restore the file from a copy of the warehouse"));
    }
    Ok(())
}

//! The chain of manifests and the seals: each manifest's digest stands in its own seal and in the manifest after it.

use std::collections::BTreeMap;

use super::{Findings, RESTORE, Site, number_of};
use crate::error::Result;
use crate::manifest::{FORMAT, Manifest};
use crate::models::writer::sha256;
use crate::runs::seal::{self, Line};

/// What is known of each run.
#[derive(Debug, Default)]
pub struct Chain {
    links: BTreeMap<u64, Link>,
    /// The first run that says that it is sealed: those after it are too.
    sealed_since: Option<u64>,
}

#[derive(Debug, Default)]
struct Link {
    /// Of the manifest's bytes; None where it is not there.
    sha256: Option<String>,
    /// What it says of the manifest before; None where it cannot be read.
    previous: Option<Option<String>>,
    /// What its seal says of it.
    sealed: Option<String>,
}

impl Chain {
    /// Reads one manifest. None where it is not there, or cannot be understood.
    pub async fn read(
        &mut self,
        site: &Site<'_>,
        run: u64,
        found: &mut Findings,
    ) -> Result<Option<(Manifest, String)>> {
        let path = Manifest::path(run);
        self.gap(run, found);
        let link = self.links.entry(run).or_default();
        let Some(bytes) = site.store.get(&path).await? else {
            found.cause(&path, format!("the manifest of run {run} is not there, and its seal is"), RESTORE);
            return Ok(None);
        };
        found.count("manifests", 1);
        let digest = sha256(&bytes);
        link.sha256 = Some(digest.clone());
        let manifest = match understood(&bytes) {
            Ok(manifest) => manifest,
            Err(why) => {
                found.cause(&path, format!("the manifest of run {run} cannot be read: {why}"), RESTORE);
                return Ok(None);
            }
        };
        link.previous = Some(manifest.previous.clone());
        if manifest.run != run {
            found.cause(&path, format!("the manifest says that it is of run {}", manifest.run), RESTORE);
            return Ok(None);
        }
        Ok(Some((manifest, digest)))
    }

    /// Runs that are missing between the last one and this.
    fn gap(&self, run: u64, found: &mut Findings) {
        let last = self.links.keys().next_back().copied().unwrap_or(0);
        if run <= last + 1 {
            return;
        }
        let (from, to) = (last + 1, run - 1);
        let what = match from == to {
            true => format!("the manifest of run {from} is not there, though run {run} came after it"),
            false => format!("the manifests of runs {from} to {to} are not there, though run {run} came after them"),
        };
        found.cause(Manifest::path(from), what, "a run was removed: restore its manifest from a copy of the warehouse");
    }

    /// For a run that is asked for alone: it has to be there, and the run after it, where there is one, holds its digest.
    pub async fn witness(&mut self, site: &Site<'_>, run: u64, found: &mut Findings) -> Result<()> {
        if !self.links.contains_key(&run) {
            let what = format!("the manifest of run {run} is not there, though later runs are");
            found.cause(
                Manifest::path(run),
                what,
                "the run was removed: restore its manifest from a copy of the warehouse",
            );
        }
        let path = Manifest::path(run + 1);
        let bytes = match site.there.contains_key(&path) {
            true => site.store.get(&path).await?,
            false => None,
        };
        // One that cannot be read says nothing of this run.
        if let Some(manifest) = bytes.and_then(|b| understood(&b).ok()) {
            self.links.entry(run + 1).or_default().previous = Some(manifest.previous);
        }
        Ok(())
    }

    /// Compares a run's seal with what it must say. Returns its lines.
    pub async fn seal(
        &mut self,
        site: &Site<'_>,
        manifest: &Manifest,
        digest: &str,
        before: Option<&Manifest>,
        found: &mut Findings,
    ) -> Result<Option<Vec<Line>>> {
        let Some((text, lines)) = self.sealed(site, manifest, found).await? else { return Ok(None) };
        let path = Manifest::seal_path(manifest.run);
        let expected = match seal::lines(site.store, manifest, digest, before).await {
            Ok(expected) => expected,
            // The manifest is faulty, and was found to be.
            Err(_) => return Ok(Some(lines)),
        };
        let is_manifest = |line: &Line| line.path == Manifest::path(manifest.run);
        for line in &expected {
            match lines.iter().find(|l| l.path == line.path) {
                None => found.fault(&path, format!("the seal lacks {}", line.path), RESTORE),
                // Who was edited is judged with the manifest after it.
                Some(said) if said.sha256 != line.sha256 && !is_manifest(line) => found.fault(
                    &path,
                    format!("the seal and {} do not agree", line.path),
                    "one of the two was edited: restore both from a copy of the warehouse",
                ),
                Some(_) => {}
            }
        }
        for line in lines.iter().filter(|l| expected.iter().all(|e| e.path != l.path)) {
            found.fault(
                &path,
                format!("the seal names {}, which the run did not write, or which is gone", line.path),
                RESTORE,
            );
        }
        let same_lines = expected.len() == lines.len() && expected.iter().zip(&lines).all(|(e, l)| e.path == l.path);
        if same_lines && text != seal::text(&lines) || !same_lines && expected.len() == lines.len() {
            found.fault(&path, "the seal is not as it was written", RESTORE);
        }
        Ok(Some(lines))
    }

    /// The same where the manifest before is missing: what the log's entries must be cannot be known.
    pub async fn unchained_seal(
        &mut self,
        site: &Site<'_>,
        manifest: &Manifest,
        digest: &str,
        found: &mut Findings,
    ) -> Result<Option<Vec<Line>>> {
        let read = self.sealed(site, manifest, found).await?;
        let path = Manifest::path(manifest.run);
        if let Some((_, lines)) = &read
            && lines.iter().any(|l| l.path == path && l.sha256 != digest)
        {
            found.cause(&path, "the manifest and its seal do not agree", RESTORE);
        }
        Ok(read.map(|(_, lines)| lines))
    }

    /// The seal's text and lines; None where there is none.
    async fn sealed(
        &mut self,
        site: &Site<'_>,
        manifest: &Manifest,
        found: &mut Findings,
    ) -> Result<Option<(String, Vec<Line>)>> {
        let (run, path) = (manifest.run, Manifest::seal_path(manifest.run));
        let bytes = match site.there.contains_key(&path) {
            true => site.store.get(&path).await?,
            false => None,
        };
        if let (Some(since), false) = (self.sealed_since, manifest.sealed) {
            found.fault(
                Manifest::path(run),
                format!("the manifest says that it has no seal, and run {since} has one"),
                RESTORE,
            );
        }
        if manifest.sealed {
            self.sealed_since.get_or_insert(run);
        }
        let Some(bytes) = bytes else {
            match manifest.sealed {
                true => found.unless(site.is_open(run), &path, format!("the seal of run {run} is not there"), RESTORE),
                false => found.note(
                    Manifest::path(run),
                    format!("run {run} is of before seals"),
                    "its manifest is vouched for by the one after it, or by --head; its checkpoints by nobody",
                ),
            }
            return Ok(None);
        };
        found.count("seals", 1);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some(lines) = seal::parse(&text) else {
            found.fault(&path, "the seal cannot be read", RESTORE);
            return Ok(None);
        };
        let own = Manifest::path(run);
        let link = self.links.entry(run).or_default();
        link.sealed = lines.iter().find(|l| l.path == own).map(|l| l.sha256.clone());
        Ok(Some((text, lines)))
    }

    /// Which of manifest, seal and the manifest after it was edited: two against one.
    pub fn judge(&self, found: &mut Findings) {
        for (run, link) in &self.links {
            let (path, seal) = (Manifest::path(*run), Manifest::seal_path(*run));
            if *run == 1 && matches!(&link.previous, Some(Some(_))) {
                found.fault(&path, "the first manifest names one before it", RESTORE);
            }
            let Some(digest) = &link.sha256 else { continue };
            let after = self.links.get(&(run + 1)).and_then(|next| next.previous.as_ref());
            let by_seal = link.sealed.as_ref().map(|sealed| sealed == digest);
            let by_next = after.map(|previous| previous.as_ref() == Some(digest));
            match (by_seal, by_next) {
                (Some(false), Some(true)) => {
                    found.cause(&seal, format!("the seal holds another digest of {path}"), RESTORE)
                }
                (Some(true), Some(false)) => {
                    found.cause(Manifest::path(run + 1), format!("`previous` is not the digest of {path}"), RESTORE)
                }
                (Some(false), None) => found.cause(
                    &path,
                    format!("the manifest is not the one that {seal} holds the digest of: one of the two was edited"),
                    RESTORE,
                ),
                (Some(false), Some(false)) => found.cause(
                    &path,
                    format!(
                        "the manifest was edited: {seal} and the manifest of run {} hold another digest of it",
                        run + 1
                    ),
                    RESTORE,
                ),
                (None, Some(false)) => found.cause(
                    &path,
                    format!("the manifest was edited: the one of run {} holds another digest of it", run + 1),
                    RESTORE,
                ),
                (Some(true) | None, Some(true) | None) => {}
            }
        }
    }

    /// The newest run whose manifest is there, with its digest.
    pub fn head(&self) -> Option<(u64, String)> {
        self.links.iter().rev().find_map(|(run, link)| Some((*run, link.sha256.clone()?)))
    }

    /// The run whose manifest has a digest.
    pub fn run_of(&self, digest: &str) -> Option<u64> {
        let is_it = |link: &Link| link.sha256.as_ref().is_some_and(|sha256| sha256.eq_ignore_ascii_case(digest));
        self.links.iter().find(|(_, link)| is_it(link)).map(|(run, _)| *run)
    }

    /// Whether a path is a manifest or a seal.
    pub fn has(&self, path: &str) -> bool {
        let number = number_of(path, ".json").or_else(|| number_of(path, ".sha256"));
        number.is_some_and(|n| self.links.contains_key(&n))
    }
}

fn understood(bytes: &[u8]) -> std::result::Result<Manifest, String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format <= u64::from(FORMAT) => {}
        Some(format) => return Err(format!("its format {format} is newer than this program")),
        None => return Err("it has no format".into()),
    }
    serde_json::from_value(value).map_err(|e| e.to_string())
}

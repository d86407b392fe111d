//! `audit bundle`: one tar archive from which a run can be made again elsewhere. Its bytes are a function of the run: sorted entries, fixed times, no owner.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::replay;
use super::reproduce::CONTINUED_FROM;
use crate::error::{Error, Result};
use crate::manifest::{DataFile, Manifest, RUNS};
use crate::store::{FaultPoint, Store};

/// The warehouse inside a bundle.
const WAREHOUSE: &str = "warehouse";

/// Says of a warehouse that it is only what one run needs.
pub const BUNDLE: &str = "_runs/bundle.json";

/// For what needs a whole warehouse.
pub async fn refuse(store: &Store) -> Result<()> {
    if store.head(BUNDLE).await?.is_none() {
        return Ok(());
    }
    Err(Error::config(format!("`{}` is an unpacked bundle, not a warehouse", store.label()))
        .hint("`uramaki audit reproduce RUN --warehouse …` makes its run again; its own README.txt tells more"))
}

/// What was written.
pub struct Bundled {
    pub files: usize,
    pub bytes: u64,
}

/// One entry: bytes that are at hand, or a file of the warehouse.
enum Content {
    Text(Vec<u8>),
    Held { path: String, bytes: u64 },
}

/// Writes the bundle of a run. It gets its name when it is whole.
pub async fn bundle(store: &Store, run: u64, output: &Path, with_tables: bool) -> Result<Bundled> {
    let entries = entries(store, run, with_tables).await?;
    let files = entries.len();
    let failed = |e: std::io::Error| Error::failed(format!("cannot write `{}`: {e}", output.display()));
    let folder = output.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let target = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut archive = tar::Builder::new(BufWriter::with_capacity(1 << 20, target));
    for (name, content) in entries {
        match content {
            Content::Text(bytes) => {
                append(&mut archive, &name, bytes.len() as u64, &mut bytes.as_slice()).map_err(failed)?;
            }
            Content::Held { path, bytes } => {
                let reader = replay::open(store, &path).await?;
                let appending = move || {
                    append(&mut archive, &name, bytes, &mut reader.take(bytes))
                        .map_err(|e| Error::failed(format!("cannot put `{path}` into the bundle: {e}")))?;
                    Ok(archive)
                };
                archive = replay::blocking(appending).await?;
            }
        }
    }
    let mut inner = archive.into_inner().map_err(failed)?;
    inner.flush().map_err(failed)?;
    let target = inner.into_inner().map_err(|e| failed(e.into_error()))?;
    let bytes = target.as_file().metadata()?.len();
    let _point = FaultPoint::enter(&output.display().to_string());
    target.persist(output).map_err(|e| failed(e.error))?;
    Ok(Bundled { files, bytes })
}

/// An entry as it is in every bundle: readable by all, of nobody, of no time.
fn append(
    archive: &mut tar::Builder<impl Write>,
    name: &str,
    bytes: u64,
    content: &mut dyn Read,
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    let mut counted = Counted { inner: content, read: 0 };
    archive.append_data(&mut header, name, &mut counted)?;
    if counted.read == bytes {
        return Ok(());
    }
    // The header says how long it is: another length would shift all that follows.
    Err(std::io::Error::other(format!("it is {} bytes long, and was to be {bytes}", counted.read)))
}

struct Counted<'a> {
    inner: &'a mut dyn Read,
    read: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(out)?;
        self.read += n as u64;
        Ok(n)
    }
}

/// All entries, in the order of their names.
async fn entries(store: &Store, run: u64, with_tables: bool) -> Result<BTreeMap<String, Content>> {
    let recorded = replay::recorded(store, run).await?;
    let (run, before) = (&recorded.run, recorded.before.as_ref());
    let mut out = BTreeMap::new();
    for (path, bytes) in replay::files(store, run).await? {
        out.insert(path, Content::Text(bytes.to_vec()));
    }
    let mut held: Vec<String> = run.project.files.values().map(|digest| format!("{RUNS}/files/{digest}")).collect();
    for manifest in [Some(run), before].into_iter().flatten() {
        held.push(Manifest::path(manifest.run));
        let seal = format!("{RUNS}/{}.sha256", manifest.run);
        if store.head(&seal).await?.is_some() {
            held.push(seal);
        }
    }
    for batch in run.batches.values() {
        held.push(batch.landed.path.clone());
        held.extend(batch.quarantined.iter().map(|q| q.path.clone()));
        held.extend(batch.archive.clone());
    }
    held.extend(input_tables(run, before).map(|f| f.path.clone()));
    if with_tables {
        held.extend(run.tables.values().flat_map(|t| &t.files).map(|f| f.path.clone()));
    }
    for path in held {
        let meta = store.head(&path).await?.ok_or_else(|| {
            Error::failed(format!("run {} names a file that is not there", run.run))
                .at(path.clone(), None)
                .hint("restore it from a copy of the warehouse")
        })?;
        out.insert(format!("{WAREHOUSE}/{path}"), Content::Held { path, bytes: meta.size });
    }
    let of = format!("{{\"bundle_of_run\": {}}}\n", run.run);
    out.insert(format!("{WAREHOUSE}/{BUNDLE}"), Content::Text(of.into_bytes()));
    out.insert("README.txt".into(), Content::Text(readme(run, before, with_tables).into_bytes()));
    Ok(out)
}

/// Tables of the run before that this one is made from: the customers so far, and in a partial run all that it left as it was.
fn input_tables<'a>(run: &'a Manifest, before: Option<&'a Manifest>) -> impl Iterator<Item = &'a DataFile> {
    let is_partial = !run.select.is_empty();
    before
        .into_iter()
        .flat_map(|m| &m.tables)
        .filter(move |(name, _)| is_partial || CONTINUED_FROM.contains(&name.as_str()))
        .flat_map(|(_, table)| &table.files)
}

fn readme(run: &Manifest, before: Option<&Manifest>, with_tables: bool) -> String {
    let versions: Vec<String> = run.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let continued = before.map_or(String::new(), |m| {
        format!(
            "  warehouse/_runs/{0}.json  the manifest before: the chain leads to it\n  warehouse/identity/       the customers as run {0} left them, which this run continues\n",
            m.run
        )
    });
    let tables = if with_tables { "The tables that the run published are in warehouse/ too.\n" } else { "" };
    format!(
        "Run {run} of {name}, business day {as_of}\n\
         \n\
         This archive holds all that this run was made from: the files of the project as they were,\n\
         the extracts as they were received, what they landed as, and the run's manifest with the\n\
         digest of every input and of every table that came out.\n\
         \n\
         It holds personal data. Keep it as you would keep the source systems' own.\n\
         \n\
         \x20 uramaki.yaml, pipelines/, sql/ …  the rules\n  \
           warehouse/archive/        the extracts as received (zstd, where they came plain)\n  \
           warehouse/landing/        their typed rows\n  \
           warehouse/quarantine/     their rows that did not follow the contract\n  \
           warehouse/_runs/{run}.json  the manifest\n\
         {continued}\
         {tables}\
         \n\
         To make the run again and compare every table, in an empty folder:\n\
         \n\
         \x20   tar -xf run-{run}.tar\n\
         \x20   uramaki audit reproduce {run} --warehouse warehouse\n\
         \n\
         It needs nothing else: no network, no source system. It says `identical`, or names the first\n\
         table, row and column that differ. The run was made by these versions: {versions}.\n",
        run = run.run,
        name = run.project.name,
        as_of = run.as_of,
        versions = versions.join(", "),
    )
}

/// Unpacks a bundle below a folder. Nothing in it may lead out of that folder: it holds files alone, and their paths go down.
pub fn unpack(bundle: &Path, folder: &Path) -> Result<()> {
    let failed = |e: std::io::Error| Error::failed(format!("cannot unpack `{}`: {e}", bundle.display()));
    let file = File::open(bundle).map_err(|e| Error::config(format!("cannot read `{}`: {e}", bundle.display())))?;
    let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 20, file));
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let kind = entry.header().entry_type();
        let path = entry.path().map_err(failed)?.into_owned();
        // What `tar -cf bundle.tar .` writes in front of each name.
        let path = path.strip_prefix(".").unwrap_or(&path).to_path_buf();
        if kind.is_dir() {
            continue;
        }
        let is_file = matches!(kind, tar::EntryType::Regular | tar::EntryType::Continuous);
        if !is_file || !replay::is_inside(&path) {
            let why = if is_file { "its path leads out of it" } else { "it is neither a file nor a folder" };
            return Err(Error::failed(format!("the bundle holds `{}`: {why}", path.display()))
                .at(bundle.display().to_string(), None)
                .hint("this is no bundle of uramaki: nothing of it was used"));
        }
        let target = folder.join(&path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut out = File::create_new(&target).map_err(failed)?;
        std::io::copy(&mut entry, &mut out).map_err(failed)?;
    }
    if folder.join(WAREHOUSE).is_dir() {
        return Ok(());
    }
    Err(Error::failed(format!("`{}` is no bundle: it holds no folder `{WAREHOUSE}`", bundle.display()))
        .hint("`uramaki audit bundle RUN` writes one"))
}

/// The warehouse of a bundle that was unpacked into a folder.
pub fn warehouse(folder: &Path) -> std::path::PathBuf {
    folder.join(WAREHOUSE)
}

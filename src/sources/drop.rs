//! The drop folder: `<system>/<object>/<YYYY-MM-DD>[.<NN>].<csv|jsonl|parquet>[.gz|.zst]` on any object store.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use crate::error::{Diagnostic, Error, Kind, Result};
use crate::store::Store;

/// The listing that a drop on a plain web server has: one name per line.
const LISTING: &str = "files.txt";
/// The ending of the marker that says that a file is whole, where the pipeline names no other.
pub const READY: &str = "ready";

/// A source file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Relative to the drop folder.
    pub name: String,
    pub system: String,
    pub object: String,
    pub date: NaiveDate,
    pub number: u32,
    /// `csv`, `jsonl`, `parquet`
    pub format: String,
    /// `gz`, `zst`
    pub compression: Option<String>,
    pub bytes: u64,
    /// Milliseconds since 1970.
    pub modified: i64,
    pub e_tag: Option<String>,
    /// Name of its control totals, if they are there.
    pub control: Option<String>,
}

/// All that the drop folder holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// In file order within an object.
    pub files: Vec<Found>,
    /// Names that are no extract's, for the report.
    pub ignored: Vec<String>,
    /// All names, for ready markers.
    names: BTreeSet<String>,
}

impl Listing {
    /// Whether the file's marker (same name up to the date and number, with this ending) is there.
    pub fn is_ready(&self, file: &Found, marker: &str) -> bool {
        let stem = stem(&file.name);
        self.names.contains(&format!("{stem}.{marker}"))
    }
}

fn stem(name: &str) -> String {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let mut parts = file.split('.');
    let date = parts.next().unwrap_or_default();
    let number = parts.next().filter(|p| is_number(p));
    match number {
        Some(number) => format!("{folder}/{date}.{number}"),
        None => format!("{folder}/{date}"),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Lists the drop folder.
pub async fn list(store: &Store) -> Result<Listing> {
    if let Some(root) = store.local() {
        refuse_bad_links(root)?;
    }
    let mut listing = Listing::default();
    let mut metas: Vec<(String, u64, i64, Option<String>)> = Vec::new();
    if store.label().starts_with("http") {
        let text = store.get(LISTING).await?.ok_or_else(|| {
            Error::failed(format!("`{}` has no listing", store.label()))
                .hint(format!("a web server cannot be listed: put the names, one per line, into {LISTING}"))
        })?;
        for name in
            String::from_utf8_lossy(&text).lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'))
        {
            let meta = store.head(name).await?.ok_or_else(|| {
                Error::failed(format!("`{name}` is listed in {LISTING}, and not there")).at(name, None)
            })?;
            metas.push((name.to_string(), meta.size, meta.last_modified.timestamp_millis(), meta.e_tag));
        }
    } else {
        for meta in store.list("").await? {
            let e_tag = if store.local().is_some() { None } else { meta.e_tag };
            metas.push((store.relative(&meta.location), meta.size, meta.last_modified.timestamp_millis(), e_tag));
        }
    }
    listing.names = metas.iter().map(|m| m.0.clone()).collect();
    for (name, bytes, modified, e_tag) in metas {
        match parse(&name) {
            Some(mut found) => {
                (found.bytes, found.modified, found.e_tag) = (bytes, modified, e_tag);
                let control = format!("{}.control.json", stem(&name));
                found.control = listing.names.contains(&control).then_some(control);
                listing.files.push(found);
            }
            None if name.ends_with(".control.json") || name.ends_with(&format!(".{READY}")) || name == LISTING => {}
            None => listing.ignored.push(name),
        }
    }
    listing.files.sort_by(|a, b| {
        (a.date, a.number, &a.system, &a.object, &a.name).cmp(&(b.date, b.number, &b.system, &b.object, &b.name))
    });
    Ok(listing)
}

/// The parts of a name, or None if it is no extract's.
fn parse(name: &str) -> Option<Found> {
    let mut path = name.split('/');
    let (system, object, file) = (path.next()?, path.next()?, path.next()?);
    if path.next().is_some() {
        return None;
    }
    let mut parts = file.split('.').peekable();
    let date = parts.next()?;
    if date.len() != 10 {
        return None;
    }
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    let number = match parts.peek() {
        Some(part) if is_number(part) => parts.next()?.parse().ok()?,
        _ => 0,
    };
    let format = parts.next().filter(|f| matches!(*f, "csv" | "jsonl" | "parquet"))?;
    let compression = match parts.next() {
        None => None,
        Some(end @ ("gz" | "zst")) => Some(end.to_string()),
        Some(_) => return None,
    };
    if parts.next().is_some() {
        return None;
    }
    Some(Found {
        name: name.to_string(),
        system: system.to_string(),
        object: object.to_string(),
        date,
        number,
        format: format.to_string(),
        compression,
        bytes: 0,
        modified: 0,
        e_tag: None,
        control: None,
    })
}

/// Links may point to places inside the drop folder only, and not in circles.
fn refuse_bad_links(root: &Path) -> Result<()> {
    fn walk(
        root: &Path,
        folder: &Path,
        open: &mut Vec<PathBuf>,
        findings: &mut Vec<Diagnostic>,
    ) -> std::io::Result<()> {
        let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<std::io::Result<_>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let is_link = entry.file_type()?.is_symlink();
            let real = match path.canonicalize() {
                Ok(real) => real,
                Err(_) if is_link => {
                    findings.push(
                        Diagnostic::new("a link in the drop folder leads nowhere, or in a circle")
                            .at(name, None)
                            .hint("remove the link, or mend its target"),
                    );
                    continue;
                }
                Err(e) => return Err(e),
            };
            if is_link && !real.starts_with(root) {
                findings.push(
                    Diagnostic::new("a link in the drop folder leads outside")
                        .at(name, None)
                        .hint("put the file itself into the drop folder"),
                );
                continue;
            }
            if real.is_dir() {
                if open.contains(&real) {
                    findings.push(
                        Diagnostic::new("a link in the drop folder leads in a circle")
                            .at(name, None)
                            .hint("remove the link"),
                    );
                    continue;
                }
                open.push(real);
                walk(root, &path, open, findings)?;
                open.pop();
            }
        }
        Ok(())
    }
    let mut findings = Vec::new();
    walk(root, root, &mut vec![root.to_path_buf()], &mut findings)
        .map_err(|e| Error::failed(format!("cannot read the drop folder `{}`: {e}", root.display())))?;
    if findings.is_empty() { Ok(()) } else { Err(Error { kind: Kind::Failed, findings }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_strictly() {
        let found = parse("shopify/orders/2026-11-20.03.csv.gz").unwrap();
        assert_eq!((found.number, found.format.as_str(), found.compression.as_deref()), (3, "csv", Some("gz")));
        assert_eq!(parse("shopify/orders/2026-11-20.jsonl").unwrap().number, 0);
        for other in [
            "shopify/orders/2026-11-20.csv.bak",
            "shopify/orders/2026-11-20.control.json",
            "shopify/orders/2026-02-30.csv",
            "shopify/2026-11-20.csv",
            "shopify/orders/old/2026-11-20.csv",
            "shopify/orders/20261120.csv",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
        assert_eq!(stem("a/b/2026-11-20.03.csv.gz"), "a/b/2026-11-20.03");
        assert_eq!(stem("a/b/2026-11-20.csv"), "a/b/2026-11-20");
    }
}

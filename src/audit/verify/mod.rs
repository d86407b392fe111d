//! Is everything there as it was written? Reads the warehouse alone: manifests, seals, files, Delta logs. What differs is named, all of it at once.
//!
//! Manifests are read one after the other and only the one before is kept: each holds the whole history.

mod chain;
mod files;
mod logs;
mod record;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::audit::bundle;
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::manifest::{Manifest, RUNS};
use crate::output::thousands;
use crate::runs::commit::{FAILED, MARKER, SCRATCH};
use crate::store::Store;

/// Come and go with a run, or tell of one that published nothing: no part of the record.
const PASSING: [&str; 3] = [MARKER, "_runs/lock", "_runs/lease.json"];

/// What came of a verification.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// The run that was asked for; None: all.
    pub run: Option<u64>,
    /// The newest manifest that was read.
    pub head: Option<Head>,
    pub checked: Vec<Checked>,
    /// Not wrong, and good to know.
    pub notes: Vec<Finding>,
    pub faults: Vec<Finding>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Head {
    pub run: u64,
    pub sha256: String,
    /// Whether a digest was given that was kept elsewhere, and it is this one.
    pub is_confirmed: bool,
    /// The run whose digest was given: it and those before it are as they were then.
    pub confirmed_run: Option<u64>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    pub what: &'static str,
    pub count: u64,
}

/// Sorted as they are told: causes come first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Whether others may follow from it: a manifest that is gone or was edited.
    #[serde(skip)]
    is_consequence: bool,
    /// Relative to the warehouse.
    #[serde(rename = "where")]
    pub path: String,
    pub what: String,
    pub hint: String,
}

impl Finding {
    fn new(is_consequence: bool, path: impl Into<String>, what: impl Into<String>, hint: &str) -> Finding {
        Finding { is_consequence, path: path.into(), what: what.into(), hint: hint.into() }
    }
}

/// What is found on the way.
#[derive(Debug, Default)]
struct Findings {
    checked: Vec<Checked>,
    notes: Vec<Finding>,
    faults: Vec<Finding>,
}

impl Findings {
    fn fault(&mut self, path: impl Into<String>, what: impl Into<String>, hint: &str) {
        self.faults.push(Finding::new(true, path, what, hint));
    }

    /// A fault that others follow from.
    fn cause(&mut self, path: impl Into<String>, what: impl Into<String>, hint: &str) {
        self.faults.push(Finding::new(false, path, what, hint));
    }

    fn note(&mut self, path: impl Into<String>, what: impl Into<String>, hint: &str) {
        self.notes.push(Finding::new(true, path, what, hint));
    }

    /// A fault, or a note where a run that died or is at work explains it.
    fn unless(&mut self, explained: bool, path: &str, what: String, hint: &str) {
        match explained {
            true => self.note(
                path,
                what,
                "a run died or is at work (_runs/in_progress.json); the next `uramaki run` settles it",
            ),
            false => self.fault(path, what, hint),
        }
    }

    fn count(&mut self, what: &'static str, count: u64) {
        match self.checked.iter_mut().find(|c| c.what == what) {
            Some(held) => held.count += count,
            None => self.checked.push(Checked { what, count }),
        }
    }
}

/// What lies in the warehouse, and which run is at work there.
struct Site<'a> {
    store: &'a Store,
    /// Path → size.
    there: BTreeMap<String, u64>,
    /// The run that `_runs/in_progress.json` names; 0 where it names none.
    in_progress: Option<u64>,
}

impl Site<'_> {
    /// Whether a run that died, or is at work, explains that the logs of `run` are not complete.
    fn is_open(&self, run: u64) -> bool {
        self.in_progress == Some(run)
    }
}

const RESTORE: &str = "restore it from a copy of the warehouse; files of the record are never changed";

/// Verifies one run with the manifests before it, or everything. `head` is the digest of the newest of these manifests, as it was kept elsewhere.
pub async fn verify(store: &Store, run: Option<u64>, head: Option<&str>) -> Result<Verified> {
    if let Some(kept) = head
        && (kept.len() != 64 || !kept.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return Err(Error::config("--head is no SHA-256").hint("64 hexadecimal digits, as `audit verify` prints them"));
    }
    bundle::refuse(store).await?;
    let site = look(store).await?;
    let mut found = Findings::default();
    let numbers = numbers(&site, run)?;
    let mut files = files::Named::default();
    let mut logs = logs::Logs::default();
    let mut chain = chain::Chain::default();
    let mut before: Option<Manifest> = None;
    for number in numbers {
        let read = chain.read(&site, number, &mut found).await?;
        let Some((manifest, sha256)) = read else {
            before = None;
            continue;
        };
        let is_first = number == 1;
        record::check(&manifest, before.as_ref(), &mut found);
        if is_first || before.is_some() {
            let seal = chain.seal(&site, &manifest, &sha256, before.as_ref(), &mut found).await?;
            logs.compare(&site, &manifest, before.as_ref(), seal.as_deref(), &mut found).await?;
        } else {
            // The manifest before is needed to write this run's entries again: its seal alone holds their digests.
            let seal = chain.unchained_seal(&site, &manifest, &sha256, &mut found).await?;
            logs.sealed(&site, &manifest, seal.as_deref(), &mut found).await?;
        }
        if run.is_none_or(|run| run == number) {
            files.add(&manifest, &mut found);
        }
        before = Some(manifest);
    }
    if let Some(run) = run {
        chain.witness(&site, run, &mut found).await?;
    }
    chain.judge(&mut found);
    let newest = chain.head();
    let confirmed_run = head.and_then(|kept| chain.run_of(kept));
    if let (Some(_), None, Some((number, sha256))) = (head, confirmed_run, &newest) {
        found.cause(
            Manifest::path(*number),
            format!("no manifest up to run {number} has the digest that was kept elsewhere; this one has {sha256}"),
            "the run that it was kept of was removed, or manifests have been written anew: compare with a copy of the warehouse",
        );
    }
    if run.is_none() {
        logs.last_checkpoints(&site, &mut found).await?;
        strays(&site, &chain, &files, &logs, &mut found);
    }
    if let Some(manifest) = &before {
        files.contracts(&site, manifest, &mut found).await?;
    }
    files.verify(&site, &mut found).await?;
    files::project_digests(&site, &files, &mut found).await?;
    for findings in [&mut found.faults, &mut found.notes] {
        findings.sort();
        findings.dedup();
    }
    Ok(Verified {
        run,
        head: newest.map(|(run, sha256)| Head { run, sha256, is_confirmed: confirmed_run == Some(run), confirmed_run }),
        checked: found.checked,
        notes: found.notes,
        faults: found.faults,
    })
}

async fn look(store: &Store) -> Result<Site<'_>> {
    let listed = store.list("").await?;
    let there: BTreeMap<String, u64> = listed.iter().map(|meta| (store.relative(&meta.location), meta.size)).collect();
    let marker = match there.contains_key(MARKER) {
        true => store.get(MARKER).await?,
        false => None,
    };
    let in_progress = marker.map(|bytes| {
        let value: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        value.and_then(|v| v.get("run")?.as_u64()).unwrap_or(0)
    });
    Ok(Site { store, there, in_progress })
}

/// The number of a run's file in `_runs`, as the program writes it.
fn number_of(path: &str, ending: &str) -> Option<u64> {
    let name = path.strip_prefix(RUNS)?.strip_prefix('/')?.strip_suffix(ending)?;
    let number: u64 = name.parse().ok()?;
    (number > 0 && number.to_string() == name).then_some(number)
}

/// The runs to look at: those with a manifest or a seal, up to the one that was asked for.
fn numbers(site: &Site<'_>, run: Option<u64>) -> Result<Vec<u64>> {
    let both = |path: &String| number_of(path, ".json").or_else(|| number_of(path, ".sha256"));
    let numbers: BTreeSet<u64> = site.there.keys().filter_map(both).collect();
    if site.there.is_empty() {
        return Err(Error::config(format!("there is no run yet in `{}`", site.store.label()))
            .hint("`uramaki run` makes one; --warehouse names another place"));
    }
    if let Some(run) = run
        && !numbers.contains(&run)
    {
        let newest = numbers.last().copied().unwrap_or(0);
        // A run that later ones follow has been removed: then the chain says so.
        if run == 0 || run > newest {
            return Err(Error::config(format!("there is no run {run}")).hint("`uramaki runs` lists the runs"));
        }
    }
    Ok(numbers.into_iter().filter(|n| run.is_none_or(|run| *n <= run)).collect())
}

/// Files that nothing names.
fn strays(site: &Site<'_>, chain: &chain::Chain, files: &files::Named, logs: &logs::Logs, found: &mut Findings) {
    let (mut looked, mut of_logs) = (0, 0);
    for path in site.there.keys() {
        let is_passing = PASSING.contains(&path.as_str())
            || path.starts_with(&format!("{FAILED}/"))
            || path.starts_with(&format!("{SCRATCH}/"));
        if is_passing {
            continue;
        }
        looked += 1;
        if chain.has(path) || files.has(path) || logs.has(path) {
            continue;
        }
        let explained = site.in_progress.is_some();
        let (what, hint) = match logs::version_of(path) {
            Some((table, version)) => (
                format!("version {version} of the Delta table {table} is of no manifest"),
                "the run that wrote it was removed, or somebody else wrote it: compare with a copy of the warehouse",
            ),
            None => (
                "no manifest names this file".to_string(),
                "was a run removed that named it? If not, find out who put it there; keep a copy before it is taken away",
            ),
        };
        of_logs += u64::from(!explained && logs::version_of(path).is_some());
        found.unless(explained, path, what, hint);
    }
    if of_logs > 0 && found.faults.iter().all(|f| f.is_consequence) {
        let newest = chain.head().map_or(0, |(run, _)| run);
        found.cause(
            Manifest::path(newest + 1),
            format!("{of_logs} versions of Delta tables are of no run up to {newest}, the newest: one after it was removed"),
            "restore its manifest and seal from a copy of the warehouse; if there never was such a run, somebody wrote into the tables",
        );
    }
    found.count("files in the warehouse", looked);
}

impl Verified {
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }

    /// For people: what was checked, what to know, and whether it holds. The faults are told as errors.
    pub fn text(&self) -> String {
        let mut out = Vec::new();
        let width = self.checked.iter().map(|c| c.what.chars().count()).max().unwrap_or(0);
        out.push("checked:".to_string());
        out.extend(self.checked.iter().map(|c| format!("  {:<width$} {:>12}", c.what, thousands(c.count))));
        for note in &self.notes {
            out.push(format!("note: {}\n  at {}\n  {}", note.what, note.path, note.hint));
        }
        if let Some(head) = &self.head {
            out.push(format!("newest manifest: run {}, sha256 {}", head.run, head.sha256));
            out.push(match head.confirmed_run {
                Some(run) if run == head.run => "  it is the one that was kept elsewhere".to_string(),
                Some(run) => format!("  run {run} is the one that was kept elsewhere; for later runs only the warehouse vouches: keep this digest too"),
                // Nobody keeps the digest of what does not hold.
                None if !self.holds() => String::new(),
                None => "  keep this digest elsewhere, and give it to `--head` the next time: who can write all of the warehouse can write it anew".to_string(),
            });
            out.retain(|line| !line.is_empty());
        }
        let causes = self.faults.iter().filter(|f| !f.is_consequence).count();
        out.push(match (self.faults.len(), causes) {
            (0, _) => "all holds".to_string(),
            (1, _) => "1 fault".to_string(),
            (n, 0) => format!("{n} faults"),
            (n, causes) if n == causes => format!("{n} faults, all of them in manifests"),
            (n, 1) => format!("{n} faults; the first is in a manifest, and others may follow from it"),
            (n, causes) => format!("{n} faults; the first {causes} are in manifests, and others may follow from them"),
        });
        out.join("\n")
    }

    /// The faults as an error, if there are any.
    pub fn outcome(&self) -> Result<()> {
        if self.holds() {
            return Ok(());
        }
        let findings = self.faults.iter().map(|f| Diagnostic::new(&f.what).at(&f.path, None).hint(&f.hint)).collect();
        Err(Error { kind: Kind::Failed, findings })
    }
}

//! `audit diff`: what changed the key figures between two runs, split exactly into causes. The tables are made again with one cause more at a time, in one order; what a figure moves at
//! a step is that cause's part, so the parts add up to the difference.

pub mod customers;
pub mod figures;
pub mod rows;
pub mod state;
pub mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use self::customers::Known;
use self::figures::{Exact, Name};
use self::rows::{Changes, WHYS, Why, World};
use self::state::{Bench, State, Values, is_sql};
use super::replay;
use crate::config::project::Metric;
use crate::config::{PROJECT_FILE, Project};
use crate::error::{Error, Result};
use crate::identity::events::Event;
use crate::manifest::{self, Manifest};
use crate::output::{Narrator, counted};
use crate::runs::make::{self, Counted, Effort, Inputs};
use crate::runs::plan;
use crate::runs::resolve::Customers;
use crate::store::Store;

/// What is asked, and what it may use.
pub struct Request<'a> {
    pub from: u64,
    pub to: u64,
    pub threads: usize,
    pub memory: usize,
    pub scratch: &'a Path,
}

/// A cause that had something to change.
#[derive(Debug, Clone)]
pub struct Cause {
    pub name: String,
    /// What it comprises, a line each.
    pub comprises: Vec<String>,
}

/// One figure: what it was, what each cause changed, what it is.
#[derive(Debug, Clone)]
pub struct Split {
    pub name: Name,
    pub label: String,
    pub unit: Option<String>,
    pub from: Exact,
    /// Of each cause, in their order.
    pub parts: Vec<Exact>,
    pub to: Exact,
    /// What is left: always 0.
    pub residual: Exact,
}

/// The difference of two runs.
#[derive(Debug, Clone)]
pub struct Diff {
    pub from: (u64, chrono::NaiveDate),
    pub to: (u64, chrono::NaiveDate),
    pub causes: Vec<Cause>,
    pub splits: Vec<Split>,
    /// Figures that are not split, and why.
    pub left_out: Vec<String>,
    pub notes: Vec<String>,
}

/// A run with its project and rows.
struct Ready {
    manifest: Manifest,
    files: Vec<(String, Bytes)>,
    project: Project,
    counted: Counted,
}

/// Splits the difference.
pub async fn diff(store: &Store, request: &Request<'_>, narrator: &Narrator) -> Result<Diff> {
    if request.from >= request.to {
        return Err(Error::config("the first run must be the earlier one")
            .hint(format!("uramaki audit diff {} {}", request.to, request.from)));
    }
    let from = ready(store, request, request.from).await?;
    let to = ready(store, request, request.to).await?;
    for run in [&from, &to] {
        if let Some(needed) = replay::version_needed(&run.manifest) {
            narrator.warn(&format!("{needed}; it is tried all the same"));
        }
    }
    let (names, left_out) = common(&from, &to);
    let bench = Bench {
        store,
        names: &names,
        threads: request.threads,
        memory: request.memory,
        scratch: request.scratch,
        narrator,
    };
    let worlds = [&from, &to].map(|r| World { project: &r.project, manifest: &r.manifest, counted: &r.counted });
    let changes = rows::changes(store, &worlds[0], &worlds[1]).await?;
    let known = (Arc::new(Known::of(store, &from.manifest).await?), Arc::new(Known::of(store, &to.manifest).await?));
    let events = customers::events(&known.0, &known.1, request.to);
    let mut walk =
        Walk { bench, from: &from, to: &to, changes, known, causes: Vec::new(), notes: Vec::new(), values: Vec::new() };
    walk.go(request, &events).await?;
    let Walk { causes, notes, values, .. } = walk;
    let metrics = figures::of(&to.project);
    let (splits, not_numbers) = split(&names, &metrics, &values)?;
    let left_out = left_out.into_iter().chain(not_numbers).collect();
    Ok(Diff {
        from: (request.from, from.manifest.as_of),
        to: (request.to, to.manifest.as_of),
        causes,
        splits,
        left_out,
        notes,
    })
}

async fn ready(store: &Store, request: &Request<'_>, run: u64) -> Result<Ready> {
    let manifest = manifest::read(store, run).await?.manifest;
    let files = replay::files(store, &manifest).await?;
    let folder = request.scratch.join(format!("run-{run}"));
    let project = replay::project_of(store, &manifest, &files, &folder)?;
    let inputs = Inputs {
        project: &project,
        warehouse: store,
        files: &manifest.files,
        batches: &manifest.batches,
        as_of: manifest.as_of,
        as_of_instant: plan::end_of_day(&project, manifest.as_of)?,
        previous: None,
        number: run,
        select: &[],
        full_refresh: true,
    };
    let effort = Effort { threads: request.threads, memory: request.memory, scratch: request.scratch };
    let counted = make::count(&inputs, &effort).await?;
    Ok(Ready { manifest, files, project, counted })
}

/// Figures that both projects have, and what is said of the others.
fn common(from: &Ready, to: &Ready) -> (Vec<Name>, Vec<String>) {
    let (before, after) = (figures::of(&from.project), figures::of(&to.project));
    let mut left_out = Vec::new();
    for (one, other, run) in [(&before, &after, &from.manifest), (&after, &before, &to.manifest)] {
        for name in one.keys().filter(|n| !other.contains_key(*n)) {
            left_out.push(format!("{} ({}): only the project of run {} has it", name.figure, name.table, run.run));
        }
    }
    (before.into_keys().filter(|name| after.contains_key(name)).collect(), left_out)
}

/// The way from one run to the other.
struct Walk<'a> {
    bench: Bench<'a>,
    from: &'a Ready,
    to: &'a Ready,
    changes: Changes,
    known: (Arc<Known>, Arc<Known>),
    causes: Vec<Cause>,
    notes: Vec<String>,
    /// Of the first run, then after each cause.
    values: Vec<Values>,
}

impl Walk<'_> {
    async fn go(&mut self, request: &Request<'_>, events: &[Event]) -> Result<()> {
        let (from, to) = (self.from, self.to);
        let said = |bench: &Bench<'_>, text: &str| bench.narrator.say(text);
        // The earlier run as it was.
        said(&self.bench, &format!("making run {} again", from.manifest.run));
        let first = self.make(&from.project, from.manifest.as_of, &from.counted).await?;
        let published = self.bench.published(&from.project, &from.manifest).await?;
        state::must_be(from.manifest.run, &published, &first)?;
        self.values.push(first);
        // Rules.
        let (config, sql) = (changed(from, to, false), changed(from, to, true));
        let base = self.changes.counted(None);
        let as_of = from.manifest.as_of;
        match (config.is_empty(), sql.is_empty()) {
            (true, true) => {}
            (false, true) => self.step("changed configuration", config, &to.project, as_of, &base).await?,
            (true, false) => self.step("changed SQL", sql, &to.project, as_of, &base).await?,
            (false, false) => {
                let folder = request.scratch.join("mixed");
                let mixed = state::mixed(self.bench.store, &to.files, &from.files, as_of, &folder).await?;
                let alone = match &mixed {
                    Some(project) => self.make(project, as_of, &base).await.ok(),
                    None => None,
                };
                let (Some(values), Some(_)) = (alone, &mixed) else {
                    self.notes.push(
                        "the changed configuration and the changed SQL need one another: they are one cause".into(),
                    );
                    let both = [config, sql].concat();
                    self.step("changed configuration and SQL", both, &to.project, as_of, &base).await?;
                    return self.rest(events).await;
                };
                self.push("changed configuration", config, values);
                self.step("changed SQL", sql, &to.project, as_of, &base).await?;
            }
        }
        self.rest(events).await
    }

    /// Time, rows, customers.
    async fn rest(&mut self, events: &[Event]) -> Result<()> {
        let to = self.to;
        let (before, after) = (self.from.manifest.as_of, to.manifest.as_of);
        if before != after {
            let base = self.changes.counted(None);
            let told = vec![format!("{before} to {after}")];
            self.step("passing of time", told, &to.project, after, &base).await?;
        }
        for why in WHYS {
            if !self.changes.has(why) {
                continue;
            }
            let told = self.changes.told(self.bench.store, why).await?.into_iter().map(|t| {
                let more = if t.rows > t.places.len() as u64 { ", …" } else { "" };
                format!("{}: {} ({}{more})", t.object, counted(t.rows, "row"), t.places.join(", "))
            });
            let told: Vec<String> = told.collect();
            let counted = self.changes.counted(Some(why));
            self.step(name_of(why), told, &to.project, after, &counted).await?;
        }
        // The later run as it is.
        self.bench.narrator.say(&format!("making run {} again", to.manifest.run));
        let last = State {
            project: &to.project,
            as_of: after,
            rows: &to.counted,
            customers: Customers::Recorded(customers::tables(&to.manifest)),
            number: to.manifest.run,
        };
        let last = self.bench.values(last).await?;
        let published = self.bench.published(&to.project, &to.manifest).await?;
        state::must_be(to.manifest.run, &published, &last)?;
        let told = told_events(events);
        // Without a merge or a split nothing is left to change.
        if !told.is_empty() || self.values.last() != Some(&last) {
            self.push("identity merges and splits", told, last);
        }
        Ok(())
    }

    async fn step(
        &mut self,
        name: &str,
        comprises: Vec<String>,
        project: &Project,
        as_of: chrono::NaiveDate,
        rows: &Counted,
    ) -> Result<()> {
        self.bench.narrator.say(name);
        let values = self.make(project, as_of, rows).await.map_err(|e| e.context(format!("with {name}")))?;
        self.push(name, comprises, values);
        Ok(())
    }

    fn push(&mut self, name: &str, comprises: Vec<String>, values: Values) {
        self.causes.push(Cause { name: name.to_string(), comprises });
        self.values.push(values);
    }

    /// The figures of a state in which the earlier run's customers still stand.
    async fn make(&self, project: &Project, as_of: chrono::NaiveDate, rows: &Counted) -> Result<Values> {
        let customers = Customers::Assigned {
            tables: customers::tables(&self.from.manifest),
            assign: customers::assign(self.known.0.clone(), self.known.1.clone()),
        };
        let number = self.to.manifest.run;
        self.bench.values(State { project, as_of, rows, customers, number }).await
    }
}

fn name_of(why: Why) -> &'static str {
    match why {
        Why::Restated | Why::Corrected => "corrected rows",
        Why::Released => "quarantine released",
        Why::Deleted => "deletions",
        Why::Late => "late rows",
        Why::New => "new rows",
    }
}

/// Project files that the two runs have otherwise: those below `sql/`, or the others. Sinks change no table.
fn changed(from: &Ready, to: &Ready, wants_sql: bool) -> Vec<String> {
    let digests = |ready: &Ready| -> BTreeMap<String, String> {
        let files = ready.project.files.iter().filter(|f| is_sql(&f.path) == wants_sql);
        files.map(|f| (f.path.clone(), f.sha256_without_sinks())).collect()
    };
    let (before, after) = (digests(from), digests(to));
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let told = |path: &String| {
        let word = match (before.get(path), after.get(path)) {
            (a, b) if a == b => return None,
            (None, _) => " (new)",
            (_, None) => " (gone)",
            _ if path == PROJECT_FILE => " (settings)",
            _ => "",
        };
        Some(format!("{path}{word}"))
    };
    paths.into_iter().filter_map(told).collect()
}

/// How many customers were merged, split or named anew, with some of them.
fn told_events(events: &[Event]) -> Vec<String> {
    let mut out = Vec::new();
    let kinds = [("merged", "merged", "into"), ("split", "split off", "from"), ("rekeyed", "named anew", "was")];
    for (kind, word, to) in kinds {
        let mine: Vec<&Event> = events.iter().filter(|e| e.event == kind).collect();
        if mine.is_empty() {
            continue;
        }
        let named: Vec<String> = mine
            .iter()
            .take(3)
            .map(|e| format!("{} {to} {}", e.customer_id, e.other_customer_id.as_deref().unwrap_or("none")))
            .collect();
        let why = mine.first().map(|e| e.reason.as_str()).unwrap_or_default();
        out.push(format!("{} {word} ({}): {why}", counted(mine.len() as u64, "customer"), named.join("; ")));
    }
    out
}

/// Parts are differences of neighbours, so that they add up whatever the values are.
fn split(names: &[Name], metrics: &BTreeMap<Name, Metric>, values: &[Values]) -> Result<(Vec<Split>, Vec<String>)> {
    let (mut splits, mut left_out) = (Vec::new(), Vec::new());
    for name in names {
        let of: Option<Vec<Exact>> = values.iter().map(|v| v.get(name).copied()).collect();
        let Some(of) = of.filter(|v| !v.is_empty()) else {
            left_out.push(format!("{} ({}): it is no number, so it has no parts", name.figure, name.table));
            continue;
        };
        let (from, to) = (of[0], of[of.len() - 1]);
        let parts = of.windows(2).map(|pair| pair[1].minus(pair[0])).collect::<Result<Vec<_>>>()?;
        let sum = parts.iter().try_fold(from, |sum, part| sum.plus(*part))?;
        splits.push(Split {
            name: name.clone(),
            label: metrics.get(name).map_or_else(|| name.figure.clone(), |m| m.label.clone()),
            unit: metrics.get(name).and_then(|m| m.unit.clone()),
            from,
            parts,
            to,
            residual: to.minus(sum)?,
        });
    }
    Ok((splits, left_out))
}

//! Carries the tables of the last committed run to the sinks of the project file. It comes after the commit and is no part of it: a sink that fails fails alone, and the next
//! publication mends it.

use std::collections::{BTreeMap, BTreeSet};

use super::{compile, lock, reading};
use crate::config::project::{Materialized, Sink, SinkKind};
use crate::config::{PROJECT_FILE, Project, suggest};
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::manifest::Manifest;
use crate::models::graph::Graph;
use crate::models::select;
use crate::sinks::{self, Due, Offer, Outcome, Table};
use crate::store::Store;

/// What became of one sink.
pub struct Published {
    pub sink: String,
    /// As the project file calls it.
    pub kind: &'static str,
    pub run: u64,
    pub outcome: Result<Outcome>,
}

/// Publishes to all sinks, or to the one that is named, one after the other. An error means that nothing was attempted; what a sink says of itself stands in its outcome.
pub async fn publish(project: &Project, named: Option<&str>, overwrite: bool) -> Result<Vec<Published>> {
    let chosen = chosen(project, named)?;
    let graph = compile::graph(project)?;
    let selections = selections(project, &graph)?;
    let (warehouse, _) = reading::manifest_of(project, None).await?;
    // A run must not commit meanwhile: its own publication would get in the way of this one.
    let lock = lock::take(&warehouse).await?;
    let mut published = Vec::new();
    let (warehouse, manifest) = reading::manifest_of(project, None).await?;
    for sink in chosen {
        let offer = offer(&warehouse, &manifest, &graph, selections.get(&sink.name));
        let outcome = sinks::of(sink).publish(&offer, overwrite).await;
        published.push(Published { sink: sink.name.clone(), kind: sink.kind.word(), run: manifest.run, outcome });
    }
    lock.release().await?;
    Ok(published)
}

/// What a publication would write. Reads the sinks' own records only.
pub async fn due(project: &Project, graph: &Graph) -> Result<Vec<(String, &'static str, Result<Due>)>> {
    let selections = selections(project, graph)?;
    let (warehouse, manifest) = reading::manifest_of(project, None).await?;
    let mut all = Vec::new();
    for sink in &project.sinks {
        let offer = offer(&warehouse, &manifest, graph, selections.get(&sink.name));
        all.push((sink.name.clone(), sink.kind.word(), sinks::of(sink).due(&offer).await));
    }
    Ok(all)
}

fn chosen<'a>(project: &'a Project, named: Option<&str>) -> Result<Vec<&'a Sink>> {
    if project.sinks.is_empty() {
        let error = Error::config(format!("{PROJECT_FILE} names no sinks"));
        return Err(error.hint("docs/sinks.md shows what they look like"));
    }
    let Some(named) = named else { return Ok(project.sinks.iter().collect()) };
    let names: Vec<&str> = project.sinks.iter().map(|s| s.name.as_str()).collect();
    match project.sinks.iter().find(|s| s.name == named) {
        Some(sink) => Ok(vec![sink]),
        None => Err(Error::config(format!("there is no sink `{named}`")).hint(suggest::hint(named, "sinks", &names))),
    }
}

/// The tables of each sink, by the sink's name. An error holds every finding.
pub fn selections(project: &Project, graph: &Graph) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut findings = Vec::new();
    let mut selections = BTreeMap::new();
    for sink in &project.sinks {
        let at = |message: String, hint: &str| {
            Diagnostic::new(format!("sinks.{}: {message}", sink.name)).at(PROJECT_FILE, Some(sink.line)).hint(hint)
        };
        match select::select(graph, &sink.tables) {
            Ok(mut chosen) => {
                chosen.retain(|name| {
                    graph.models.get(name).is_some_and(|m| m.file.spec.materialized == Materialized::Table)
                });
                if chosen.is_empty() {
                    findings.push(at(
                        format!("`tables: [{}]` names no published table", sink.tables.join(", ")),
                        "views and intermediate models are not published: name tables",
                    ));
                }
                if let (SinkKind::Postgres { .. }, Some((one, other))) = (&sink.kind, same_name(&chosen)) {
                    findings.push(at(
                        format!("{one} and {other} would be one table of the schema"),
                        "give each a sink with a schema of its own",
                    ));
                }
                selections.insert(sink.name.clone(), chosen);
            }
            Err(e) => findings.extend(e.findings.into_iter().map(|f| {
                let said = f.message.trim_start_matches("--select: ").to_string();
                at(said, f.hint.as_deref().unwrap_or("name models as --select does"))
            })),
        }
    }
    match findings.is_empty() {
        true => Ok(selections),
        false => Err(Error { kind: Kind::Config, findings }),
    }
}

/// Two tables whose names differ by their layers only.
fn same_name(names: &BTreeSet<String>) -> Option<(&str, &str)> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for name in names {
        let short = name.split_once('.').map_or(name.as_str(), |(_, short)| short);
        if let Some(other) = seen.insert(short, name) {
            return Some((other, name));
        }
    }
    None
}

fn offer<'a>(
    warehouse: &'a Store,
    manifest: &'a Manifest,
    graph: &Graph,
    chosen: Option<&BTreeSet<String>>,
) -> Offer<'a> {
    let tables = manifest
        .tables
        .iter()
        .filter(|(name, _)| chosen.is_some_and(|c| c.contains(*name)))
        .map(|(name, record)| {
            // The project may have moved on since the run.
            let has = |column: &&String| record.columns.iter().any(|c| c.name == **column);
            let key = graph.models.get(name).map(|m| &m.file.spec.key);
            let key = key.filter(|k| k.iter().all(|c| has(&c))).cloned().unwrap_or_default();
            Table { name, record, key }
        })
        .collect();
    Offer { warehouse, run: manifest.run, tables }
}

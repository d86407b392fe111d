//! Checks with what they said in the last run.

use std::collections::BTreeMap;

use super::entries::CheckLine;
use crate::checks::{self, word};
use crate::config::project::ModelFile;
use crate::manifest::Manifest;
use crate::models::graph::Graph;

/// Offenders by the check's name.
pub struct Results<'a>(BTreeMap<&'a str, u64>);

impl<'a> Results<'a> {
    pub fn of(manifest: Option<&'a Manifest>) -> Results<'a> {
        Results(manifest.iter().flat_map(|m| &m.checks).map(|c| (c.name.as_str(), c.offenders)).collect())
    }

    fn line(&self, name: String, what: &str, severity: &'static str) -> CheckLine {
        CheckLine { what: what.trim().to_string(), severity, offenders: self.0.get(name.as_str()).copied(), name }
    }

    /// The checks of a whole row, and of the key.
    pub fn of_table(&self, model: &ModelFile) -> Vec<CheckLine> {
        let start = format!("{}:", model.full_name());
        self.starting(model, &start)
    }

    pub fn of_column(&self, model: &ModelFile, column: &str) -> Vec<CheckLine> {
        let start = format!("{}.{column}:", model.full_name());
        self.starting(model, &start)
    }

    fn starting(&self, model: &ModelFile, start: &str) -> Vec<CheckLine> {
        let lines = checks::of_model(model).into_iter().filter_map(|check| {
            let what = check.name.strip_prefix(start)?.to_string();
            Some(self.line(check.name, &what, word(check.severity)))
        });
        lines.collect()
    }

    /// The SQL checks that read a table.
    pub fn queries(&self, graph: &Graph, table: &str) -> Vec<CheckLine> {
        let reading = graph.checks.iter().filter(|c| c.reads.contains(table));
        reading
            .map(|c| {
                let file = &c.file;
                self.line(
                    format!("check {}", file.name),
                    &format!("{}: {}", file.name, file.description),
                    word(file.severity),
                )
            })
            .collect()
    }
}

//! One state between two runs: a project, a day, rows and customers. Its tables are made in a scratch place, and its key figures counted.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use chrono::NaiveDate;

use super::figures::{self, Exact, Name};
use crate::audit::replay;
use crate::catalog;
use crate::config::Project;
use crate::engine::{self, Limits};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::models::graph::Graph;
use crate::output::Narrator;
use crate::runs::make::{self, Clock, Counted, Effort, Inputs};
use crate::runs::resolve::Customers;
use crate::runs::{compile, plan, tables};
use crate::store::Store;

/// Figures with their values.
pub type Values = BTreeMap<Name, Exact>;

/// What all states have in common.
pub struct Bench<'a> {
    pub store: &'a Store,
    pub names: &'a [Name],
    pub threads: usize,
    pub memory: usize,
    /// Each state has a folder of its own below it while it is made.
    pub scratch: &'a Path,
    pub narrator: &'a Narrator,
}

/// One state.
pub struct State<'a> {
    pub project: &'a Project,
    pub as_of: NaiveDate,
    pub rows: &'a Counted,
    pub customers: Customers,
    /// The run that it is told of.
    pub number: u64,
}

impl Bench<'_> {
    /// Makes the tables that the figures are counted from, and counts.
    pub async fn values(&self, state: State<'_>) -> Result<Values> {
        let folder = self.scratch.join("state");
        std::fs::create_dir_all(&folder)?;
        let values = self.make(state, &folder).await;
        std::fs::remove_dir_all(&folder)?;
        values
    }

    async fn make(&self, state: State<'_>, folder: &Path) -> Result<Values> {
        let project = state.project;
        let as_of_instant = plan::end_of_day(project, state.as_of)?;
        let graph = Graph::build(project, as_of_instant)?;
        let select: Vec<String> =
            self.names.iter().flat_map(|n| figures::tables(project, n)).map(|table| format!("+{table}")).collect();
        let batches = BTreeMap::new();
        let inputs = Inputs {
            project,
            warehouse: self.store,
            files: &[],
            batches: &batches,
            as_of: state.as_of,
            as_of_instant,
            previous: None,
            number: state.number,
            select: &select,
            full_refresh: true,
        };
        let effort = Effort { threads: self.threads, memory: self.memory, scratch: folder };
        let mut clock = Clock::default();
        let made = make::make(&inputs, graph, state.rows, state.customers, &effort, self.narrator, &mut clock).await?;
        self.count(&made.site.context, project).await
    }

    async fn count(&self, context: &datafusion::prelude::SessionContext, project: &Project) -> Result<Values> {
        let mut out = Values::new();
        for name in self.names {
            if let Some(value) = figures::value(context, project, name).await? {
                out.insert(name.clone(), value);
            }
        }
        Ok(out)
    }

    /// The figures by the tables as a run published them.
    pub async fn published(&self, project: &Project, manifest: &Manifest) -> Result<Values> {
        let context = engine::session(&Limits { partitions: project.partitions, memory: self.memory }, None)?;
        catalog::prepare(&context, &[self.store])?;
        for (name, table) in &manifest.tables {
            tables::register_recorded(&context, self.store, name, table)?;
        }
        self.count(&context, project).await
    }
}

/// The project's files of one run, with those below `sql/` of another: None where the two do not belong together.
pub async fn mixed(
    store: &Store,
    config: &[(String, Bytes)],
    sql: &[(String, Bytes)],
    as_of: NaiveDate,
    folder: &Path,
) -> Result<Option<Project>> {
    let rules = config.iter().filter(|(path, _)| !is_sql(path)).chain(sql.iter().filter(|(path, _)| is_sql(path)));
    let files: Vec<(String, Bytes)> = rules.cloned().collect();
    let Ok(project) = replay::project(store, &files, folder) else { return Ok(None) };
    let instant = plan::end_of_day(&project, as_of)?;
    let Ok(graph) = Graph::build(&project, instant) else { return Ok(None) };
    Ok(compile::compile(&project, &graph).await.is_ok().then_some(project))
}

/// Whether a project's file is SQL, or tells of it.
pub fn is_sql(path: &str) -> bool {
    path.starts_with("sql/")
}

/// What a replay must give: the figures that the run published.
pub fn must_be(run: u64, published: &Values, made: &Values) -> Result<()> {
    for (name, value) in published {
        let found = made.get(name).copied().unwrap_or_default();
        if !found.minus(*value)?.is_zero() {
            return Err(Error::failed(format!(
                "run {run} published {} = {value} ({}), and made again it is {found}: its change cannot be split into causes",
                name.figure, name.table
            ))
            .hint(format!(
                "`uramaki audit reproduce {run}` names what differs; a partial run (--select) holds tables of several days"
            )));
        }
    }
    Ok(())
}

//! What a run reads and writes, told to who wants to know: OpenLineage events, to a file or a server.
//!
//! A run begins (START) and ends (COMPLETE, FAIL, ABORT); after the commit each object, model and table that was made is told as a run of a job of its own,
//! with the whole run as its parent. Nothing here changes a table, and no failure here is one of the run.

mod datasets;
mod facets;
mod jobs;
mod send;

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value};
use tokio::task::JoinHandle;

use crate::config::project::{OpenLineage, Project};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::runs::run::Begun;
use crate::runs::{compile, lineages};
use facets::{Transition, event};
use jobs::{Job, Scene};
use send::Chain;

/// Who was stopped does not wait for long.
const SHORT: Duration = Duration::from_secs(2);

/// How a run ended.
pub enum Ending<'a> {
    Published(&'a Manifest),
    /// It read files, and nothing came of them.
    Unchanged,
    Failed(&'a Error),
    Stopped,
}

/// The events of one run.
pub struct Events {
    openlineage: OpenLineage,
    root: PathBuf,
    project: String,
    begun: Option<(Begun, JoinHandle<Result<()>>)>,
}

impl Events {
    /// None where the project wants none.
    pub fn of(project: &Project) -> Option<Events> {
        let openlineage = project.openlineage.clone()?;
        Some(Events { openlineage, root: project.root.clone(), project: project.name.clone(), begun: None })
    }

    /// The run begins to work: sent while it works.
    pub fn began(&mut self, begun: Begun) {
        let time = begun.started_at.clone();
        let start = self.of_whole(&begun, Transition::Start, &time, Map::new());
        let (root, receiver) = (self.root.clone(), self.openlineage.receiver.clone());
        let sending = tokio::spawn(async move { send::send(&root, &receiver, vec![vec![start]]).await });
        self.begun = Some((begun, sending));
    }

    /// The run is over. Returns what somebody should know: events that did not arrive, and why.
    pub async fn ended(&mut self, project: &Project, ending: Ending<'_>) -> Vec<String> {
        // A run that did not begin is none.
        let Some((begun, mut sending)) = self.begun.take() else { return Vec::new() };
        let patience = if matches!(ending, Ending::Stopped) { SHORT } else { send::PATIENCE };
        let began = std::time::Instant::now();
        let started = tokio::time::timeout(patience, &mut sending).await;
        if started.is_err() {
            sending.abort();
        }
        let rest = async {
            let (children, last) = self.last_words(project, &begun, ending).await?;
            send::send(&self.root, &self.openlineage.receiver, children).await?;
            // The whole ends after its parts.
            send::send(&self.root, &self.openlineage.receiver, vec![vec![last]]).await
        };
        let ended = tokio::time::timeout(patience.saturating_sub(began.elapsed()), rest).await;
        let late = || Error::failed(format!("not within {} seconds", patience.as_secs()));
        let outcomes = [started.map(|joined| joined.unwrap_or_else(|_| Err(late()))), ended];
        let mut said: Vec<String> = outcomes
            .into_iter()
            .filter_map(|outcome| outcome.unwrap_or_else(|_| Err(late())).err())
            .map(|e| e.findings.first().map(ToString::to_string).unwrap_or_default())
            .collect();
        said.dedup();
        said
    }

    /// The events of the parts, and the last one of the whole.
    async fn last_words(&self, project: &Project, begun: &Begun, ending: Ending<'_>) -> Result<(Vec<Chain>, Value)> {
        let now = || written(Utc::now());
        let (transition, time, mut facets, children) = match ending {
            Ending::Published(manifest) => {
                let children = self.children(project, begun, manifest).await?;
                (Transition::Complete, manifest.finished_at.clone(), Map::new(), children)
            }
            Ending::Unchanged => (Transition::Complete, now(), Map::new(), Vec::new()),
            Ending::Failed(error) => (Transition::Fail, now(), failure(error), Vec::new()),
            Ending::Stopped => (Transition::Abort, now(), Map::new(), Vec::new()),
        };
        let version = facets::processing_engine(datafusion::DATAFUSION_VERSION);
        facets.insert("processing_engine".into(), version);
        Ok((children, self.of_whole(begun, transition, &time, facets)))
    }

    fn run_id(&self, begun: &Begun, part: &str) -> String {
        facets::run_id(&[&self.project, &begun.run.to_string(), &begun.started_at, part])
    }

    fn of_whole(&self, begun: &Begun, transition: Transition, time: &str, facets: Map<String, Value>) -> Value {
        let mut run_facets = facets;
        let (from, to) = (written(begun.day.0), written(begun.day.1));
        run_facets.insert("nominalTime".into(), facets::nominal_time(&from, &to));
        let mut job =
            Job { namespace: self.openlineage.namespace.clone(), name: jobs::whole(&self.project), ..Job::default() };
        job.facets.insert("jobType".into(), facets::job_type("RUN"));
        event(transition, time, &self.run_id(begun, ""), run_facets, &job)
    }

    /// Each part begins and ends at the commit: before it, nobody sees anything of it. It begins as much earlier as it took.
    async fn children(&self, project: &Project, begun: &Begun, manifest: &Manifest) -> Result<Vec<Chain>> {
        let graph = compile::graph(project)?;
        let lineages = lineages::all(project, &graph).await?;
        let datasets = datasets::all(project, &graph, manifest);
        let namespace = self.openlineage.namespace.as_str();
        let scene = Scene { project, graph: &graph, lineages: &lineages, manifest, namespace, datasets };
        let parent = facets::parent(&self.run_id(begun, ""), namespace, &jobs::whole(&self.project));
        let chains = scene.jobs().into_iter().map(|job| {
            let id = self.run_id(begun, &job.name);
            let mut facets = Map::new();
            facets.insert("parent".into(), parent.clone());
            let bare = Job { namespace: job.namespace.clone(), name: job.name.clone(), ..Job::default() };
            let starts = earlier(&manifest.finished_at, job.seconds);
            let start = event(Transition::Start, &starts, &id, facets.clone(), &bare);
            facets.insert("processing_engine".into(), facets::processing_engine(datafusion::DATAFUSION_VERSION));
            facets.extend(job.run_facets.clone());
            vec![start, event(Transition::Complete, &manifest.finished_at, &id, facets, &job)]
        });
        Ok(chains.collect())
    }
}

/// What failed and where, as it stands in the log: no message of this program holds a value of a row.
fn failure(error: &Error) -> Map<String, Value> {
    let place = |f: &crate::error::Diagnostic| match (&f.file, f.line) {
        (Some(file), Some(line)) => format!(" ({file}:{line})"),
        (Some(file), None) => format!(" ({file})"),
        _ => String::new(),
    };
    let lines: Vec<String> = error.findings.iter().map(|f| format!("{}{}", f.message, place(f))).collect();
    let mut facets = Map::new();
    facets.insert("errorMessage".into(), facets::error_message(&lines.join("\n")));
    facets
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn earlier(time: &str, seconds: f64) -> String {
    let Ok(at) = DateTime::parse_from_rfc3339(time) else { return time.to_string() };
    let took = TimeDelta::try_milliseconds((seconds * 1000.0) as i64).unwrap_or_default();
    written((at - took).with_timezone(&Utc))
}

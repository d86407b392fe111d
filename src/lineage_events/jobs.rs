//! The jobs of a run: one for each object that landed, each model and identity table that was made, and one for the checks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::datasets::{self, Dataset, Datasets, Kind};
use super::facets::{documentation, facet, job_type, ownership, sql};
use crate::checks::{self, Check, Rule};
use crate::config::project::Project;
use crate::manifest::Manifest;
use crate::models::graph::{Graph, Model, SqlCheck};
use crate::models::lineage::{Flow, How, Lineage, ROWS, Source};

/// A job with what one run of it read and wrote.
#[derive(Debug, Clone, Default)]
pub struct Job {
    pub namespace: String,
    pub name: String,
    pub facets: Map<String, Value>,
    pub inputs: Vec<Value>,
    pub outputs: Vec<Value>,
    /// Of this run only.
    pub run_facets: Map<String, Value>,
    pub seconds: f64,
}

/// What the jobs of a committed run are told from.
pub struct Scene<'a> {
    pub project: &'a Project,
    pub graph: &'a Graph,
    pub lineages: &'a BTreeMap<String, Lineage>,
    pub manifest: &'a Manifest,
    pub namespace: &'a str,
    pub datasets: Datasets,
}

/// The name of the job of a whole run.
pub fn whole(project: &str) -> String {
    format!("{project}.run")
}

impl Scene<'_> {
    /// All jobs, in the order of the work.
    pub fn jobs(&self) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.project.objects().filter_map(|o| self.landing(o)).collect();
        let made = self.made();
        let others = made.iter().filter(|name| !self.graph.models.contains_key(*name));
        let models = self.graph.order.iter().filter(|name| made.contains(*name));
        jobs.extend(others.chain(models).filter_map(|name| self.table(name)));
        jobs.extend(self.checks());
        jobs
    }

    fn job(&self, part: &str, kind: &str) -> Job {
        let mut job = Job {
            namespace: self.namespace.to_string(),
            name: format!("{}.{part}", self.project.name),
            ..Job::default()
        };
        job.facets.insert("jobType".into(), job_type(kind));
        job
    }

    /// Tables with a new version, and the views and intermediates that they were made through.
    fn made(&self) -> BTreeSet<String> {
        let is_new = |t: &&String| self.manifest.tables.get(*t).is_some_and(|r| r.run == self.manifest.run);
        let mut made: BTreeSet<String> = self.manifest.tables.keys().filter(is_new).cloned().collect();
        let mut open: Vec<String> = made.iter().cloned().collect();
        while let Some(name) = open.pop() {
            for read in self.reads(&name) {
                let passes =
                    self.datasets.get(&read).is_some_and(|d| matches!(d.kind, Kind::View | Kind::Intermediate));
                if passes && made.insert(read.clone()) {
                    open.push(read);
                }
            }
        }
        made
    }

    /// What a table is made of, by name.
    fn reads(&self, table: &str) -> BTreeSet<String> {
        let mut reads: BTreeSet<String> = match self.graph.models.get(table) {
            Some(model) => model.reads.iter().filter(|read| read.contains('.')).cloned().collect(),
            None => BTreeSet::new(),
        };
        if let Some(lineage) = self.lineages.get(table) {
            let flows = lineage.columns.iter().map(|(_, flow)| flow).chain([&lineage.rows]);
            let sources = flows.flat_map(|f| f.values.iter().chain(f.influences.iter().map(|(s, _)| s)));
            reads.extend(sources.map(|s| s.table.to_string()));
        }
        reads
    }

    /// The files of an object that this run read.
    fn landing(&self, object: &crate::config::project::Object) -> Option<Job> {
        let contract = &object.contract;
        let dataset = self.datasets.get(&format!("landing.{}", contract.table()))?;
        let (mut rows, mut bytes, mut count) = (0, 0, 0);
        let (mut written, mut size, mut files) = (0, 0, 0);
        for file in self.manifest.files.iter().filter(|f| f.loaded_in == self.manifest.run) {
            let batch = file.batch.as_ref().and_then(|id| self.manifest.batches.get(id));
            let Some(batch) = batch.filter(|_| (&file.system, &file.object) == (&contract.system, &contract.object))
            else {
                continue;
            };
            (rows, bytes, count) = (rows + batch.rows_read, bytes + file.bytes, count + 1);
            (written, size, files) = (written + batch.landed.rows, size + batch.landed.bytes, files + 1);
        }
        if count == 0 {
            return None;
        }
        let mut job = self.job(&format!("landing.{}", contract.table()), "LANDING");
        self.describe(&mut job, dataset);
        // The folder, not each night's file: its history is one dataset.
        let (namespace, root) = datasets::place(&self.project.drop);
        let name = datasets::inside(&root, &contract.label());
        let fields = json!({"rowCount": rows, "size": bytes, "fileCount": count});
        job.inputs.push(json!({
            "namespace": namespace,
            "name": name,
            "facets": {"datasetType": facet("1-0-1/DatasetTypeDatasetFacet", json!({"datasetType": "FILE"}))},
            "inputFacets": {"inputStatistics": facet("1-0-0/InputStatisticsInputDatasetFacet", fields)},
        }));
        let fields: Map<String, Value> = contract
            .columns
            .iter()
            .map(|c| {
                let from = input_field(&namespace, &name, &c.source.text, vec![direct("TRANSFORMATION")]);
                (c.name.clone(), json!({"inputFields": [from]}))
            })
            .collect();
        let lineage = facet("1-2-0/ColumnLineageDatasetFacet", json!({"fields": fields, "dataset": []}));
        let mut output = dataset.output(self.namespace, Some(lineage));
        let fields = json!({"rowCount": written, "size": size, "fileCount": files});
        output["outputFacets"]["outputStatistics"] = facet("1-0-2/OutputStatisticsOutputDatasetFacet", fields);
        job.outputs.push(output);
        Some(job)
    }

    fn describe(&self, job: &mut Job, dataset: &Dataset) {
        if let Some(text) = documentation(&dataset.description, true) {
            job.facets.insert("documentation".into(), text);
        }
        if let Some(owner) = &dataset.owner {
            job.facets.insert("ownership".into(), ownership(owner, true));
        }
    }

    /// A model, or a table of identity.
    fn table(&self, name: &str) -> Option<Job> {
        let dataset = self.datasets.get(name)?;
        let model = self.graph.models.get(name);
        let mut job = self.job(name, if model.is_some() { "MODEL" } else { "IDENTITY" });
        self.describe(&mut job, dataset);
        if let Some(model) = model {
            job.facets.insert("sql".into(), sql(&model.file.sql));
        }
        job.seconds = self.manifest.stages.iter().find(|s| s.name == name).map_or(0.0, |s| s.seconds);
        let inputs = self.reads(name).into_iter().filter_map(|read| self.datasets.get(&read).map(|d| (read, d)));
        job.inputs = inputs.map(|(_, d)| d.input(self.namespace, Map::new())).collect();
        let lineage = self.lineages.get(name).map(|lineage| self.column_lineage(lineage));
        job.outputs.push(dataset.output(self.namespace, lineage));
        Some(job)
    }

    /// Values as DIRECT; what decides, without standing in the column, as INDIRECT; what decides on the rows, once for all columns.
    fn column_lineage(&self, lineage: &Lineage) -> Value {
        let fields: Map<String, Value> = lineage
            .columns
            .iter()
            .filter_map(|(name, flow)| {
                let from = self.input_fields(flow);
                (!from.is_empty()).then(|| (name.clone(), json!({"inputFields": from})))
            })
            .collect();
        let of_rows = Flow { values: BTreeSet::new(), influences: lineage.rows.influences.clone() };
        facet("1-2-0/ColumnLineageDatasetFacet", json!({"fields": fields, "dataset": self.input_fields(&of_rows)}))
    }

    /// Rows as such are no field: a table that is only counted is an input, and has none here.
    fn input_fields(&self, flow: &Flow) -> Vec<Value> {
        let mut ways: BTreeMap<&Source, Vec<Value>> = BTreeMap::new();
        for source in &flow.values {
            ways.entry(source).or_default().push(direct("TRANSFORMATION"));
        }
        for (source, how) in &flow.influences {
            ways.entry(source).or_default().push(indirect(*how));
        }
        ways.into_iter()
            .filter(|(source, _)| &*source.column != ROWS)
            .filter_map(|(source, ways)| {
                let dataset = self.datasets.get(&*source.table)?;
                Some(input_field(&dataset.namespace, &dataset.name, &source.column, ways))
            })
            .collect()
    }

    /// All checks, with the tables that they look at as inputs.
    fn checks(&self) -> Option<Job> {
        let found: BTreeMap<&str, u64> = self.manifest.checks.iter().map(|c| (c.name.as_str(), c.offenders)).collect();
        if found.is_empty() {
            return None;
        }
        let mut job = self.job("checks", "TEST");
        if let Some(text) = documentation("Rows that must not exist: none were found, or the run says how many.", true)
        {
            job.facets.insert("documentation".into(), text);
        }
        let mut assertions: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        let mut tests = Vec::new();
        for model in self.graph.models.values() {
            for check in checks::of_model(&model.file) {
                if let Some(offenders) = found.get(check.name.as_str()) {
                    assertions.entry(&model.name).or_default().push(assertion(model, &check, *offenders));
                }
            }
        }
        for check in &self.graph.checks {
            let name = format!("check {}", check.file.name);
            let Some(offenders) = found.get(name.as_str()) else { continue };
            tests.push(test(check, &name, *offenders));
            for read in check.reads.iter().filter(|read| self.datasets.contains_key(*read)) {
                assertions.entry(read).or_default().push(sql_assertion(check, &name, *offenders));
            }
        }
        if !tests.is_empty() {
            job.run_facets.insert("test".into(), facet("1-0-1/TestRunFacet", json!({"tests": tests})));
        }
        for (table, assertions) in assertions {
            let Some(dataset) = self.datasets.get(table) else { continue };
            let mut facets = Map::new();
            let told = json!({"assertions": assertions});
            facets.insert("dataQualityAssertions".into(), facet("1-1-0/DataQualityAssertionsDatasetFacet", told));
            if let Some(rows) = dataset.rows {
                let metrics = json!({
                    "rowCount": rows, "bytes": dataset.bytes, "fileCount": dataset.files, "columnMetrics": {},
                });
                facets.insert("dataQualityMetrics".into(), facet("1-0-3/DataQualityMetricsInputDatasetFacet", metrics));
            }
            job.inputs.push(dataset.input(self.namespace, facets));
        }
        Some(job)
    }
}

fn input_field(namespace: &str, name: &str, field: &str, transformations: Vec<Value>) -> Value {
    json!({"namespace": namespace, "name": name, "field": field, "transformations": transformations})
}

/// Whether a value is handed on as it is, is not told: of a plan's column only its sources are known.
fn direct(subtype: &str) -> Value {
    json!({"type": "DIRECT", "subtype": subtype, "description": "", "masking": false})
}

fn indirect(how: How) -> Value {
    let subtype = match how {
        How::Condition => "CONDITIONAL",
        How::Filter => "FILTER",
        How::Join => "JOIN",
        How::Group => "GROUP_BY",
        How::Order => "WINDOW",
    };
    json!({"type": "INDIRECT", "subtype": subtype, "description": "", "masking": false})
}

fn assertion(model: &Model, check: &Check, offenders: u64) -> Value {
    // `marts.customer_360.revenue_eur: not_null`, `marts.customer_360: unique(customer_id)`
    let rest = check.name.strip_prefix(&model.name).unwrap_or_default();
    let (column, what) = match rest.strip_prefix('.').and_then(|rest| rest.split_once(": ")) {
        Some((column, what)) => (Some(column), what),
        None => (None, rest.trim_start_matches(": ")),
    };
    let kind = match &check.rule {
        Rule::Unique(_) => "unique",
        Rule::Relationship { .. } => "relationships",
        Rule::Row(_) if what.ends_with("not_null") => "not_null",
        Rule::Row(_) if what == "accepted_values" => "accepted_values",
        Rule::Row(_) if ["between ", "at least ", "at most "].iter().any(|start| what.starts_with(start)) => "range",
        Rule::Row(_) if what == "matches" => "matches",
        Rule::Row(_) => "expression",
    };
    let mut out = told(kind, &check.name, checks::word(check.severity), offenders);
    if let Some(column) = column {
        out["column"] = column.into();
    }
    if let Rule::Row(condition) = &check.rule {
        out["content"] = condition.clone().into();
        out["contentType"] = "expression".into();
    }
    out
}

fn told(kind: &str, name: &str, severity: &str, offenders: u64) -> Value {
    json!({
        "assertion": kind, "success": offenders == 0, "severity": severity, "name": name,
        "expected": "0", "actual": offenders.to_string(),
    })
}

fn sql_assertion(check: &SqlCheck, name: &str, offenders: u64) -> Value {
    let mut out = told("custom_sql", name, checks::word(check.file.severity), offenders);
    out["description"] = check.file.description.clone().into();
    out
}

fn test(check: &SqlCheck, name: &str, offenders: u64) -> Value {
    json!({
        "name": name,
        "status": if offenders == 0 { "pass" } else { "fail" },
        "severity": checks::word(check.file.severity),
        "type": "custom_sql",
        "description": check.file.description,
        "expected": "0",
        "actual": offenders.to_string(),
        "content": check.file.sql,
        "contentType": "sql",
    })
}

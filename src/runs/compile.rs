//! Compiles the whole project against declared schemas, without data: what `check` does, and a run before it touches anything.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use chrono::Utc;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

use super::{publish, resolve, tables};
use crate::catalog;
use crate::checks::observe::RowChecks;
use crate::checks::{self, Rule};
use crate::config::project::{Evidence, Project};
use crate::engine::{self, Limits};
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::identity::collect;
use crate::models::graph::{self, Graph, Model};
use crate::models::{metric, plan};
use crate::store::Store;

/// What was compiled.
#[derive(Debug)]
pub struct Compiled {
    pub pipelines: usize,
    pub objects: usize,
    pub models: BTreeMap<String, usize>,
    pub checks: usize,
}

/// Plans every model, every check and the person records; reports all faults at once.
pub async fn compile(project: &Project, graph: &Graph) -> Result<Compiled> {
    let context = declared(project, graph)?;
    let mut findings = Vec::new();
    let mut compiled = Compiled {
        pipelines: project.pipelines.len(),
        objects: project.objects().count(),
        models: BTreeMap::new(),
        checks: graph.checks.len(),
    };
    for name in &graph.order {
        let Some(model) = graph.models.get(name) else { continue };
        *compiled.models.entry(model.file.layer.clone()).or_default() += 1;
        compiled.checks += checks::of_model(&model.file).len();
        findings.extend(model_findings(&context, model).await);
        findings.extend(metric_findings(&context, project, model).await);
    }
    for check in &graph.checks {
        match plan::logical(&context, &check.statement, &check.file.sql_path).await {
            Ok(logical) => findings.extend(plan::refuse_impure(&logical, &check.file.sql, &check.file.sql_path)),
            Err(finding) => findings.push(finding),
        }
    }
    if let Err(error) = publish::selections(project, graph) {
        findings.extend(error.findings);
    }
    if let Err(error) = resolve::way(project) {
        findings.extend(error.findings);
    }
    findings.extend(person_findings(&context, project, graph).await);
    findings.sort_by(|a, b| (&a.file, a.line, &a.message).cmp(&(&b.file, b.line, &b.message)));
    findings.dedup();
    if findings.is_empty() { Ok(compiled) } else { Err(Error { kind: Kind::Config, findings }) }
}

/// Plans the project's balances and looks at their columns. A run does not ask them, and does not stop where one is faulty.
pub async fn balances(project: &Project, graph: &Graph) -> Result<usize> {
    let context = declared(project, graph)?;
    let balances = graph::balances(project, Utc::now())?;
    let mut findings = Vec::new();
    for balance in &balances {
        match plan::logical(&context, &balance.statement, &balance.file.sql_path).await {
            Ok(logical) => {
                findings.extend(plan::refuse_impure(&logical, &balance.file.sql, &balance.file.sql_path));
                findings.extend(balance_columns(&logical, &balance.file.sql_path));
            }
            Err(finding) => findings.push(finding),
        }
    }
    if findings.is_empty() { Ok(balances.len()) } else { Err(Error { kind: Kind::Config, findings }) }
}

/// The columns that a balance selects, in this order.
pub const BALANCE_COLUMNS: [&str; 8] =
    ["step", "measure", "unit", "origin", "origin_value", "target", "target_value", "reason"];

fn balance_columns(logical: &LogicalPlan, path: &str) -> Vec<Diagnostic> {
    let fields = logical.schema().fields();
    let names: Vec<&str> = fields.iter().map(|f| f.name().as_str()).collect();
    if names != BALANCE_COLUMNS {
        let finding = Diagnostic::new(format!("a balance does not select {}", names.join(", "))).at(path, None);
        return vec![finding.hint(format!("it selects {}, in this order", BALANCE_COLUMNS.join(", ")))];
    }
    let is_right = |name: &str, kind: &DataType| match name {
        "origin_value" | "target_value" => matches!(kind, DataType::Decimal128(_, _) | DataType::Int64),
        "reason" => matches!(kind, DataType::Utf8 | DataType::Null),
        _ => *kind == DataType::Utf8,
    };
    let wrong = fields.iter().filter(|f| !is_right(f.name(), f.data_type()));
    wrong
        .map(|f| {
            Diagnostic::new(format!("`{}` of a balance comes out as {}", f.name(), f.data_type()))
                .at(path, None)
                .hint("both values are decimals or counts, all others are texts: cast it")
        })
        .collect()
}

/// A session that knows every table by its declared schema, and no row of any.
pub(super) fn declared(project: &Project, graph: &Graph) -> Result<SessionContext> {
    let context = engine::session(&Limits { partitions: 1, ..Limits::default() }, None)?;
    // Nothing is read: any folder will do.
    let nowhere = Store::open(&std::env::temp_dir().display().to_string(), 9)?;
    catalog::prepare(&context, &[&nowhere])?;
    tables::register_declared(&context, &nowhere, project, graph)?;
    Ok(context)
}

/// The graph as of now: no result depends on that here.
pub fn graph(project: &Project) -> Result<Graph> {
    Graph::build(project, Utc::now())
}

async fn model_findings(context: &SessionContext, model: &Model) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    match plan::logical(context, &model.statement, &model.file.sql_path).await {
        Ok(logical) => {
            findings.extend(plan::refuse_impure(&logical, &model.file.sql, &model.file.sql_path));
            if let Err(found) = plan::conform(logical, model) {
                findings.extend(found);
            }
        }
        Err(finding) => findings.push(finding),
    }
    let schema = plan::declared_schema(&model.file.spec);
    for check in checks::of_model(&model.file) {
        let found = match &check.rule {
            Rule::Row(_) | Rule::Unique(_) => RowChecks::compile(context, &schema, std::slice::from_ref(&check)).err(),
            Rule::Relationship { .. } => {
                let sql = checks::queries::offenders_sql(&check, &model.name);
                let planned = context.state().create_logical_plan(&sql).await;
                planned.err().map(|e| checks::observe::unplannable(&check, &e))
            }
        };
        findings.extend(found.into_iter().flat_map(|e| e.findings));
    }
    findings
}

async fn metric_findings(context: &SessionContext, project: &Project, model: &Model) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for metric in &model.file.spec.metrics {
        let Some(sql) = metric::select(project, &model.name, metric) else { continue };
        let finding = match context.state().create_logical_plan(&sql).await {
            Ok(plan) => {
                let is_float = plan.schema().fields().iter().any(|f| f.data_type().is_floating());
                (is_float && metric.unit.as_deref() == Some("EUR")).then(|| {
                    Diagnostic::new(format!("the metric `{}` is money, and a float", metric.name))
                        .hint("cast what is aggregated to decimal(18,2)")
                })
            }
            Err(e) => {
                let text = engine::failed(&format!("the metric `{}` cannot be planned", metric.name), &e);
                let hint = "`expression` and `where` are SQL over the columns of one row of this table";
                text.findings.into_iter().next().map(|f| Diagnostic::new(f.message).hint(hint))
            }
        };
        findings.extend(finding.map(|f| f.at(&model.file.yml_path, Some(metric.line))));
    }
    findings
}

async fn person_findings(context: &SessionContext, project: &Project, graph: &Graph) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for pipeline in &project.pipelines {
        for object in &pipeline.objects {
            let Some(person) = &object.person else { continue };
            let table = collect::table(object, graph.models.keys());
            let sql = collect::query(object, person, &table);
            if let Err(e) = context.state().create_logical_plan(&sql).await {
                let message = engine::failed("the person records cannot be planned", &e).findings.remove(0).message;
                findings.push(
                    Diagnostic::new(message)
                        .at(&pipeline.file, Some(object.line))
                        .hint(format!("`person.where` is a SQL condition over the columns of {table}")),
                );
            }
            if person.links.contains(&Evidence::Email) && person.email.is_none() {
                findings.push(
                    Diagnostic::new("the records link by e-mail, and name no e-mail column")
                        .at(&pipeline.file, Some(object.line)),
                );
            }
        }
    }
    findings
}

//! The verdict of the checks. An error publishes nothing, and its offenders are kept for reading.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use bytes::Bytes;
use datafusion::logical_expr::LogicalPlan;
use futures::StreamExt;

use super::build::Site;
use super::commit::FAILED;
use super::run::failed_checks;
use crate::checks::observe::{RowChecks, Seen};
use crate::checks::{self, Check, Rule, queries, word};
use crate::config::project::{Materialized, Severity};
use crate::engine;
use crate::error::{Diagnostic, Error, Result};
use crate::manifest::CheckRecord;
use crate::models::graph::{IDENTITY_TABLES, Model, SqlCheck};
use crate::models::plan;
use crate::models::writer::Observer;
use crate::output::counted;
use crate::store::Store;

/// How many checks were made, and which warned.
#[derive(Debug, Default)]
pub struct Verdict {
    pub records: Vec<CheckRecord>,
    /// (check, offenders), of severity warn.
    pub warned: Vec<(String, u64)>,
}

/// A check that found offenders.
struct Offence {
    name: String,
    severity: Severity,
    offenders: u64,
    file: String,
    line: Option<u64>,
    hint: Option<String>,
    plan: Option<LogicalPlan>,
}

/// Judges everything that this run made.
pub async fn judge(site: &Arc<Site>, made: &BTreeSet<String>, warehouse: &Store, run: u64) -> Result<Verdict> {
    let mut counted: BTreeMap<String, (Severity, u64)> = BTreeMap::new();
    // What was not made again keeps its verdict.
    for record in site.previous.iter().flat_map(|m| &m.checks) {
        let table = record.name.split([':', ' ']).next().unwrap_or_default();
        let is_made = made.iter().any(|m| table == m || table.starts_with(&format!("{m}.")));
        let waits = |c: &SqlCheck| record.name == name_of(c) && !c.reads.iter().all(|read| is_of_this_run(site, read));
        if site.graph.checks.iter().any(waits) {
            counted.insert(record.name.clone(), (severity_of(record), record.offenders));
        }
        if !is_made && site.graph.models.keys().any(|m| table == m || table.starts_with(&format!("{m}."))) {
            counted.insert(record.name.clone(), (severity_of(record), record.offenders));
        }
    }
    let mut offences = Vec::new();
    let mut note = |check: &Check, offenders: u64, plan: Option<LogicalPlan>| {
        let held = counted.entry(check.name.clone()).or_insert((check.severity, 0));
        held.1 += offenders;
        if offenders > 0 {
            offences.push(Offence {
                name: check.name.clone(),
                severity: check.severity,
                offenders,
                file: check.file.clone(),
                line: Some(check.line),
                hint: check.hint.clone(),
                plan,
            });
        }
    };
    let tasks = open_questions(site, made).into_iter().map(|question| {
        let site = site.clone();
        async move {
            let task = tokio::spawn(async move { answer(&site, question).await });
            task.await.map_err(|e| Error::failed(format!("a check stopped: {e}")))?
        }
    });
    // One more than models are built at once: a check is one query, and reads rather than sorts.
    let mut answers = futures::stream::iter(tasks).buffered(site.at_once + 1);
    while let Some(answers) = answers.next().await {
        for (check, offenders, plan) in answers? {
            note(&check, offenders, plan);
        }
    }
    let failed: Vec<&Offence> = offences.iter().filter(|o| o.severity == Severity::Error).collect();
    if !failed.is_empty() {
        return Err(keep_offenders(site, &failed, warehouse, run).await?);
    }
    Ok(Verdict {
        warned: offences.iter().map(|o| (o.name.clone(), o.offenders)).collect(),
        records: counted
            .into_iter()
            .map(|(name, (severity, offenders))| CheckRecord { name, severity: word(severity).into(), offenders })
            .collect(),
    })
}

/// What is still to be looked at when all is built.
enum Question {
    /// What was seen on the way into a table.
    Seen(String, Seen),
    /// A view's own checks.
    View(String),
    /// A relationship of a table.
    Relationship(String, Check),
    /// A check that is written as SQL: its place among the project's.
    Sql(usize),
}

/// In the order in which their answers are told.
fn open_questions(site: &Site, made: &BTreeSet<String>) -> Vec<Question> {
    let seen = site.with_yield(|y| std::mem::take(&mut y.seen));
    let mut all: Vec<Question> = seen.into_iter().map(|(table, seen)| Question::Seen(table, seen)).collect();
    for name in made {
        let Some(model) = site.graph.models.get(name) else { continue };
        if model.file.spec.materialized == Materialized::View {
            all.push(Question::View(name.clone()));
        }
        // An intermediate is gone by now; what it is made for is checked itself.
        if model.file.spec.materialized == Materialized::Intermediate {
            continue;
        }
        for check in checks::of_model(&model.file) {
            if matches!(&check.rule, Rule::Relationship { to, .. } if is_of_this_run(site, to)) {
                all.push(Question::Relationship(name.clone(), check));
            }
        }
    }
    let is_ready = |check: &SqlCheck| check.reads.iter().all(|read| is_of_this_run(site, read));
    all.extend((0..site.graph.checks.len()).filter(|at| is_ready(&site.graph.checks[*at])).map(Question::Sql));
    all
}

/// Each check with the number of its offenders, and the plan that selects them.
async fn answer(site: &Site, question: Question) -> Result<Vec<(Check, u64, Option<LogicalPlan>)>> {
    let planned = async |check: Check, offenders: u64, table: &str| {
        let sql = queries::offenders_sql(&check, table);
        let plan = if offenders > 0 { plan_of(site, &sql).await } else { None };
        (check, offenders, plan)
    };
    match question {
        Question::Seen(table, mut seen) => {
            if !seen.is_certain {
                let sql = queries::offenders_sql(&seen.check, &table);
                seen.offenders = queries::count(&site.context, &sql, &seen.check.name).await?;
            }
            Ok(vec![planned(seen.check, seen.offenders, &table).await])
        }
        Question::View(name) => {
            let Some(model) = site.graph.models.get(&name) else { return Ok(Vec::new()) };
            let mut all = Vec::new();
            for (check, offenders) in of_view(site, model, &checks::of_model(&model.file)).await? {
                all.push(planned(check, offenders, &name).await);
            }
            Ok(all)
        }
        Question::Relationship(name, check) => {
            let offenders = queries::count(&site.context, &queries::offenders_sql(&check, &name), &check.name).await?;
            Ok(vec![planned(check, offenders, &name).await])
        }
        Question::Sql(at) => {
            let (check, plan, offenders) = of_sql(site, &site.graph.checks[at]).await?;
            Ok(vec![(check, offenders, Some(plan))])
        }
    }
}

fn name_of(check: &SqlCheck) -> String {
    format!("check {}", check.file.name)
}

fn severity_of(record: &CheckRecord) -> Severity {
    if record.severity == "error" { Severity::Error } else { Severity::Warn }
}

/// Whether a table is as this run's inputs make it. In a partial run others keep their version: to compare them with
/// what was made now would find differences that are none.
fn is_of_this_run(site: &Site, table: &str) -> bool {
    let is_published = match site.graph.models.get(table) {
        Some(model) => model.file.spec.materialized == Materialized::Table,
        None => IDENTITY_TABLES.contains(&table),
    };
    let recorded = || site.previous.as_ref().and_then(|m| m.tables.get(table)).map(|t| &t.fingerprint);
    !is_published
        || site.with_yield(|y| y.tables.contains_key(table))
        || recorded().is_some_and(|before| site.fingerprints.get(table) == Some(before))
}

async fn plan_of(site: &Site, sql: &str) -> Option<LogicalPlan> {
    site.context.state().create_logical_plan(sql).await.ok()
}

/// A view's rows are nowhere: its checks read the columns that they name.
async fn of_view(site: &Site, model: &Model, declared: &[Check]) -> Result<Vec<(Check, u64)>> {
    let wanted: Vec<Check> =
        declared.iter().filter(|c| !matches!(c.rule, Rule::Relationship { .. })).cloned().collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let doing = format!("checking {}", model.name);
    let schema = plan::declared_schema(&model.file.spec);
    let columns = columns_of(site, &schema, &wanted)?;
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let frame = site.context.table(model.name.as_str()).await.map_err(|e| engine::failed(&doing, &e))?;
    let list: Vec<_> = names.iter().map(|n| datafusion::logical_expr::ident(*n)).collect();
    let frame = frame.select(list).map_err(|e| engine::failed(&doing, &e))?;
    let narrow = Schema::new(names.iter().filter_map(|n| schema.field_with_name(n).ok().cloned()).collect::<Vec<_>>());
    let mut observer = RowChecks::compile(&site.context, &Arc::new(narrow), &wanted)?;
    let mut stream = frame.execute_stream().await.map_err(|e| engine::failed(&doing, &e))?;
    while let Some(batch) = stream.next().await {
        observer.rows(&batch.map_err(|e| engine::failed(&doing, &e))?)?;
    }
    let mut out = Vec::new();
    for mut seen in observer.finish() {
        if !seen.is_certain {
            let sql = queries::offenders_sql(&seen.check, &model.name);
            seen.offenders = queries::count(&site.context, &sql, &doing).await?;
        }
        out.push((seen.check, seen.offenders));
    }
    Ok(out)
}

/// The columns that checks name, in table order.
fn columns_of(site: &Site, schema: &arrow::datatypes::SchemaRef, wanted: &[Check]) -> Result<Vec<String>> {
    let df_schema = datafusion::common::DFSchema::try_from(schema.as_ref().clone())
        .map_err(|e| engine::failed("preparing checks", &e))?;
    let mut named: BTreeSet<String> = BTreeSet::new();
    for check in wanted {
        match &check.rule {
            Rule::Row(condition) => {
                let expr = site
                    .context
                    .parse_sql_expr(condition, &df_schema)
                    .map_err(|e| checks::observe::unplannable(check, &e))?;
                named.extend(expr.column_refs().into_iter().map(|c| c.name.clone()));
            }
            Rule::Unique(columns) => named.extend(columns.iter().cloned()),
            Rule::Relationship { .. } => {}
        }
    }
    Ok(schema.fields().iter().map(|f| f.name().clone()).filter(|n| named.contains(n)).collect())
}

async fn of_sql(site: &Site, check: &SqlCheck) -> Result<(Check, LogicalPlan, u64)> {
    let file = &check.file;
    let plan = plan::logical(&site.context, &check.statement, &file.sql_path)
        .await
        .map_err(|finding| Error { kind: crate::error::Kind::Config, findings: vec![finding] })?;
    let offenders = queries::count_plan(&site.context, plan.clone(), &format!("the check {}", file.name)).await?;
    let as_check = Check {
        name: name_of(check),
        severity: file.severity,
        rule: Rule::Row(String::new()),
        file: file.sql_path.clone(),
        line: 1,
        hint: file.hint.clone().or_else(|| Some(file.description.clone())),
    };
    Ok((as_check, plan, offenders))
}

/// Writes the offenders where they can be read, and says where.
async fn keep_offenders(site: &Site, failed: &[&Offence], warehouse: &Store, run: u64) -> Result<Error> {
    let mut findings = Vec::new();
    for (i, offence) in failed.iter().enumerate() {
        let mut finding =
            Diagnostic::new(format!("check failed: {} has {}", offence.name, counted(offence.offenders, "offender")))
                .at(&offence.file, offence.line);
        let mut hint = offence.hint.clone().unwrap_or_default();
        if let Some(plan) = &offence.plan {
            let rows = queries::sample(&site.context, plan.clone(), &offence.name).await?;
            let path = format!("{FAILED}/run-{run}/{:02}.json", i + 1);
            warehouse.put(&path, json_lines(&rows)?).await?;
            let place = match offence.offenders {
                1 => format!("it stands in {path} of the warehouse"),
                n => format!("the first {} stand in {path} of the warehouse", queries::KEPT.min(n as usize)),
            };
            hint = if hint.is_empty() { place } else { format!("{}; {place}", hint.trim_end_matches('.')) };
        }
        if !hint.is_empty() {
            finding = finding.hint(hint);
        }
        findings.push(finding);
    }
    Ok(failed_checks(findings))
}

fn json_lines(batches: &[RecordBatch]) -> Result<Bytes> {
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    let refs: Vec<&RecordBatch> = batches.iter().collect();
    writer
        .write_batches(&refs)
        .and_then(|()| writer.finish())
        .map_err(|e| Error::failed(format!("writing offenders: {e}")))?;
    Ok(Bytes::from(writer.into_inner()))
}

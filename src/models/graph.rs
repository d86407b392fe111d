//! Which model reads which table: found by parsing the SQL, checked for layers and cycles, put in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::sql::parser::{DFParserBuilder, Statement as DfStatement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::dialect::GenericDialect;

use super::parameters::{self, Parameters};
use crate::config::project::{BalanceFile, CheckFile, Materialized, ModelFile, Project};
use crate::config::suggest;
use crate::error::{Diagnostic, Error, Kind, Result};

/// The tables that identity makes.
pub const IDENTITY_TABLES: [&str; 15] = [
    "identity.record",
    "identity.link",
    "identity.customer_xref",
    "identity.customer_event",
    "identity.blocked_evidence",
    "identity.review",
    "identity.cut_link",
    "identity.id_history",
    "identity.calibration",
    "identity.draw",
    "identity.draw_customer",
    "identity.draw_record",
    "identity.record_digest",
    "identity.scored_pair",
    "identity.wide_block",
];
/// The day table that the project's zone and holidays make.
pub const CALENDAR: &str = "project.calendar";
/// What did not pass its contract.
pub const REJECTED: &str = "quarantine.rejected_row";

/// One model with what it reads.
#[derive(Debug, Clone)]
pub struct Model {
    /// `warehouse.fct_order`.
    pub name: String,
    pub file: Arc<ModelFile>,
    /// Qualified names, sorted.
    pub reads: BTreeSet<String>,
    /// Names of the parameters that the SQL uses.
    pub parameters: BTreeSet<String>,
    /// Parsed, with the parameters' values in place.
    pub statement: DfStatement,
}

/// One SQL check: selects the rows that must not exist.
#[derive(Debug, Clone)]
pub struct SqlCheck {
    pub file: Arc<CheckFile>,
    pub reads: BTreeSet<String>,
    pub statement: DfStatement,
}

/// Steps of a balance. They are no part of the graph: a run does not ask them.
#[derive(Debug, Clone)]
pub struct SqlBalance {
    pub file: Arc<BalanceFile>,
    pub statement: DfStatement,
}

/// Parses the project's balances; reports all faults at once.
pub fn balances(project: &Project, as_of: DateTime<Utc>) -> Result<Vec<SqlBalance>> {
    let parameters = Parameters::new(project, as_of);
    let is_there = |m: &&ModelFile| m.spec.materialized != Materialized::Intermediate;
    let mut known: BTreeSet<String> =
        project.models.iter().filter(is_there).map(|m| format!("{}.{}", m.layer, m.name)).collect();
    known.extend(IDENTITY_TABLES.iter().map(ToString::to_string));
    known.insert(CALENDAR.into());
    let (mut balances, mut findings) = (Vec::new(), Vec::new());
    for file in &project.balances {
        let Some(Parsed { statement, reads, .. }) = parse(&file.sql, &file.sql_path, &parameters, &mut findings) else {
            continue;
        };
        let mut faults = Vec::new();
        check_reads(&file.sql_path, &file.sql, &reads, &known, &mut faults);
        let hint = "a balance reads staging, identity, and the tables of warehouse and marts that are published";
        let is_meant = |f: &Diagnostic| f.hint.as_ref().is_some_and(|h| h.starts_with("did you mean"));
        findings.extend(faults.into_iter().map(|f| if is_meant(&f) { f } else { f.hint(hint) }));
        balances.push(SqlBalance { file: Arc::new(file.clone()), statement });
    }
    if findings.is_empty() { Ok(balances) } else { Err(Error { kind: Kind::Config, findings }) }
}

/// All models in an order in which each comes after what it reads.
#[derive(Debug, Clone)]
pub struct Graph {
    pub models: BTreeMap<String, Model>,
    pub order: Vec<String>,
    pub checks: Vec<SqlCheck>,
}

impl Graph {
    /// Parses every model; reports all faults at once.
    pub fn build(project: &Project, as_of: DateTime<Utc>) -> Result<Graph> {
        let parameters = Parameters::new(project, as_of);
        let mut findings = Vec::new();
        let mut models = BTreeMap::new();
        for file in &project.models {
            let name = format!("{}.{}", file.layer, file.name);
            match parse(&file.sql, &file.sql_path, &parameters, &mut findings) {
                Some(Parsed { statement, reads, parameters }) => {
                    let file = Arc::new(file.clone());
                    models.insert(name.clone(), Model { name, file, reads, parameters, statement });
                }
                None => continue,
            }
        }
        let known = known_tables(project);
        for model in models.values() {
            check_reads(&model.file.sql_path, &model.file.sql, &model.reads, &known, &mut findings);
            check_layers(model, &mut findings);
        }
        let mut checks = Vec::new();
        for file in &project.checks {
            if let Some(Parsed { statement, reads, .. }) = parse(&file.sql, &file.sql_path, &parameters, &mut findings)
            {
                check_reads(&file.sql_path, &file.sql, &reads, &known, &mut findings);
                checks.push(SqlCheck { file: Arc::new(file.clone()), reads, statement });
            }
        }
        let order = sort(&models, &mut findings);
        if !findings.is_empty() {
            findings.sort_by(|a, b| (&a.file, a.line, &a.message).cmp(&(&b.file, b.line, &b.message)));
            return Err(Error { kind: Kind::Config, findings });
        }
        Ok(Graph { models, order, checks })
    }

    /// What needs `name`, directly.
    pub fn readers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Model> {
        self.models.values().filter(move |m| m.reads.contains(name))
    }
}

struct Parsed {
    statement: DfStatement,
    reads: BTreeSet<String>,
    parameters: BTreeSet<String>,
}

/// Parses text that must be one SELECT; the rest is a finding.
fn parse(sql: &str, path: &str, parameters: &Parameters, findings: &mut Vec<Diagnostic>) -> Option<Parsed> {
    let parsed =
        DFParserBuilder::new(sql).with_dialect(&GenericDialect {}).build().and_then(|mut p| p.parse_statements());
    let mut statements = match parsed {
        Ok(statements) => statements,
        Err(e) => {
            let text = e.find_root().to_string();
            let line = line_in(&text);
            findings.push(
                Diagnostic::new(format!("the SQL does not parse: {}", text.trim_start_matches("SQL error: ")))
                    .at(path, line),
            );
            return None;
        }
    };
    let is_query = |s: &DfStatement| match s {
        DfStatement::Statement(inner) => matches!(inner.as_ref(), Statement::Query(_)),
        _ => false,
    };
    if statements.len() != 1 || !is_query(&statements[0]) {
        findings
            .push(Diagnostic::new("a model is one SELECT").at(path, Some(1)).hint("put other statements elsewhere"));
        return None;
    }
    let mut statement = statements.pop_front()?;
    let used = match &statement {
        DfStatement::Statement(inner) => parameters::used(inner),
        _ => BTreeSet::new(),
    };
    for name in used.iter().filter(|name| !parameters.contains(name)) {
        let mut finding =
            Diagnostic::new(format!("there is no parameter `${name}`")).at(path, line_of(sql, &format!("${name}")));
        finding = match suggest::nearest(name, parameters.names()) {
            Some(near) => finding.hint(format!("did you mean `${near}`?")),
            None => finding.hint("parameters are $as_of, $time_zone and the names under `settings:` in uramaki.yaml"),
        };
        findings.push(finding);
    }
    let reads = match resolve_table_references(&statement, true) {
        Ok((tables, _)) => tables.iter().map(ToString::to_string).collect(),
        Err(e) => {
            findings.push(Diagnostic::new(format!("cannot find what the SQL reads: {}", e.find_root())).at(path, None));
            return None;
        }
    };
    parameters.bind(&mut statement);
    Some(Parsed { statement, reads, parameters: used })
}

/// `… at Line: 12, Column: 5` → 12.
fn line_in(text: &str) -> Option<u64> {
    let tail = text.split("Line: ").nth(1)?;
    tail.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The line of the first occurrence of `what`.
pub fn line_of(text: &str, what: &str) -> Option<u64> {
    let at = text.find(what)?;
    Some(text[..at].matches('\n').count() as u64 + 1)
}

/// Every table that a model may name.
fn known_tables(project: &Project) -> BTreeSet<String> {
    let mut known: BTreeSet<String> = project.models.iter().map(|m| format!("{}.{}", m.layer, m.name)).collect();
    known.extend(project.objects().map(|o| format!("landing.{}", o.contract.table())));
    known.extend(IDENTITY_TABLES.iter().map(ToString::to_string));
    known.insert(CALENDAR.into());
    known.insert(REJECTED.into());
    known
}

fn check_reads(
    path: &str,
    sql: &str,
    reads: &BTreeSet<String>,
    known: &BTreeSet<String>,
    findings: &mut Vec<Diagnostic>,
) {
    for table in reads.difference(known) {
        // Table functions are read like tables.
        if table == "generate_series" || table == "range" || table == "unnest" {
            continue;
        }
        let mut finding = Diagnostic::new(format!("there is no table `{table}`")).at(path, line_of(sql, table));
        finding = match suggest::nearest(table, known.iter().map(String::as_str)) {
            Some(near) => finding.hint(format!("did you mean `{near}`?")),
            None => finding.hint("tables are named layer.name; a model is a file sql/<layer>/<name>.sql"),
        };
        findings.push(finding);
    }
}

/// What a layer may read. A mart that reads landing would count rows that staging has taken out.
fn may_read(layer: &str, other: &str) -> bool {
    match layer {
        "staging" => matches!(other, "landing" | "project"),
        "warehouse" => matches!(other, "staging" | "identity" | "warehouse" | "project"),
        "marts" => matches!(other, "warehouse" | "marts" | "project"),
        _ => false,
    }
}

fn check_layers(model: &Model, findings: &mut Vec<Diagnostic>) {
    for table in &model.reads {
        let Some((schema, _)) = table.split_once('.') else { continue };
        if !may_read(&model.file.layer, schema) {
            findings.push(
                Diagnostic::new(format!("`{}` may not read `{table}`: a layer reads the ones below it", model.name))
                    .at(&model.file.sql_path, line_of(&model.file.sql, table))
                    .hint(match model.file.layer.as_str() {
                        "staging" => "staging reads landing and project",
                        "warehouse" => "warehouse reads staging, identity, warehouse and project",
                        _ => "marts read warehouse, marts and project",
                    }),
            );
        }
    }
}

/// Depth first in name order; a cycle is a finding that names its models.
fn sort(models: &BTreeMap<String, Model>, findings: &mut Vec<Diagnostic>) -> Vec<String> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        Open,
        Done,
    }
    fn visit(
        name: &str,
        models: &BTreeMap<String, Model>,
        marks: &mut BTreeMap<String, Mark>,
        path: &mut Vec<String>,
        order: &mut Vec<String>,
        findings: &mut Vec<Diagnostic>,
    ) {
        let Some(model) = models.get(name) else { return };
        match marks.get(name) {
            Some(Mark::Done) => return,
            Some(Mark::Open) => {
                let from = path.iter().position(|p| p == name).unwrap_or(0);
                let mut cycle = path[from..].to_vec();
                cycle.push(name.to_string());
                findings.push(
                    Diagnostic::new(format!("models read one another in a circle: {}", cycle.join(" → ")))
                        .at(&model.file.sql_path, None)
                        .hint("move what both need into a model of its own"),
                );
                return;
            }
            None => {}
        }
        marks.insert(name.to_string(), Mark::Open);
        path.push(name.to_string());
        for read in &model.reads {
            visit(read, models, marks, path, order, findings);
        }
        path.pop();
        marks.insert(name.to_string(), Mark::Done);
        order.push(name.to_string());
    }
    let (mut marks, mut order) = (BTreeMap::new(), Vec::new());
    for name in models.keys() {
        visit(name, models, &mut marks, &mut Vec::new(), &mut order, findings);
    }
    order
}

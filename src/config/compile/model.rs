//! sql/<layer>/…: queries and the `.yml` beside each.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;
use serde_json::Number;

use super::{At, IDENTIFIER_HINT, is_identifier, metric, not_blank};
use crate::config::file::{
    BalanceYaml, CheckNameYaml, CheckYaml, ColumnCheckFullYaml, ColumnCheckYaml, LiteralYaml, MaterializedYaml,
    ModelColumnYaml, ModelYaml, SeverityYaml,
};
use crate::config::files::{Files, text};
use crate::config::project::{
    BalanceFile, CheckFile, CheckKind, ColumnCheck, ColumnSpec, Literal, Materialized, ModelCheck, ModelFile,
    ModelSpec, Severity,
};
use crate::config::schema::Shapes;
use crate::config::types::ModelType;
use crate::config::yaml::{self, Document};
use crate::config::{suggest, types};
use crate::error::Diagnostic;

/// The folders under sql/, in the order in which their models are built.
const LAYERS: [&str; 3] = ["staging", "warehouse", "marts"];
const CHECKS: &str = "checks";
const BALANCES: &str = "balances";
/// The schemas whose tables uramaki makes itself: their columns are not declared here.
const OWN_SCHEMAS: [&str; 4] = ["landing", "identity", "project", "quarantine"];

/// One name under sql/: a query, a description, or both.
#[derive(Default)]
struct Pair {
    sql: Option<String>,
    yml: Option<String>,
}

/// What lies under sql/.
pub struct Queries {
    pub models: Vec<ModelFile>,
    pub checks: Vec<CheckFile>,
    pub balances: Vec<BalanceFile>,
}

/// Reads all models, checks and balances.
pub fn queries(files: &Files, shapes: &Shapes, findings: &mut Vec<Diagnostic>) -> Queries {
    let (mut models, mut checks, mut balances) = (Vec::new(), Vec::new(), Vec::new());
    let mut places: BTreeMap<(String, String), String> = BTreeMap::new();
    for (stem, pair) in pairs(files, findings) {
        let layer = stem.split('/').nth(1).unwrap_or_default().to_string();
        let name = stem.rsplit('/').next().unwrap_or_default().to_string();
        let (Some(sql_path), Some(yml_path)) = (&pair.sql, &pair.yml) else {
            findings.push(half(&stem, &pair));
            continue;
        };
        if !is_identifier(&name) {
            let finding = Diagnostic::new(format!("`{name}` is no name for a table")).at(sql_path.clone(), None);
            findings.push(finding.hint(IDENTIFIER_HINT));
        }
        if let Some(other) = places.insert((layer.clone(), name.clone()), sql_path.clone()) {
            let finding = Diagnostic::new(format!("`{layer}.{name}` stands twice: also in {other}"));
            findings
                .push(finding.at(sql_path.clone(), None).hint("rename one of the two: the file's name is the table's"));
        }
        let sql = files.get(sql_path).and_then(|file| text(file, findings)).map(str::to_string);
        if sql.as_ref().is_some_and(|sql| sql.trim().is_empty()) {
            findings.push(Diagnostic::new("the query is empty").at(sql_path.clone(), Some(1)).hint("write one SELECT"));
        }
        let document = files
            .get(yml_path)
            .and_then(|file| text(file, findings))
            .and_then(|text| yaml::read(yml_path, text, findings));
        let (Some(sql), Some(document)) = (sql, document) else { continue };
        if layer == CHECKS {
            let Some(yaml) = shapes.check.read::<CheckYaml>(&document, findings) else { continue };
            checks.push(check(&document, yaml, name, sql_path, sql, findings));
        } else if layer == BALANCES {
            let Some(yaml) = shapes.balance.read::<BalanceYaml>(&document, findings) else { continue };
            not_blank(&At::root(&document), "description", &yaml.description, findings);
            balances.push(BalanceFile { name, sql_path: sql_path.clone(), sql, description: yaml.description });
        } else if let Some(yaml) = shapes.model.read::<ModelYaml>(&document, findings) {
            let spec = spec(&document, yaml, &layer, findings);
            let (sql_path, yml_path) = (sql_path.clone(), yml_path.clone());
            models.push(ModelFile { layer, name, sql_path, sql, yml_path, spec });
        }
    }
    models.sort_by_key(|model| LAYERS.iter().position(|layer| *layer == model.layer));
    Queries { models, checks, balances }
}

/// The files under sql/ by path without ending.
fn pairs(files: &Files, findings: &mut Vec<Diagnostic>) -> BTreeMap<String, Pair> {
    let mut pairs: BTreeMap<String, Pair> = BTreeMap::new();
    for file in files.all.iter().filter(|file| file.path.starts_with("sql/")) {
        let Some((stem, ending)) = file.path.rsplit_once('.') else { continue };
        let layer = stem.split('/').nth(1).unwrap_or_default();
        let in_folder = stem.split('/').count() > 2;
        if !in_folder || !(LAYERS.contains(&layer) || [CHECKS, BALANCES].contains(&layer)) {
            let finding = Diagnostic::new("a model lies outside the layers' folders").at(file.path.clone(), None);
            findings.push(finding.hint("move it to sql/staging, sql/warehouse, sql/marts, sql/checks or sql/balances"));
            continue;
        }
        if ending == "yaml" {
            let finding = Diagnostic::new("the description of a model ends in .yml").at(file.path.clone(), None);
            findings.push(finding.hint(format!("rename it to {stem}.yml")));
            continue;
        }
        let pair = pairs.entry(stem.to_string()).or_default();
        match ending {
            "sql" => pair.sql = Some(file.path.clone()),
            _ => pair.yml = Some(file.path.clone()),
        }
    }
    pairs
}

fn half(stem: &str, pair: &Pair) -> Diagnostic {
    match &pair.sql {
        Some(sql) => Diagnostic::new(format!("{sql} has no description beside it"))
            .at(sql.clone(), None)
            .hint(format!("write {stem}.yml; `uramaki schema` shows what belongs there")),
        None => Diagnostic::new(format!("{stem}.yml describes no query"))
            .at(format!("{stem}.yml"), None)
            .hint(format!("write {stem}.sql, or remove the file")),
    }
}

fn check(
    document: &Document,
    yaml: CheckYaml,
    name: String,
    sql_path: &str,
    sql: String,
    findings: &mut Vec<Diagnostic>,
) -> CheckFile {
    not_blank(&At::root(document), "description", &yaml.description, findings);
    CheckFile {
        name,
        sql_path: sql_path.to_string(),
        sql,
        yml_path: document.path.clone(),
        description: yaml.description,
        severity: severity(Some(yaml.severity)),
        hint: yaml.hint,
    }
}

fn spec(document: &Document, yaml: ModelYaml, layer: &str, findings: &mut Vec<Diagnostic>) -> ModelSpec {
    let at = At::root(document);
    not_blank(&at, "description", &yaml.description, findings);
    not_blank(&at, "grain", &yaml.grain, findings);
    if yaml.columns.0.is_empty() {
        findings.push(at.child("columns").says("the model has no columns", "declare all columns, in order"));
    }
    if yaml.key.is_empty() && !matches!(yaml.materialized, Some(MaterializedYaml::Intermediate)) {
        findings.push(at.child("key").says("the model has no key", "name the columns that name a row"));
    }
    let names: Vec<&str> = yaml.columns.0.iter().map(|(name, _)| name.as_str()).collect();
    for (field, list) in [("key", Some(&yaml.key)), ("sort", yaml.sort.as_ref())] {
        for (i, name) in list.into_iter().flatten().enumerate() {
            if !names.contains(&name.as_str()) {
                let message = format!("`{field}` names `{name}`, which is not among the columns");
                findings.push(at.item(field, i).says(message, suggest::hint(name, "columns", &names)));
            } else if list.is_some_and(|list| list[..i].contains(name)) {
                let message = format!("`{field}` names `{name}` twice");
                findings.push(at.item(field, i).says(message, "remove one of the two"));
            }
        }
    }
    for (i, tag) in yaml.tags.iter().enumerate() {
        if !is_identifier(&tag.replace('-', "_")) {
            findings.push(at.item("tags", i).says(format!("`{tag}` is no tag"), IDENTIFIER_HINT));
        }
    }
    let columns: Vec<_> =
        yaml.columns.0.iter().filter_map(|(name, typed)| column(&at, name, typed, findings)).collect();
    let metrics = metric::of_model(&at, &yaml.metrics, &names, &columns, findings);
    let checks = yaml.checks.into_iter().enumerate().map(|(i, check)| ModelCheck {
        expression: check.expression,
        severity: severity(check.severity),
        description: check.description,
        line: at.item("checks", i).line(),
    });
    let materialized = match yaml.materialized {
        Some(MaterializedYaml::View) => Materialized::View,
        Some(MaterializedYaml::Intermediate) => Materialized::Intermediate,
        Some(MaterializedYaml::Table) => Materialized::Table,
        None if layer == "staging" => Materialized::View,
        None => Materialized::Table,
    };
    if materialized != Materialized::Table && !metrics.is_empty() {
        let hint = "define metrics over a table that readers can see";
        findings.push(at.child("metrics").says("a table that is not published has no metrics", hint));
    }
    ModelSpec {
        description: yaml.description,
        grain: yaml.grain,
        key: yaml.key,
        sort: yaml.sort,
        materialized,
        tags: yaml.tags,
        owner: yaml.owner,
        columns,
        checks: checks.collect(),
        metrics,
    }
}

fn column(at: &At<'_>, name: &str, typed: &ModelColumnYaml, findings: &mut Vec<Diagnostic>) -> Option<ColumnSpec> {
    let at = at.child("columns").child(name);
    if !is_identifier(name) {
        findings.push(at.says(format!("`{name}` is no name for a column"), IDENTIFIER_HINT));
    }
    not_blank(&at, "description", &typed.description, findings);
    let data_type = match ModelType::parse(&typed.kind) {
        Ok(data_type) => Some(data_type),
        Err(message) => {
            findings.push(at.child("type").says(message, format!("types: {}, double", types::VOCABULARY)));
            None
        }
    };
    let is_money = name.ends_with("_eur") || typed.unit.as_deref() == Some("EUR");
    if is_money && data_type.as_ref().is_some_and(|t| t.text.trim() == "double") {
        let hint = "use decimal(18,2): a double does not keep cents";
        findings.push(at.child("type").says(format!("`{name}` is money and cannot be a double"), hint));
    }
    let mut checks = Vec::new();
    for (i, typed) in typed.checks.iter().enumerate() {
        let at = at.item("checks", i);
        let Some(check) = column_check(&at, typed, findings) else { continue };
        if let Some(wanted) = data_type.as_ref().and_then(|data_type| misfit(&check.kind, &data_type.data_type)) {
            let message =
                format!("this check is for {wanted}, and `{name}` is {}", data_type.as_ref().map_or("", |t| &t.text));
            findings.push(at.says(message, "use another check, or `expression`"));
        }
        checks.push(check);
    }
    Some(ColumnSpec {
        name: name.to_string(),
        data_type: data_type?,
        description: typed.description.clone(),
        unit: typed.unit.clone(),
        pii: typed.pii.unwrap_or(false),
        checks,
        line: at.line(),
    })
}

/// The types that a check is for, where the column's is none of them.
fn misfit(check: &CheckKind, data_type: &DataType) -> Option<&'static str> {
    let is_number = matches!(data_type, DataType::Int64 | DataType::Float64 | DataType::Decimal128(..));
    match check {
        CheckKind::Between { .. } | CheckKind::Min(_) | CheckKind::Max(_) if !is_number => Some("numbers"),
        CheckKind::Matches(_) if *data_type != DataType::Utf8 => Some("text"),
        CheckKind::Unique | CheckKind::AcceptedValues(_) | CheckKind::Relationships { .. } if data_type.is_nested() => {
            Some("single values")
        }
        _ => None,
    }
}

fn column_check(at: &At<'_>, typed: &ColumnCheckYaml, findings: &mut Vec<Diagnostic>) -> Option<ColumnCheck> {
    let line = at.line();
    let full = match typed {
        ColumnCheckYaml::Name(CheckNameYaml::NotNull) => {
            return Some(ColumnCheck { kind: CheckKind::NotNull, severity: Severity::Error, line });
        }
        ColumnCheckYaml::Name(CheckNameYaml::Unique) => {
            return Some(ColumnCheck { kind: CheckKind::Unique, severity: Severity::Error, line });
        }
        ColumnCheckYaml::Full(full) => full,
    };
    let mut kinds = kinds(at, full, findings);
    match (kinds.pop(), kinds.is_empty()) {
        (Some(kind), true) => Some(ColumnCheck { kind, severity: severity(full.severity), line }),
        (Some(_), false) => {
            findings.push(at.says("one entry holds several checks", "give each check an entry of its own in the list"));
            None
        }
        (None, _) => {
            let hint =
                "add one of not_null, unique, accepted_values, relationships, between, min, max, matches, expression";
            findings.push(at.says("the entry holds no check", hint));
            None
        }
    }
}

/// The checks that one entry holds: exactly one is right.
fn kinds(at: &At<'_>, full: &ColumnCheckFullYaml, findings: &mut Vec<Diagnostic>) -> Vec<CheckKind> {
    let mut kinds = Vec::new();
    let number = |at: At<'_>, number: &Number| at.document.number_text(&at.pointer, number);
    if full.not_null == Some(true) {
        kinds.push(CheckKind::NotNull);
    }
    if full.unique == Some(true) {
        kinds.push(CheckKind::Unique);
    }
    if let Some(values) = &full.accepted_values {
        let values = values.iter().enumerate().map(|(i, value)| match value {
            LiteralYaml::Boolean(value) => Literal::Boolean(*value),
            LiteralYaml::Number(value) => Literal::Number(number(at.item("accepted_values", i), value)),
            LiteralYaml::Text(text) => Literal::Text(text.clone()),
        });
        kinds.push(CheckKind::AcceptedValues(values.collect()));
    }
    if let Some(to) = &full.relationships {
        match to.to.split_once('.') {
            Some((schema, table)) if is_identifier(schema) && is_identifier(table) && is_identifier(&to.column) => {
                let (schema, table) = (schema.to_string(), table.to_string());
                kinds.push(CheckKind::Relationships { schema, table, column: to.column.clone() });
            }
            _ => {
                let at = at.child("relationships");
                let message = format!("`{}`, column `{}`, names no table and column", to.to, to.column);
                findings.push(at.says(message, "write {to: warehouse.dim_customer, column: customer_id}"));
                // A place-holder, so that only this is complained about.
                kinds.push(CheckKind::NotNull);
            }
        }
    }
    if let Some([min, max]) = &full.between {
        if min.as_f64() > max.as_f64() {
            findings.push(at.child("between").says("nothing lies between these", "write the smaller number first"));
        }
        let (min, max) = (number(at.item("between", 0), min), number(at.item("between", 1), max));
        kinds.push(CheckKind::Between { min, max });
    }
    if let Some(min) = &full.min {
        kinds.push(CheckKind::Min(number(at.child("min"), min)));
    }
    if let Some(max) = &full.max {
        kinds.push(CheckKind::Max(number(at.child("max"), max)));
    }
    if let Some(pattern) = &full.matches {
        kinds.push(CheckKind::Matches(pattern.clone()));
    }
    if let Some(expression) = &full.expression {
        kinds.push(CheckKind::Expression(expression.clone()));
    }
    kinds
}

fn severity(typed: Option<SeverityYaml>) -> Severity {
    match typed {
        None | Some(SeverityYaml::Error) => Severity::Error,
        Some(SeverityYaml::Warn) => Severity::Warn,
    }
}

/// Checks that refer to other tables: the table and the column must be there. What has findings of its own
/// elsewhere (`names` holds every model that has a file) is not complained about again.
pub fn relationships(models: &[ModelFile], files: &Files, findings: &mut Vec<Diagnostic>) {
    let described: BTreeMap<String, &ModelFile> = models.iter().map(|m| (m.full_name(), m)).collect();
    let names: BTreeSet<String> = files
        .all
        .iter()
        .filter_map(|file| file.path.strip_prefix("sql/")?.rsplit_once('.'))
        .filter_map(|(stem, _)| Some(format!("{}.{}", stem.split('/').next()?, stem.rsplit('/').next()?)))
        .collect();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    for model in models {
        for column in &model.spec.columns {
            for check in &column.checks {
                let CheckKind::Relationships { schema, table, column } = &check.kind else { continue };
                if OWN_SCHEMAS.contains(&schema.as_str()) {
                    continue;
                }
                let to = format!("{schema}.{table}");
                let finding = match described.get(&to) {
                    Some(target) if target.spec.columns.iter().any(|c| c.name == *column) => continue,
                    // Its faulty columns are missing from the list.
                    Some(target) if findings.iter().any(|f| f.file.as_deref() == Some(&target.yml_path)) => {
                        continue;
                    }
                    Some(target) => {
                        let columns: Vec<&str> = target.spec.columns.iter().map(|c| c.name.as_str()).collect();
                        Diagnostic::new(format!("`{to}` has no column `{column}`"))
                            .hint(suggest::hint(column, "columns", &columns))
                    }
                    None if names.contains(&to) => continue,
                    None => {
                        let hint = match suggest::nearest(&to, known.iter().copied()) {
                            Some(near) => format!("did you mean `{near}`?"),
                            None => "write schema.table of a model, or of identity or project".to_string(),
                        };
                        Diagnostic::new(format!("there is no table `{to}`")).hint(hint)
                    }
                };
                findings.push(finding.at(model.yml_path.clone(), Some(check.line)));
            }
        }
    }
}

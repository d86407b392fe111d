//! Checks: rows that must not exist.
//!
//! What can be seen row by row is looked at while the rows are written (no second read); keys are checked unique by their
//! hashes; relationships and SQL checks are queries that select offenders.

pub mod observe;
pub mod queries;

use crate::config::project::{CheckKind, ColumnCheck, Literal, ModelFile, Severity};

/// One check of a table, as SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// `marts.customer_360.revenue_eur: not_null`
    pub name: String,
    pub severity: Severity,
    pub rule: Rule,
    /// File and line of its declaration.
    pub file: String,
    pub line: u64,
    pub hint: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// A condition over one row; rows where it is false offend, NULL passes.
    Row(String),
    /// No two rows have the same values here.
    Unique(Vec<String>),
    /// Every value of the column stands in the other table's column.
    Relationship { column: String, to: String, to_column: String },
}

/// All checks that a model declares, its key's first.
pub fn of_model(model: &ModelFile) -> Vec<Check> {
    let table = model.full_name();
    let check = |what: String, severity, rule, line| Check {
        name: format!("{table}{what}"),
        severity,
        rule,
        file: model.yml_path.clone(),
        line,
        hint: None,
    };
    let key = &model.spec.key;
    let mut checks = Vec::new();
    if !key.is_empty() {
        checks.push(check(format!(": unique({})", key.join(", ")), Severity::Error, Rule::Unique(key.clone()), 1));
    }
    for column in key {
        checks.push(check(
            format!(".{column}: key not_null"),
            Severity::Error,
            Rule::Row(format!("{} is not null", quoted(column))),
            1,
        ));
    }
    for column in &model.spec.columns {
        for declared in &column.checks {
            let (what, rule) = column_rule(&column.name, declared);
            let is_key = *key == [column.name.clone()];
            // The key's own checks say the same already.
            if is_key && matches!(declared.kind, CheckKind::NotNull | CheckKind::Unique) {
                continue;
            }
            checks.push(check(format!(".{}: {what}", column.name), declared.severity, rule, declared.line));
        }
    }
    for declared in &model.spec.checks {
        checks.push(check(
            format!(": {}", declared.description.clone().unwrap_or_else(|| declared.expression.clone())),
            declared.severity,
            Rule::Row(declared.expression.clone()),
            declared.line,
        ));
    }
    checks
}

fn column_rule(column: &str, check: &ColumnCheck) -> (String, Rule) {
    let name = quoted(column);
    match &check.kind {
        CheckKind::NotNull => ("not_null".into(), Rule::Row(format!("{name} is not null"))),
        CheckKind::Unique => ("unique".into(), Rule::Unique(vec![column.to_string()])),
        CheckKind::AcceptedValues(values) => {
            let list = values.iter().map(literal).collect::<Vec<_>>().join(", ");
            ("accepted_values".into(), Rule::Row(format!("{name} in ({list})")))
        }
        CheckKind::Relationships { schema, table, column: other } => (
            format!("in {schema}.{table}.{other}"),
            Rule::Relationship {
                column: column.to_string(),
                to: format!("{schema}.{table}"),
                to_column: other.clone(),
            },
        ),
        CheckKind::Between { min, max } => {
            (format!("between {min} and {max}"), Rule::Row(format!("{name} between {min} and {max}")))
        }
        CheckKind::Min(min) => (format!("at least {min}"), Rule::Row(format!("{name} >= {min}"))),
        CheckKind::Max(max) => (format!("at most {max}"), Rule::Row(format!("{name} <= {max}"))),
        CheckKind::Matches(pattern) => ("matches".into(), Rule::Row(format!("regexp_like({name}, {})", text(pattern)))),
        CheckKind::Expression(expression) => (expression.clone(), Rule::Row(expression.clone())),
    }
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Text(value) => text(value),
        Literal::Number(number) => number.clone(),
        Literal::Boolean(flag) => flag.to_string(),
    }
}

/// A name in SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// The word for a severity in manifests and messages.
pub fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warn => "warn",
    }
}

//! The metrics as semantic models of the dbt Semantic Layer (MetricFlow): entities from keys, dimensions, measures, metrics.
//!
//! Personal columns are no dimensions: nobody needs revenue by e-mail address.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use arrow::datatypes::DataType;

use crate::config::project::{Aggregate, CheckKind, ColumnSpec, Materialized, Metric, MetricKind, ModelFile, Project};

/// Names that the format keeps for itself, as they are steps of time.
const STEPS: [&str; 11] =
    ["nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"];

/// All documents. A project without metrics has semantic models all the same.
pub fn yaml(project: &Project) -> String {
    let mut out = String::from(
        "# Made by `uramaki docs` from the models' yml: change it there. Format: semantic models and metrics of the dbt Semantic Layer.\n",
    );
    let models = exported(project);
    if let Some((model, column)) = published(project).find_map(|m| Some((m, day_key(m)?))) {
        let _ = write!(
            out,
            "---\nproject_configuration:\n  time_spines:\n    - node_relation: {}\n      primary_column: {{name: {column}, time_granularity: day}}\n",
            relation(model)
        );
    }
    let primaries: BTreeSet<String> = models.iter().filter_map(|m| primary(m)).collect();
    let metrics = models.iter().flat_map(|m| &m.spec.metrics).map(|m| m.name.clone());
    let taken: BTreeSet<String> = primaries.iter().cloned().chain(metrics).collect();
    for model in &models {
        semantic_model(&mut out, model, &primaries, &taken);
    }
    for metric in models.iter().flat_map(|m| &m.spec.metrics) {
        of_metric(&mut out, metric);
    }
    out
}

fn published(project: &Project) -> impl Iterator<Item = &ModelFile> {
    project.models.iter().filter(|m| m.spec.materialized == Materialized::Table)
}

/// All marts, the tables with metrics, and what these refer to.
fn exported(project: &Project) -> Vec<&ModelFile> {
    let mut models: Vec<&ModelFile> =
        published(project).filter(|m| m.layer == "marts" || !m.spec.metrics.is_empty()).collect();
    let mut there: BTreeSet<String> = models.iter().filter_map(|m| primary(m)).collect();
    for model in models.clone() {
        for (_, entity, to) in referred(model) {
            if let Some(target) = published(project).find(|m| m.full_name() == to)
                && there.insert(entity)
            {
                models.push(target);
            }
        }
    }
    models.sort_by_key(|m| m.full_name());
    models
}

/// `customer_id` → `customer`
fn entity(column: &str) -> Option<String> {
    column.strip_suffix("_id").filter(|name| !name.is_empty()).map(str::to_string)
}

/// The entity whose rows the table has, one each.
fn primary(model: &ModelFile) -> Option<String> {
    match model.spec.key.as_slice() {
        [key] => entity(key),
        _ => None,
    }
}

/// Columns that name a row of another table: column, entity, table.
fn referred(model: &ModelFile) -> Vec<(String, String, String)> {
    let mut found: Vec<(String, String, String)> = Vec::new();
    for column in &model.spec.columns {
        for check in &column.checks {
            let CheckKind::Relationships { schema, table, column: other } = &check.kind else { continue };
            let Some(entity) = entity(other) else { continue };
            let is_there = primary(model).as_deref() == Some(&entity) || found.iter().any(|(_, e, _)| *e == entity);
            if !is_there && *other == column.name {
                found.push((column.name.clone(), entity, format!("{schema}.{table}")));
            }
        }
    }
    found
}

fn day_key(model: &ModelFile) -> Option<&str> {
    let [key] = model.spec.key.as_slice() else { return None };
    let column = model.spec.columns.iter().find(|c| c.name == *key)?;
    let is_day = column.data_type.data_type == DataType::Date32 && step(column) == "day";
    is_day.then_some(key.as_str())
}

fn relation(model: &ModelFile) -> String {
    format!("{{schema_name: {}, alias: {}}}", model.layer, model.name)
}

/// JSON's texts are YAML's too.
fn text(value: &str) -> String {
    serde_json::Value::from(value.trim()).to_string()
}

/// `taken`: entities and metrics, whose names no dimension may have.
fn semantic_model(out: &mut String, model: &ModelFile, primaries: &BTreeSet<String>, taken: &BTreeSet<String>) {
    let spec = &model.spec;
    let _ = write!(
        out,
        "---\nsemantic_model:\n  name: {}\n  description: {}\n  node_relation: {}\n",
        model.name,
        text(&format!("{} ({}.)", spec.description, spec.grain.trim_end_matches('.'))),
        relation(model)
    );
    let own = primary(model);
    if own.is_none() {
        let _ = writeln!(out, "  primary_entity: {}_row", model.name);
    }
    let mut entities: Vec<(String, String)> = Vec::new();
    let mut text_of_entities = String::new();
    if let (Some(name), [key]) = (&own, spec.key.as_slice()) {
        let _ = writeln!(text_of_entities, "    - {{name: {name}, type: primary, expr: {key}}}");
        entities.push((name.clone(), key.clone()));
    }
    for (column, name, _) in referred(model) {
        if primaries.contains(&name) {
            let _ = writeln!(text_of_entities, "    - {{name: {name}, type: foreign, expr: {column}}}");
            entities.push((name, column));
        }
    }
    if !text_of_entities.is_empty() {
        let _ = write!(out, "  entities:\n{text_of_entities}");
    }
    let is_entity = |c: &ColumnSpec| entities.iter().any(|(_, column)| *column == c.name);
    let mut dimensions = String::new();
    for column in spec.columns.iter().filter(|c| !is_entity(c)) {
        dimension(&mut dimensions, column, taken);
    }
    if !dimensions.is_empty() {
        let _ = write!(out, "  dimensions:\n{dimensions}");
    }
    let aggregates: Vec<&Metric> =
        spec.metrics.iter().filter(|m| matches!(m.kind, MetricKind::Aggregate { .. })).collect();
    if !aggregates.is_empty() {
        out.push_str("  measures:\n");
    }
    for metric in aggregates {
        measure(out, metric);
    }
}

/// The name of a column as a dimension.
fn name_of(column: &str, is_time: bool) -> String {
    match (STEPS.contains(&column), is_time) {
        (true, true) => format!("{column}_start"),
        (true, false) => format!("{column}_number"),
        _ => column.to_string(),
    }
}

/// The finest step of a time: months stand as their first day.
fn step(column: &ColumnSpec) -> &'static str {
    if column.name == "month" || column.name.ends_with("_month") { "month" } else { "day" }
}

fn dimension(out: &mut String, column: &ColumnSpec, taken: &BTreeSet<String>) {
    let is_label = match column.data_type.data_type {
        DataType::Utf8 | DataType::Boolean => true,
        // A number without a unit is the name of something: a weekday, an hour. Others are measured, and no dimension.
        DataType::Int64 if column.unit.is_none() => true,
        DataType::Date32 | DataType::Timestamp(..) => false,
        _ => return,
    };
    // The format's names begin with a letter.
    if column.pii || column.name.starts_with('_') || column.name.contains("__") {
        return;
    }
    let mut name = name_of(&column.name, !is_label);
    if taken.contains(&name) {
        name.push_str("_name");
    }
    let kind = if is_label { "categorical" } else { "time" };
    let _ = writeln!(out, "    - name: {name}\n      type: {kind}\n      description: {}", text(&column.description));
    if name != column.name {
        let _ = writeln!(out, "      expr: {}", column.name);
    }
    if !is_label {
        let _ = writeln!(out, "      type_params: {{time_granularity: {}}}", step(column));
    }
}

fn measure(out: &mut String, metric: &Metric) {
    let MetricKind::Aggregate { how, expression, condition, time } = &metric.kind else { return };
    let (agg, value) = match how {
        Aggregate::Sum => ("sum", expression.as_deref()),
        Aggregate::Count => ("count", None),
        Aggregate::CountDistinct => ("count_distinct", expression.as_deref()),
        Aggregate::Average => ("average", expression.as_deref()),
        Aggregate::Min => ("min", expression.as_deref()),
        Aggregate::Max => ("max", expression.as_deref()),
    };
    let value = value.unwrap_or("1");
    let expr = match condition {
        Some(condition) => format!("case when {condition} then {value} end"),
        None => value.to_string(),
    };
    let _ = writeln!(
        out,
        "    - name: {}\n      agg: {agg}\n      expr: {}\n      agg_time_dimension: {}\n      description: {}",
        metric.name,
        text(&expr),
        name_of(time, true),
        text(&metric.description)
    );
}

fn of_metric(out: &mut String, metric: &Metric) {
    let _ = writeln!(
        out,
        "---\nmetric:\n  name: {}\n  label: {}\n  description: {}",
        metric.name,
        text(&metric.label),
        text(&metric.description)
    );
    let _ = match &metric.kind {
        MetricKind::Aggregate { .. } => {
            writeln!(out, "  type: simple\n  type_params: {{measure: {}}}", metric.name)
        }
        MetricKind::Ratio { numerator, denominator } => writeln!(
            out,
            "  type: ratio\n  type_params: {{numerator: {{name: {numerator}}}, denominator: {{name: {denominator}}}}}"
        ),
    };
    if let Some(unit) = &metric.unit {
        let _ = writeln!(out, "  config: {{meta: {{unit: {}}}}}", text(unit));
    }
}

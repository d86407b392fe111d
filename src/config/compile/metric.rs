//! `metrics:` of a model: figures that are defined once.

use arrow::datatypes::DataType;

use super::{At, IDENTIFIER_HINT, is_identifier, not_blank};
use crate::config::file::{AggregateYaml, MetricYaml, Ordered};
use crate::config::project::{Aggregate, ColumnSpec, Metric, MetricKind, ModelFile};
use crate::config::suggest;
use crate::error::Diagnostic;

/// The metrics of one model. `names` are all its columns, `columns` those that are in order.
pub fn of_model(
    at: &At<'_>,
    typed: &Ordered<MetricYaml>,
    names: &[&str],
    columns: &[ColumnSpec],
    findings: &mut Vec<Diagnostic>,
) -> Vec<Metric> {
    let of_one = |(name, metric): &(String, MetricYaml)| {
        let at = at.child("metrics").child(name);
        if !is_identifier(name) {
            findings.push(at.says(format!("`{name}` is no name for a metric"), IDENTIFIER_HINT));
        }
        not_blank(&at, "description", &metric.description, findings);
        let kind = kind(&at, metric, names, columns, findings)?;
        let mut label = metric.label.clone().unwrap_or_else(|| name.replace('_', " "));
        if metric.label.is_none()
            && let Some(first) = label.get(..1).map(str::to_uppercase)
        {
            label.replace_range(..1, &first);
        }
        Some(Metric {
            name: name.clone(),
            description: metric.description.clone(),
            label,
            unit: metric.unit.clone(),
            kind,
            line: at.line(),
        })
    };
    typed.0.iter().filter_map(of_one).collect()
}

fn kind(
    at: &At<'_>,
    metric: &MetricYaml,
    names: &[&str],
    columns: &[ColumnSpec],
    findings: &mut Vec<Diagnostic>,
) -> Option<MetricKind> {
    let how = match (metric.aggregate, &metric.ratio) {
        (None, Some(ratio)) => {
            let surplus = [
                ("expression", metric.expression.is_some()),
                ("where", metric.condition.is_some()),
                ("time", metric.time.is_some()),
            ];
            for (field, _) in surplus.iter().filter(|(_, there)| *there) {
                let message = format!("`{field}` stands beside `ratio`");
                findings.push(at.child(field).says(message, "remove it: the two metrics say it"));
            }
            return Some(MetricKind::Ratio {
                numerator: ratio.numerator.clone(),
                denominator: ratio.denominator.clone(),
            });
        }
        (Some(how), None) => how,
        _ => {
            let hint = "write `aggregate: sum` with `expression`, or `ratio: {numerator: …, denominator: …}`";
            findings.push(at.says("a metric is an aggregate or a ratio, one of the two", hint));
            return None;
        }
    };
    let how = match how {
        AggregateYaml::Sum => Aggregate::Sum,
        AggregateYaml::Count => Aggregate::Count,
        AggregateYaml::CountDistinct => Aggregate::CountDistinct,
        AggregateYaml::Average => Aggregate::Average,
        AggregateYaml::Min => Aggregate::Min,
        AggregateYaml::Max => Aggregate::Max,
    };
    match (how, &metric.expression) {
        (Aggregate::Count, Some(_)) => {
            let hint = "remove it; what does not count, `where` leaves out";
            findings.push(at.child("expression").says("`count` counts rows, and has no expression", hint));
        }
        (Aggregate::Count, None) | (_, Some(_)) => {}
        (_, None) => {
            findings.push(at.says("the metric does not say what is aggregated", "add `expression: <column>`"));
        }
    }
    let Some(time) = &metric.time else {
        let hint = "add `time: <column>`, a date or timestamp of this table";
        findings.push(at.says("the metric does not say by which column it is followed over time", hint));
        return None;
    };
    if !names.contains(&time.as_str()) {
        let message = format!("`time` names `{time}`, which is not among the columns");
        findings.push(at.child("time").says(message, suggest::hint(time, "columns", names)));
    }
    let column = columns.iter().find(|c| c.name == *time);
    if column.is_some_and(|c| !matches!(c.data_type.data_type, DataType::Date32 | DataType::Timestamp(..))) {
        findings.push(at.child("time").says(format!("`{time}` is no date or timestamp"), "name a column that is one"));
    }
    Some(MetricKind::Aggregate {
        how,
        expression: metric.expression.clone(),
        condition: metric.condition.clone(),
        time: time.clone(),
    })
}

/// Over all models: each name stands once, and ratios are of aggregates that are there.
pub fn metrics(models: &[ModelFile], findings: &mut Vec<Diagnostic>) {
    let all: Vec<(&ModelFile, &Metric)> =
        models.iter().flat_map(|model| model.spec.metrics.iter().map(move |metric| (model, metric))).collect();
    let aggregates: Vec<&str> = all
        .iter()
        .filter(|(_, m)| matches!(m.kind, MetricKind::Aggregate { .. }))
        .map(|(_, m)| m.name.as_str())
        .collect();
    for (at, (model, metric)) in all.iter().enumerate() {
        if let Some((other, first)) = all[..at].iter().find(|(_, m)| m.name == metric.name) {
            findings.push(
                Diagnostic::new(format!("the metric `{}` is defined twice", metric.name))
                    .at(model.yml_path.clone(), Some(metric.line))
                    .hint(format!("the other one: {}:{}. Keep one of them, or rename it", other.yml_path, first.line)),
            );
        }
        if let MetricKind::Ratio { numerator, denominator } = &metric.kind {
            for part in [numerator, denominator].into_iter().filter(|p| !aggregates.contains(&p.as_str())) {
                findings.push(
                    Diagnostic::new(format!(
                        "`{}` is made of `{part}`, which is no metric with an aggregate",
                        metric.name
                    ))
                    .at(model.yml_path.clone(), Some(metric.line))
                    .hint(suggest::hint(part, "metrics", &aggregates)),
                );
            }
        }
    }
}

//! Metrics as SQL: what `check` plans, what the catalogue shows, what a person can type.

use crate::config::project::{Aggregate, Metric, MetricKind, Project};

/// All metrics with their tables, in the order of models and files.
pub fn all(project: &Project) -> impl Iterator<Item = (String, &Metric)> {
    project.models.iter().flat_map(|model| model.spec.metrics.iter().map(|metric| (model.full_name(), metric)))
}

/// The SELECT that gives the metric over all rows: one row, with one column of the metric's name.
/// A ratio with a part that is not there has none.
pub fn select(project: &Project, table: &str, metric: &Metric) -> Option<String> {
    match &metric.kind {
        MetricKind::Aggregate { how, expression, condition, .. } => {
            let value = aggregate(*how, expression.as_deref());
            let filter = condition.as_ref().map_or_else(String::new, |c| format!(" where {c}"));
            Some(format!("select {value} as {} from {table}{filter}", metric.name))
        }
        MetricKind::Ratio { numerator, denominator } => {
            let part = |name: &str| {
                let (table, metric) = all(project).find(|(_, m)| m.name == name)?;
                matches!(metric.kind, MetricKind::Aggregate { .. }).then(|| select(project, &table, metric))?
            };
            Some(format!("select div_round(({}), ({}), 6) as {}", part(numerator)?, part(denominator)?, metric.name))
        }
    }
}

/// `sum(revenue_eur)`
pub fn aggregate(how: Aggregate, expression: Option<&str>) -> String {
    let expression = expression.unwrap_or("*");
    match how {
        Aggregate::Sum => format!("sum({expression})"),
        Aggregate::Count => "count(*)".to_string(),
        Aggregate::CountDistinct => format!("count(distinct {expression})"),
        Aggregate::Average => format!("avg({expression})"),
        Aggregate::Min => format!("min({expression})"),
        Aggregate::Max => format!("max({expression})"),
    }
}

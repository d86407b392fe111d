//! What stands beside a query under sql/: of models and of checks.

use schemars::JsonSchema;
use serde_json::Number;

use super::Ordered;

/// sql/<layer>/<name>.yml: what a model's table is.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelYaml {
    /// What the table tells.
    pub description: String,
    /// What one row is: `one row per order`.
    pub grain: String,
    /// The columns that name a row: checked unique and not null at every run. Only an intermediate may have none.
    pub key: Vec<String>,
    /// In which order rows are written; the key is appended. Default: customer_id if there is one, then the key.
    pub sort: Option<Vec<String>>,
    /// view (default in staging), intermediate (computed once a run, not published) or table (default elsewhere).
    pub materialized: Option<MaterializedYaml>,
    /// Labels for `--select tag:x`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// All columns, in order.
    pub columns: Ordered<ModelColumnYaml>,
    /// Conditions that every row must meet.
    #[serde(default)]
    pub checks: Vec<ModelCheckYaml>,
    /// Figures that are counted over this table's rows: defined here, once for the whole company. Tables that are published only.
    #[serde(default)]
    pub metrics: Ordered<MetricYaml>,
}

/// A figure of the company: an aggregate over the table's rows, or one metric divided by another.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricYaml {
    /// What it counts and what it leaves out.
    pub description: String,
    /// The name that people read. Default: the metric's name in words.
    pub label: Option<String>,
    /// The value's unit (EUR, customers, share).
    pub unit: Option<String>,
    /// How rows become one figure.
    pub aggregate: Option<AggregateYaml>,
    /// What is aggregated: a SQL expression over the columns of one row. A count of rows has none.
    #[schemars(length(min = 1))]
    pub expression: Option<String>,
    /// Only rows for which this SQL condition is true.
    #[serde(rename = "where")]
    #[schemars(length(min = 1))]
    pub condition: Option<String>,
    /// The column (date or timestamp) by which it is followed over time.
    pub time: Option<String>,
    /// Instead of an aggregate: one metric divided by another.
    pub ratio: Option<RatioYaml>,
}

#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AggregateYaml {
    Sum,
    Count,
    CountDistinct,
    Average,
    Min,
    Max,
}

#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RatioYaml {
    /// A metric of this or another table.
    pub numerator: String,
    /// A metric of this or another table.
    pub denominator: String,
}

#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaterializedYaml {
    View,
    Intermediate,
    Table,
}

#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelColumnYaml {
    /// text, bigint, boolean, date, timestamp, decimal(p,s), double, list<…>, struct<name: type, …>
    #[serde(rename = "type")]
    pub kind: String,
    /// What the value says; of a metric, what it counts and what it leaves out.
    pub description: String,
    /// The value's unit (EUR, hours, days).
    pub unit: Option<String>,
    /// Personal data. Default: false.
    pub pii: Option<bool>,
    /// What must hold for its values.
    #[serde(default)]
    pub checks: Vec<ColumnCheckYaml>,
}

/// `not_null`, `unique`, or a mapping with one check and, if it only warns, its severity.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ColumnCheckYaml {
    Name(CheckNameYaml),
    Full(Box<ColumnCheckFullYaml>),
}

#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckNameYaml {
    NotNull,
    Unique,
}

#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnCheckFullYaml {
    /// true: there is a value in every row.
    pub not_null: Option<bool>,
    /// true: no value stands twice.
    pub unique: Option<bool>,
    /// The values that are known.
    #[schemars(length(min = 1))]
    pub accepted_values: Option<Vec<LiteralYaml>>,
    /// Every value stands in a column of another table.
    pub relationships: Option<RelationshipYaml>,
    /// The least and the greatest value allowed.
    pub between: Option<[Number; 2]>,
    /// The least value allowed.
    pub min: Option<Number>,
    /// The greatest value allowed.
    pub max: Option<Number>,
    /// A regular expression that the text matches.
    #[schemars(length(min = 1))]
    pub matches: Option<String>,
    /// A SQL condition over the row's columns.
    #[schemars(length(min = 1))]
    pub expression: Option<String>,
    /// error (default): offenders stop the run before it publishes. warn: they are reported.
    pub severity: Option<SeverityYaml>,
}

/// A text, a number or true/false.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LiteralYaml {
    Boolean(bool),
    Number(Number),
    Text(String),
}

#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelationshipYaml {
    /// The table, with its schema: `warehouse.dim_customer`.
    pub to: String,
    /// Its column.
    pub column: String,
}

#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeverityYaml {
    Error,
    Warn,
}

#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelCheckYaml {
    /// A SQL condition over the row's columns; rows for which it is false are offenders.
    #[schemars(length(min = 1))]
    pub expression: String,
    /// error (default) or warn.
    pub severity: Option<SeverityYaml>,
    /// What it means when it fails.
    pub description: Option<String>,
}

/// sql/balances/<name>.yml: what the query beside it balances.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BalanceYaml {
    /// From where to where its steps go.
    pub description: String,
}

/// sql/checks/<name>.yml: what it means when the query beside it finds rows.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckYaml {
    /// What must not be.
    pub description: String,
    /// error: offenders stop the run before it publishes. warn: they are reported.
    pub severity: SeverityYaml,
    /// What to do about offenders.
    pub hint: Option<String>,
}

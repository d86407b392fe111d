//! A project, resolved: nothing here is open any more.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::linkage::LinkageYaml;
use super::types::ModelType;
use crate::contract::Contract;

/// Everything that the project's files say.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder with `uramaki.yaml`, absolute.
    pub root: PathBuf,
    pub name: String,
    pub description: Option<String>,
    pub time_zone: chrono_tz::Tz,
    pub holidays: Region,
    /// ISO 3166, two letters.
    pub default_country: String,
    /// A URL, or an absolute path.
    pub warehouse: String,
    /// A URL, or an absolute path.
    pub drop: String,
    pub identity: IdentityConfig,
    /// The models' parameters, without the `$`.
    pub settings: BTreeMap<String, SettingValue>,
    /// As in the file.
    pub sinks: Vec<Sink>,
    /// Where a run tells what it reads and writes; None: nowhere.
    pub openlineage: Option<OpenLineage>,
    /// A constant of the project: results do not depend on the machine.
    pub partitions: usize,
    /// Bytes.
    pub memory: Option<u64>,
    pub threads: Option<usize>,
    /// By system.
    pub pipelines: Vec<Pipeline>,
    /// Staging, then warehouse, then marts; within a layer by path.
    pub models: Vec<ModelFile>,
    /// By path.
    pub checks: Vec<CheckFile>,
    pub balances: Vec<BalanceFile>,
    /// Every file that was read, by path: what a run publishes is a function of their bytes.
    pub files: Vec<ProjectFile>,
    pub releases: Vec<Release>,
    /// As identity-overrides.csv says, in its order.
    pub decisions: Vec<Decision>,
    /// As identity-labels.csv says, in its order.
    pub labels: Vec<Label>,
    /// As identity.yaml says.
    pub linkage: LinkageYaml,
}

impl Project {
    /// Every object of every pipeline, by system and then as the pipeline lists them.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.pipelines.iter().flat_map(|p| p.objects.iter())
    }
}

/// Whose public holidays count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// `DE`
    pub country: String,
    /// `BW`; without one, nationwide holidays only.
    pub state: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityConfig {
    pub mode: IdentityMode,
    /// Evidence that more records hold links nobody.
    pub max_holders: u64,
    /// How often who might be one is drawn, for the low and high figures; 0: never.
    pub draws: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityMode {
    Exact,
    Probabilistic,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum SettingValue {
    Integer(i64),
    /// As it was written: `0.10`.
    Decimal(String),
    Text(String),
    Boolean(bool),
}

/// Where committed tables are written besides the warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    pub name: String,
    pub kind: SinkKind,
    /// Terms as `--select` takes them.
    pub tables: Vec<String>,
    /// In uramaki.yaml.
    pub line: u64,
}

/// Folders are URLs or absolute paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkKind {
    Parquet {
        folder: String,
    },
    Csv {
        folder: String,
        formulas: Formulas,
        /// Files begin with a byte order mark.
        has_bom: bool,
    },
    Xlsx {
        folder: String,
    },
    Duckdb {
        folder: String,
        /// The warehouse's place as readers see it.
        seen_as: Option<String>,
    },
    Postgres {
        url: Secret,
        schema: String,
        /// A role that may read.
        reader: Option<String>,
    },
}

impl SinkKind {
    /// As it is written in the project file.
    pub fn word(&self) -> &'static str {
        match self {
            SinkKind::Parquet { .. } => "parquet",
            SinkKind::Csv { .. } => "csv",
            SinkKind::Xlsx { .. } => "xlsx",
            SinkKind::Duckdb { .. } => "duckdb",
            SinkKind::Postgres { .. } => "postgres",
        }
    }
}

/// What becomes of text that a spreadsheet would take for a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formulas {
    Neutralise,
    Keep,
}

/// The receiver of a run's OpenLineage events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLineage {
    /// Of the jobs.
    pub namespace: String,
    pub receiver: Receiver,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// Relative to the root, without `..`.
    File(PathBuf),
    Server {
        /// http or https, without user name and password.
        url: url::Url,
        token: Option<Secret>,
    },
}

/// Where a secret is to be found; never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// An environment variable.
    Env(String),
    /// An absolute path.
    File(PathBuf),
}

/// One file of the project, as it was when the project was read.
#[derive(Debug, Clone)]
pub struct ProjectFile {
    /// Relative to the root, `/`-separated.
    pub path: String,
    pub bytes: Vec<u8>,
    /// Hexadecimal.
    pub sha256: String,
}

/// One source system.
#[derive(Debug, Clone)]
pub struct Pipeline {
    pub system: String,
    pub department: String,
    pub description: String,
    /// `pipelines/shopify.yaml`
    pub file: String,
    /// As in the file.
    pub objects: Vec<Object>,
}

/// One object of a source system: how it is read, and how it tells of persons.
#[derive(Debug, Clone)]
pub struct Object {
    pub contract: Contract,
    pub description: String,
    /// An object that never had a file is no error.
    pub optional: bool,
    /// The files of the newest date together are the whole table.
    pub snapshot_full: bool,
    /// A full snapshot may hold no row.
    pub allow_empty: bool,
    /// Files younger than this are not ready.
    pub min_age_secs: u64,
    /// A file is ready when the same name with this ending is there (`ready`: `2026-11-20.ready`).
    pub ready_marker: Option<String>,
    /// Keep the bytes as received.
    pub archive: bool,
    pub on_refused: OnRefused,
    pub freshness: Option<Freshness>,
    pub person: Option<Person>,
    /// The line in the pipeline's file.
    pub line: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRefused {
    /// A refused file ends the run.
    Fail,
    /// A refused file is left out, with a warning.
    Skip,
}

/// Days by which the newest file may lie before the run's business day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    pub warn_after_days: Option<u64>,
    pub error_after_days: Option<u64>,
}

/// How rows of an object are person records. Every name is a column of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// A SQL condition over the object's columns.
    pub where_sql: Option<String>,
    /// Joined by a blank.
    pub name: Vec<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub organisation: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub date_of_birth: Option<String>,
    pub identifier: Option<Identifier>,
    pub street: Option<String>,
    pub postcode: Option<String>,
    pub city: Option<String>,
    pub country: Option<String>,
    pub created_at: Option<String>,
    /// Records with the same value here are one holder.
    pub one_holder_per: Option<String>,
    /// The evidence that may link.
    pub links: Vec<Evidence>,
}

/// A number that a person carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    pub column: String,
    /// Numbers of one kind are compared.
    pub kind: String,
    /// In this system nobody has two.
    pub is_unique: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    Email,
    Phone,
}

/// A model: its query and what its `.yml` says of it.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// staging, warehouse or marts.
    pub layer: String,
    pub name: String,
    pub sql_path: String,
    pub sql: String,
    pub yml_path: String,
    pub spec: ModelSpec,
}

impl ModelFile {
    /// `warehouse.fct_order`
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.layer, self.name)
    }
}

#[derive(Debug, Clone)]
pub struct ModelSpec {
    pub description: String,
    pub grain: String,
    pub key: Vec<String>,
    /// As declared. None: customer_id if there is one, then the key.
    pub sort: Option<Vec<String>>,
    pub materialized: Materialized,
    pub tags: Vec<String>,
    pub owner: Option<String>,
    /// All columns, in order.
    pub columns: Vec<ColumnSpec>,
    pub checks: Vec<ModelCheck>,
    pub metrics: Vec<Metric>,
}

/// A figure that is defined once, over the rows of one table.
#[derive(Debug, Clone)]
pub struct Metric {
    pub name: String,
    pub description: String,
    pub label: String,
    pub unit: Option<String>,
    pub kind: MetricKind,
    pub line: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricKind {
    Aggregate {
        how: Aggregate,
        /// None: rows are counted.
        expression: Option<String>,
        condition: Option<String>,
        time: String,
    },
    /// Of two aggregates, by name.
    Ratio { numerator: String, denominator: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    Sum,
    Count,
    CountDistinct,
    Average,
    Min,
    Max,
}

impl ModelSpec {
    /// The total order in which rows are written: what is declared (or customer_id), then the key.
    pub fn write_order(&self) -> Vec<String> {
        let mut order = match &self.sort {
            Some(sort) => sort.clone(),
            None => self.columns.iter().map(|c| &c.name).filter(|n| *n == "customer_id").cloned().collect(),
        };
        for column in &self.key {
            if !order.contains(column) {
                order.push(column.clone());
            }
        }
        order
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Materialized {
    /// Inlined where it is read.
    View,
    /// Computed once a run, not published.
    Intermediate,
    /// Published.
    Table,
}

#[derive(Debug, Clone)]
pub struct ColumnSpec {
    pub name: String,
    pub data_type: ModelType,
    pub description: String,
    pub unit: Option<String>,
    pub pii: bool,
    pub checks: Vec<ColumnCheck>,
    pub line: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ColumnCheck {
    pub kind: CheckKind,
    pub severity: Severity,
    pub line: u64,
}

/// NULL passes all but `NotNull`. Numbers are kept as they were written.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckKind {
    NotNull,
    Unique,
    AcceptedValues(Vec<Literal>),
    /// Every value stands in this column of this table.
    Relationships {
        schema: String,
        table: String,
        column: String,
    },
    Between {
        min: String,
        max: String,
    },
    Min(String),
    Max(String),
    Matches(String),
    Expression(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    Text(String),
    Number(String),
    Boolean(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warn,
}

#[derive(Debug, Clone)]
pub struct ModelCheck {
    /// Rows for which this is false are offenders.
    pub expression: String,
    pub severity: Severity,
    pub description: Option<String>,
    pub line: u64,
}

/// A check of its own: a query that selects offenders.
#[derive(Debug, Clone)]
pub struct CheckFile {
    pub name: String,
    pub sql_path: String,
    pub sql: String,
    pub yml_path: String,
    pub description: String,
    pub severity: Severity,
    pub hint: Option<String>,
}

/// Steps of a balance: a query that puts what comes out beside what goes in. Only an audit asks it.
#[derive(Debug, Clone)]
pub struct BalanceFile {
    pub name: String,
    pub sql_path: String,
    pub sql: String,
    pub description: String,
}

/// One line of `quarantine-releases.csv`: a quarantined row that somebody has dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub who: String,
    /// A date, or a date and time with its zone.
    pub when: String,
    pub why: String,
    pub system: String,
    pub object: String,
    /// The extract's file, as the quarantine names it.
    pub file: String,
    /// The row's first line in it.
    pub line: u64,
}

/// A person record by its system, object and key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName {
    pub system: String,
    pub object: String,
    pub id: String,
}

/// One line of `identity-labels.csv`: whose record it really is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub record: RecordName,
    /// Records of one entity are of one person.
    pub entity: String,
}

/// One line of `identity-overrides.csv`: a person says that two records are one, or are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub who: String,
    /// A date, or a date and time with its zone.
    pub when: String,
    pub why: String,
    pub is_same: bool,
    pub left: RecordName,
    pub right: RecordName,
    /// In the file.
    pub line: u64,
}

impl Decision {
    /// Both records, the smaller name first.
    pub fn pair(&self) -> (&RecordName, &RecordName) {
        ((&self.left).min(&self.right), (&self.left).max(&self.right))
    }
}

//! What the catalogue holds.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::models::lineage::{Flow, ROWS, Source};

pub struct Catalogue {
    pub project: String,
    pub description: Option<String>,
    pub run: Option<RunOf>,
    /// By layer, then by name.
    pub tables: Vec<Table>,
    pub metrics: Vec<MetricEntry>,
}

/// The run whose results are shown.
pub struct RunOf {
    pub run: u64,
    pub as_of: NaiveDate,
    /// RFC 3339, UTC.
    pub finished_at: String,
    /// How many checks it made.
    pub checks: usize,
}

/// What makes a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An object of a source system, landed by its contract.
    Object,
    View,
    Intermediate,
    Published,
    /// Made by the program itself.
    Own,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Object => "object",
            Kind::View => "view",
            Kind::Intermediate => "intermediate",
            Kind::Published => "table",
            Kind::Own => "own",
        }
    }
}

pub struct Table {
    /// `marts.customer_360`
    pub name: String,
    pub kind: Kind,
    pub description: String,
    pub grain: Option<String>,
    pub key: Vec<String>,
    /// The columns that the rows are sorted by.
    pub order: Vec<String>,
    pub owner: Option<String>,
    pub tags: Vec<String>,
    /// The file of the project that makes it.
    pub file: Option<String>,
    pub sql: Option<String>,
    /// Of the last run.
    pub rows: Option<u64>,
    /// Of the Delta table.
    pub version: Option<u64>,
    pub columns: Vec<Column>,
    pub checks: Vec<CheckLine>,
    /// What its rows are made of, and what decides on which there are.
    pub flow: Flow,
    pub reads: BTreeSet<String>,
    pub read_by: BTreeSet<String>,
    /// Settings with their values.
    pub parameters: BTreeMap<String, String>,
    pub sample: Sample,
}

impl Table {
    pub fn layer(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }
}

pub struct Column {
    pub name: String,
    pub kind: String,
    pub unit: Option<String>,
    pub description: String,
    pub personal: bool,
    /// Not personal itself, but made of what is.
    pub of_personal: bool,
    /// Where the value stands in the source's row.
    pub field: Option<String>,
    pub flow: Flow,
    pub checks: Vec<CheckLine>,
}

#[derive(Debug, Clone)]
pub struct CheckLine {
    pub name: String,
    /// What it says, without the table and the column.
    pub what: String,
    pub severity: &'static str,
    /// Rows that offended in the last run; None: not made.
    pub offenders: Option<u64>,
}

/// What may be shown of a table's rows.
pub enum Sample {
    Rows {
        columns: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// By column, values that many share: the rows tell of a person.
    Values(Vec<(String, Vec<String>)>),
    None(Why),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    NoRun,
    /// The rows are people's, as they came.
    Personal,
    NotPublished,
    Empty,
}

pub struct MetricEntry {
    pub name: String,
    pub label: String,
    pub description: String,
    pub unit: Option<String>,
    pub table: String,
    /// `sum(total_eur)`, or the two metrics of a ratio.
    pub formula: String,
    pub condition: Option<String>,
    pub time: Option<String>,
    /// The SELECT that gives it.
    pub sql: String,
}

impl Catalogue {
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|t| t.name == name)
    }

    /// The flow into a column, or into a table's rows.
    pub fn flow(&self, source: &Source) -> Option<&Flow> {
        let table = self.table(&source.table)?;
        match &*source.column {
            ROWS => Some(&table.flow),
            name => table.column(name).map(|c| &c.flow),
        }
    }
}

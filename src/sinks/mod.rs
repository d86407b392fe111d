//! What carries committed tables to their readers. One file a kind.
//!
//! Delta tables are part of the commit (delta.rs). All other kinds come after it, each behind the trait `Sink`: they read the files of a committed
//! run, know by a record of their own what they wrote last, write only what has changed since, and leave alone what a person has changed.

mod cells;
mod csv;
pub mod delta;
mod duckdb;
mod folder;
mod parquet;
mod postgres;
mod rows;
mod xlsx;

use async_trait::async_trait;

use crate::config::project::{Sink as Settings, SinkKind};
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::manifest::TableRecord;
use crate::models::writer::sha256;
use crate::store::Store;

/// The tables of a committed run that a sink is to hold, and nothing else.
pub struct Offer<'a> {
    /// Where their files lie.
    pub warehouse: &'a Store,
    pub run: u64,
    /// By name.
    pub tables: Vec<Table<'a>>,
}

/// One committed table.
pub struct Table<'a> {
    /// `marts.customer_360`
    pub name: &'a str,
    pub record: &'a TableRecord,
    /// The columns that name a row; each is one of the record's.
    pub key: Vec<String>,
}

impl Table<'_> {
    pub fn layer(&self) -> &str {
        self.name.split_once('.').map_or("", |(layer, _)| layer)
    }

    /// Without its layer.
    pub fn short(&self) -> &str {
        self.name.split_once('.').map_or(self.name, |(_, short)| short)
    }

    /// What a sink makes of the table is a function of this. `made_by` says how it is made; a change there makes it anew.
    pub fn digest(&self, made_by: &str) -> String {
        let mut text = format!("{made_by:?} {:?} {:?} {:?}", self.record.content, self.record.description, self.key);
        for c in &self.record.columns {
            text.push_str(&format!(" {:?} {:?} {:?} {:?}", c.name, c.kind, c.description, c.unit));
        }
        sha256(text.as_bytes())
    }
}

/// What publishing would do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Names of tables or files.
    pub write: Vec<String>,
    pub remove: Vec<String>,
    pub as_before: usize,
}

/// What publishing did.
#[derive(Debug, Default)]
pub struct Outcome {
    pub done: Due,
    /// What a reader of the sink should know: a value that its format cannot hold.
    pub notes: Vec<String>,
}

/// A place that holds the tables of one committed run after the other.
#[async_trait]
pub trait Sink: Send + Sync {
    /// What is not as the offer has it. Writes nothing.
    async fn due(&self, offer: &Offer<'_>) -> Result<Due>;

    /// Makes the sink hold the offer. Refuses where a person has changed what the sink holds, unless told to overwrite.
    async fn publish(&self, offer: &Offer<'_>, overwrite: bool) -> Result<Outcome>;
}

/// The sink that the project file describes. Nothing is opened yet.
pub fn of(settings: &Settings) -> Box<dyn Sink> {
    let name = settings.name.clone();
    match &settings.kind {
        SinkKind::Parquet { folder } => Box::new(folder::Folder::new(name, folder, parquet::Parquet)),
        SinkKind::Csv { folder, formulas, has_bom } => {
            Box::new(folder::Folder::new(name, folder, csv::Csv { formulas: *formulas, has_bom: *has_bom }))
        }
        SinkKind::Xlsx { folder } => Box::new(folder::Folder::new(name, folder, xlsx::Xlsx)),
        SinkKind::Duckdb { folder, seen_as } => {
            Box::new(folder::Folder::new(name, folder, duckdb::Duckdb { seen_as: seen_as.clone() }))
        }
        SinkKind::Postgres { url, schema, reader } => {
            Box::new(postgres::Postgres::new(name, url.clone(), schema.clone(), reader.clone()))
        }
    }
}

/// A person has changed what the sink holds: nothing is written.
fn refused(sink: &str, mut findings: Vec<Diagnostic>) -> Error {
    for finding in &mut findings {
        finding.hint = Some(format!(
            "keep what is there under another name, then `uramaki publish {sink} --overwrite` writes over it; nothing was written"
        ));
    }
    Error { kind: Kind::Failed, findings }
}

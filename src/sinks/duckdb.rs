//! A start file for DuckDB: `duckdb -init marts.sql` shows each table as a view, with its comments.
//!
//! The views name the warehouse's own files, which are never changed: a session sees one run's tables from its start to its end, whatever is published
//! meanwhile, and nothing is copied.

use std::fmt::Write as _;
use std::path::Path;

use async_trait::async_trait;

use super::folder::{FileKind, Unit};
use super::{Offer, Table};
use crate::error::Result;
use crate::models::writer::sha256;

/// The file's name in the sink's folder.
const FILE: &str = "marts.sql";

pub struct Duckdb {
    /// The warehouse's place as readers see it.
    pub seen_as: Option<String>,
}

#[async_trait]
impl FileKind for Duckdb {
    fn word(&self) -> &'static str {
        "duckdb"
    }

    fn units<'a>(&self, offer: &'a Offer<'_>) -> Result<Vec<Unit<'a>>> {
        Ok(vec![Unit { path: FILE.to_string(), digest: sha256(self.text(offer).as_bytes()), table: None }])
    }

    async fn make(&self, offer: &Offer<'_>, _: &Unit<'_>, file: &Path, _: &mut Vec<String>) -> Result<()> {
        Ok(std::fs::write(file, self.text(offer))?)
    }
}

impl Duckdb {
    fn text(&self, offer: &Offer<'_>) -> String {
        let root = match (&self.seen_as, offer.warehouse.local()) {
            (Some(place), _) => place.clone(),
            (None, Some(folder)) => folder.display().to_string(),
            (None, None) => offer.warehouse.label().to_string(),
        };
        let root = root.trim_end_matches('/');
        let mut out = String::from(
            "-- The published tables as views, for DuckDB: duckdb -init marts.sql\n\
             -- Written by uramaki after each run. The files that it names are never changed.\n",
        );
        let mut layers: Vec<&str> = offer.tables.iter().map(Table::layer).collect();
        layers.dedup();
        for layer in &layers {
            let _ = writeln!(out, "create schema if not exists {};", name(layer));
        }
        for table in &offer.tables {
            view(table, root, &mut out);
        }
        // The marts are what is asked without a schema.
        if let Some(first) = layers.iter().find(|l| **l == "marts").or(layers.first()) {
            let _ = writeln!(out, "\nset schema = {};", text(first));
        }
        out
    }
}

fn view(table: &Table<'_>, root: &str, out: &mut String) {
    let view = format!("{}.{}", name(table.layer()), name(table.short()));
    let _ = writeln!(out, "\ncreate or replace view {view} as");
    if table.record.files.is_empty() {
        let columns: Vec<String> = table
            .record
            .columns
            .iter()
            .map(|c| format!("cast(null as {}) as {}", duckdb_type(&c.kind), name(&c.name)))
            .collect();
        let _ = writeln!(out, "select {} where false;", columns.join(", "));
    } else {
        let files: Vec<String> = table.record.files.iter().map(|f| text(&format!("{root}/{}", f.path))).collect();
        let _ = writeln!(out, "select * from read_parquet([{}]);", files.join(", "));
    }
    let _ = writeln!(out, "comment on view {view} is {};", text(&table.record.description));
    for column in &table.record.columns {
        let said = match &column.unit {
            Some(unit) => format!("{} ({unit})", column.description),
            None => column.description.clone(),
        };
        let _ = writeln!(out, "comment on column {view}.{} is {};", name(&column.name), text(&said));
    }
}

/// For a table that has no file.
fn duckdb_type(kind: &str) -> &str {
    match kind {
        "bigint" | "boolean" | "date" | "double" => kind,
        "timestamp" => "timestamptz",
        decimal if decimal.starts_with("decimal") => decimal,
        _ => "varchar",
    }
}

fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

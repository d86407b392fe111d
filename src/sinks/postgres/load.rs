//! One table into the schema in which nobody reads: columns, rows by COPY, keys, indexes, comments.

use std::fmt::Write as _;

use super::connect::failed;
use super::record::Recorded;
use super::session::{Client, Fault};
use super::{name, text};
use crate::error::Result;
use crate::models::writer::sha256;
use crate::sinks::cells::{Cell, Column};
use crate::sinks::rows::Rows;
use crate::sinks::{Offer, Table};
use crate::store::FaultPoint;

/// Bytes that are sent at a time.
const CHUNK: usize = 256 << 10;
/// PostgreSQL's names have at most so many bytes.
const LONGEST_NAME: usize = 63;

/// What was loaded, and how many zero bytes were replaced in it.
pub struct Loaded {
    pub recorded: Recorded,
    pub zeros: u64,
}

/// Makes the table anew, in one transaction.
pub async fn load(
    client: &mut Client,
    offer: &Offer<'_>,
    table: &Table<'_>,
    schema: &str,
    made_from: &str,
) -> Result<Loaded> {
    let _point = FaultPoint::enter(table.name);
    let doing = format!("loading {}", table.name);
    let wrong = |e: Fault| failed(&doing, &e);
    let full = format!("{}.{}", name(schema), name(table.short()));
    let columns: Vec<String> =
        table.record.columns.iter().map(|c| format!("{} {}", name(&c.name), postgres_type(&c.kind))).collect();
    let create = format!("begin; drop table if exists {full}; create table {full} ({})", columns.join(", "));
    client.run(&create).await.map_err(wrong)?;
    // The table is as new as its transaction: its rows need no freezing later.
    let copy = format!("copy {full} from stdin with (format text, freeze)");
    let mut copy = client.copy(&copy).await.map_err(wrong)?;
    let (mut chunk, mut zeros) = (String::with_capacity(CHUNK + 4096), 0);
    let mut has_null_key = false;
    let mut rows = Rows::of(offer.warehouse, table);
    while let Some(batch) = rows.next().await? {
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            has_null_key |= array.null_count() > 0 && table.key.contains(field.name());
        }
        let columns = batch.columns().iter().map(Column::of).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            for (i, column) in columns.iter().enumerate() {
                if i > 0 {
                    chunk.push('\t');
                }
                zeros += field(&column.cell(row)?, &mut chunk);
            }
            chunk.push('\n');
            if chunk.len() >= CHUNK {
                let full = std::mem::replace(&mut chunk, String::with_capacity(CHUNK + 4096));
                copy.send(full).await.map_err(wrong)?;
            }
        }
    }
    copy.send(chunk).await.map_err(wrong)?;
    let count = copy.end().await.map_err(wrong)?;
    for statement in keys(table, &full, has_null_key).into_iter().chain(comments(table, &full)) {
        client.run(&statement).await.map_err(wrong)?;
    }
    client.run(&format!("analyze {full}")).await.map_err(wrong)?;
    let recorded = Recorded::of_transaction(client, table, &full, made_from, count).await.map_err(wrong)?;
    client.run("commit").await.map_err(wrong)?;
    Ok(Loaded { recorded, zeros })
}

/// The primary key, and an index for each other column by which tables are joined.
fn keys(table: &Table<'_>, full: &str, has_null_key: bool) -> Vec<String> {
    let mut out = Vec::new();
    let quoted: Vec<String> = table.key.iter().map(|c| name(c)).collect();
    if !quoted.is_empty() {
        let columns = quoted.join(", ");
        out.push(match has_null_key {
            // A primary key takes no NULL.
            true => {
                format!("create index {} on {full} ({columns})", name(&index_name(table.short(), &table.key, "key")))
            }
            false => format!(
                "alter table {full} add constraint {} primary key ({columns})",
                name(&index_name(table.short(), &[], "pkey"))
            ),
        });
    }
    for column in &table.record.columns {
        let is_key = column.name.ends_with("_id") && column.kind != "boolean" && !column.kind.contains('<');
        if is_key && table.key.first() != Some(&column.name) {
            let index = index_name(table.short(), std::slice::from_ref(&column.name), "idx");
            out.push(format!("create index {} on {full} ({})", name(&index), name(&column.name)));
        }
    }
    out
}

/// One name for one index, also where the natural one is too long.
fn index_name(table: &str, columns: &[String], ending: &str) -> String {
    let parts: Vec<&str> = [table].into_iter().chain(columns.iter().map(String::as_str)).chain([ending]).collect();
    let natural = parts.join("_");
    if natural.len() <= LONGEST_NAME {
        return natural;
    }
    let start: String = natural.chars().take(50).collect();
    format!("{start}_{}", &sha256(natural.as_bytes())[..8])
}

fn comments(table: &Table<'_>, full: &str) -> Vec<String> {
    let mut out = vec![format!("comment on table {full} is {}", text(&table.record.description))];
    for column in &table.record.columns {
        let said = match &column.unit {
            Some(unit) => format!("{} ({unit})", column.description),
            None => column.description.clone(),
        };
        out.push(format!("comment on column {full}.{} is {}", name(&column.name), text(&said)));
    }
    out
}

/// Our vocabulary in PostgreSQL's.
fn postgres_type(kind: &str) -> String {
    match kind {
        "text" | "bigint" | "boolean" | "date" => kind.to_string(),
        "timestamp" => "timestamptz".to_string(),
        "double" => "double precision".to_string(),
        decimal if decimal.starts_with("decimal") => decimal.replacen("decimal", "numeric", 1),
        _ => "jsonb".to_string(),
    }
}

/// A value in COPY's text format. PostgreSQL has no zero byte in texts: each becomes U+FFFD, and they are counted.
fn field(cell: &Cell<'_>, out: &mut String) -> u64 {
    let plain = match cell {
        Cell::Null => {
            out.push_str("\\N");
            return 0;
        }
        Cell::Text(text) => return escape(text, out),
        Cell::Json(text) => {
            // In jsonb a zero byte is as little allowed, also as an escape.
            let zeros = text.matches("\\u0000").count() as u64;
            escape(&text.replace("\\u0000", "\u{fffd}"), out);
            return zeros;
        }
        Cell::Double(value) if value.is_infinite() => {
            out.push_str(if *value > 0.0 { "Infinity" } else { "-Infinity" });
            return 0;
        }
        Cell::Double(value) if value.is_nan() => "NaN".to_string(),
        other => other.text(),
    };
    let _ = out.write_str(&plain);
    0
}

fn escape(text: &str, out: &mut String) -> u64 {
    let mut zeros = 0;
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\0' => {
                zeros += 1;
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    zeros
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_copy_wants() {
        let mut out = String::new();
        assert_eq!(field(&Cell::Text("a\tb\\N\n\0"), &mut out), 1);
        assert_eq!(out, "a\\tb\\\\N\\n\u{fffd}");
        out.clear();
        field(&Cell::Null, &mut out);
        field(&Cell::Text(""), &mut out);
        assert_eq!(out, "\\N");
    }

    #[test]
    fn long_names_stay_names_of_their_own() {
        let (a, b) = ("a".repeat(62), format!("{}b", "a".repeat(61)));
        let columns = ["customer_id".to_string()];
        assert_ne!(index_name(&a, &columns, "idx"), index_name(&b, &columns, "idx"));
        assert!(index_name(&a, &columns, "idx").len() <= LONGEST_NAME);
        assert_eq!(index_name("friction", &columns, "idx"), "friction_customer_id_idx");
    }

    #[test]
    fn types_are_postgresqls() {
        for (kind, expected) in [
            ("decimal(18,2)", "numeric(18,2)"),
            ("timestamp", "timestamptz"),
            ("list<text>", "jsonb"),
            ("text", "text"),
        ] {
            assert_eq!(postgres_type(kind), expected);
        }
    }
}

//! The identity tables: their columns, and their rows from a resolution.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::events::Event;
use super::{Record, Resolution};
use crate::contract::utc_micros;
use crate::error::{Error, Result};

/// A table that Rust makes: what its columns are, and in which order its rows stand.
pub struct TableSpec {
    pub name: &'static str,
    pub description: &'static str,
    pub columns: &'static [(&'static str, &'static str, bool, &'static str)],
    pub order: &'static [&'static str],
}

const RECORD: TableSpec = TableSpec {
    name: "identity.record",
    description: "One person record of a source system, in its newest version, with its evidence in one form.",
    columns: &[
        ("source_system", "text", false, "The system that holds the record."),
        (
            "source_object",
            "text",
            false,
            "The object in that system; `orders` are guests, known by their order's e-mail only.",
        ),
        ("record_id", "text", false, "The record's key in its system, as text."),
        ("display_name", "text", true, "The name as the system holds it."),
        ("email", "text", true, "E-mail address: blanks trimmed, lower case."),
        ("phone", "text", true, "Phone number in E.164, where the number is valid."),
        ("street", "text", true, "Street and house number as the system holds them."),
        ("postcode", "text", true, "Postcode as the system holds it."),
        ("city", "text", false, "City as the system holds it."),
        ("country", "text", false, "Country as the system holds it."),
        ("first_seen_at", "timestamp", false, "When the system created the record."),
        ("_batch_id", "text", false, "The batch that the newest version landed in."),
        ("_row", "bigint", false, "Its line in the source file."),
    ],
    order: &["source_system", "source_object", "record_id"],
};

const XREF: TableSpec = TableSpec {
    name: "identity.customer_xref",
    description: "Whose record is this? Each person record and the customer that it belongs to.",
    columns: &[
        ("source_system", "text", false, "The system that holds the record."),
        ("source_object", "text", false, "The object in that system."),
        ("record_id", "text", false, "The record's key in its system, as text."),
        ("customer_id", "text", false, "The customer: 12 characters, made from the customer's oldest record."),
        ("email", "text", true, "E-mail address in one form."),
        ("phone", "text", true, "Phone number in E.164."),
    ],
    order: &["customer_id", "source_system", "source_object", "record_id"],
};

const LINK: TableSpec = TableSpec {
    name: "identity.link",
    description: "The accepted links between records: why two records are one person.",
    columns: &[
        ("left_system", "text", false, "System of the older record."),
        ("left_object", "text", false, "Object of the older record."),
        ("left_record_id", "text", false, "Key of the older record."),
        ("right_system", "text", false, "System of the other record."),
        ("right_object", "text", false, "Object of the other record."),
        ("right_record_id", "text", false, "Key of the other record."),
        ("rule", "text", false, "The rule that linked them: email_exact or phone_exact."),
        ("evidence", "text", true, "The value that both hold."),
        ("weight", "double", false, "Match weight; an exact rule has none to add, and says 0."),
        ("probability", "double", false, "Probability of the match; an exact rule says 1."),
        ("first_batch", "text", false, "The batch of the newer of the two records' newest versions."),
    ],
    order: &["left_system", "left_object", "left_record_id", "right_system", "right_object", "right_record_id", "rule"],
};

const BLOCKED: TableSpec = TableSpec {
    name: "identity.blocked_evidence",
    description: "Evidence that more records hold than one person would: it links nobody.",
    columns: &[
        ("kind", "text", false, "email or phone."),
        ("value", "text", true, "The value in one form."),
        ("holders", "bigint", false, "Records that hold it; all guest orders of one e-mail are one."),
    ],
    order: &["kind", "value"],
};

const EVENT: TableSpec = TableSpec {
    name: "identity.customer_event",
    description: "What became of customers from run to run. It tells of the loading, so it may differ with the order of loading.",
    columns: &[
        ("run", "bigint", false, "The run that noticed it."),
        ("customer_id", "text", false, "The customer that it happened to."),
        (
            "event",
            "text",
            false,
            "created, merged (into the other), split (from the other) or rekeyed (was the other).",
        ),
        ("other_customer_id", "text", false, "The other customer, where there is one."),
        ("reason", "text", false, "Why."),
    ],
    order: &["run", "customer_id", "event", "other_customer_id"],
};

pub const SPECS: [&TableSpec; 5] = [&RECORD, &XREF, &LINK, &BLOCKED, &EVENT];

impl TableSpec {
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.columns
                .iter()
                .map(|(name, kind, _, _)| {
                    let data_type = match *kind {
                        "bigint" => DataType::Int64,
                        "double" => DataType::Float64,
                        "timestamp" => utc_micros(),
                        _ => DataType::Utf8,
                    };
                    Field::new(*name, data_type, true)
                })
                .collect::<Vec<_>>(),
        ))
    }

    pub fn order(&self) -> Vec<String> {
        self.order.iter().map(ToString::to_string).collect()
    }

    fn batch(&self, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
        RecordBatch::try_new(self.schema(), columns).map_err(|e| Error::failed(format!("building {}: {e}", self.name)))
    }
}

/// Rows of a table at a time.
const CHUNK: usize = 65_536;

/// A table's rows in its order, in chunks.
pub type Rows = (&'static TableSpec, Vec<RecordBatch>);

/// All tables but the events.
pub fn rows(resolution: &Resolution) -> Result<Vec<Rows>> {
    let records = &resolution.records;
    let record = chunks(records.len(), |range| {
        let part = &records[range];
        RECORD.batch(vec![
            texts(part.iter().map(|r| Some(&*r.system))),
            texts(part.iter().map(|r| Some(&*r.object))),
            texts(part.iter().map(|r| Some(&*r.id))),
            texts(part.iter().map(|r| r.name.as_deref())),
            texts(part.iter().map(|r| r.email.as_deref())),
            texts(part.iter().map(|r| r.phone.as_deref())),
            texts(part.iter().map(|r| r.street.as_deref())),
            texts(part.iter().map(|r| r.postcode.as_deref())),
            texts(part.iter().map(|r| r.city.as_deref())),
            texts(part.iter().map(|r| r.country.as_deref())),
            Arc::new(TimestampMicrosecondArray::from_iter(part.iter().map(|r| r.first_seen_at)).with_timezone("UTC")),
            texts(part.iter().map(|r| Some(&*r.batch))),
            Arc::new(Int64Array::from_iter_values(part.iter().map(|r| r.row))),
        ])
    })?;
    let mut by_customer: Vec<usize> = (0..records.len()).collect();
    // Records stand in (system, object, id) order already, and this sort is stable.
    by_customer.sort_by(|a, b| resolution.customers[*a].cmp(&resolution.customers[*b]));
    let xref = chunks(by_customer.len(), |range| {
        let part: Vec<(&Record, &str)> =
            by_customer[range].iter().map(|i| (&records[*i], &*resolution.customers[*i])).collect();
        XREF.batch(vec![
            texts(part.iter().map(|(r, _)| Some(&*r.system))),
            texts(part.iter().map(|(r, _)| Some(&*r.object))),
            texts(part.iter().map(|(r, _)| Some(&*r.id))),
            texts(part.iter().map(|(_, c)| Some(*c))),
            texts(part.iter().map(|(r, _)| r.email.as_deref())),
            texts(part.iter().map(|(r, _)| r.phone.as_deref())),
        ])
    })?;
    let link = chunks(resolution.links.len(), |range| {
        let part = &resolution.links[range];
        let side = |pick: fn(&super::Link) -> usize, field: fn(&Record) -> &str| {
            texts(part.iter().map(move |l| Some(field(&records[pick(l)]))))
        };
        LINK.batch(vec![
            side(|l| l.left, |r| &r.system),
            side(|l| l.left, |r| &r.object),
            side(|l| l.left, |r| &r.id),
            side(|l| l.right, |r| &r.system),
            side(|l| l.right, |r| &r.object),
            side(|l| l.right, |r| &r.id),
            texts(part.iter().map(|l| Some(l.rule))),
            texts(part.iter().map(|l| Some(l.evidence.as_str()))),
            Arc::new(Float64Array::from_iter_values(part.iter().map(|_| 0.0))),
            Arc::new(Float64Array::from_iter_values(part.iter().map(|_| 1.0))),
            texts(part.iter().map(|l| {
                let (left, right) = (&records[l.left], &records[l.right]);
                Some(if left.first_rank > right.first_rank { &*left.batch } else { &*right.batch })
            })),
        ])
    })?;
    let blocked = &resolution.blocked;
    let blocked = BLOCKED.batch(vec![
        texts(blocked.iter().map(|b| Some(b.kind))),
        texts(blocked.iter().map(|b| Some(b.value.as_str()))),
        Arc::new(Int64Array::from_iter_values(blocked.iter().map(|b| b.holders as i64))),
    ])?;
    Ok(vec![(&RECORD, record), (&XREF, xref), (&LINK, link), (&BLOCKED, vec![blocked])])
}

/// The events table.
pub fn event_rows(events: &[Event]) -> Result<Rows> {
    let batch = EVENT.batch(vec![
        Arc::new(Int64Array::from_iter_values(events.iter().map(|e| e.run))),
        texts(events.iter().map(|e| Some(e.customer_id.as_str()))),
        texts(events.iter().map(|e| Some(e.event.as_str()))),
        texts(events.iter().map(|e| e.other_customer_id.as_deref())),
        texts(events.iter().map(|e| Some(e.reason.as_str()))),
    ])?;
    Ok((&EVENT, vec![batch]))
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

fn chunks(rows: usize, build: impl Fn(std::ops::Range<usize>) -> Result<RecordBatch>) -> Result<Vec<RecordBatch>> {
    (0..rows.max(1)).step_by(CHUNK).map(|from| build(from..(from + CHUNK).min(rows))).collect()
}

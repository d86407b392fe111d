//! The identity tables: their columns, and their rows from a resolution.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::draws::Draws;
use super::events::Event;
use super::history::Known;
use super::linkage::evaluate::{Band, EDGES};
use super::linkage::rounded;
use super::{CutLink, Link, Record, Resolution, memory};
use crate::contract::utc_micros;
use crate::error::{Error, Result};

/// A table that Rust makes: what its columns are, and in which order its rows stand.
pub struct TableSpec {
    pub name: &'static str,
    pub description: &'static str,
    pub columns: &'static [(&'static str, &'static str, bool, &'static str)],
    pub order: &'static [&'static str],
}

/// Columns of a table of pairs: both records, then what it tells of them.
macro_rules! of_pairs {
    ($($more:expr),+ $(,)?) => {
        &[
            ("left_system", "text", false, "System of the older record."),
            ("left_object", "text", false, "Object of the older record."),
            ("left_record_id", "text", false, "Key of the older record."),
            ("right_system", "text", false, "System of the other record."),
            ("right_object", "text", false, "Object of the other record."),
            ("right_record_id", "text", false, "Key of the other record."),
            $($more),+
        ]
    };
}
pub(super) use of_pairs;

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
        ("given_name", "text", true, "Given names, where the system holds them by themselves."),
        ("family_name", "text", true, "The family name, where the system holds it by itself."),
        ("organisation", "text", true, "The company that the record is of, or that the person works for."),
        ("email", "text", true, "E-mail address: blanks trimmed, lower case."),
        ("phone", "text", true, "Phone number in E.164, where the number is valid."),
        (
            "identifier",
            "text",
            true,
            "A number that the person carries (customer number, loyalty card), blanks trimmed.",
        ),
        (
            "identifier_kind",
            "text",
            false,
            "What number it is, as the pipeline says; without a word from there, the system's own.",
        ),
        ("street", "text", true, "Street and house number as the system holds them."),
        ("postcode", "text", true, "Postcode as the system holds it."),
        ("city", "text", false, "City as the system holds it."),
        ("country", "text", false, "Country as the system holds it."),
        ("date_of_birth", "text", true, "Date of birth as YYYY-MM-DD; 00 where month or day is not known."),
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
    columns: of_pairs![
        (
            "rule",
            "text",
            false,
            "What links them: email_exact, phone_exact, decided (by a person), model, or model_together (all records of both sides).",
        ),
        (
            "evidence",
            "text",
            true,
            "The value that both hold, of an exact rule; who decided, when and why, of a decision.",
        ),
        ("weight", "double", false, "Bits of evidence for one person; an exact rule has none to add, and says 0."),
        ("probability", "double", false, "Probability that both are one person; an exact rule and a decision say 1."),
        ("first_batch", "text", false, "The batch of the newer of the two records' newest versions."),
        (
            "is_drawn",
            "boolean",
            false,
            "Whether draws are about it: the model's word, and the strongest that holds both sides together.",
        ),
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

const REVIEW: TableSpec = TableSpec {
    name: "identity.review",
    description: "Pairs of records that may be one person, of different customers, for a person to decide in identity-overrides.csv.",
    columns: of_pairs![
        ("weight", "double", false, "Bits of evidence for one person."),
        ("probability", "double", false, "Probability that both are one person, by what the two records say."),
        ("left_customer_id", "text", false, "The customer of the older record."),
        ("right_customer_id", "text", false, "The customer of the other record."),
        (
            "is_drawn",
            "boolean",
            false,
            "Whether draws are about it: the strongest pair that connects both sides, none in a circle.",
        ),
    ],
    order: PAIR_ORDER,
};

const CUT: TableSpec = TableSpec {
    name: "identity.cut_link",
    description: "Links that do not count, and why: they would glue people together.",
    columns: of_pairs![
        ("weight", "double", false, "Bits of evidence for one person."),
        ("probability", "double", false, "Probability that both are one person, by what the two records say."),
        ("rule", "text", false, "What would have linked them, as in identity.link."),
        ("evidence", "text", true, "The value that both hold, of an exact rule."),
        ("reason", "text", false, "Why it does not count."),
    ],
    order: PAIR_ORDER,
};

pub const PAIR_ORDER: &[&str] =
    &["left_system", "left_object", "left_record_id", "right_system", "right_object", "right_record_id"];

const HISTORY: TableSpec = TableSpec {
    name: "identity.id_history",
    description: "Every customer id that a run ever published, and which customer it is today. It tells of the loading, as identity.customer_event does.",
    columns: &[
        ("customer_id", "text", false, "The id as some run published it."),
        (
            "current_customer_id",
            "text",
            false,
            "The customer that it belongs to today; NULL where none of its records is left.",
        ),
        ("run", "bigint", false, "The last run that changed what it means."),
        ("event", "text", false, "What happened then: created, merged, split or rekeyed."),
    ],
    order: &["customer_id"],
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

const CALIBRATION: TableSpec = TableSpec {
    name: "identity.calibration",
    description: "Whether the model's probabilities mean what they say: of pairs whose truth is known (identity-labels.csv, identity-overrides.csv), the share that is right. Empty in mode exact.",
    columns: &[
        ("band_from", "double", false, "The band's least probability."),
        ("band_to", "double", false, "Where the band ends; 1 belongs to the last one."),
        (
            "pairs",
            "bigint",
            false,
            "Pairs of this band that draws are about: the strongest that connect the records, none in a circle.",
        ),
        ("measured_pairs", "bigint", false, "Pairs whose truth is known."),
        ("predicted", "double", false, "Mean of what the model says of the measured pairs."),
        ("observed", "double", false, "The share of the measured pairs that is right. Draws go by it."),
        (
            "is_measured",
            "boolean",
            false,
            "30 pairs are measured, or all that there are by labels; or less than one in a hundred of all pairs hangs on the band.",
        ),
    ],
    order: &["band_from"],
};

const DRAW: TableSpec = TableSpec {
    name: "identity.draw",
    description: "Seeded draws of who might be one, by the calibrated probabilities. Empty in mode exact, and where a band of identity.calibration is not measured.",
    columns: &[
        ("draw", "bigint", false, "Number of the draw, from 0."),
        ("customers", "bigint", false, "How many customers there are in this draw."),
    ],
    order: &["draw"],
};

const DRAW_CUSTOMER: TableSpec = TableSpec {
    name: "identity.draw_customer",
    description: "How each draw differs from the tables: customers who are not there in it, and those who are there instead.",
    columns: &[
        ("draw", "bigint", false, "Number of the draw."),
        (
            "customer_id",
            "text",
            false,
            "A customer of the tables, or one of identity.draw_record: an id of the tables, a slash and a number.",
        ),
        ("change", "bigint", false, "-1: not there in this draw. 1: there instead."),
    ],
    order: &["draw", "customer_id"],
};

const DRAW_RECORD: TableSpec = TableSpec {
    name: "identity.draw_record",
    description: "The records of each customer whom only draws know.",
    columns: &[
        ("customer_id", "text", false, "The customer, as identity.draw_customer names it."),
        ("source_system", "text", false, "The system that holds the record."),
        ("source_object", "text", false, "The object in that system."),
        ("record_id", "text", false, "The record's key in its system, as text."),
    ],
    order: &["customer_id", "source_system", "source_object", "record_id"],
};

pub const SPECS: [&TableSpec; 15] = [
    &RECORD,
    &XREF,
    &LINK,
    &BLOCKED,
    &EVENT,
    &REVIEW,
    &CUT,
    &HISTORY,
    &CALIBRATION,
    &DRAW,
    &DRAW_CUSTOMER,
    &DRAW_RECORD,
    &memory::DIGEST,
    &memory::SCORED,
    &memory::WIDE,
];

impl TableSpec {
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.columns
                .iter()
                .map(|(name, kind, _, _)| {
                    let data_type = match *kind {
                        "bigint" => DataType::Int64,
                        "double" => DataType::Float64,
                        "boolean" => DataType::Boolean,
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

    pub fn batch(&self, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
        RecordBatch::try_new(self.schema(), columns).map_err(|e| Error::failed(format!("building {}: {e}", self.name)))
    }
}

/// Rows of a table at a time.
const CHUNK: usize = 65_536;

/// A table's rows in its order, in chunks.
pub type Rows = (&'static TableSpec, Vec<RecordBatch>);

/// All tables but the events.
pub fn rows(resolution: &Resolution, draws: &Draws) -> Result<Vec<Rows>> {
    let records = &resolution.records;
    let record = chunks(records.len(), |range| {
        let part = &records[range];
        RECORD.batch(vec![
            texts(part.iter().map(|r| Some(&*r.system))),
            texts(part.iter().map(|r| Some(&*r.object))),
            texts(part.iter().map(|r| Some(&*r.id))),
            texts(part.iter().map(|r| r.name.as_deref())),
            texts(part.iter().map(Record::given_name)),
            texts(part.iter().map(Record::family_name)),
            texts(part.iter().map(Record::organisation)),
            texts(part.iter().map(|r| r.email.as_deref())),
            texts(part.iter().map(|r| r.phone.as_deref())),
            texts(part.iter().map(|r| r.identifier().map(|n| &*n.text))),
            texts(part.iter().map(|r| r.identifier().map(|n| &*n.kind))),
            texts(part.iter().map(|r| r.street.as_deref())),
            texts(part.iter().map(|r| r.postcode.as_deref())),
            texts(part.iter().map(|r| r.city.as_deref())),
            texts(part.iter().map(|r| r.country.as_deref())),
            texts(part.iter().map(Record::date_of_birth)),
            Arc::new(TimestampMicrosecondArray::from_iter(part.iter().map(|r| r.first_seen_at)).with_timezone("UTC")),
            texts(part.iter().map(|r| Some(&*r.batch))),
            integers(part.iter().map(|r| r.row)),
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
        let mut columns = sides(records, part.iter());
        columns.extend([
            texts(part.iter().map(|l| Some(l.by.rule()))),
            texts(part.iter().map(|l| l.evidence.as_deref())),
            doubles(part.iter().map(|l| l.weight)),
            doubles(part.iter().map(|l| l.probability)),
            texts(part.iter().map(|l| {
                let (left, right) = (&records[l.left], &records[l.right]);
                Some(if left.first_rank > right.first_rank { &*left.batch } else { &*right.batch })
            })),
            truths(part.iter().map(|l| draws.is_about(l))),
        ]);
        LINK.batch(columns)
    })?;
    let blocked = &resolution.blocked;
    let blocked = BLOCKED.batch(vec![
        texts(blocked.iter().map(|b| Some(b.kind))),
        texts(blocked.iter().map(|b| Some(b.value.as_str()))),
        integers(blocked.iter().map(|b| b.holders as i64)),
    ])?;
    let customer = |record: usize| Some(&*resolution.customers[record]);
    let mut doubtful: Vec<&Link> = resolution.doubtful.iter().collect();
    doubtful.sort_by_key(|l| (l.left, l.right));
    let review = chunks(doubtful.len(), |range| {
        let part = &doubtful[range];
        let mut columns = weighed(records, part);
        columns.push(texts(part.iter().map(|l| customer(l.left))));
        columns.push(texts(part.iter().map(|l| customer(l.right))));
        columns.push(truths(part.iter().map(|l| draws.is_about(l))));
        REVIEW.batch(columns)
    })?;
    let mut cut: Vec<&CutLink> = resolution.cuts.iter().collect();
    cut.sort_by_key(|c| (c.link.left, c.link.right));
    let cut = chunks(cut.len(), |range| {
        let part: Vec<&Link> = cut[range.clone()].iter().map(|c| &c.link).collect();
        let mut columns = weighed(records, &part);
        columns.push(texts(part.iter().map(|l| Some(l.by.rule()))));
        columns.push(texts(part.iter().map(|l| l.evidence.as_deref())));
        columns.push(texts(cut[range].iter().map(|c| Some(c.reason.text()))));
        CUT.batch(columns)
    })?;
    let mut all = vec![
        (&RECORD, record),
        (&XREF, xref),
        (&LINK, link),
        (&BLOCKED, vec![blocked]),
        (&REVIEW, review),
        (&CUT, cut),
    ];
    all.extend(memory::rows(resolution)?);
    Ok(all)
}

/// Both records of each pair.
fn sides<'a>(records: &[Record], pairs: impl Iterator<Item = &'a Link> + Clone) -> Vec<ArrayRef> {
    let side = |pick: fn(&Link) -> usize, field: fn(&Record) -> &str| {
        texts(pairs.clone().map(move |l| Some(field(&records[pick(l)]))))
    };
    vec![
        side(|l| l.left, |r| &r.system),
        side(|l| l.left, |r| &r.object),
        side(|l| l.left, |r| &r.id),
        side(|l| l.right, |r| &r.system),
        side(|l| l.right, |r| &r.object),
        side(|l| l.right, |r| &r.id),
    ]
}

/// Both records of each pair, weight and probability.
fn weighed(records: &[Record], pairs: &[&Link]) -> Vec<ArrayRef> {
    let mut columns = sides(records, pairs.iter().copied());
    columns.push(doubles(pairs.iter().map(|l| l.weight)));
    columns.push(doubles(pairs.iter().map(|l| l.probability)));
    columns
}

/// What the draws tell.
pub fn draw_rows(resolution: &Resolution, draws: &Draws) -> Result<Vec<Rows>> {
    let bands = &draws.bands;
    let edges = |from: usize| doubles((0..bands.len()).map(move |band| EDGES[band + from]));
    let known = |value: fn(&Band) -> Option<f64>| {
        Arc::new(Float64Array::from_iter(bands.iter().map(|b| value(&b.measured).map(rounded)))) as ArrayRef
    };
    let calibration = CALIBRATION.batch(vec![
        edges(0),
        edges(1),
        integers(bands.iter().map(|b| b.pairs as i64)),
        integers(bands.iter().map(|b| b.measured.pairs as i64)),
        known(Band::predicted),
        known(Band::observed),
        truths(bands.iter().map(|b| b.is_measured)),
    ])?;
    let draw =
        DRAW.batch(vec![integers(0..draws.customers.len() as i64), integers(draws.customers.iter().copied())])?;
    let customer = chunks(draws.changes.len(), |range| {
        let part = &draws.changes[range];
        DRAW_CUSTOMER.batch(vec![
            integers(part.iter().map(|c| c.draw.into())),
            texts(part.iter().map(|c| Some(&*c.customer))),
            integers(part.iter().map(|c| c.change)),
        ])
    })?;
    let record = chunks(draws.members.len(), |range| {
        let part: Vec<(&str, &Record)> =
            draws.members[range].iter().map(|(c, r)| (&**c, &resolution.records[*r as usize])).collect();
        DRAW_RECORD.batch(vec![
            texts(part.iter().map(|(c, _)| Some(*c))),
            texts(part.iter().map(|(_, r)| Some(&*r.system))),
            texts(part.iter().map(|(_, r)| Some(&*r.object))),
            texts(part.iter().map(|(_, r)| Some(&*r.id))),
        ])
    })?;
    Ok(vec![(&CALIBRATION, vec![calibration]), (&DRAW, vec![draw]), (&DRAW_CUSTOMER, customer), (&DRAW_RECORD, record)])
}

/// The history of ids.
pub fn history_rows(known: &[Known]) -> Result<Rows> {
    let batch = HISTORY.batch(vec![
        texts(known.iter().map(|k| Some(k.customer_id.as_str()))),
        texts(known.iter().map(|k| k.current_customer_id.as_deref())),
        integers(known.iter().map(|k| k.run)),
        texts(known.iter().map(|k| Some(k.event.as_str()))),
    ])?;
    Ok((&HISTORY, vec![batch]))
}

/// The last digits hang on the machine; they are not written.
fn doubles(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values.map(rounded)))
}

/// The events table.
pub fn event_rows(events: &[Event]) -> Result<Rows> {
    let batch = EVENT.batch(vec![
        integers(events.iter().map(|e| e.run)),
        texts(events.iter().map(|e| Some(e.customer_id.as_str()))),
        texts(events.iter().map(|e| Some(e.event.as_str()))),
        texts(events.iter().map(|e| e.other_customer_id.as_deref())),
        texts(events.iter().map(|e| Some(e.reason.as_str()))),
    ])?;
    Ok((&EVENT, vec![batch]))
}

fn truths(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(BooleanArray::from_iter(values.map(Some)))
}

fn integers(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

pub fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

pub fn chunks(rows: usize, build: impl Fn(std::ops::Range<usize>) -> Result<RecordBatch>) -> Result<Vec<RecordBatch>> {
    (0..rows.max(1)).step_by(CHUNK).map(|from| build(from..(from + CHUNK).min(rows))).collect()
}

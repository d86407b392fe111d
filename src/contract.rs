//! The contract of one source object: which columns, of which types, keyed and ordered by what.
//!
//! A contract is what `pipelines/<system>.yaml` says, checked and resolved: it holds no open choice.
//! Landing decodes by it, the catalogue takes the schema of `landing.<system>__<object>` from it, and
//! its digest is part of every batch's name: a changed contract lands the archived bytes again.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

/// The column that the line number of the source row is kept in (first line of the row, 1-based).
pub const ROW_COLUMN: &str = "_row";
/// The column that names the batch, given to each row when landed files are read.
pub const BATCH_COLUMN: &str = "_batch_id";

/// One source object with everything that decoding needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contract {
    pub system: String,
    pub object: String,
    pub format: Format,
    /// In contract order: the order in which faults are looked for and columns are landed.
    pub columns: Vec<Column>,
    /// Names of the key's columns, at least one.
    pub key: Vec<String>,
    /// The cursor's column: of two versions of a key the greater wins.
    pub cursor: Option<String>,
    /// A line longer than this goes to quarantine (`line_too_long`).
    pub max_line_bytes: usize,
    /// More than this share of one file's rows in quarantine is schema drift …
    pub drift_share: f64,
    /// … if it is at least this many rows.
    pub drift_rows: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Format {
    Csv { delimiter: u8, encoding: Encoding },
    Jsonl { encoding: Encoding },
    Parquet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// With or without byte order mark.
    Utf8,
    #[serde(rename = "windows-1252")]
    Windows1252,
    #[serde(rename = "iso-8859-1")]
    Iso88591,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The name in landing and staging.
    pub name: String,
    /// Where the value stands in the source row.
    pub source: SourcePath,
    pub kind: ColumnType,
    /// An absent or NULL value sends the row to quarantine (`missing_key` for key and cursor columns,
    /// `missing_value` for others).
    pub required: bool,
    /// Required unless this boolean column of the same row is true (Stripe's deleted customers hold nothing but their id).
    pub unless: Option<String>,
    /// Personal data: never in a log, no statistics.
    pub personal: bool,
    /// Source value → value; what is not listed becomes `otherwise` (NULL without one).
    pub map: Option<ValueMap>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueMap {
    pub values: BTreeMap<String, String>,
    pub otherwise: Option<String>,
}

/// `name`, `via.channel`, `custom_fields[id=360000000101].value`, `tags[^topic_]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePath {
    /// As written in the pipeline, for messages.
    pub text: String,
    pub steps: Vec<PathStep>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathStep {
    /// A field of an object (the first step: a column or a top-level field).
    Field(String),
    /// Of a list of objects: the first whose `field`, as text, equals `value`.
    Where { field: String, value: String },
    /// Of a list of texts: the first that starts with the prefix, without the prefix.
    Prefixed(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// In JSON any scalar, as its text; an array or object as its compact JSON text.
    Text,
    /// 64 bit.
    Integer,
    Decimal {
        precision: u8,
        scale: i8,
    },
    Boolean,
    Date {
        format: DateFormat,
    },
    /// Microseconds, UTC.
    Timestamp {
        format: TimeFormat,
    },
    List(Box<ColumnType>),
    Struct(Vec<(String, ColumnType)>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateFormat {
    /// `2026-11-20`
    Iso,
    /// A strftime pattern (`%d.%m.%Y`).
    Pattern(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// ISO 8601 / RFC 3339, date and time parted by `T` or a blank, up to six (more: only zeros) digits of a second,
    /// with `Z` or an offset; without either it is a time of `zone`.
    Iso { zone: String },
    /// Whole seconds since 1970 (UTC).
    EpochSeconds,
    /// A strftime pattern, read as local time of `zone`: an ambiguous hour takes the earlier offset.
    Pattern { pattern: String, zone: String },
}

impl ColumnType {
    pub fn data_type(&self) -> DataType {
        match self {
            ColumnType::Text => DataType::Utf8,
            ColumnType::Integer => DataType::Int64,
            ColumnType::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale),
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::Date { .. } => DataType::Date32,
            ColumnType::Timestamp { .. } => utc_micros(),
            ColumnType::List(item) => DataType::List(Arc::new(Field::new("item", item.data_type(), true))),
            ColumnType::Struct(fields) => DataType::Struct(
                fields.iter().map(|(name, kind)| Field::new(name, kind.data_type(), true)).collect::<Fields>(),
            ),
        }
    }
}

/// The one type of all times: microseconds, UTC.
pub fn utc_micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl Contract {
    /// The schema of a landed batch: the contract's columns, then `_row`.
    pub fn landed_schema(&self) -> SchemaRef {
        let mut fields: Vec<Field> =
            self.columns.iter().map(|c| Field::new(&c.name, c.kind.data_type(), true)).collect();
        fields.push(Field::new(ROW_COLUMN, DataType::Int64, false));
        Arc::new(Schema::new(fields))
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// `shopify/orders`, the name in messages.
    pub fn label(&self) -> String {
        format!("{}/{}", self.system, self.object)
    }

    /// `shopify__orders`, the table in `landing`.
    pub fn table(&self) -> String {
        format!("{}__{}", self.system, self.object)
    }
}

//! What decoding a file tells: the rows it read and rejected, or why the file is refused whole.

use std::collections::BTreeMap;
use std::fmt;

use arrow::record_batch::RecordBatch;

use super::value;
use crate::contract::Encoding;
use crate::error::{Error, Result};

/// Why a row goes to quarantine. The names are part of the interface: people filter by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    BadDecimal,
    BadInteger,
    BadBoolean,
    BadTime,
    MissingKey,
    MissingValue,
    TooManyFields,
    TooFewFields,
    CutJson,
    BadEncoding,
    LineTooLong,
    RepeatedHeader,
}

impl Reason {
    pub const ALL: [Reason; 12] = [
        Reason::BadDecimal,
        Reason::BadInteger,
        Reason::BadBoolean,
        Reason::BadTime,
        Reason::MissingKey,
        Reason::MissingValue,
        Reason::TooManyFields,
        Reason::TooFewFields,
        Reason::CutJson,
        Reason::BadEncoding,
        Reason::LineTooLong,
        Reason::RepeatedHeader,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Reason::BadDecimal => "bad_decimal",
            Reason::BadInteger => "bad_integer",
            Reason::BadBoolean => "bad_boolean",
            Reason::BadTime => "bad_time",
            Reason::MissingKey => "missing_key",
            Reason::MissingValue => "missing_value",
            Reason::TooManyFields => "too_many_fields",
            Reason::TooFewFields => "too_few_fields",
            Reason::CutJson => "cut_json",
            Reason::BadEncoding => "bad_encoding",
            Reason::LineTooLong => "line_too_long",
            Reason::RepeatedHeader => "repeated_header",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A source row that goes to quarantine: its first fault in contract order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// First line of the row, 1-based, the header counted. In Parquet the number of the row.
    pub line: u64,
    /// The contract's column; none where the row as a whole is at fault.
    pub column: Option<String>,
    pub reason: Reason,
    /// The row as received, without its line ending; of an over-long line only the beginning.
    pub raw: String,
    /// The texts of the key's columns, where all of them can be read: a full snapshot keeps this key's version before.
    pub key: Option<Vec<String>>,
}

/// What a file held. `rows_read = rows_accepted + rows_rejected`, always.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub rows_read: u64,
    pub rows_accepted: u64,
    pub rows_rejected: u64,
    pub rejected_by: BTreeMap<(Option<String>, Reason), u64>,
    /// Columns (JSON: top-level keys) of the file that the contract does not name.
    pub unmapped: Vec<String>,
    /// Local times in accepted rows that the clock showed twice; the earlier offset was taken.
    pub ambiguous_times: u64,
    /// Of the columns asked for, over accepted rows and those rejected ones whose value parses.
    pub sums: BTreeMap<String, SumState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumState {
    /// `unscaled / 10^scale`
    Exact { unscaled: i128, scale: u8 },
    /// A rejected row's value cannot be read, or the column is none that can be summed.
    NotVerifiable,
}

impl SumState {
    /// Whether the sum is the one that the control totals state. None: nothing can be said.
    pub fn equals(&self, stated: &str) -> Option<bool> {
        match self {
            SumState::Exact { unscaled, scale } => Some(value::decimal(stated, 38, *scale) == Some(*unscaled)),
            SumState::NotVerifiable => None,
        }
    }
}

impl fmt::Display for SumState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SumState::Exact { unscaled, scale: 0 } => write!(f, "{unscaled}"),
            SumState::Exact { unscaled, scale } => {
                let width = usize::from(*scale) + 1;
                let digits = format!("{:0>width$}", unscaled.unsigned_abs());
                let (whole, part) = digits.split_at(digits.len() - usize::from(*scale));
                write!(f, "{}{whole}.{part}", if *unscaled < 0 { "-" } else { "" })
            }
            SumState::NotVerifiable => f.write_str("not verifiable"),
        }
    }
}

/// Takes what decoding brings forth, in the order of the file.
pub trait Receiver {
    fn batch(&mut self, batch: RecordBatch) -> Result<()>;
    fn rejected(&mut self, row: Rejected) -> Result<()>;
}

/// Why nothing of a file is loaded. The texts hold no values of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    Empty,
    CorruptCompression(String),
    /// A Parquet file that cannot be read.
    Corrupt(String),
    NotLines(String),
    /// The name, if it can be told: what looks like a header may be a row.
    DuplicateColumn {
        name: Option<String>,
    },
    /// Lines that end in a carriage return alone would all be one.
    BareReturns,
    UnclosedQuote {
        line: u64,
    },
    HeaderTooLong {
        max_line_bytes: usize,
    },
    WrongEncoding {
        expected: Encoding,
        found: String,
        lines: u64,
        rows: u64,
    },
    MissingColumns {
        missing: Vec<String>,
        found: Vec<String>,
    },
    /// Too large a share of the rows does not follow the contract.
    Drift {
        column: Option<String>,
        expected: String,
        found: String,
        rows: u64,
        rejected: u64,
    },
    Io(String),
}

impl Refusal {
    /// Schema drift fails the object, not the file alone.
    pub fn is_drift(&self) -> bool {
        matches!(self, Refusal::MissingColumns { .. } | Refusal::Drift { .. })
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Refusal::Empty => "an extract without rows still has its header; ask the source to write the file again",
            Refusal::CorruptCompression(_) | Refusal::Corrupt(_) => {
                "the transfer was cut short or damaged: hand the file over again"
            }
            Refusal::NotLines(_) => {
                "write one JSON object per line, without brackets or commas around them (JSON Lines)"
            }
            Refusal::BareReturns => "end each line with a line feed, or with a carriage return and a line feed",
            Refusal::DuplicateColumn { .. } => "give each column of the export its own name",
            Refusal::UnclosedQuote { .. } => "the file was cut, or a quote inside a value is not doubled",
            Refusal::HeaderTooLong { .. } => "the first line must be the header; are line endings missing?",
            Refusal::WrongEncoding { .. } => "state the file's encoding in the pipeline, or export it as declared",
            Refusal::MissingColumns { .. } => "if the source renamed a column, change its `source` in the pipeline",
            Refusal::Drift { .. } => {
                "if the source changed, change the contract in the pipeline; else have the file exported again"
            }
            Refusal::Io(_) => "the file could not be read to its end; run again",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Empty => f.write_str("the file is empty: not even a header"),
            Refusal::CorruptCompression(what) => write!(f, "cut or corrupt compression: {what}"),
            Refusal::Corrupt(what) => write!(f, "cut or corrupt file: {what}"),
            Refusal::NotLines(what) => write!(f, "not JSON Lines: {what}"),
            Refusal::DuplicateColumn { name: Some(name) } => write!(f, "column `{name}` stands twice in the header"),
            Refusal::DuplicateColumn { name: None } => f.write_str("a column stands twice in the header"),
            Refusal::BareReturns => f.write_str("the header holds a carriage return without a line feed"),
            Refusal::UnclosedQuote { line } => write!(f, "a quote opened in the row of line {line} never closes"),
            Refusal::HeaderTooLong { max_line_bytes } => {
                write!(f, "the header is longer than {max_line_bytes} bytes")
            }
            Refusal::WrongEncoding { expected, found, lines, rows } => {
                write!(f, "wrong encoding: expected {}, found {found}", encoding_name(*expected))?;
                if *rows > 0 {
                    write!(f, " in {lines} of {rows} lines")?;
                }
                Ok(())
            }
            Refusal::MissingColumns { missing, found } => {
                write!(f, "schema drift: expected column{} ", if missing.len() == 1 { "" } else { "s" })?;
                write_names(f, missing)?;
                f.write_str("; found ")?;
                if found.is_empty() {
                    f.write_str("no column of the contract (is there a header?)")
                } else {
                    write_names(f, found)
                }
            }
            Refusal::Drift { column, expected, found, rows, rejected } => {
                f.write_str("schema drift: ")?;
                if let Some(column) = column {
                    write!(f, "column `{column}`: ")?;
                }
                write!(f, "expected {expected}; found {found}")?;
                if *rows > 0 {
                    write!(f, "; {rejected} of {rows} rows do not follow the contract")?;
                }
                Ok(())
            }
            Refusal::Io(what) => write!(f, "the file could not be read: {what}"),
        }
    }
}

fn write_names(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    const SHOWN: usize = 20;
    for (i, name) in names.iter().take(SHOWN).enumerate() {
        write!(f, "{}`{name}`", if i == 0 { "" } else { ", " })?;
    }
    if names.len() > SHOWN {
        write!(f, " and {} more", names.len() - SHOWN)?;
    }
    Ok(())
}

pub(super) fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "UTF-8",
        Encoding::Windows1252 => "Windows-1252",
        Encoding::Iso88591 => "ISO-8859-1",
    }
}

/// Either the file is at fault, or something around it.
#[derive(Debug)]
pub enum DecodeError {
    Refused(Refusal),
    Failed(Error),
}

impl From<Error> for DecodeError {
    fn from(e: Error) -> Self {
        DecodeError::Failed(e)
    }
}

impl From<Refusal> for DecodeError {
    fn from(refusal: Refusal) -> Self {
        DecodeError::Refused(refusal)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Refused(refusal) => refusal.fmt(f),
            DecodeError::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DecodeError {}

pub(super) type Decoded<T> = std::result::Result<T, DecodeError>;

//! Columns under construction: values go straight into the buffers of the Arrow arrays.
//!
//! A row's fault may stand in its last column, so a column can be cut back to the rows before: that is
//! why these are our own buffers and not Arrow's builders, which only grow.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields};

use super::json::{self, Slot, Tree};
use super::outcome::Reason;
use super::time::{DateParser, TimeParser};
use super::value;
use crate::contract::ColumnType;
use crate::error::{Error, Result};

/// Whether a value was put in, or a NULL.
pub type Pushed = std::result::Result<bool, Reason>;

pub struct ColumnBuffer {
    data_type: DataType,
    values: Values,
    valid: Vec<bool>,
    nulls: usize,
}

enum Values {
    Text {
        bytes: Vec<u8>,
        ends: Vec<i32>,
    },
    Integer(Vec<i64>),
    Decimal {
        values: Vec<i128>,
        precision: u8,
        scale: u8,
    },
    Boolean(Vec<bool>),
    Date {
        values: Vec<i32>,
        parser: DateParser,
    },
    /// `ambiguous` holds the rows whose local time the clock showed twice.
    Time {
        values: Vec<i64>,
        parser: TimeParser,
        ambiguous: Vec<u32>,
    },
    List {
        item: Box<ColumnBuffer>,
        ends: Vec<i32>,
    },
    Struct {
        fields: Vec<ColumnBuffer>,
        tree: Tree,
        slots: Vec<Slot>,
    },
}

impl ColumnBuffer {
    pub fn new(kind: &ColumnType) -> Result<Self> {
        let values = match kind {
            ColumnType::Text => Values::Text { bytes: Vec::new(), ends: Vec::new() },
            ColumnType::Integer => Values::Integer(Vec::new()),
            ColumnType::Decimal { precision, scale } => {
                let scale = u8::try_from(*scale)
                    .map_err(|_| Error::config(format!("decimal({precision},{scale}): the scale is negative")))?;
                Values::Decimal { values: Vec::new(), precision: *precision, scale }
            }
            ColumnType::Boolean => Values::Boolean(Vec::new()),
            ColumnType::Date { format } => Values::Date { values: Vec::new(), parser: DateParser::compile(format)? },
            ColumnType::Timestamp { format } => {
                Values::Time { values: Vec::new(), parser: TimeParser::compile(format)?, ambiguous: Vec::new() }
            }
            ColumnType::List(item) => Values::List { item: Box::new(ColumnBuffer::new(item)?), ends: Vec::new() },
            ColumnType::Struct(fields) => Values::Struct {
                tree: Tree::flat(fields.iter().map(|(name, _)| name.as_str())),
                slots: vec![None; fields.len()],
                fields: fields.iter().map(|(_, kind)| ColumnBuffer::new(kind)).collect::<Result<_>>()?,
            },
        };
        Ok(ColumnBuffer { data_type: kind.data_type(), values, valid: Vec::new(), nulls: 0 })
    }

    pub fn len(&self) -> usize {
        self.valid.len()
    }

    /// Memory that the values take, roughly: a batch of long texts is handed on before it is full of rows.
    pub fn bytes(&self) -> usize {
        match &self.values {
            Values::Text { bytes, ends } => bytes.len() + 4 * ends.len(),
            Values::List { item, ends } => item.bytes() + 4 * ends.len(),
            Values::Struct { fields, .. } => fields.iter().map(ColumnBuffer::bytes).sum(),
            _ => 8 * self.valid.len(),
        }
    }

    /// The last value as an unscaled number. None: NULL, or no number.
    pub fn last_number(&self) -> Option<i128> {
        if !*self.valid.last()? {
            return None;
        }
        match &self.values {
            Values::Integer(values) => values.last().map(|&n| i128::from(n)),
            Values::Decimal { values, .. } => values.last().copied(),
            _ => None,
        }
    }

    fn push_valid(&mut self, valid: bool) {
        self.valid.push(valid);
        self.nulls += usize::from(!valid);
    }

    pub fn push_null(&mut self) {
        match &mut self.values {
            Values::Text { bytes, ends } => ends.push(bytes.len() as i32),
            Values::Integer(values) => values.push(0),
            Values::Decimal { values, .. } => values.push(0),
            Values::Boolean(values) => values.push(false),
            Values::Date { values, .. } => values.push(0),
            Values::Time { values, .. } => values.push(0),
            Values::List { item, ends } => ends.push(item.len() as i32),
            Values::Struct { fields, .. } => fields.iter_mut().for_each(ColumnBuffer::push_null),
        }
        self.push_valid(false);
    }

    /// A scalar by its text. Empty text is a value of text columns only.
    #[inline]
    pub fn push_text(&mut self, text: &str) -> Pushed {
        match &mut self.values {
            Values::Text { bytes, ends } => {
                bytes.extend_from_slice(text.as_bytes());
                ends.push(bytes.len() as i32);
            }
            Values::Integer(values) => match value::integer(text) {
                Some(n) => values.push(n),
                None => return self.push_blank(value::trim_blanks(text), Reason::BadInteger),
            },
            Values::Decimal { values, precision, scale } => match value::decimal(text, *precision, *scale) {
                Some(n) => values.push(n),
                None => return self.push_blank(value::trim_blanks(text), Reason::BadDecimal),
            },
            Values::Boolean(values) => match value::boolean(text) {
                Some(flag) => values.push(flag),
                None => return self.push_blank(text, Reason::BadBoolean),
            },
            Values::Date { values, parser } => match parser.parse(text) {
                Some(days) => values.push(days),
                None => return self.push_blank(text, Reason::BadTime),
            },
            Values::Time { values, parser, ambiguous } => match parser.parse(text) {
                Some(instant) => {
                    if instant.ambiguous {
                        ambiguous.push(values.len() as u32);
                    }
                    values.push(instant.micros);
                }
                None => return self.push_blank(text, Reason::BadTime),
            },
            Values::List { .. } | Values::Struct { .. } => match text.as_bytes().first() {
                Some(b'[' | b'{') => return self.push_json(text),
                _ => return self.push_blank(text, Reason::CutJson),
            },
        }
        self.push_valid(true);
        Ok(true)
    }

    #[cold]
    fn push_blank(&mut self, text: &str, reason: Reason) -> Pushed {
        if text.is_empty() {
            self.push_null();
            Ok(false)
        } else {
            Err(reason)
        }
    }

    /// An array or object by its JSON text, which is known to be sound.
    pub fn push_json(&mut self, raw: &str) -> Pushed {
        match &mut self.values {
            Values::Text { bytes, ends } => {
                json::compact(raw, bytes);
                ends.push(bytes.len() as i32);
            }
            Values::Integer(_) => return Err(Reason::BadInteger),
            Values::Decimal { .. } => return Err(Reason::BadDecimal),
            Values::Boolean(_) => return Err(Reason::BadBoolean),
            Values::Date { .. } | Values::Time { .. } => return Err(Reason::BadTime),
            Values::List { item, ends } => {
                if !raw.starts_with('[') {
                    return Err(Reason::CutJson);
                }
                json::each_item(raw, |element| item.push_raw(element).map(|_| ()))?;
                ends.push(item.len() as i32);
            }
            Values::Struct { fields, tree, slots } => {
                if !raw.starts_with('{') || !tree.read(raw, slots) {
                    return Err(Reason::CutJson);
                }
                for (field, slot) in fields.iter_mut().zip(slots.iter()) {
                    match json::slice(raw, *slot) {
                        Some(value) => field.push_raw(value)?,
                        None => {
                            field.push_null();
                            false
                        }
                    };
                }
            }
        }
        self.push_valid(true);
        Ok(true)
    }

    /// Any JSON value by its text.
    fn push_raw(&mut self, raw: &str) -> Pushed {
        match raw.as_bytes().first() {
            Some(b'"') => {
                let mut scratch = String::new();
                let text = json::text(raw, &mut scratch)?;
                self.push_text(text)
            }
            Some(b'{' | b'[') => self.push_json(raw),
            Some(b'n') | None => {
                self.push_null();
                Ok(false)
            }
            Some(_) => self.push_text(raw),
        }
    }

    /// Back to the first `len` rows, whatever a row with a fault left behind.
    pub fn truncate(&mut self, len: usize) {
        self.nulls -= self.valid.iter().skip(len).filter(|valid| !**valid).count();
        self.valid.truncate(len);
        match &mut self.values {
            Values::Text { bytes, ends } => {
                ends.truncate(len);
                bytes.truncate(last_end(ends));
            }
            Values::Integer(values) => values.truncate(len),
            Values::Decimal { values, .. } => values.truncate(len),
            Values::Boolean(values) => values.truncate(len),
            Values::Date { values, .. } => values.truncate(len),
            Values::Time { values, ambiguous, .. } => {
                values.truncate(len);
                while ambiguous.last().is_some_and(|&row| row as usize >= len) {
                    ambiguous.pop();
                }
            }
            Values::List { item, ends } => {
                ends.truncate(len);
                item.truncate(last_end(ends));
            }
            Values::Struct { fields, .. } => fields.iter_mut().for_each(|field| field.truncate(len)),
        }
    }

    /// How many local times of the rows since the last batch the clock showed twice.
    pub fn ambiguous_times(&self) -> u64 {
        match &self.values {
            Values::Time { ambiguous, .. } => ambiguous.len() as u64,
            Values::List { item, .. } => item.ambiguous_times(),
            Values::Struct { fields, .. } => fields.iter().map(ColumnBuffer::ambiguous_times).sum(),
            _ => 0,
        }
    }

    /// The array of all rows; the buffer is empty again.
    pub fn finish(&mut self) -> Result<ArrayRef> {
        let len = self.valid.len();
        let valid = std::mem::take(&mut self.valid);
        let nulls = if self.nulls == 0 { None } else { Some(NullBuffer::from(valid.as_slice())) };
        // The next batch is as long as this one, most likely.
        self.valid = valid;
        self.valid.clear();
        self.nulls = 0;
        let array: ArrayRef = match &mut self.values {
            Values::Text { bytes, ends } => {
                let offsets = take_offsets(ends);
                let bytes = take(bytes);
                Arc::new(StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls).map_err(broken)?)
            }
            Values::Integer(values) => Arc::new(Int64Array::new(ScalarBuffer::from(take(values)), nulls)),
            Values::Decimal { values, precision, scale } => Arc::new(
                Decimal128Array::new(ScalarBuffer::from(take(values)), nulls)
                    .with_precision_and_scale(*precision, *scale as i8)
                    .map_err(broken)?,
            ),
            Values::Boolean(values) => Arc::new(BooleanArray::new(take(values).into(), nulls)),
            Values::Date { values, .. } => Arc::new(Date32Array::new(ScalarBuffer::from(take(values)), nulls)),
            Values::Time { values, ambiguous, .. } => {
                ambiguous.clear();
                Arc::new(TimestampMicrosecondArray::new(ScalarBuffer::from(take(values)), nulls).with_timezone("UTC"))
            }
            Values::List { item, ends } => {
                let field = match &self.data_type {
                    DataType::List(field) => field.clone(),
                    other => Arc::new(Field::new("item", other.clone(), true)),
                };
                Arc::new(ListArray::try_new(field, take_offsets(ends), item.finish()?, nulls).map_err(broken)?)
            }
            Values::Struct { fields, .. } => {
                let arrays = fields.iter_mut().map(ColumnBuffer::finish).collect::<Result<Vec<_>>>()?;
                let names = match &self.data_type {
                    DataType::Struct(names) => names.clone(),
                    _ => Fields::empty(),
                };
                Arc::new(StructArray::try_new(names, arrays, nulls).map_err(broken)?)
            }
        };
        debug_assert_eq!(array.len(), len);
        Ok(array)
    }
}

fn last_end(ends: &[i32]) -> usize {
    ends.last().map_or(0, |&end| end as usize)
}

fn take<T>(values: &mut Vec<T>) -> Vec<T> {
    let capacity = values.len();
    std::mem::replace(values, Vec::with_capacity(capacity))
}

fn take_offsets(ends: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.append(ends);
    OffsetBuffer::new(ScalarBuffer::from(offsets))
}

fn broken(error: arrow::error::ArrowError) -> Error {
    // Its text may hold values, so only its kind is told.
    let text = error.to_string();
    let kind = text.split(':').next().unwrap_or_default();
    Error::failed(format!("a decoded column could not be built: {kind}"))
}

//! Parquet: typed already, but by the source's types. Each value is brought to its text and judged by the
//! contract like any other: one set of rules, and an integer that became text, or a time in another unit,
//! lands the same.
//!
//! Money as a float is refused: what the source wrote can no longer be known to the cent.

use std::borrow::Cow;
use std::fmt::Write;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, LargeStringArray, StringArray, StringViewArray, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;

use super::drift::describe_type;
use super::outcome::{DecodeError, Decoded, Outcome, Reason, Receiver, Refusal};
use super::tally::{Cell, Row, Tally};
use super::{Settings, json};
use crate::contract::{ColumnType, Contract, DateFormat, PathStep, TimeFormat};

/// Reads a Parquet file. `line` is the number of the row; `raw` its contract columns as JSON. Blocks.
pub fn decode_parquet<R: ChunkReader + 'static>(
    contract: &Contract,
    input: R,
    sum_columns: &[String],
    settings: &Settings,
    receiver: &mut dyn Receiver,
) -> Result<Outcome, DecodeError> {
    if input.len() == 0 {
        return Err(Refusal::Empty.into());
    }
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(false);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(input, options)
        .map_err(|_| Refusal::Corrupt("its footer is not one of Parquet".into()))?;
    let schema = builder.schema().clone();
    let bound = bind(contract, &schema)?;
    let adapted = adapt(contract, &schema, &bound)?;
    let mut roots: Vec<usize> = bound.iter().map(|binding| binding.root).collect();
    roots.sort_unstable();
    roots.dedup();
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
    let mut reader = builder
        .with_projection(mask)
        .with_batch_size(settings.batch_rows)
        .build()
        .map_err(|_| Refusal::Corrupt("its row groups cannot be read".into()))?;
    let mut tally = Tally::new(&adapted, sum_columns, settings, receiver)?;
    tally.outcome.unmapped = schema
        .fields()
        .iter()
        .enumerate()
        .filter(|(i, _)| !roots.contains(i))
        .map(|(_, field)| field.name().clone())
        .collect();
    let mut line = 0;
    for batch in &mut reader {
        let batch = batch.map_err(|_| Refusal::Corrupt(format!("a page behind row {line} cannot be read")))?;
        take(&adapted, &batch, &roots, &bound, &mut line, &mut tally)?;
    }
    tally.finish()
}

/// Where a column of the contract stands: top-level column, then fields of structs.
struct Binding {
    root: usize,
    fields: Vec<String>,
    tail: Vec<PathStep>,
}

fn bind(contract: &Contract, schema: &Schema) -> Decoded<Vec<Binding>> {
    let mut bound = Vec::new();
    let mut missing = Vec::new();
    for column in &contract.columns {
        let place = |name: &str| schema.fields().iter().position(|field| field.name() == name);
        if let Some(root) = place(&column.source.text) {
            bound.push(Binding { root, fields: Vec::new(), tail: Vec::new() });
            continue;
        }
        let mut names = Vec::new();
        let mut steps = column.source.steps.iter().peekable();
        while let Some(PathStep::Field(name)) = steps.peek() {
            names.push(name.clone());
            steps.next();
        }
        let tail: Vec<PathStep> = steps.cloned().collect();
        match names.split_first().and_then(|(first, rest)| Some((place(first)?, rest))) {
            Some((root, rest)) if reaches(schema.field(root).data_type(), rest) => {
                bound.push(Binding { root, fields: rest.to_vec(), tail });
            }
            _ => missing.push(column.source.text.clone()),
        }
    }
    let mut names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    if !missing.is_empty() {
        return Err(Refusal::MissingColumns { missing, found: names.into_iter().cloned().collect() }.into());
    }
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Refusal::DuplicateColumn { name: Some(pair[0].clone()) }.into());
    }
    Ok(bound)
}

fn reaches(data_type: &DataType, names: &[String]) -> bool {
    let Some((first, rest)) = names.split_first() else { return true };
    match data_type {
        DataType::Struct(fields) => fields.iter().any(|f| f.name() == first && reaches(f.data_type(), rest)),
        _ => false,
    }
}

/// The contract as it reads this file: where the file itself says that a column is a date or a time, that
/// needs no pattern any more.
fn adapt(contract: &Contract, schema: &Schema, bound: &[Binding]) -> Decoded<Contract> {
    let mut adapted = contract.clone();
    for (column, binding) in adapted.columns.iter_mut().zip(bound) {
        let found = leaf_type(schema.field(binding.root).data_type(), &binding.fields);
        match (&mut column.kind, found) {
            (kind @ ColumnType::Decimal { .. }, DataType::Float16 | DataType::Float32 | DataType::Float64) => {
                return Err(Refusal::Drift {
                    column: Some(column.name.clone()),
                    expected: describe_type(kind),
                    found: "floating-point numbers".into(),
                    rows: 0,
                    rejected: 0,
                }
                .into());
            }
            (ColumnType::Timestamp { format }, DataType::Timestamp(_, _)) => {
                let zone = match format {
                    TimeFormat::Iso { zone } | TimeFormat::Pattern { zone, .. } => zone.clone(),
                    TimeFormat::EpochSeconds => "UTC".to_string(),
                };
                *format = TimeFormat::Iso { zone };
            }
            (ColumnType::Date { format }, DataType::Date32) => *format = DateFormat::Iso,
            _ => {}
        }
    }
    Ok(adapted)
}

fn leaf_type<'a>(data_type: &'a DataType, names: &[String]) -> &'a DataType {
    match (data_type, names.split_first()) {
        (DataType::Struct(fields), Some((first, rest))) => {
            fields.iter().find(|f| f.name() == first).map_or(data_type, |f| leaf_type(f.data_type(), rest))
        }
        _ => data_type,
    }
}

fn take(
    contract: &Contract,
    batch: &RecordBatch,
    roots: &[usize],
    bound: &[Binding],
    line: &mut u64,
    tally: &mut Tally<'_>,
) -> Decoded<()> {
    let mut arrays = Vec::with_capacity(bound.len());
    for binding in bound {
        let place = roots.binary_search(&binding.root).unwrap_or_default();
        arrays.push(leaf(batch.column(place), &binding.fields)?);
    }
    let columns = arrays.iter().map(Values::of).collect::<Decoded<Vec<_>>>()?;
    for at in 0..batch.num_rows() {
        *line += 1;
        let row = ParquetRow { columns: &columns, bound, at };
        tally.row(*line, &row, || Cow::Owned(row.raw(contract)))?;
    }
    Ok(())
}

/// A field of a struct is NULL where the struct is.
fn leaf(array: &ArrayRef, names: &[String]) -> Decoded<ArrayRef> {
    let mut array = array.clone();
    for name in names {
        let Some(inner) = array.as_any().downcast_ref::<StructArray>() else { return Ok(array) };
        let position = inner.fields().iter().position(|field| field.name() == name).unwrap_or_default();
        let (_, columns, nulls) = inner.clone().into_parts();
        let field = columns.get(position).cloned().ok_or_else(unreadable)?;
        let Some(nulls) = nulls else {
            array = field;
            continue;
        };
        let outer = BooleanArray::new(!nulls.inner(), None);
        array = arrow::compute::nullif(&field, &outer).map_err(|_| unreadable())?;
    }
    // Dictionaries are a way of writing, not a type.
    if let DataType::Dictionary(_, inner) = array.data_type() {
        let inner = inner.as_ref().clone();
        array = cast(&array, &inner).map_err(|_| unreadable())?;
    }
    Ok(array)
}

fn unreadable() -> DecodeError {
    Refusal::Corrupt("a column cannot be read as its type says".into()).into()
}

/// A column's values, ready to be brought to text.
enum Values<'a> {
    Text(&'a StringArray),
    LargeText(&'a LargeStringArray),
    TextView(&'a StringViewArray),
    Integer(&'a Int64Array),
    Nested(&'a ArrayRef),
    Other(&'a ArrayRef, ArrayFormatter<'a>),
}

impl<'a> Values<'a> {
    fn of(array: &'a ArrayRef) -> Decoded<Values<'a>> {
        Ok(match array.data_type() {
            DataType::Utf8 => Values::Text(array.as_string()),
            DataType::LargeUtf8 => Values::LargeText(array.as_string()),
            DataType::Utf8View => Values::TextView(array.as_string_view()),
            DataType::Int64 => Values::Integer(array.as_primitive()),
            DataType::List(_) | DataType::LargeList(_) | DataType::Struct(_) => Values::Nested(array),
            _ => Values::Other(array, ArrayFormatter::try_new(array, &FORMAT).map_err(|_| unreadable())?),
        })
    }

    fn array(&self) -> &dyn Array {
        match self {
            Values::Text(array) => *array,
            Values::LargeText(array) => *array,
            Values::TextView(array) => *array,
            Values::Integer(array) => *array,
            Values::Nested(array) | Values::Other(array, _) => array.as_ref(),
        }
    }
}

const FORMAT: FormatOptions<'static> = FormatOptions::new().with_display_error(false);

struct ParquetRow<'a> {
    columns: &'a [Values<'a>],
    bound: &'a [Binding],
    at: usize,
}

impl Row for ParquetRow<'_> {
    fn cell<'r>(&'r self, column: usize, scratch: &'r mut String) -> Result<Cell<'r>, Reason> {
        let values = &self.columns[column];
        let at = self.at;
        if is_missing(values.array(), at) {
            return Ok(Cell::Absent);
        }
        let tail = &self.bound[column].tail;
        if !tail.is_empty() {
            let mut raw = String::new();
            write_json(values.array(), at, &mut raw)?;
            return match json::resolve(&raw, tail) {
                None => Ok(Cell::Absent),
                Some(json::Found::Text(text)) => {
                    *scratch = text;
                    Ok(Cell::Text(scratch))
                }
                Some(json::Found::Raw(found)) => picked(found, scratch),
            };
        }
        scratch.clear();
        match values {
            Values::Text(array) => return Ok(Cell::Text(array.value(at))),
            Values::LargeText(array) => return Ok(Cell::Text(array.value(at))),
            Values::TextView(array) => return Ok(Cell::Text(array.value(at))),
            Values::Integer(array) => write!(scratch, "{}", array.value(at)).map_err(|_| Reason::BadInteger)?,
            Values::Other(_, formatter) => {
                write!(scratch, "{}", formatter.value(at)).map_err(|_| Reason::BadEncoding)?;
            }
            Values::Nested(array) => {
                write_json(array.as_ref(), at, scratch)?;
                return Ok(Cell::Json(scratch));
            }
        }
        Ok(Cell::Text(scratch))
    }
}

fn picked<'r>(found: &str, scratch: &'r mut String) -> Result<Cell<'r>, Reason> {
    let mut unescaped = String::new();
    let is_nested = found.starts_with(['{', '[']);
    if found == "null" {
        return Ok(Cell::Absent);
    }
    let text = json::text(found, &mut unescaped)?;
    scratch.clear();
    scratch.push_str(text);
    Ok(if is_nested { Cell::Json(scratch) } else { Cell::Text(scratch) })
}

impl ParquetRow<'_> {
    /// The contract's columns as a JSON object: what a person needs to mend the row.
    fn raw(&self, contract: &Contract) -> String {
        let mut out = String::from("{");
        for (i, (column, values)) in contract.columns.iter().zip(self.columns).enumerate() {
            if i > 0 {
                out.push(',');
            }
            write_string(&column.source.text, &mut out);
            out.push(':');
            if write_json(values.array(), self.at, &mut out).is_err() {
                out.push_str("null");
            }
        }
        out.push('}');
        out
    }
}

/// A column of the type Null has no mask that would say so: writers choose it where a column holds no value at all.
fn is_missing(array: &dyn Array, at: usize) -> bool {
    array.data_type() == &DataType::Null || array.is_null(at)
}

fn write_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// A value as JSON text; everything that is neither number, truth value nor nested is a string.
fn write_json(array: &dyn Array, at: usize, out: &mut String) -> Result<(), Reason> {
    if is_missing(array, at) {
        out.push_str("null");
        return Ok(());
    }
    let items = match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().value(at),
        DataType::LargeList(_) => array.as_list::<i64>().value(at),
        DataType::Struct(fields) => {
            out.push('{');
            for (i, (field, values)) in fields.iter().zip(array.as_struct().columns()).enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(field.name(), out);
                out.push(':');
                write_json(values.as_ref(), at, out)?;
            }
            out.push('}');
            return Ok(());
        }
        _ => {
            let formatter = ArrayFormatter::try_new(array, &FORMAT).map_err(|_| Reason::BadEncoding)?;
            let text = formatter.value(at).try_to_string().map_err(|_| Reason::BadEncoding)?;
            let is_bare = array.data_type().is_integer() || array.data_type() == &DataType::Boolean;
            if is_bare {
                out.push_str(&text)
            } else {
                write_string(&text, out)
            }
            return Ok(());
        }
    };
    out.push('[');
    for i in 0..items.len() {
        if i > 0 {
            out.push(',');
        }
        write_json(items.as_ref(), i, out)?;
    }
    out.push(']');
    Ok(())
}

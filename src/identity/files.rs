//! Files of people or companies for `identity resolve`: CSV and Parquet in, Parquet out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rayon::prelude::*;

use super::linkage::cluster::Pair;
use super::linkage::columns::{Column, Table};
use super::linkage::fields::{self, FieldType, Guess};
use super::linkage::rounded;
use crate::config::linkage::LinkageYaml;
use crate::config::suggest;
use crate::error::{Error, Result};

/// What was read, and how columns were understood.
#[derive(Debug)]
pub struct Input {
    pub table: Table,
    /// Each column of each file and what it is taken for, in words.
    pub choices: Vec<(String, String)>,
}

/// Reads the files into one table. Records are not in order yet.
pub fn read(files: &[std::path::PathBuf], config: &LinkageYaml) -> Result<Input> {
    let mut input = Input { table: Table::default(), choices: Vec::new() };
    let mut read = Vec::with_capacity(files.len());
    let mut seen: Vec<String> = Vec::new();
    for file in files {
        let batches = batches(file)?;
        let names: Vec<String> =
            batches.first().map(|b| b.schema().fields().iter().map(|f| f.name().clone()).collect()).unwrap_or_default();
        seen.extend(names.iter().cloned());
        read.push((file, batches, names));
    }
    if let Some(columns) = &config.columns
        && let Some(missing) = columns.keys().chain(&config.id).chain(&config.source).find(|c| !seen.contains(*c))
    {
        let names: Vec<&str> = seen.iter().map(String::as_str).collect();
        return Err(
            Error::config(format!("no file has the column `{missing}`")).hint(suggest::hint(missing, "there", &names))
        );
    }
    for (file, batches, names) in read {
        let roles = roles(&names, config);
        if !roles.iter().any(|r| matches!(r, Guess::Field(_))) {
            let known = names.join(", ");
            return Err(Error::config(format!("{}: no column tells who a record is", file.display()))
                .hint(format!("say in --config what its columns are ({known})")));
        }
        for (name, role) in names.iter().zip(&roles) {
            input.choices.push((format!("{}: {name}", file.display()), said(*role)));
        }
        append(&mut input.table, file, &batches, &names, &roles)?;
    }
    Ok(input)
}

fn said(role: Guess) -> String {
    match role {
        Guess::Id => "the record's id".into(),
        Guess::Source => "the record's source".into(),
        Guess::Nothing => "not used".into(),
        Guess::Field(kind) => {
            serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(ToString::to_string)).unwrap_or_default()
        }
    }
}

/// What each column is: as the file says, else by its name. One id and one source at most.
fn roles(names: &[String], config: &LinkageYaml) -> Vec<Guess> {
    let (mut has_id, mut has_source) = (false, false);
    names
        .iter()
        .map(|name| {
            let guessed = fields::guess(name);
            let role = if config.id.as_ref() == Some(name) {
                Guess::Id
            } else if config.source.as_ref() == Some(name) {
                Guess::Source
            } else if let Some(columns) = &config.columns {
                match columns.get(name) {
                    Some(kind) => Guess::Field(*kind),
                    // Of what is not listed, only an id that the file did not name is looked for.
                    None if guessed == Guess::Id && config.id.is_none() => Guess::Id,
                    None => Guess::Nothing,
                }
            } else {
                match guessed {
                    Guess::Id if config.id.is_some() => Guess::Nothing,
                    Guess::Source if config.source.is_some() => Guess::Nothing,
                    other => other,
                }
            };
            match role {
                Guess::Id if std::mem::replace(&mut has_id, true) => Guess::Nothing,
                Guess::Source if std::mem::replace(&mut has_source, true) => Guess::Nothing,
                other => other,
            }
        })
        .collect()
}

fn append(table: &mut Table, file: &Path, batches: &[RecordBatch], names: &[String], roles: &[Guess]) -> Result<()> {
    let source: Arc<str> = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default().into();
    let before = table.names.len();
    let at = |role: Guess| roles.iter().position(|r| *r == role);
    let (id, source_at) = (at(Guess::Id), at(Guess::Source));
    let texts = |batch: &RecordBatch| {
        batch.columns().iter().map(|c| cast(c, &DataType::Utf8)).collect::<std::result::Result<Vec<ArrayRef>, _>>()
    };
    let texts: Vec<Vec<ArrayRef>> = batches
        .iter()
        .map(texts)
        .collect::<std::result::Result<_, _>>()
        .map_err(|e| Error::failed(format!("{}: {e}", file.display())))?;
    fn get(column: &ArrayRef, row: usize) -> Option<&str> {
        let texts = column.as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row)).filter(|t| !t.trim().is_empty())
    }
    let mut known: BTreeMap<String, Arc<str>> = BTreeMap::new();
    for batch in &texts {
        for row in 0..batch.first().map_or(0, |c| c.len()) {
            let own = source_at.and_then(|c| get(&batch[c], row)).map_or_else(
                || source.clone(),
                |s| known.entry(s.trim().to_string()).or_insert_with(|| s.trim().into()).clone(),
            );
            // Without an id column, the record's place in its file names it.
            let place = table.names.len() - before + 1;
            let id = match id {
                Some(column) => get(&batch[column], row)
                    .ok_or_else(|| {
                        Error::failed(format!("a record has no id in `{}`", names[column]))
                            .at(file.display().to_string(), Some(place as u64 + 1))
                            .hint("every record needs an id of its own")
                    })?
                    .trim()
                    .into(),
                None => place.to_string().into(),
            };
            table.names.push((own, id));
        }
    }
    let records = table.names.len();
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (column, role) in roles.iter().enumerate() {
        if let Guess::Field(kind) = role {
            places.push((column_of(table, &names[column], *kind, before), column));
        }
    }
    table.columns.par_iter_mut().enumerate().for_each(|(place, to)| {
        if let Some((_, column)) = places.iter().find(|(p, _)| *p == place) {
            for batch in &texts {
                (0..batch[*column].len()).for_each(|row| to.push(get(&batch[*column], row)));
            }
        }
        to.fill_up(records);
    });
    Ok(())
}

/// The place of the table's column of this name, made if it is not there; records before it have no value.
fn column_of(table: &mut Table, name: &str, kind: FieldType, records_before: usize) -> usize {
    table.columns.iter().position(|c| c.name == name && c.kind == kind).unwrap_or_else(|| {
        let mut column = Column::new(name, kind);
        column.fill_up(records_before);
        table.columns.push(column);
        table.columns.len() - 1
    })
}

/// Two records of one name cannot be told apart. The table is in order of names.
pub fn refuse_doubles(table: &Table) -> Result<()> {
    match table.names.windows(2).find(|w| w[0] == w[1]) {
        Some(twice) => {
            Err(Error::failed(format!("the id `{}` stands twice in the source `{}`", twice[0].1, twice[0].0))
                .hint("name the column with a unique id in --config, or a `source` that sets the records apart"))
        }
        None => Ok(()),
    }
}

/// A file's rows: Parquet by its ending, else CSV with a header; its delimiter is the one that its header has most of.
pub fn batches(file: &Path) -> Result<Vec<RecordBatch>> {
    let failed = |e: &dyn std::fmt::Display| Error::failed(format!("{}: {e}", file.display()));
    let mut open = File::open(file)
        .map_err(|e| Error::failed(format!("{} cannot be read: {e}", file.display())).hint("is the path right?"))?;
    let is_parquet = file.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"));
    if is_parquet {
        let reader = ParquetRecordBatchReaderBuilder::try_new(open).and_then(|b| b.build()).map_err(|e| failed(&e))?;
        return reader.collect::<Result<_, _>>().map_err(|e| failed(&e));
    }
    let mut header = String::new();
    BufReader::new(&open).read_line(&mut header).map_err(|e| failed(&e).hint("save it as UTF-8"))?;
    open.rewind()?;
    let count = |c: char| header.matches(c).count();
    let delimiter = [',', ';', '\t', '|'].into_iter().max_by_key(|c| (count(*c), *c == ',')).unwrap_or(',');
    let header = header.trim_start_matches('\u{feff}');
    let mut names = csv_fields(header.trim_end_matches(['\r', '\n']), delimiter);
    for (i, name) in names.iter_mut().enumerate() {
        *name = name.trim().to_string();
        if name.is_empty() {
            *name = format!("column_{}", i + 1);
        }
    }
    let fields: Vec<Field> = names.iter().map(|n| Field::new(n, DataType::Utf8, true)).collect();
    let reader = arrow::csv::ReaderBuilder::new(Arc::new(Schema::new(fields)))
        .with_header(true)
        .with_delimiter(delimiter as u8)
        .with_batch_size(65_536)
        .with_truncated_rows(true)
        .build(open)
        .map_err(|e| failed(&e))?;
    reader.collect::<Result<_, _>>().map_err(|e| failed(&e).hint("a CSV file in UTF-8 with a header is read"))
}

fn csv_fields(line: &str, delimiter: char) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c == delimiter && !quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// left_source, left_id, right_source, right_id, probability.
pub fn links(table: &Table, pairs: &[Pair]) -> Result<RecordBatch> {
    let side = |pick: fn(&Pair) -> u32, source: bool| {
        texts(pairs.iter().map(move |p| {
            let (s, id) = &table.names[pick(p) as usize];
            if source { &**s } else { &**id }
        }))
    };
    let columns: [(&str, ArrayRef); 5] = [
        ("left_source", side(|p| p.left, true)),
        ("left_id", side(|p| p.left, false)),
        ("right_source", side(|p| p.right, true)),
        ("right_id", side(|p| p.right, false)),
        ("probability", Arc::new(Float64Array::from_iter_values(pairs.iter().map(|p| rounded(p.probability))))),
    ];
    RecordBatch::try_from_iter(columns).map_err(|e| Error::failed(e.to_string()))
}

/// source, id, cluster_id; a cluster is named after its first record.
pub fn clusters(table: &Table, cluster: &[u32]) -> Result<RecordBatch> {
    let of_several = table.names.first().zip(table.names.last()).is_some_and(|(a, b)| a.0 != b.0);
    let name = |record: u32| {
        let (source, id) = &table.names[record as usize];
        if of_several { format!("{source}/{id}") } else { id.to_string() }
    };
    let columns: [(&str, ArrayRef); 3] = [
        ("source", texts(table.names.iter().map(|n| &*n.0))),
        ("id", texts(table.names.iter().map(|n| &*n.1))),
        ("cluster_id", Arc::new(StringArray::from_iter_values(cluster.iter().map(|c| name(*c))))),
    ];
    RecordBatch::try_from_iter(columns).map_err(|e| Error::failed(e.to_string()))
}

//! The drop folder: one buffered file for each object, night and part, in the format of its system.
//!
//! Rows come in any order of nights, so every file keeps a small buffer and is opened only to append it:
//! memory and open files stay bounded whatever the number of nights.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use flate2::write::GzEncoder;

use crate::error::{Error, Result};

use super::tables::{Table, header};

/// How files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }
}

/// Rows of one object, counted as they are handed over.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    pub read: u64,
    pub accepted: u64,
    pub quarantined: u64,
    pub duplicate_file_rows: u64,
    pub keys: u64,
    pub reasons: BTreeMap<&'static str, u64>,
}

enum Encoder {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(compression: Compression) -> Result<Encoder> {
        Ok(match compression {
            Compression::None => Encoder::Plain(vec![]),
            Compression::Gzip => Encoder::Gzip(GzEncoder::new(vec![], flate2::Compression::new(4))),
            Compression::Zstd => Encoder::Zstd(zstd::stream::write::Encoder::new(vec![], 3)?),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Encoder::Plain(out) => out.extend_from_slice(bytes),
            Encoder::Gzip(out) => out.write_all(bytes)?,
            Encoder::Zstd(out) => out.write_all(bytes)?,
        }
        Ok(())
    }

    /// Bytes ready for the file.
    fn ready(&mut self) -> &mut Vec<u8> {
        match self {
            Encoder::Plain(out) => out,
            Encoder::Gzip(out) => out.get_mut(),
            Encoder::Zstd(out) => out.get_mut(),
        }
    }

    fn finish(self) -> Result<Vec<u8>> {
        Ok(match self {
            Encoder::Plain(out) => out,
            Encoder::Gzip(out) => out.finish()?,
            Encoder::Zstd(out) => out.finish()?,
        })
    }
}

struct Sink {
    path: PathBuf,
    encoder: Encoder,
    layout: Vec<Option<usize>>,
    rows: u64,
    sum: i128,
    has_unread_sum: bool,
    ends_with_blank_line: bool,
}

/// Which file: object, night, part (0 = the only one, else the NN of its name).
pub type Place = (Table, usize, u32);

/// The folder that the systems drop their extracts into.
pub struct Drop {
    root: PathBuf,
    dates: Vec<NaiveDate>,
    compression: Option<Compression>,
    part: u32,
    sinks: BTreeMap<Place, Sink>,
    pub counts: BTreeMap<Table, Counts>,
    pub files: u64,
    pub bytes: u64,
}

const FLUSH: usize = 1 << 17;

impl Drop {
    /// A new drop folder; one that holds something already is refused.
    pub fn create(root: &Path, dates: &[NaiveDate], compression: Option<Compression>) -> Result<Drop> {
        if root.is_dir() && fs::read_dir(root)?.next().is_some() {
            return Err(Error::config(format!("{} is not empty", root.display()))
                .hint("generate writes into a new folder only, so that no drop is a mixture of two"));
        }
        fs::create_dir_all(root)?;
        let counts = Table::ALL.iter().map(|t| (*t, Counts::default())).collect();
        Ok(Drop {
            root: root.to_path_buf(),
            dates: dates.to_vec(),
            compression,
            part: 0,
            sinks: BTreeMap::new(),
            counts,
            files: 0,
            bytes: 0,
        })
    }

    /// The part of the backlog that rows go to from now on.
    pub fn set_part(&mut self, part: u32) {
        self.part = part;
    }

    /// The file that a night's rows go to at present.
    pub fn place(&self, table: Table, night: usize) -> Place {
        (table, night, if night == 0 { self.part } else { 0 })
    }

    /// A row that loads; `is_new`: the first of its key. `value` is what control totals sum.
    pub fn accept(&mut self, place: Place, is_new: bool, row: &[u8], value: i64) -> Result<()> {
        self.append(place, row)?;
        if let Some(sink) = self.sinks.get_mut(&place) {
            sink.sum += i128::from(value);
        }
        let counts = self.counts.entry(place.0).or_default();
        counts.read += 1;
        counts.accepted += 1;
        counts.keys += u64::from(is_new);
        Ok(())
    }

    /// A row that must go to quarantine. `value`: what it adds to the sums, None where that does not parse.
    pub fn reject(&mut self, place: Place, reason: &'static str, row: &[u8], value: Option<i64>) -> Result<()> {
        self.append(place, row)?;
        if let Some(sink) = self.sinks.get_mut(&place) {
            sink.sum += i128::from(value.unwrap_or(0));
            sink.has_unread_sum |= value.is_none();
        }
        let counts = self.counts.entry(place.0).or_default();
        counts.read += 1;
        counts.quarantined += 1;
        *counts.reasons.entry(reason).or_default() += 1;
        Ok(())
    }

    /// A row of a file whose bytes came before under another date.
    pub fn repeat(&mut self, place: Place, is_key: bool, row: &[u8]) -> Result<()> {
        self.append(place, row)?;
        let counts = self.counts.entry(place.0).or_default();
        counts.read += 1;
        counts.duplicate_file_rows += 1;
        counts.keys += u64::from(is_key);
        Ok(())
    }

    /// Keys whose newest row is in quarantine, so that the version before is kept.
    pub fn keep_keys(&mut self, table: Table, keys: u64) {
        self.counts.entry(table).or_default().keys += keys;
    }

    /// A CSV row from its fields (of the object's header), in the order that the file has them.
    pub fn csv(&mut self, place: Place, fields: &Fields) -> Result<Vec<u8>> {
        let sink = self.sink(place)?;
        let mut row = Vec::with_capacity(fields.text.len() + 16);
        for (n, column) in sink.layout.iter().enumerate() {
            if n > 0 {
                row.push(b',');
            }
            if let Some(column) = column {
                row.extend_from_slice(fields.get(*column));
            }
        }
        row.extend_from_slice(place.0.line_end());
        Ok(row)
    }

    /// A file with its header and no row.
    pub fn header_only(&mut self, place: Place) -> Result<()> {
        self.sink(place).map(|_| ())
    }

    pub fn end_with_blank_line(&mut self, place: Place) -> Result<()> {
        self.sink(place)?.ends_with_blank_line = true;
        Ok(())
    }

    fn append(&mut self, place: Place, row: &[u8]) -> Result<()> {
        let sink = self.sink(place)?;
        sink.rows += 1;
        sink.encoder.write(row)?;
        let ready = sink.encoder.ready();
        if ready.len() >= FLUSH {
            let bytes = ready.len() as u64;
            append_to(&sink.path, ready)?;
            ready.clear();
            self.bytes += bytes;
        }
        Ok(())
    }

    fn sink(&mut self, place: Place) -> Result<&mut Sink> {
        if !self.sinks.contains_key(&place) {
            let (table, night, part) = place;
            let compression = self.compression.unwrap_or_else(|| table.usual_compression(night));
            let part = part_name(part);
            let folder = self.root.join(table.system()).join(table.object());
            fs::create_dir_all(&folder)?;
            let name = format!("{}{part}.{}{}", self.dates[night], table.format(), compression.suffix());
            let mut encoder = Encoder::new(compression)?;
            let (layout, head) = header(table, night, self.dates.len());
            encoder.write(&head)?;
            self.files += 1;
            self.sinks.insert(
                place,
                Sink {
                    path: folder.join(name),
                    encoder,
                    layout,
                    rows: 0,
                    sum: 0,
                    has_unread_sum: false,
                    ends_with_blank_line: false,
                },
            );
        }
        self.sinks.get_mut(&place).ok_or_else(|| Error::failed("a file of the drop is gone"))
    }

    /// Closes all files and writes the control totals.
    pub fn finish(&mut self) -> Result<BTreeMap<Place, (PathBuf, u64)>> {
        let mut written = BTreeMap::new();
        for (place, mut sink) in std::mem::take(&mut self.sinks) {
            if sink.ends_with_blank_line {
                sink.encoder.write(place.0.line_end())?;
            }
            let bytes = sink.encoder.finish()?;
            self.bytes += bytes.len() as u64;
            append_to(&sink.path, &bytes)?;
            // A source counts a value that we cannot read: such sums prove nothing.
            let sum = if sink.has_unread_sum { sink.sum + 1250 } else { sink.sum };
            if let Some(control) = place.0.control(sink.rows, sum) {
                let name = format!("{}{}.control.json", self.dates[place.1], part_name(place.2));
                fs::write(sink.path.with_file_name(name), control)?;
            }
            written.insert(place, (sink.path, sink.rows));
        }
        Ok(written)
    }

    /// The same bytes under another date and number.
    pub fn copy(&mut self, from: &Path, rows: u64, to: Place) -> Result<()> {
        let suffix = from.file_name().and_then(|n| n.to_str()).and_then(|n| n.split_once('.')).map_or("csv", |n| n.1);
        let name = format!("{}.{:02}.{suffix}", self.dates[to.1], to.2);
        self.bytes += fs::copy(from, from.with_file_name(name))?;
        self.files += 1;
        let counts = self.counts.entry(to.0).or_default();
        counts.read += rows;
        counts.duplicate_file_rows += rows;
        Ok(())
    }
}

fn part_name(part: u32) -> String {
    if part == 0 { String::new() } else { format!(".{part:02}") }
}

fn append_to(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(bytes)?;
    Ok(())
}

/// The fields of one CSV row, each written as CSV wants it.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Fields {
    fn get(&self, column: usize) -> &[u8] {
        let start = if column == 0 { 0 } else { self.ends[column - 1] };
        &self.text[start..self.ends[column]]
    }

    fn end(&mut self) -> &mut Self {
        self.ends.push(self.text.len());
        self
    }

    /// The same row with other bytes in one field.
    pub fn with(&self, column: usize, bytes: &[u8]) -> Fields {
        let mut fields = Fields::default();
        for n in 0..self.ends.len() {
            fields.raw(if n == column { bytes } else { self.get(n) });
        }
        fields
    }

    /// NULL: nothing, unquoted.
    pub fn null(&mut self) -> &mut Self {
        self.end()
    }

    /// Text, quoted where it must be; empty text is `""`, which is not NULL.
    pub fn text(&mut self, value: &str) -> &mut Self {
        let risky = |b: u8| matches!(b, b',' | b'"' | b'\r' | b'\n');
        let quoted = value.is_empty() || value.starts_with(' ') || value.ends_with(' ') || value.bytes().any(risky);
        if quoted {
            self.text.push(b'"');
            for byte in value.bytes() {
                if byte == b'"' {
                    self.text.push(b'"');
                }
                self.text.push(byte);
            }
            self.text.push(b'"');
        } else {
            self.text.extend_from_slice(value.as_bytes());
        }
        self.end()
    }

    pub fn maybe(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    pub fn number(&mut self, value: u64) -> &mut Self {
        self.text.extend_from_slice(value.to_string().as_bytes());
        self.end()
    }

    /// Cents as a decimal with two digits.
    pub fn money(&mut self, cents: i64) -> &mut Self {
        push_decimal(&mut self.text, cents, 2);
        self.end()
    }

    pub fn time(&mut self, at: i64) -> &mut Self {
        super::calendar::push_shop_time(&mut self.text, at);
        self.end()
    }

    pub fn maybe_time(&mut self, at: Option<i64>) -> &mut Self {
        match at {
            Some(at) => self.time(at),
            None => self.null(),
        }
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.text.extend_from_slice(bytes);
        self.end()
    }
}

/// A whole number of the last digit's unit, written with its decimal point.
pub fn push_decimal(out: &mut Vec<u8>, value: i64, digits: u32) {
    let unit = 10_i64.pow(digits);
    if value < 0 {
        out.push(b'-');
    }
    let value = value.abs();
    out.extend_from_slice(format!("{}.{:0width$}", value / unit, value % unit, width = digits as usize).as_bytes());
}

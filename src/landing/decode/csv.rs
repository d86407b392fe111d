//! CSV: a header, then rows, whose values are bound by the header's names.
//!
//! Rows are split in the window without copying; a value is copied only into its column, or unescaped
//! where a quote stands doubled in it.

use std::borrow::Cow;
use std::collections::HashSet;

use super::KEPT_OF_LONG_LINE;
use super::outcome::{Decoded, Outcome, Reason, Refusal};
use super::tally::{Cell, NoRow, Row, Summed, Tally};
use super::window::Window;
use crate::contract::{Contract, Encoding, Format};
use crate::error::Result;

pub fn read(contract: &Contract, delimiter: u8, window: &mut Window<'_>, mut tally: Tally<'_>) -> Decoded<Outcome> {
    let mut rows = Rows { delimiter, line: 1, max: contract.max_line_bytes, fields: Vec::new() };
    let names = match rows.next(window)? {
        Next::End => return Err(Refusal::Empty.into()),
        Next::TooLong { .. } => {
            return Err(Refusal::HeaderTooLong { max_line_bytes: contract.max_line_bytes }.into());
        }
        Next::Row { found, .. } => {
            let names = names(contract, &window.data()[..found.len], &rows.fields)?;
            window.consume(found.consumed);
            names
        }
    };
    let header = Header::bind(contract, names)?;
    tally.outcome.unmapped = header.unmapped.clone();
    loop {
        match rows.next(window)? {
            Next::End => return tally.finish(),
            Next::TooLong { line, kept } => {
                let raw = String::from_utf8_lossy(&kept);
                tally.reject::<NoRow>(line, Reason::LineTooLong, Summed::Unknown, raw)?;
            }
            Next::Row { line, found } => {
                let bytes = &window.data()[..found.len];
                let text = std::str::from_utf8(bytes).ok();
                let row = CsvRow { bytes, text, fields: &rows.fields, places: &header.places };
                take(&header, &row, found.malformed, line, &mut tally)?;
                window.consume(found.consumed);
            }
        }
    }
}

#[inline]
fn take(header: &Header, row: &CsvRow<'_>, malformed: bool, line: u64, tally: &mut Tally<'_>) -> Result<()> {
    let Some(text) = row.text else {
        let raw = String::from_utf8_lossy(row.bytes);
        let summed =
            if malformed || row.fields.len() != header.received.len() { Summed::Unknown } else { Summed::Row(row) };
        return tally.reject(line, Reason::BadEncoding, summed, raw);
    };
    if malformed || row.fields.len() != header.received.len() {
        let reason = if !malformed && row.fields.len() < header.received.len() {
            Reason::TooFewFields
        } else {
            Reason::TooManyFields
        };
        return tally.reject::<NoRow>(line, reason, Summed::Unknown, Cow::Borrowed(text));
    }
    if header.is_repeated(row) {
        return tally.reject::<NoRow>(line, Reason::RepeatedHeader, Summed::Nothing, Cow::Borrowed(text));
    }
    tally.row(line, row, || Cow::Borrowed(text))
}

fn names(contract: &Contract, bytes: &[u8], fields: &[Field]) -> Decoded<Vec<String>> {
    if std::str::from_utf8(bytes).is_err() {
        let expected = match contract.format {
            Format::Csv { encoding, .. } => encoding,
            _ => Encoding::Utf8,
        };
        let found = "bytes that it does not have, in the header".to_string();
        return Err(Refusal::WrongEncoding { expected, found, lines: 0, rows: 0 }.into());
    }
    let mut scratch = String::new();
    let row = CsvRow { bytes, text: None, fields, places: &[] };
    Ok(fields.iter().map(|field| row.field(*field, &mut scratch).unwrap_or_default().to_string()).collect())
}

struct Header {
    /// As they stand in the file.
    received: Vec<String>,
    /// Of each column of the contract: its place in the row.
    places: Vec<usize>,
    unmapped: Vec<String>,
}

impl Header {
    fn bind(contract: &Contract, received: Vec<String>) -> Decoded<Header> {
        if received.iter().any(|name| name.replace("\r\n", "").contains('\r')) {
            return Err(Refusal::BareReturns.into());
        }
        let names: Vec<String> = received.iter().map(|name| name.trim().to_string()).collect();
        let place = |name: &str| names.iter().position(|known| known == name);
        let wanted: HashSet<&str> = contract.columns.iter().map(|column| column.source.text.as_str()).collect();
        let missing: Vec<String> = contract
            .columns
            .iter()
            .filter(|column| place(&column.source.text).is_none())
            .map(|column| column.source.text.clone())
            .collect();
        if !missing.is_empty() {
            // A file without a header shows its first row here: its values are no names to be told.
            let is_header = names.iter().any(|name| wanted.contains(name.as_str()));
            let found = if is_header { tellable(&names) } else { Vec::new() };
            return Err(Refusal::MissingColumns { missing, found }.into());
        }
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !name.is_empty() && !seen.insert(name.as_str())) {
            return Err(Refusal::DuplicateColumn { name: wanted.contains(name.as_str()).then(|| name.clone()) }.into());
        }
        let places = contract.columns.iter().filter_map(|column| place(&column.source.text)).collect();
        let unmapped = tellable(&names).into_iter().filter(|name| !wanted.contains(name.as_str())).collect();
        Ok(Header { received, places, unmapped })
    }

    /// Two exports were put behind one another; the second may have brought its byte order mark.
    #[inline]
    fn is_repeated(&self, row: &CsvRow<'_>) -> bool {
        let mut scratch = String::new();
        let mut received = self.received.iter().zip(row.fields);
        // Nearly all rows differ in their first field already.
        let Some((first, field)) = received.next() else { return false };
        let is_first = row
            .field(*field, &mut scratch)
            .is_ok_and(|text| text == first || text.strip_prefix('\u{feff}').is_some_and(|text| text == first));
        is_first && received.all(|(name, field)| row.field(*field, &mut scratch).is_ok_and(|text| text == name))
    }
}

/// Names as messages may show them.
fn tellable(names: &[String]) -> Vec<String> {
    let is_name = |name: &&String| {
        !name.is_empty() && name.len() <= 80 && !name.contains('@') && !name.contains(char::is_control)
    };
    names.iter().filter(is_name).cloned().collect()
}

/// Where a field's text stands in its row, without quotes around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    start: u32,
    end: u32,
    quotes: Quotes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    Around,
    /// And doubled ones inside.
    Inside,
}

struct CsvRow<'a> {
    bytes: &'a [u8],
    /// The same, if it is sound.
    text: Option<&'a str>,
    fields: &'a [Field],
    places: &'a [usize],
}

impl CsvRow<'_> {
    #[inline]
    fn field<'r>(&'r self, field: Field, scratch: &'r mut String) -> Result<&'r str, Reason> {
        let range = field.start as usize..field.end as usize;
        let text = match self.text {
            Some(text) => &text[range],
            None => std::str::from_utf8(&self.bytes[range]).map_err(|_| Reason::BadEncoding)?,
        };
        if field.quotes != Quotes::Inside {
            return Ok(text);
        }
        scratch.clear();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("\"\"") {
            scratch.push_str(before);
            scratch.push('"');
            rest = after;
        }
        scratch.push_str(rest);
        Ok(scratch)
    }
}

impl Row for CsvRow<'_> {
    /// An empty field without quotes is NULL, one in quotes is empty text.
    #[inline]
    fn cell<'r>(&'r self, column: usize, scratch: &'r mut String) -> Result<Cell<'r>, Reason> {
        let field = self.fields[self.places[column]];
        if field.start == field.end && field.quotes == Quotes::None {
            return Ok(Cell::Absent);
        }
        self.field(field, scratch).map(Cell::Text)
    }
}

/// Splits the window's bytes into rows and fields.
struct Rows {
    delimiter: u8,
    /// Of the next row.
    line: u64,
    max: usize,
    /// Of the row that `next` gave.
    fields: Vec<Field>,
}

enum Next {
    Row { line: u64, found: Found },
    TooLong { line: u64, kept: Vec<u8> },
    End,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    /// Without the line end.
    len: usize,
    /// With it.
    consumed: usize,
    /// Line ends inside quotes.
    inner_lines: u64,
    /// Text stood behind a closing quote.
    malformed: bool,
}

enum Split {
    Row(Found),
    /// The row does not end in what has been read.
    Open {
        in_quotes: bool,
    },
}

impl Rows {
    fn next(&mut self, window: &mut Window<'_>) -> Decoded<Next> {
        loop {
            let data = window.data();
            let line = self.line;
            if data.is_empty() {
                if window.ended() {
                    return Ok(Next::End);
                }
                window.more()?;
                continue;
            }
            match self.split(data, window.ended()) {
                Split::Row(found) => {
                    self.line += 1 + found.inner_lines;
                    if found.len == 0 {
                        window.consume(found.consumed);
                    } else if found.len > self.max {
                        let kept = self.beginning(data);
                        window.consume(found.consumed);
                        return Ok(Next::TooLong { line, kept });
                    } else {
                        return Ok(Next::Row { line, found });
                    }
                }
                Split::Open { in_quotes: true } if window.ended() => return Err(Refusal::UnclosedQuote { line }.into()),
                // One more for the carriage return.
                Split::Open { .. } if data.len() > self.max + 1 => {
                    let kept = self.beginning(data);
                    self.skip(window)?;
                    return Ok(Next::TooLong { line, kept });
                }
                Split::Open { .. } => window.more()?,
            }
        }
    }

    fn beginning(&self, bytes: &[u8]) -> Vec<u8> {
        bytes[..bytes.len().min(self.max).min(KEPT_OF_LONG_LINE)].to_vec()
    }

    #[inline]
    fn split(&mut self, data: &[u8], ended: bool) -> Split {
        self.fields.clear();
        let mut at = 0;
        let mut inner_lines = 0;
        let mut malformed = false;
        loop {
            // At the beginning of a field.
            let mut field = Field { start: at as u32, end: 0, quotes: Quotes::None };
            if data.get(at) == Some(&b'"') {
                field.start += 1;
                let Some(closed) = close_quote(data, at + 1, ended) else { return Split::Open { in_quotes: true } };
                field.end = closed.at as u32;
                field.quotes = if closed.doubled { Quotes::Inside } else { Quotes::Around };
                inner_lines += closed.lines;
                at = closed.at + 1;
            }
            let begin = at;
            let end = match find_end(self.delimiter, &data[at..]) {
                Some(found) => at + found,
                None if ended => data.len(),
                None => return Split::Open { in_quotes: false },
            };
            let is_last = data.get(end) != Some(&self.delimiter);
            let mut text_end = end;
            if is_last && end > begin && data[end - 1] == b'\r' {
                text_end -= 1;
            }
            if field.quotes == Quotes::None {
                field.end = text_end as u32;
            } else if text_end > begin {
                malformed = true;
            }
            self.fields.push(field);
            if is_last {
                let consumed = if end == data.len() { end } else { end + 1 };
                return Split::Row(Found { len: text_end, consumed, inner_lines, malformed });
            }
            at = end + 1;
        }
    }

    /// Passes over a row that is too long, without keeping it; only whether a quote is open is known of it.
    fn skip(&mut self, window: &mut Window<'_>) -> Decoded<()> {
        let line = self.line;
        let mut state = Within::Begin;
        loop {
            let data = window.data();
            let mut ended = None;
            for (i, &byte) in data.iter().enumerate() {
                self.line += u64::from(byte == b'\n');
                state = match (state, byte) {
                    (Within::Begin, b'"') | (Within::Closed, b'"') => Within::Quotes,
                    (Within::Quotes, b'"') => Within::Closed,
                    (Within::Quotes, _) => Within::Quotes,
                    (_, b'\n') => {
                        ended = Some(i + 1);
                        break;
                    }
                    (_, byte) if byte == self.delimiter => Within::Begin,
                    _ => Within::Text,
                };
            }
            let passed = ended.unwrap_or(data.len());
            window.consume(passed);
            if ended.is_some() {
                return Ok(());
            }
            if window.ended() {
                self.line += 1;
                return if state == Within::Quotes { Err(Refusal::UnclosedQuote { line }.into()) } else { Ok(()) };
            }
            window.more()?;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Begin,
    Text,
    Quotes,
    Closed,
}

struct Closed {
    at: usize,
    doubled: bool,
    lines: u64,
}

/// The quote that closes a field whose text begins at `begin`. A quote that is the last byte read may be
/// the first of a doubled one.
#[inline]
fn close_quote(data: &[u8], begin: usize, ended: bool) -> Option<Closed> {
    let mut from = begin;
    let mut doubled = false;
    loop {
        let at = from + memchr::memchr(b'"', data.get(from..)?)?;
        match data.get(at + 1) {
            Some(b'"') => {
                doubled = true;
                from = at + 2;
            }
            None if !ended => return None,
            _ => {
                let lines = memchr::memchr_iter(b'\n', &data[begin..at]).count() as u64;
                return Some(Closed { at, doubled, lines });
            }
        }
    }
}

/// The delimiter or line end that ends a field. Most fields are short: the first bytes are looked at one
/// by one before the call of the vectorised search pays.
#[inline]
fn find_end(delimiter: u8, data: &[u8]) -> Option<usize> {
    const BY_HAND: usize = 8;
    for (i, &byte) in data.iter().take(BY_HAND).enumerate() {
        if byte == delimiter || byte == b'\n' {
            return Some(i);
        }
    }
    let rest = data.get(BY_HAND..)?;
    memchr::memchr2(delimiter, b'\n', rest).map(|i| i + BY_HAND)
}

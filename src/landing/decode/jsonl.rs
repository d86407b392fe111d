//! JSON Lines: one object a line.
//!
//! A broken line goes to quarantine. A line that is whole JSON but no object shows that the file is
//! something else (an array, a list of numbers), and so does one whose object is spread over several lines:
//! such a file is refused.

use std::borrow::Cow;

use super::KEPT_OF_LONG_LINE;
use super::json::{self, Found, Slot, Tree};
use super::outcome::{Decoded, Outcome, Reason, Refusal};
use super::tally::{Cell, NoRow, Row, Summed, Tally};
use super::window::Window;
use crate::contract::{Contract, PathStep};
use crate::error::Result;

pub fn read(contract: &Contract, window: &mut Window<'_>, mut tally: Tally<'_>) -> Decoded<Outcome> {
    let paths = Paths::of(contract);
    let mut tree = Tree::new(paths.heads.iter().map(|head| head.iter().map(String::as_str).collect()));
    let mut slots: Vec<Slot> = vec![None; contract.columns.len()];
    let mut lines = Lines { number: 0, scanned: 0, max: contract.max_line_bytes };
    let mut seen = Seen::default();
    let mut present = vec![false; contract.columns.len()];
    let mut absent = present.len();
    loop {
        match lines.next(window)? {
            Next::End => break,
            Next::Line { number, len, consumed } => {
                let bytes = window.data()[..len].trim_ascii();
                if !bytes.is_empty() {
                    let line = Line { bytes, number, paths: &paths };
                    line.take(&mut tree, &mut slots, &mut seen, &mut tally)?;
                    // Soon all have been seen, and nothing is left to be done here.
                    if absent > 0 {
                        for (present, slot) in present.iter_mut().zip(&slots) {
                            if slot.is_some() && !*present {
                                *present = true;
                                absent -= 1;
                            }
                        }
                    }
                }
                window.consume(consumed);
            }
            Next::TooLong { number, kept } => {
                let first = kept.trim_ascii_start().first();
                seen.line(first);
                if seen.lines == 1 && first == Some(&b'[') {
                    return Err(Refusal::NotLines("the file holds a JSON array".into()).into());
                }
                let raw = String::from_utf8_lossy(&kept);
                tally.reject::<NoRow>(number, Reason::LineTooLong, Summed::Unknown, raw)?;
            }
        }
    }
    if seen.lines == 0 {
        return Err(Refusal::Empty.into());
    }
    if !seen.object {
        return Err(Refusal::NotLines("no line holds an object".into()).into());
    }
    tally.outcome.unmapped = std::mem::take(&mut tree.unmapped).into_iter().collect();
    tally.present = Some(present);
    tally.finish()
}

/// Of each column: the fields that lead to it, and the steps beyond the first list.
struct Paths {
    heads: Vec<Vec<String>>,
    tails: Vec<Vec<PathStep>>,
}

impl Paths {
    fn of(contract: &Contract) -> Paths {
        let mut paths = Paths { heads: Vec::new(), tails: Vec::new() };
        for column in &contract.columns {
            let mut head = Vec::new();
            let mut steps = column.source.steps.iter();
            let mut tail = Vec::new();
            for step in steps.by_ref() {
                match step {
                    PathStep::Field(name) => head.push(name.clone()),
                    other => {
                        tail.push(other.clone());
                        break;
                    }
                }
            }
            tail.extend(steps.cloned());
            paths.heads.push(head);
            paths.tails.push(tail);
        }
        paths
    }
}

/// What the lines looked like so far.
#[derive(Default)]
struct Seen {
    lines: u64,
    object: bool,
}

impl Seen {
    fn line(&mut self, first: Option<&u8>) {
        self.lines += 1;
        self.object |= first == Some(&b'{');
    }
}

struct Line<'a> {
    bytes: &'a [u8],
    number: u64,
    paths: &'a Paths,
}

impl Line<'_> {
    fn take(&self, tree: &mut Tree, slots: &mut [Slot], seen: &mut Seen, tally: &mut Tally<'_>) -> Decoded<()> {
        seen.line(self.bytes.first());
        let Ok(text) = std::str::from_utf8(self.bytes) else {
            return Ok(self.reject_encoding(tree, slots, tally)?);
        };
        if text.starts_with('{') && tree.read(text, slots) {
            let row = JsonRow { text, slots, paths: self.paths };
            return Ok(tally.row(self.number, &row, || Cow::Borrowed(text))?);
        }
        self.refuse(text, seen.lines == 1)?;
        Ok(tally.reject::<NoRow>(self.number, Reason::CutJson, Summed::Unknown, Cow::Borrowed(text))?)
    }

    /// Some values may be readable all the same: the sums want them.
    fn reject_encoding(&self, tree: &mut Tree, slots: &mut [Slot], tally: &mut Tally<'_>) -> Result<()> {
        let text = String::from_utf8_lossy(self.bytes);
        if text.starts_with('{') && tree.read(&text, slots) {
            let row = JsonRow { text: &text, slots, paths: self.paths };
            return tally.reject(self.number, Reason::BadEncoding, Summed::Row(&row), Cow::Borrowed(&text));
        }
        tally.reject::<NoRow>(self.number, Reason::BadEncoding, Summed::Unknown, Cow::Borrowed(&text))
    }

    #[cold]
    fn refuse(&self, text: &str, first: bool) -> Decoded<()> {
        let number = self.number;
        let what = if first && text.starts_with('[') {
            "the file holds a JSON array".to_string()
        } else if first && text == "{" {
            "an object is spread over several lines".to_string()
        } else if !text.starts_with('{') && json::is_value(text) {
            format!("line {number} holds a JSON value that is no object")
        } else {
            return Ok(());
        };
        Err(Refusal::NotLines(what).into())
    }
}

struct JsonRow<'a> {
    text: &'a str,
    slots: &'a [Slot],
    paths: &'a Paths,
}

impl Row for JsonRow<'_> {
    #[inline]
    fn cell<'r>(&'r self, column: usize, scratch: &'r mut String) -> Result<Cell<'r>, Reason> {
        let Some(mut raw) = json::slice(self.text, self.slots[column]) else { return Ok(Cell::Absent) };
        let tail = &self.paths.tails[column];
        if !tail.is_empty() {
            match json::resolve(raw, tail) {
                None => return Ok(Cell::Absent),
                Some(Found::Raw(found)) => raw = found,
                Some(Found::Text(text)) => {
                    *scratch = text;
                    return Ok(Cell::Text(scratch));
                }
            }
        }
        match raw.as_bytes().first() {
            Some(b'n') | None => Ok(Cell::Absent),
            Some(b'{' | b'[') => Ok(Cell::Json(raw)),
            Some(_) => json::text(raw, scratch).map(Cell::Text),
        }
    }
}

/// Splits the window's bytes at line ends.
struct Lines {
    number: u64,
    /// How much of the window was searched without finding an end.
    scanned: usize,
    max: usize,
}

enum Next {
    Line { number: u64, len: usize, consumed: usize },
    TooLong { number: u64, kept: Vec<u8> },
    End,
}

impl Lines {
    fn next(&mut self, window: &mut Window<'_>) -> Decoded<Next> {
        loop {
            let data = window.data();
            if let Some(at) = memchr::memchr(b'\n', &data[self.scanned..]) {
                return Ok(self.line(window, self.scanned + at, 1));
            }
            self.scanned = data.len();
            if window.ended() {
                return Ok(if data.is_empty() { Next::End } else { self.line(window, data.len(), 0) });
            }
            // One more for the carriage return.
            if data.len() > self.max + 1 {
                return self.skip(window);
            }
            window.more()?;
        }
    }

    fn line(&mut self, window: &mut Window<'_>, len: usize, end: usize) -> Next {
        self.number += 1;
        self.scanned = 0;
        let number = self.number;
        let bytes = &window.data()[..len];
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.len() > self.max {
            let kept = self.beginning(bytes);
            window.consume(len + end);
            return Next::TooLong { number, kept };
        }
        Next::Line { number, len, consumed: len + end }
    }

    fn beginning(&self, bytes: &[u8]) -> Vec<u8> {
        bytes[..bytes.len().min(self.max).min(KEPT_OF_LONG_LINE)].to_vec()
    }

    /// Passes over the rest of a line that is too long, without keeping it.
    fn skip(&mut self, window: &mut Window<'_>) -> Decoded<Next> {
        let kept = self.beginning(window.data());
        self.number += 1;
        self.scanned = 0;
        loop {
            let data = window.data();
            let (passed, found) = match memchr::memchr(b'\n', data) {
                Some(at) => (at + 1, true),
                None => (data.len(), window.ended()),
            };
            window.consume(passed);
            if found {
                return Ok(Next::TooLong { number: self.number, kept });
            }
            window.more()?;
        }
    }
}

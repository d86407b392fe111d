//! An answer as a table for people: numbers to the right, as wide as the screen, nothing that could write elsewhere on it.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::engine;
use crate::error::{Error, Result};

/// How a table is shown.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Columns of the screen. None: as wide as it gets.
    pub width: Option<usize>,
    /// Rows that are shown. None: all.
    pub rows: Option<u64>,
    /// Bold heads and pale NULLs.
    pub color: bool,
}

/// The first rows of an answer, and how many there are.
pub struct Kept {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    pub total: u64,
    /// There are more than `total`: nobody counted on.
    pub is_more: bool,
}

/// The narrowest that a text is cut to.
const NARROWEST: usize = 8;
/// A row as a list of its columns is long: fewer of them.
const LISTED: u64 = 10;
/// Rows that are not shown are counted so far.
const COUNTED: u64 = 1_000_000;
const NULL: &str = "NULL";

/// The screen's width in columns; 80 where it does not say.
pub fn screen_width() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0)).max(20)
}

/// Reads an answer, and holds no more of it than is shown.
pub async fn collect(mut stream: SendableRecordBatchStream, rows: Option<u64>) -> Result<Kept> {
    let mut kept = Kept { schema: stream.schema(), batches: Vec::new(), total: 0, is_more: false };
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|e| engine::failed("the query failed", &e))?;
        let room = rows.map_or(usize::MAX, |n| usize::try_from(n.saturating_sub(kept.total)).unwrap_or(usize::MAX));
        kept.total += batch.num_rows() as u64;
        if room > 0 && batch.num_rows() > 0 {
            kept.batches.push(batch.slice(0, batch.num_rows().min(room)));
        }
        if rows.is_some_and(|n| kept.total > n.max(COUNTED)) {
            kept.is_more = true;
            break;
        }
    }
    Ok(kept)
}

struct Column {
    name: String,
    is_number: bool,
    /// Cut, it would say something else: a number or a time without its end.
    is_whole: bool,
    /// None: NULL.
    cells: Vec<Option<String>>,
}

impl Column {
    fn widest_cell(&self) -> usize {
        self.cells.iter().map(|c| c.as_deref().unwrap_or(NULL).width()).max().unwrap_or(0)
    }

    fn widest(&self) -> usize {
        self.widest_cell().max(self.name.width()).max(1)
    }

    fn narrowest(&self) -> usize {
        if self.is_whole {
            self.widest_cell().max(self.name.width().min(NARROWEST))
        } else {
            self.widest().min(NARROWEST)
        }
    }
}

/// The table as text, without a line's end, and how many rows it shows.
pub fn render(kept: &Kept, view: &View) -> Result<(String, u64)> {
    let columns = columns(kept)?;
    let rows: usize = kept.batches.iter().map(RecordBatch::num_rows).sum();
    let natural: Vec<usize> = columns.iter().map(Column::widest).collect();
    let frame = 3 * columns.len() + 1;
    let Some(room) = view.width else { return Ok((grid(&columns, &natural, rows, view), rows as u64)) };
    let room = room.saturating_sub(frame);
    let narrowest: Vec<usize> = columns.iter().map(Column::narrowest).collect();
    if narrowest.iter().sum::<usize>() > room {
        let shown = if view.rows.is_some() { rows.min(LISTED as usize) } else { rows };
        return Ok((list(&columns, shown, view), shown as u64));
    }
    // The widest columns give way first, all to the same width.
    let fitted = |cap: usize| natural.iter().zip(&narrowest).map(move |(n, least)| (*n).min(cap).max(*least));
    let (mut fits, mut too_wide) = (0, natural.iter().max().copied().unwrap_or(0) + 1);
    while too_wide - fits > 1 {
        let cap = usize::midpoint(fits, too_wide);
        if fitted(cap).sum::<usize>() <= room { fits = cap } else { too_wide = cap }
    }
    let widths: Vec<usize> = fitted(fits).collect();
    Ok((grid(&columns, &widths, rows, view), rows as u64))
}

fn columns(kept: &Kept) -> Result<Vec<Column>> {
    let failed = |e: arrow::error::ArrowError| Error::failed(format!("showing the answer: {e}"));
    let options = FormatOptions::default().with_null(NULL);
    let mut columns = Vec::new();
    for (i, field) in kept.schema.fields().iter().enumerate() {
        let mut cells = Vec::new();
        for batch in &kept.batches {
            let values = batch.column(i);
            let formatter = ArrayFormatter::try_new(values, &options).map_err(failed)?;
            for row in 0..values.len() {
                let text = (!values.is_null(row)).then(|| formatter.value(row).try_to_string().map(|t| harmless(&t)));
                cells.push(text.transpose().map_err(failed)?);
            }
        }
        let is_number = field.data_type().is_numeric() || *field.data_type() == DataType::Null;
        let is_whole = is_number || field.data_type().is_temporal();
        columns.push(Column { name: harmless(field.name()), is_number, is_whole, cells });
    }
    Ok(columns)
}

/// Values come from elsewhere: what would move the cursor, colour the screen or turn the direction of writing is shown as a code.
fn harmless(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.chars().any(|c| c.is_control() || turns(c)) {
        return text.to_string();
    }
    text.chars().fold(String::new(), |mut out, c| {
        if c.is_control() || turns(c) {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
        out
    })
}

pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

fn padded(text: &str, width: usize, to_the_right: bool) -> String {
    let blanks = " ".repeat(width.saturating_sub(text.width()));
    if to_the_right { format!("{blanks}{text}") } else { format!("{text}{blanks}") }
}

fn styled(text: String, code: &str, view: &View) -> String {
    if view.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
}

fn cell(column: &Column, row: usize, width: usize, view: &View) -> String {
    match &column.cells[row] {
        Some(text) => padded(&cut(text, width), width, column.is_number),
        None => styled(padded(&cut(NULL, width), width, column.is_number), "2", view),
    }
}

fn grid(columns: &[Column], widths: &[usize], rows: usize, view: &View) -> String {
    let line: String = widths.iter().map(|w| format!("+{}", "-".repeat(w + 2))).chain(["+".to_string()]).collect();
    let joined = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let heads = columns.iter().zip(widths).map(|(c, w)| styled(padded(&cut(&c.name, *w), *w, c.is_number), "1", view));
    let mut out = vec![line.clone(), joined(heads.collect()), line.clone()];
    for row in 0..rows {
        out.push(joined(columns.iter().zip(widths).map(|(c, w)| cell(c, row, *w, view)).collect()));
    }
    if rows > 0 {
        out.push(line);
    }
    out.join("\n")
}

/// Each row as a list of its columns, where the screen is too narrow for a table.
fn list(columns: &[Column], rows: usize, view: &View) -> String {
    let names = columns.iter().map(|c| c.name.width()).max().unwrap_or(0);
    let width = view.width.unwrap_or(80);
    let mut out = Vec::new();
    for row in 0..rows {
        let head = format!("-[ row {} ]", row + 1);
        out.push(format!("{head}{}", "-".repeat(width.min(names + 40).saturating_sub(head.len()))));
        for column in columns {
            let value = match &column.cells[row] {
                Some(text) => cut(text, width.saturating_sub(names + 3).max(NARROWEST)),
                None => styled(NULL.to_string(), "2", view),
            };
            out.push(format!("{} | {value}", styled(padded(&column.name, names, false), "1", view)));
        }
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, Int64Array, StringArray};
    use arrow::datatypes::{Field, Schema};

    use super::*;

    fn kept() -> Kept {
        let schema = Arc::new(Schema::new(vec![
            Field::new("customer", DataType::Utf8, true),
            Field::new("orders_count", DataType::Int64, true),
            Field::new("revenue_eur", DataType::Decimal128(18, 2), true),
        ]));
        let money = Decimal128Array::from(vec![Some(494_611), None, Some(-5)]).with_precision_and_scale(18, 2);
        let batch = RecordBatch::try_new(
            schema.clone(),
            vec![
                Arc::new(StringArray::from(vec![Some("Żaneta Wójcik of Łódź"), Some("a\u{1b}[2Jb\nc\u{202e}d"), None])),
                Arc::new(Int64Array::from(vec![Some(41), None, Some(-1)])),
                Arc::new(money.expect("two digits")),
            ],
        );
        Kept { schema, batches: vec![batch.expect("a batch")], total: 3, is_more: false }
    }

    fn shown(width: Option<usize>) -> String {
        render(&kept(), &View { width, rows: None, color: false }).expect("a table").0
    }

    #[test]
    fn numbers_stand_to_the_right_and_nothing_writes_elsewhere() {
        insta::assert_snapshot!(shown(None), @r"
        +-------------------------+--------------+-------------+
        | customer                | orders_count | revenue_eur |
        +-------------------------+--------------+-------------+
        | Żaneta Wójcik of Łódź   |           41 |     4946.11 |
        | a\u{1b}[2Jb\nc\u{202e}d |         NULL |        NULL |
        | NULL                    |           -1 |       -0.05 |
        +-------------------------+--------------+-------------+
        ");
    }

    #[test]
    fn texts_give_way_and_numbers_do_not() {
        insta::assert_snapshot!(shown(Some(46)), @r"
        +---------------+--------------+-------------+
        | customer      | orders_count | revenue_eur |
        +---------------+--------------+-------------+
        | Żaneta Wójci… |           41 |     4946.11 |
        | a\u{1b}[2Jb\… |         NULL |        NULL |
        | NULL          |           -1 |       -0.05 |
        +---------------+--------------+-------------+
        ");
        for width in 24..80 {
            let text = shown(Some(width));
            assert!(text.lines().all(|l| l.width() <= width), "{width}:\n{text}");
            assert!(text.contains("4946.11"), "{width}:\n{text}");
        }
    }

    #[test]
    fn a_narrow_screen_gets_a_list() {
        insta::assert_snapshot!(shown(Some(32)), @r"
        -[ row 1 ]----------------------
        customer     | Żaneta Wójcik of…
        orders_count | 41
        revenue_eur  | 4946.11
        -[ row 2 ]----------------------
        customer     | a\u{1b}[2Jb\nc\u…
        orders_count | NULL
        revenue_eur  | NULL
        -[ row 3 ]----------------------
        customer     | NULL
        orders_count | -1
        revenue_eur  | -0.05
        ");
    }

    #[test]
    fn wide_letters_count_twice() {
        assert_eq!(cut("日本語の名前", 7), "日本語…");
        assert_eq!(padded("日本", 6, true), "  日本");
        assert_eq!(cut("plain", 5), "plain");
    }
}

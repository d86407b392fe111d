//! CSV files (RFC 4180): a header, commas, CRLF, UTF-8. A field with nothing in it is NULL, `""` is an empty text.
//!
//! Whoever opens a CSV file mostly does so with a spreadsheet, which takes text that begins with `=` for a formula. So such text gets an apostrophe before it,
//! unless the project says otherwise. Numbers are never touched.

use std::io::{BufWriter, Write};
use std::path::Path;

use async_trait::async_trait;

use super::Offer;
use super::cells::{Cell, Column};
use super::folder::{FileKind, Unit};
use super::rows::Rows;
use crate::config::project::Formulas;
use crate::error::Result;

pub struct Csv {
    pub formulas: Formulas,
    pub has_bom: bool,
}

#[async_trait]
impl FileKind for Csv {
    fn word(&self) -> &'static str {
        "csv"
    }

    fn units<'a>(&self, offer: &'a Offer<'_>) -> Result<Vec<Unit<'a>>> {
        Ok(super::folder::one_a_table(offer, "csv", &format!("csv 1 {:?} {}", self.formulas, self.has_bom)))
    }

    async fn make(&self, offer: &Offer<'_>, unit: &Unit<'_>, file: &Path, _: &mut Vec<String>) -> Result<()> {
        let Some(table) = unit.table else { return Ok(()) };
        let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(file)?);
        if self.has_bom {
            out.write_all("\u{feff}".as_bytes())?;
        }
        let mut line = String::new();
        for (i, column) in table.record.columns.iter().enumerate() {
            if i > 0 {
                line.push(',');
            }
            field(&column.name, &mut line);
        }
        line.push_str("\r\n");
        out.write_all(line.as_bytes())?;
        let mut rows = Rows::of(offer.warehouse, table);
        while let Some(batch) = rows.next().await? {
            let columns = batch.columns().iter().map(Column::of).collect::<Result<Vec<_>>>()?;
            for row in 0..batch.num_rows() {
                line.clear();
                for (i, column) in columns.iter().enumerate() {
                    if i > 0 {
                        line.push(',');
                    }
                    self.cell(&column.cell(row)?, &mut line);
                }
                line.push_str("\r\n");
                out.write_all(line.as_bytes())?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

impl Csv {
    fn cell(&self, cell: &Cell<'_>, line: &mut String) {
        match cell {
            Cell::Null => {}
            Cell::Text(text) if self.formulas == Formulas::Neutralise && begins_formula(text) => {
                field(&format!("'{text}"), line);
            }
            Cell::Text(text) => field(text, line),
            other => field(&other.text(), line),
        }
    }
}

/// Text that a spreadsheet takes for a formula, also after blanks that it takes away.
pub fn begins_formula(text: &str) -> bool {
    let first = text.trim_start_matches(' ').chars().next();
    matches!(first, Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'))
}

/// Quoted where it has to be.
fn field(text: &str, line: &mut String) {
    let is_bare = !text.is_empty()
        && !text.contains([',', '"', '\r', '\n'])
        && !text.starts_with([' ', '\t', '\u{feff}'])
        && !text.ends_with([' ', '\t']);
    if is_bare {
        line.push_str(text);
        return;
    }
    line.push('"');
    line.push_str(&text.replace('"', "\"\""));
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(formulas: Formulas, cell: &Cell<'_>) -> String {
        let mut line = String::new();
        Csv { formulas, has_bom: false }.cell(cell, &mut line);
        line
    }

    #[test]
    fn null_and_empty_are_told_apart() {
        assert_eq!(written(Formulas::Neutralise, &Cell::Null), "");
        assert_eq!(written(Formulas::Neutralise, &Cell::Text("")), "\"\"");
    }

    #[test]
    fn fields_are_quoted_where_they_must() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" blank", "\" blank\""),
        ] {
            assert_eq!(written(Formulas::Neutralise, &Cell::Text(text)), expected);
        }
    }

    #[test]
    fn formulas_are_made_harmless() {
        for text in ["=1+1", "+49 30 123", "-2", "@SUM(A1)", "  =HYPERLINK(\"x\")", "\tx", "＝1"] {
            let written = written(Formulas::Neutralise, &Cell::Text(text));
            assert!(written.trim_start_matches('"').starts_with('\''), "{text}: {written}");
        }
        assert_eq!(written(Formulas::Keep, &Cell::Text("=1+1")), "=1+1");
        assert_eq!(written(Formulas::Neutralise, &Cell::Decimal { digits: -500, scale: 2 }), "-5.00");
    }
}

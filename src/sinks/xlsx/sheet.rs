//! The cells of one sheet, and their formats.

use std::fmt::Write as _;
use std::io::Write as _;

use super::package::Part;
use crate::error::Result;
use crate::sinks::cells::{Cell, decimal_text, micros_of_day, spreadsheet_days};
use crate::sinks::csv::begins_formula;

/// Digits of a spreadsheet's number.
const DIGITS: usize = 15;
/// UTF-16 units of a cell's text.
const TEXT_UNITS: usize = 32_767;
const MICROS_OF_DAY: f64 = 86_400_000_000.0;
/// The largest scale that has a format of its own.
const SCALES: usize = 12;

// Places in `cellXfs` below.
const HEADER: usize = 1;
const DATE: usize = 2;
const TIME: usize = 3;
/// Text that stays text when somebody edits the cell.
const QUOTED: usize = 4;
const DECIMALS: usize = 5;

/// What cells could not hold.
#[derive(Debug, Default)]
pub struct Lost {
    /// Numbers that became text.
    pub digits: u64,
    /// Texts that were cut.
    pub texts: u64,
}

/// A sheet in the making.
pub struct Sheet {
    part: Part,
    rows: u64,
    columns: usize,
    bytes: u64,
    line: String,
}

impl Sheet {
    /// Begins with a row of headers, which stays in sight.
    pub fn begin(part: Part, headers: &[&str]) -> Result<Sheet> {
        let mut sheet = Sheet { part, rows: 0, columns: headers.len(), bytes: 0, line: String::new() };
        let columns = headers.len().max(1);
        sheet.line.push_str(&format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
             <worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetViews>\
             <sheetView workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>\
             </sheetView></sheetViews><cols><col min=\"1\" max=\"{columns}\" width=\"18\" customWidth=\"1\"/></cols><sheetData><row>"
        ));
        for header in headers {
            sheet.text(header, HEADER, &mut Lost::default());
        }
        sheet.line.push_str("</row>");
        sheet.pass_on()?;
        Ok(sheet)
    }

    /// Rows so far, the header among them.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of XML so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn row(&mut self, cells: &[Cell<'_>], lost: &mut Lost) -> Result<()> {
        self.line.push_str("<row>");
        for cell in cells {
            self.cell(cell, lost);
        }
        self.line.push_str("</row>");
        self.pass_on()
    }

    pub fn end(mut self) -> Result<Part> {
        self.line.push_str("</sheetData>");
        if self.columns > 0 {
            let _ = write!(self.line, "<autoFilter ref=\"A1:{}{}\"/>", letters(self.columns), self.rows.max(1));
        }
        self.line.push_str("</worksheet>");
        self.part.write_all(self.line.as_bytes())?;
        Ok(self.part)
    }

    fn pass_on(&mut self) -> Result<()> {
        self.rows += 1;
        self.bytes += self.line.len() as u64;
        self.part.write_all(self.line.as_bytes())?;
        self.line.clear();
        Ok(())
    }

    fn cell(&mut self, cell: &Cell<'_>, lost: &mut Lost) {
        match cell {
            Cell::Null => self.line.push_str("<c/>"),
            Cell::Text(text) => self.text(text, if begins_formula(text) { QUOTED } else { 0 }, lost),
            Cell::Boolean(value) => {
                let _ = write!(self.line, "<c t=\"b\"><v>{}</v></c>", u8::from(*value));
            }
            Cell::Integer(value) => self.number(&value.to_string(), 0, lost),
            Cell::Decimal { digits, scale } => {
                let scale_of_format = usize::try_from(*scale).unwrap_or(0).min(SCALES);
                self.number(&decimal_text(*digits, *scale), DECIMALS + scale_of_format, lost);
            }
            Cell::Double(value) if value.is_finite() => {
                let _ = write!(self.line, "<c><v>{value:?}</v></c>");
            }
            Cell::Date(date) => match spreadsheet_days(*date) {
                Some(days) => {
                    let _ = write!(self.line, "<c s=\"{DATE}\"><v>{days}</v></c>");
                }
                None => self.text(&cell.text(), 0, lost),
            },
            Cell::Time(time) => match spreadsheet_days(time.date_naive()) {
                Some(days) => {
                    let part = micros_of_day(time.time()) as f64 / MICROS_OF_DAY;
                    let _ = write!(self.line, "<c s=\"{TIME}\"><v>{}</v></c>", days as f64 + part);
                }
                None => self.text(&cell.text(), 0, lost),
            },
            Cell::Double(_) | Cell::Json(_) => self.text(&cell.text(), 0, lost),
        }
    }

    /// A number, if a spreadsheet can tell it from its neighbours.
    fn number(&mut self, text: &str, style: usize, lost: &mut Lost) {
        if significant(text) > DIGITS {
            lost.digits += 1;
            return self.text(text, 0, lost);
        }
        let _ = write!(self.line, "<c s=\"{style}\"><v>{text}</v></c>");
    }

    fn text(&mut self, text: &str, style: usize, lost: &mut Lost) {
        let mut units = 0;
        let kept = text.char_indices().find(|(_, c)| {
            units += c.len_utf16();
            units > TEXT_UNITS
        });
        let text = match kept {
            Some((end, _)) => {
                lost.texts += 1;
                &text[..end]
            }
            None => text,
        };
        let _ = write!(self.line, "<c t=\"inlineStr\" s=\"{style}\"><is><t xml:space=\"preserve\">");
        xml(text, &mut self.line);
        self.line.push_str("</t></is></c>");
    }
}

/// Digits that count: without zeros at either end.
fn significant(number: &str) -> usize {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').len()
}

/// Text of an element. Characters that XML does not have are written as spreadsheets write them: `_x0001_`.
fn xml(text: &str, out: &mut String) {
    for (at, c) in text.char_indices() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' => out.push(c),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "_x{:04X}_", c as u32);
            }
            // What looks like such a writing and is none.
            '_' if is_escape(&text[at..]) => out.push_str("_x005F_"),
            c => out.push(c),
        }
    }
}

fn is_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 7 && bytes[1] == b'x' && bytes[6] == b'_' && bytes[2..6].iter().all(u8::is_ascii_hexdigit)
}

/// The letters of a column: 1 is A, 27 is AA.
fn letters(mut column: usize) -> String {
    let mut out = Vec::new();
    while column > 0 {
        column -= 1;
        out.push(b'A' + (column % 26) as u8);
        column /= 26;
    }
    out.reverse();
    String::from_utf8_lossy(&out).into_owned()
}

/// The formats that cells name by their places.
pub fn styles() -> String {
    let mut formats = String::from(
        "<numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/><numFmt numFmtId=\"165\" formatCode=\"yyyy\\-mm\\-dd\\ hh:mm:ss\"/>",
    );
    let mut cells = String::from(
        "<xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>\
         <xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\"/>\
         <xf numFmtId=\"164\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>\
         <xf numFmtId=\"165\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>\
         <xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" quotePrefix=\"1\" applyNumberFormat=\"1\"/>",
    );
    for scale in 0..=SCALES {
        let id = 166 + scale;
        let point = if scale == 0 { "" } else { "." };
        let _ = write!(formats, "<numFmt numFmtId=\"{id}\" formatCode=\"0{point}{}\"/>", "0".repeat(scale));
        let _ = write!(
            cells,
            "<xf numFmtId=\"{id}\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>"
        );
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><numFmts count=\"{}\">{formats}</numFmts>\
         <fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font><font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>\
         <fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills>\
         <borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
         <cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
         <cellXfs count=\"{}\">{cells}</cellXfs>\
         <cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles></styleSheet>",
        SCALES + 3,
        SCALES + 6,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters() {
        for (column, expected) in [(1, "A"), (26, "Z"), (27, "AA"), (702, "ZZ"), (703, "AAA")] {
            assert_eq!(letters(column), expected);
        }
    }

    #[test]
    fn zeros_are_no_digits() {
        for (number, digits) in [("0.00", 0), ("1200.50", 5), ("-123456789012345.60", 16), ("5000000000000000000", 1)] {
            assert_eq!(significant(number), digits, "{number}");
        }
    }

    #[test]
    fn xml_takes_any_text() {
        let mut out = String::new();
        xml("a<b>&\"\u{1}\r\n_x0041_ _x", &mut out);
        assert_eq!(out, "a&lt;b&gt;&amp;\"_x0001__x000D_\n_x005F_x0041_ _x");
    }
}

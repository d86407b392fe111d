//! The cells of one sheet, and their formats.

use std::io;
use std::path::Path;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use crate::error::{Error, Result};
use crate::sinks::cells::{Cell, decimal_text, micros_of_day, spreadsheet_days};
use crate::sinks::csv::begins_formula;

/// Digits of a spreadsheet's number.
const DIGITS: usize = 15;
/// UTF-16 units of a cell's text.
const TEXT_UNITS: usize = 32_767;
const MICROS_OF_DAY: f64 = 86_400_000_000.0;
/// The largest scale that has a format of its own.
const SCALES: usize = 12;
const COLUMN_WIDTH: f64 = 18.0;
/// Bytes of a cell's XML besides its value: place, style, type and tags, rather too many than too few.
const CELL_BYTES: u64 = 90;
/// Rows are packed fast rather than small: most of a workbook is read once.
const PACKING: u8 = 1;

/// What cells could not hold.
#[derive(Debug, Default)]
pub struct Lost {
    /// Numbers that became text.
    pub digits: u64,
    /// Texts that were cut.
    pub texts: u64,
}

/// A workbook in the making. Its rows wait in files without a name in `folder`, so that none are held in memory.
pub fn workbook(folder: &Path) -> Result<Workbook> {
    let mut book = Workbook::new();
    // The first day that zip knows, which the archive's parts bear too: the bytes are a function of the rows.
    let first_day = ExcelDateTime::from_ymd(1980, 1, 1).map_err(wrong)?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&first_day));
    book.set_zip_compression_level(PACKING);
    book.set_tempdir(folder).map_err(wrong)?;
    Ok(book)
}

/// What the library said; it names places in a sheet, never values.
pub fn wrong(error: XlsxError) -> Error {
    match error {
        XlsxError::IoError(e) => e.into(),
        XlsxError::TempFileError(_, e) => e.into(),
        XlsxError::ZipError(e) => io::Error::from(e).into(),
        other => Error::failed(format!("writing a workbook: {other}")),
    }
}

/// How cells look.
pub struct Formats {
    header: Format,
    date: Format,
    time: Format,
    /// Text that stays text when somebody edits the cell.
    quoted: Format,
    /// By scale.
    decimals: Vec<Format>,
}

impl Formats {
    pub fn new() -> Formats {
        let decimals = (0..=SCALES).map(|scale| {
            let point = if scale == 0 { "" } else { "." };
            Format::new().set_num_format(format!("0{point}{}", "0".repeat(scale)))
        });
        Formats {
            header: Format::new().set_bold(),
            date: Format::new().set_num_format("yyyy\\-mm\\-dd"),
            time: Format::new().set_num_format("yyyy\\-mm\\-dd\\ hh:mm:ss"),
            quoted: Format::new().set_num_format("@").set_quote_prefix(),
            decimals: decimals.collect(),
        }
    }
}

/// A sheet in the making.
pub struct Sheet<'a> {
    sheet: Worksheet,
    formats: &'a Formats,
    rows: u32,
    columns: u16,
    bytes: u64,
}

impl<'a> Sheet<'a> {
    /// Begins with a row of headers, which stays in sight.
    pub fn begin(book: &mut Workbook, formats: &'a Formats, name: &str, headers: &[&str]) -> Result<Sheet<'a>> {
        let mut sheet = book.new_worksheet_with_constant_memory().map_err(wrong)?;
        sheet.set_name(name).and_then(|s| s.set_freeze_panes(1, 0)).map_err(wrong)?;
        let columns = u16::try_from(headers.len()).map_err(|_| Error::failed("a sheet has too many columns"))?;
        if columns > 0 {
            sheet.set_column_range_width(0, columns - 1, COLUMN_WIDTH).map_err(wrong)?;
        }
        let mut sheet = Sheet { sheet, formats, rows: 0, columns, bytes: 0 };
        for (column, header) in (0..).zip(headers) {
            sheet.text(column, header, Some(&formats.header), &mut Lost::default())?;
        }
        sheet.rows = 1;
        Ok(sheet)
    }

    /// Rows so far, the header among them.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Bytes of XML so far, about.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn row(&mut self, cells: &[Cell<'_>], lost: &mut Lost) -> Result<()> {
        for (column, cell) in (0..).zip(cells) {
            self.cell(column, cell, lost)?;
        }
        self.rows += 1;
        Ok(())
    }

    /// The sheet's rows can be filtered, and it stands behind those that were ended before.
    pub fn end(mut self, book: &mut Workbook) -> Result<()> {
        if self.columns > 0 {
            self.sheet.autofilter(0, 0, self.rows - 1, self.columns - 1).map_err(wrong)?;
        }
        book.push_worksheet(self.sheet);
        Ok(())
    }

    fn cell(&mut self, column: u16, cell: &Cell<'_>, lost: &mut Lost) -> Result<()> {
        let formats = self.formats;
        match cell {
            Cell::Null => Ok(()),
            Cell::Text(text) => self.text(column, text, begins_formula(text).then_some(&formats.quoted), lost),
            Cell::Boolean(value) => {
                self.bytes += CELL_BYTES;
                self.sheet.write_boolean(self.rows, column, *value).map(|_| ()).map_err(wrong)
            }
            Cell::Integer(value) => self.digits(column, &value.to_string(), None, lost),
            Cell::Decimal { digits, scale } => {
                let scale_of_format = usize::try_from(*scale).unwrap_or(0).min(SCALES);
                let format = formats.decimals.get(scale_of_format);
                self.digits(column, &decimal_text(*digits, *scale), format, lost)
            }
            Cell::Double(value) if value.is_finite() => self.number(column, *value, None),
            Cell::Date(date) => match spreadsheet_days(*date) {
                Some(days) => self.number(column, days as f64, Some(&formats.date)),
                None => self.text(column, &cell.text(), None, lost),
            },
            Cell::Time(time) => match spreadsheet_days(time.date_naive()) {
                Some(days) => {
                    let part = micros_of_day(time.time()) as f64 / MICROS_OF_DAY;
                    self.number(column, days as f64 + part, Some(&formats.time))
                }
                None => self.text(column, &cell.text(), None, lost),
            },
            Cell::Double(_) | Cell::Json(_) => self.text(column, &cell.text(), None, lost),
        }
    }

    /// A number, if a spreadsheet can tell it from its neighbours.
    fn digits(&mut self, column: u16, text: &str, format: Option<&Format>, lost: &mut Lost) -> Result<()> {
        match text.parse() {
            // So many digits are the same again after the way there and back.
            Ok(value) if significant(text) <= DIGITS => self.number(column, value, format),
            _ => {
                lost.digits += 1;
                self.text(column, text, None, lost)
            }
        }
    }

    fn number(&mut self, column: u16, value: f64, format: Option<&Format>) -> Result<()> {
        self.bytes += CELL_BYTES;
        let written = match format {
            Some(format) => self.sheet.write_number_with_format(self.rows, column, value, format),
            None => self.sheet.write_number(self.rows, column, value),
        };
        written.map(|_| ()).map_err(wrong)
    }

    /// Text, whatever it looks like: the library makes formulas of none.
    fn text(&mut self, column: u16, text: &str, format: Option<&Format>, lost: &mut Lost) -> Result<()> {
        let text = match cut(text) {
            Some(kept) => {
                lost.texts += 1;
                kept
            }
            None => text,
        };
        self.bytes += CELL_BYTES + text.bytes().map(xml_bytes).sum::<u64>();
        let written = match format {
            Some(format) => self.sheet.write_string_with_format(self.rows, column, text, format),
            None => self.sheet.write_string(self.rows, column, text),
        };
        written.map(|_| ()).map_err(wrong)
    }
}

/// What a cell can hold of a text that is too long for it.
fn cut(text: &str) -> Option<&str> {
    let mut units = 0;
    let (end, _) = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > TEXT_UNITS
    })?;
    Some(&text[..end])
}

/// What a byte of a text comes to in XML.
fn xml_bytes(byte: u8) -> u64 {
    match byte {
        b'&' => 5,
        b'<' | b'>' => 4,
        b'\t' | b'\n' => 1,
        // `_x0001_`; an underscore may become `_x005F_`.
        0..=0x1f | b'_' => 7,
        _ => 1,
    }
}

/// Digits that count: without zeros at either end.
fn significant(number: &str) -> usize {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_no_digits() {
        for (number, digits) in [("0.00", 0), ("1200.50", 5), ("-123456789012345.60", 16), ("5000000000000000000", 1)] {
            assert_eq!(significant(number), digits, "{number}");
        }
    }

    #[test]
    fn texts_are_cut_where_a_cell_ends() {
        assert_eq!(cut(&"a".repeat(TEXT_UNITS)), None);
        assert_eq!(cut(&"a".repeat(TEXT_UNITS + 1)).map(str::len), Some(TEXT_UNITS));
        // A letter of two units is not parted.
        assert_eq!(cut(&"😀".repeat(TEXT_UNITS)).map(|t| t.chars().count()), Some(TEXT_UNITS / 2));
    }

    #[test]
    fn the_size_of_a_text_is_not_taken_for_too_small() {
        for (text, xml) in [("a<b>&", "a&lt;b&gt;&amp;"), ("\u{1}\n", "_x0001_\n"), ("_x0041_", "_x005F_x0041_")] {
            assert!(text.bytes().map(xml_bytes).sum::<u64>() >= xml.len() as u64, "{text:?}");
        }
    }
}

//! Workbooks: one a table, its rows on one sheet or, where there are more than a sheet holds, on several, and a sheet that says what the columns are.
//!
//! Cells are typed: numbers are numbers, dates and times are dates (UTC), text is text and never a formula. What a cell cannot hold is said: a number of more digits than
//! a spreadsheet has becomes text, a text that is longer than a cell is cut. The bytes are a function of the table.

mod sheet;

use std::panic::AssertUnwindSafe;
use std::path::Path;

use async_trait::async_trait;
use futures::FutureExt;

use super::cells::Column;
use super::folder::{FileKind, Unit};
use super::rows::Rows;
use super::{Offer, Table};
use crate::error::{Error, Result};
use sheet::{Formats, Lost, Sheet};

const MADE_BY: &str = "xlsx 2";
/// Rows of a sheet, the header among them. Excel has no more.
const SHEET_ROWS: u32 = 1_048_576;
/// A sheet of more XML than this ends, and another one begins: parts of a workbook have at most 4 GiB.
const SHEET_BYTES: u64 = 3 << 30;
/// A name that no table can have.
const COLUMNS_SHEET: &str = "About the columns";

pub struct Xlsx;

#[async_trait]
impl FileKind for Xlsx {
    fn word(&self) -> &'static str {
        "xlsx"
    }

    fn units<'a>(&self, offer: &'a Offer<'_>) -> Result<Vec<Unit<'a>>> {
        Ok(super::folder::one_a_table(offer, "xlsx", MADE_BY))
    }

    async fn make(&self, offer: &Offer<'_>, unit: &Unit<'_>, file: &Path, notes: &mut Vec<String>) -> Result<()> {
        let Some(table) = unit.table else { return Ok(()) };
        let lost = workbook(offer, table, file, SHEET_ROWS).await?;
        if lost.digits > 0 {
            let said = "have more than the 15 digits of a spreadsheet's numbers: they are text there";
            notes.push(format!("{}: {} numbers {said}", table.name, lost.digits));
        }
        if lost.texts > 0 {
            let said = "are longer than the 32,767 characters of a cell: they are cut there";
            notes.push(format!("{}: {} texts {said}", table.name, lost.texts));
        }
        Ok(())
    }
}

/// A full disk makes the library panic: it does not hand on what its own scratch file says.
async fn workbook(offer: &Offer<'_>, table: &Table<'_>, file: &Path, sheet_rows: u32) -> Result<Lost> {
    AssertUnwindSafe(written(offer, table, file, sheet_rows)).catch_unwind().await.unwrap_or_else(|_| {
        Err(Error::failed(format!("the workbook of {} could not be written", table.name))
            .hint("is there room on the disk of the sink's folder (of an object store's sink: for temporary files)? Rows stand there unpacked while a workbook is written"))
    })
}

async fn written(offer: &Offer<'_>, table: &Table<'_>, file: &Path, sheet_rows: u32) -> Result<Lost> {
    let headers: Vec<&str> = table.record.columns.iter().map(|c| c.name.as_str()).collect();
    let formats = Formats::new();
    let mut book = sheet::workbook(file.parent().unwrap_or(file))?;
    let mut lost = Lost::default();
    let mut sheets = 1;
    let mut sheet = Sheet::begin(&mut book, &formats, &sheet_name(table.short(), sheets), &headers)?;
    let mut rows = Rows::of(offer.warehouse, table);
    while let Some(batch) = rows.next().await? {
        let columns = batch.columns().iter().map(Column::of).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            if sheet.rows() >= sheet_rows || sheet.bytes() >= SHEET_BYTES {
                sheet.end(&mut book)?;
                sheets += 1;
                sheet = Sheet::begin(&mut book, &formats, &sheet_name(table.short(), sheets), &headers)?;
            }
            let cells = columns.iter().map(|c| c.cell(row)).collect::<Result<Vec<_>>>()?;
            sheet.row(&cells, &mut lost)?;
        }
    }
    sheet.end(&mut book)?;
    let about = ["column", "type", "unit", "description"];
    let mut sheet = Sheet::begin(&mut book, &formats, COLUMNS_SHEET, &about)?;
    for column in &table.record.columns {
        use super::cells::Cell::{Null, Text};
        let unit = column.unit.as_deref().map_or(Null, Text);
        sheet.row(&[Text(&column.name), Text(&column.kind), unit, Text(&column.description)], &mut lost)?;
    }
    sheet.end(&mut book)?;
    book.save(file).map_err(sheet::wrong)?;
    Ok(lost)
}

/// At most 31 characters; names of tables have no letter that a sheet's name must not have.
fn sheet_name(table: &str, number: usize) -> String {
    let (ending, room) = match number {
        1 => (String::new(), 31),
        n => (format!(" ({n})"), 31 - format!(" ({n})").len()),
    };
    let start: String = table.chars().take(room).collect();
    format!("{start}{ending}")
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, RecordBatch, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::manifest::{ColumnRecord, DataFile, TableRecord};
    use crate::store::Store;

    #[test]
    fn sheets_have_names_of_their_own() {
        assert_eq!(sheet_name("customer_360", 1), "customer_360");
        let long = "a".repeat(63);
        assert_eq!(sheet_name(&long, 12).len(), 31);
        assert!(sheet_name(&long, 12).ends_with(" (12)"));
    }

    /// A table of `n` rows as a committed one.
    fn committed(folder: &Path, n: usize) -> (Store, TableRecord) {
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Utf8, true),
            Field::new("total", DataType::Decimal128(38, 2), true),
        ]));
        let ids = StringArray::from_iter_values((0..n).map(|i| format!("=id{i}")));
        let totals = Decimal128Array::from_iter_values((0..n).map(|i| i as i128 * 10i128.pow((i % 17) as u32)));
        let totals = totals.with_precision_and_scale(38, 2).unwrap();
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(ids), Arc::new(totals)]).unwrap();
        let file = std::fs::File::create(folder.join("t.parquet")).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, schema, None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let bytes = std::fs::metadata(folder.join("t.parquet")).unwrap().len();
        let column = |name: &str, kind: &str| ColumnRecord {
            name: name.into(),
            kind: kind.into(),
            description: "One.".into(),
            pii: false,
            unit: None,
        };
        let record = TableRecord {
            version: 0,
            run: 1,
            rows: n as u64,
            columns: vec![column("id", "text"), column("total", "decimal(38,2)")],
            order: vec![],
            files: vec![DataFile { path: "t.parquet".into(), sha256: String::new(), bytes, rows: n as u64 }],
            content: String::new(),
            fingerprint: String::new(),
            description: "A table.".into(),
        };
        (Store::open(&folder.display().to_string(), 0).unwrap(), record)
    }

    #[tokio::test]
    async fn rows_that_do_not_fit_go_to_further_sheets() {
        let folder = tempfile::tempdir().unwrap();
        let (warehouse, record) = committed(folder.path(), 25);
        let table = Table { name: "marts.t", record: &record, key: vec![] };
        let offer = Offer { warehouse: &warehouse, run: 1, tables: vec![] };
        let file = folder.path().join("t.xlsx");
        workbook(&offer, &table, &file, 11).await.unwrap();
        let mut bytes = Vec::new();
        std::fs::File::open(&file).unwrap().read_to_end(&mut bytes).unwrap();
        let names = |part: &str| bytes.windows(part.len()).filter(|w| *w == part.as_bytes()).count();
        // Ten rows each on two sheets, five on the third, and the sheet about the columns: each is named at its place and in the directory.
        assert_eq!(names("xl/worksheets/sheet4.xml"), 2);
        assert_eq!(names("xl/worksheets/sheet5.xml"), 0);
        // Into the next second of a clock that nobody may ask.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        let again = folder.path().join("again.xlsx");
        workbook(&offer, &table, &again, 11).await.unwrap();
        assert_eq!(bytes, std::fs::read(again).unwrap(), "the same table, other bytes");
    }

    #[tokio::test]
    async fn digits_are_not_lost_in_silence() {
        let folder = tempfile::tempdir().unwrap();
        let (warehouse, record) = committed(folder.path(), 34);
        let table = Table { name: "marts.t", record: &record, key: vec![] };
        let offer = Offer { warehouse: &warehouse, run: 1, tables: vec![] };
        let lost = workbook(&offer, &table, &folder.path().join("t.xlsx"), SHEET_ROWS).await.unwrap();
        // 15·10^15, 16·10^16, 32·10^15, 33·10^16: zeros at the end need no digits.
        assert_eq!((lost.digits, lost.texts), (0, 0));
    }
}

//! The parts of a workbook in a zip archive, written one after the other. The sheets are packed as they come, so that nothing is held.
//!
//! No clock: each part bears the first day that zip knows.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::Compression;
use flate2::Crc;
use flate2::write::DeflateEncoder;

use crate::error::{Error, Result};
use crate::output::escaped;

/// 1980-01-01, 00:00.
const DATE: u16 = (1 << 5) | 1;
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const CONTENT: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";
const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

/// A workbook in the making.
pub struct Workbook {
    archive: Option<Archive>,
    sheets: Vec<String>,
}

impl Workbook {
    pub fn create(file: &Path) -> Result<Workbook> {
        let out = BufWriter::with_capacity(1 << 20, File::create(file)?);
        Ok(Workbook { archive: Some(Archive { out, parts: Vec::new() }), sheets: Vec::new() })
    }

    /// Begins the part of the next sheet. Give it back by `end`.
    pub fn begin(&mut self, name: &str) -> Result<Part> {
        self.sheets.push(name.to_string());
        let archive = self.archive.take().ok_or_else(|| Error::failed("a sheet was begun within another one"))?;
        archive.begin(&format!("xl/worksheets/sheet{}.xml", self.sheets.len()))
    }

    pub fn end(&mut self, part: Part) -> Result<()> {
        self.archive = Some(part.end()?);
        Ok(())
    }

    /// Writes what names the sheets, and the directory.
    pub fn finish(mut self) -> Result<()> {
        let mut archive = self.archive.take().ok_or_else(|| Error::failed("a sheet was not ended"))?;
        let mut types = format!(
            "{XML}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
             <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
             <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
             <Override PartName=\"/xl/workbook.xml\" ContentType=\"{CONTENT}.sheet.main+xml\"/>\
             <Override PartName=\"/xl/styles.xml\" ContentType=\"{CONTENT}.styles+xml\"/>"
        );
        let mut book = format!("{XML}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>");
        let mut relations = format!("{XML}<Relationships xmlns=\"{RELATIONS}\">");
        for (i, name) in self.sheets.iter().enumerate() {
            let n = i + 1;
            types.push_str(&format!(
                "<Override PartName=\"/xl/worksheets/sheet{n}.xml\" ContentType=\"{CONTENT}.worksheet+xml\"/>"
            ));
            book.push_str(&format!("<sheet name=\"{}\" sheetId=\"{n}\" r:id=\"rId{n}\"/>", escaped(name)));
            relations.push_str(&format!(
                "<Relationship Id=\"rId{n}\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"
            ));
        }
        let n = self.sheets.len() + 1;
        types.push_str("</Types>");
        book.push_str("</sheets></workbook>");
        relations.push_str(&format!(
            "<Relationship Id=\"rId{n}\" Type=\"{OFFICE}/styles\" Target=\"styles.xml\"/></Relationships>"
        ));
        let top = format!(
            "{XML}<Relationships xmlns=\"{RELATIONS}\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/officeDocument\" \
             Target=\"xl/workbook.xml\"/></Relationships>"
        );
        for (name, text) in [
            ("xl/workbook.xml", book),
            ("xl/_rels/workbook.xml.rels", relations),
            ("xl/styles.xml", super::sheet::styles()),
            ("_rels/.rels", top),
            ("[Content_Types].xml", types),
        ] {
            let mut part = archive.begin(name)?;
            part.write_all(text.as_bytes())?;
            archive = part.end()?;
        }
        archive.finish()
    }
}

struct Archive {
    out: BufWriter<File>,
    parts: Vec<Entry>,
}

struct Entry {
    name: String,
    at: u32,
    crc: u32,
    packed: u32,
    bytes: u32,
}

/// One part that is being written.
pub struct Part {
    encoder: DeflateEncoder<BufWriter<File>>,
    parts: Vec<Entry>,
    name: String,
    /// Where its header and its packed bytes begin.
    at: u64,
    begins: u64,
    crc: Crc,
    bytes: u64,
}

fn small(n: u64) -> Result<u32> {
    u32::try_from(n).map_err(|_| {
        Error::failed("the table is too large for a workbook: it would have more than 4 GiB")
            .hint("take it out of the sink's `tables`, and use a sink of another kind for it")
    })
}

impl Archive {
    fn begin(mut self, name: &str) -> Result<Part> {
        let at = self.out.stream_position()?;
        // Digest and sizes are filled in at the end.
        self.out.write_all(&header(name, 0, 0, 0)?)?;
        let begins = self.out.stream_position()?;
        let encoder = DeflateEncoder::new(self.out, Compression::fast());
        Ok(Part { encoder, parts: self.parts, name: name.to_string(), at, begins, crc: Crc::new(), bytes: 0 })
    }

    fn finish(mut self) -> Result<()> {
        let begins = self.out.stream_position()?;
        for part in &self.parts {
            let mut entry = b"PK\x01\x02".to_vec();
            for n in [20u16, 20, 0, 8, 0, DATE] {
                entry.extend(n.to_le_bytes());
            }
            for n in [part.crc, part.packed, part.bytes] {
                entry.extend(n.to_le_bytes());
            }
            entry.extend((part.name.len() as u16).to_le_bytes());
            // No extra field, no comment, the first disk, no attributes.
            entry.extend([0; 12]);
            entry.extend(part.at.to_le_bytes());
            entry.extend(part.name.as_bytes());
            self.out.write_all(&entry)?;
        }
        let ends = self.out.stream_position()?;
        let count = u16::try_from(self.parts.len()).map_err(|_| Error::failed("a workbook has too many sheets"))?;
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        end.extend(count.to_le_bytes());
        end.extend(count.to_le_bytes());
        end.extend(small(ends - begins)?.to_le_bytes());
        end.extend(small(begins)?.to_le_bytes());
        end.extend([0; 2]);
        self.out.write_all(&end)?;
        self.out.flush()?;
        Ok(())
    }
}

impl Part {
    fn end(self) -> Result<Archive> {
        let mut out = self.encoder.finish()?;
        let ends = out.stream_position()?;
        let entry = Entry {
            at: small(self.at)?,
            crc: self.crc.sum(),
            packed: small(ends - self.begins)?,
            bytes: small(self.bytes)?,
            name: self.name,
        };
        out.seek(SeekFrom::Start(self.at))?;
        out.write_all(&header(&entry.name, entry.crc, entry.packed, entry.bytes)?)?;
        out.seek(SeekFrom::Start(ends))?;
        let mut parts = self.parts;
        parts.push(entry);
        Ok(Archive { out, parts })
    }
}

fn header(name: &str, crc: u32, packed: u32, bytes: u32) -> Result<Vec<u8>> {
    let mut header = b"PK\x03\x04".to_vec();
    // Version 2.0, no flags, deflated, the first day.
    for n in [20u16, 0, 8, 0, DATE] {
        header.extend(n.to_le_bytes());
    }
    for n in [crc, packed, bytes] {
        header.extend(n.to_le_bytes());
    }
    let length = u16::try_from(name.len()).map_err(|_| Error::failed("a part's name is too long"))?;
    header.extend(length.to_le_bytes());
    header.extend([0; 2]);
    header.extend(name.as_bytes());
    Ok(header)
}

impl Write for Part {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.encoder.write(buf)?;
        self.crc.update(&buf[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

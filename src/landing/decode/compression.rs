//! Undoing gzip and zstd while reading, and telling a damaged file from a failed read.

use std::cell::Cell;
use std::io::{BufReader, Cursor, ErrorKind, Read};

use super::outcome::{Decoded, Refusal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    /// One member or several.
    Gzip,
    /// One frame or several.
    Zstd,
}

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

impl Compression {
    /// By the suffix of the file's name.
    pub fn of(name: &str) -> Compression {
        match name.rsplit('.').next() {
            Some("gz") => Compression::Gzip,
            Some("zst") => Compression::Zstd,
            _ => Compression::None,
        }
    }

    /// The content of `input`, whose beginning must fit the name: a suffix that lies is a damaged file.
    pub fn undo<'a>(self, input: &'a mut dyn Read) -> Decoded<Box<dyn Read + 'a>> {
        let mut head = Vec::with_capacity(ZSTD.len());
        (&mut *input).take(ZSTD.len() as u64).read_to_end(&mut head).map_err(|e| Refusal::Io(e.to_string()))?;
        if head.is_empty() {
            return Err(Refusal::Empty.into());
        }
        let found = if head.starts_with(&GZIP) {
            Compression::Gzip
        } else if head.starts_with(&ZSTD) {
            Compression::Zstd
        } else {
            Compression::None
        };
        let whole = Cursor::new(head).chain(input);
        match (self, found) {
            (Compression::None, Compression::None) => Ok(Box::new(whole)),
            (Compression::None, _) => Err(Refusal::CorruptCompression(
                "the content is compressed, but the file's name does not end in .gz or .zst".into(),
            )
            .into()),
            (Compression::Gzip, Compression::Gzip) => {
                let buffered = BufReader::with_capacity(128 * 1024, whole);
                Ok(Box::new(flate2::bufread::MultiGzDecoder::new(buffered)))
            }
            // A frame that may be skipped has another mark, so the decoder is left to judge.
            (Compression::Zstd, found) if found != Compression::Gzip => zstd::stream::read::Decoder::new(whole)
                .map(|decoder| Box::new(decoder) as Box<dyn Read + 'a>)
                .map_err(|e| Refusal::Io(e.to_string()).into()),
            _ => Err(Refusal::CorruptCompression("the content is not what the file's suffix says".into()).into()),
        }
    }

    /// What a failed read of the content means, given whether the source itself had failed.
    pub fn blame(self, what: String, source_failed: bool) -> Refusal {
        if self == Compression::None || source_failed { Refusal::Io(what) } else { Refusal::CorruptCompression(what) }
    }
}

/// Remembers whether a read of the source failed: else a failure is the content's.
pub struct Source<'a> {
    pub input: &'a mut dyn Read,
    pub failed: &'a Cell<bool>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer);
        if read.as_ref().is_err_and(|e| e.kind() != ErrorKind::Interrupted) {
            self.failed.set(true);
        }
        read
    }
}

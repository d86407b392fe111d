//! From the bytes of a source file to typed rows, by contract.
//!
//! [`decode`] reads CSV and JSON Lines as a stream, [`decode_parquet`] reads Parquet. Both hand batches and
//! rejected rows to a [`Receiver`] as they go, and end with an [`Outcome`], or with a [`Refusal`]: then
//! what was handed over before must be thrown away, because nothing of a refused file is loaded.
//!
//! Nothing is inferred: the contract gives the types, columns are bound by name, and a value either means
//! what it says or its row goes to quarantine. Memory is bounded by the window (`buffer_bytes`), the
//! longest row (`max_line_bytes`) and one batch, however large the file is.
//!
//! What the rules leave open is decided like this:
//! - A line without a single character is no row, wherever it stands.
//! - Text behind a closing quote makes the row one of `too_many_fields`; the row then ends at the next line
//!   end. A quote inside an unquoted field is a character like others.
//! - Key and cursor columns are needed whatever `required` says, and empty text is no key.
//! - A value that should be an array or object and is not counts as `cut_json`, with its column.
//! - A rejected row whose fields cannot be told apart leaves every sum `NotVerifiable`.

mod columns;
mod compression;
mod csv;
mod drift;
mod encoding;
mod json;
mod jsonl;
mod outcome;
mod parquet;
mod tally;
mod time;
mod value;
mod window;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io::{Read, Write};

pub use compression::Compression;
pub use outcome::{DecodeError, Outcome, Reason, Receiver, Refusal, Rejected, SumState};
pub use parquet::decode_parquet;

use crate::contract::{Contract, Encoding, Format};
use crate::error::Error;
use encoding::Transcoder;
use outcome::Decoded;
use tally::Tally;
use window::Window;

#[derive(Debug, Clone)]
pub struct Settings {
    /// A batch is handed on when it has this many rows …
    pub batch_rows: usize,
    /// … or about this many bytes.
    pub batch_bytes: usize,
    /// Size of the window on the input, to begin with.
    pub buffer_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { batch_rows: 8192, batch_bytes: 32 << 20, buffer_bytes: 1 << 20 }
    }
}

/// Of a line that is too long, this much is kept for quarantine.
const KEPT_OF_LONG_LINE: usize = 64 * 1024;

/// Reads a CSV or JSON Lines file, given as the bytes that were received. Blocks.
pub fn decode(
    contract: &Contract,
    compression: Compression,
    input: &mut dyn Read,
    sum_columns: &[String],
    settings: &Settings,
    receiver: &mut dyn Receiver,
) -> Result<Outcome, DecodeError> {
    let source_failed = Cell::new(false);
    let mut source = compression::Source { input, failed: &source_failed };
    let mut content = compression.undo(&mut source)?;
    decode_content(contract, &mut content, sum_columns, settings, receiver).map_err(|e| match e {
        DecodeError::Refused(Refusal::Io(what)) => compression.blame(what, source_failed.get()).into(),
        other => other,
    })
}

/// Writes what a compressed file holds. Blocks.
pub fn undo(compression: Compression, input: &mut dyn Read, output: &mut dyn Write) -> Result<(), DecodeError> {
    let source_failed = Cell::new(false);
    let mut source = compression::Source { input, failed: &source_failed };
    if compression == Compression::None {
        std::io::copy(&mut source, output).map_err(|e| Refusal::Io(e.to_string()))?;
        return Ok(());
    }
    let mut content = compression.undo(&mut source)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = content.read(&mut buffer).map_err(|e| compression.blame(e.to_string(), source_failed.get()))?;
        if read == 0 {
            return Ok(());
        }
        output.write_all(&buffer[..read]).map_err(Error::from)?;
    }
}

fn decode_content(
    contract: &Contract,
    content: &mut dyn Read,
    sum_columns: &[String],
    settings: &Settings,
    receiver: &mut dyn Receiver,
) -> Decoded<Outcome> {
    let encoding = match contract.format {
        Format::Csv { encoding, .. } | Format::Jsonl { encoding } => encoding,
        Format::Parquet => {
            return Err(Error::failed(format!("{}: Parquet is not read as a stream", contract.label())).into());
        }
    };
    let mut text = encoding::skip_mark(encoding, content)?;
    let tally = Tally::new(contract, sum_columns, settings, receiver)?;
    if encoding == Encoding::Utf8 {
        return decode_text(contract, &mut text, settings, tally);
    }
    let mut transcoder = Transcoder::new(encoding, &mut text);
    let outcome = decode_text(contract, &mut transcoder, settings, tally);
    match outcome {
        Err(DecodeError::Failed(_)) => outcome,
        // Text in the wrong encoding explains most of what else may be wrong with it.
        _ => transcoder.check(contract.drift_rows).and(outcome),
    }
}

fn decode_text(contract: &Contract, text: &mut dyn Read, settings: &Settings, tally: Tally<'_>) -> Decoded<Outcome> {
    let mut window = Window::new(text, settings.buffer_bytes);
    match contract.format {
        Format::Csv { delimiter, .. } => csv::read(contract, delimiter, &mut window, tally),
        _ => jsonl::read(contract, &mut window, tally),
    }
}

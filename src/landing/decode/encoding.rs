//! Character encodings: byte order marks, the two single-byte encodings, and the suspicion that the
//! declared one is wrong.

use std::io::{Cursor, Read};

use super::outcome::{Decoded, Refusal};
use crate::contract::Encoding;

const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// The text without its byte order mark; refused when its first bytes are another encoding's.
pub fn skip_mark<'a>(encoding: Encoding, input: &'a mut dyn Read) -> Decoded<impl Read + 'a> {
    let mut head = Vec::with_capacity(4);
    (&mut *input).take(4).read_to_end(&mut head).map_err(|e| Refusal::Io(e.to_string()))?;
    let wrong = |found: &str| Refusal::WrongEncoding { expected: encoding, found: found.into(), lines: 0, rows: 0 };
    if head.is_empty() {
        return Err(Refusal::Empty.into());
    }
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Err(wrong("UTF-16").into());
    }
    if head.len() >= 2 && head.iter().take(2).any(|&byte| byte == 0) {
        return Err(wrong("UTF-16 or another encoding with zero bytes").into());
    }
    if head.starts_with(&UTF8_MARK) {
        if encoding != Encoding::Utf8 {
            return Err(wrong("UTF-8 with a byte order mark").into());
        }
        head.drain(..UTF8_MARK.len());
    }
    Ok(Cursor::new(head).chain(input))
}

/// Turns a single-byte encoding into UTF-8 while reading.
pub struct Transcoder<'a> {
    input: &'a mut dyn Read,
    encoding: Encoding,
    received: Vec<u8>,
    output: Vec<u8>,
    given: usize,
    suspicion: Suspicion,
}

impl<'a> Transcoder<'a> {
    pub fn new(encoding: Encoding, input: &'a mut dyn Read) -> Self {
        Transcoder {
            input,
            encoding,
            received: vec![0; 64 * 1024],
            output: Vec::new(),
            given: 0,
            suspicion: Suspicion::default(),
        }
    }

    /// Refuses a file that is UTF-8 in truth: at least `lines` lines hold characters beyond ASCII, and
    /// nearly all of them are sound UTF-8, which text in a single-byte encoding hardly ever is by chance.
    pub fn check(mut self, lines: u64) -> Decoded<()> {
        self.suspicion.end_line();
        let Suspicion { beyond_ascii, sound, .. } = self.suspicion;
        if sound >= lines.max(1) && sound * 20 > beyond_ascii * 19 {
            return Err(Refusal::WrongEncoding {
                expected: self.encoding,
                found: "UTF-8".into(),
                lines: sound,
                rows: beyond_ascii,
            }
            .into());
        }
        Ok(())
    }

    fn push(&mut self, byte: u8) {
        let character = match self.encoding {
            Encoding::Windows1252 if (0x80..0xa0).contains(&byte) => WINDOWS_1252[usize::from(byte - 0x80)],
            _ => char::from(byte),
        };
        if character == UNDEFINED {
            // No byte of UTF-8: the row is found out later as one of bad encoding.
            self.output.push(0xff);
        } else {
            self.output.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

impl Read for Transcoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.given == self.output.len() {
            self.output.clear();
            self.given = 0;
            let read = self.input.read(&mut self.received)?;
            let received = std::mem::take(&mut self.received);
            if received[..read].is_ascii() {
                self.output.extend_from_slice(&received[..read]);
                self.suspicion.ascii(&received[..read]);
            } else {
                for &byte in &received[..read] {
                    self.push(byte);
                    self.suspicion.byte(byte);
                }
            }
            self.received = received;
        }
        let count = buffer.len().min(self.output.len() - self.given);
        buffer[..count].copy_from_slice(&self.output[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// Counts the lines with bytes beyond ASCII, and those of them that would be sound UTF-8.
#[derive(Default)]
struct Suspicion {
    beyond_ascii: u64,
    sound: u64,
    /// Of this line: has it such bytes, were they sound so far, how many must follow.
    has_high: bool,
    broken: bool,
    awaited: u8,
}

impl Suspicion {
    fn ascii(&mut self, bytes: &[u8]) {
        if self.has_high && memchr::memchr(b'\n', bytes).is_some() {
            self.end_line();
        }
    }

    fn byte(&mut self, byte: u8) {
        match byte {
            b'\n' => return self.end_line(),
            0..0x80 => self.broken |= self.awaited > 0,
            0x80..0xc0 if self.awaited > 0 => {
                self.awaited -= 1;
                return;
            }
            0xc2..0xf5 if self.awaited == 0 => {
                self.awaited = match byte {
                    0xf0.. => 3,
                    0xe0.. => 2,
                    _ => 1,
                };
                self.has_high = true;
                return;
            }
            _ => {
                self.has_high = true;
                self.broken = true;
            }
        }
        self.awaited = 0;
    }

    fn end_line(&mut self) {
        if self.has_high {
            self.beyond_ascii += 1;
            self.sound += u64::from(!self.broken && self.awaited == 0);
        }
        self.has_high = false;
        self.broken = false;
        self.awaited = 0;
    }
}

const UNDEFINED: char = '\u{fffd}';

/// 0x80 to 0x9f; five of them mean nothing.
const WINDOWS_1252: [char; 32] = [
    '€', UNDEFINED, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', UNDEFINED, 'Ž', UNDEFINED, UNDEFINED, '‘',
    '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', UNDEFINED, 'ž', 'Ÿ',
];

//! A window on the input: the bytes that are looked at, refilled in large reads.
//!
//! It grows only when one row does not fit, and the readers of rows let no row grow beyond the contract's
//! `max_line_bytes`: so memory is bounded whatever the file holds.

use std::io::{ErrorKind, Read};

use super::outcome::{Decoded, Refusal};

pub struct Window<'a> {
    input: &'a mut dyn Read,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
}

impl<'a> Window<'a> {
    pub fn new(input: &'a mut dyn Read, capacity: usize) -> Self {
        Window { input, buffer: vec![0; capacity.max(1)], start: 0, end: 0, ended: false }
    }

    /// What has been read and not consumed.
    #[inline]
    pub fn data(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Nothing follows `data`.
    #[inline]
    pub fn ended(&self) -> bool {
        self.ended
    }

    #[inline]
    pub fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
    }

    /// Reads on behind `data`, until the window is full or the input at its end.
    pub fn more(&mut self) -> Decoded<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        while !self.ended && self.end < self.buffer.len() {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(Refusal::Io(e.to_string()).into()),
            }
        }
        Ok(())
    }
}

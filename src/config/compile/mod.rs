//! From what was typed to what is meant: all semantic errors of all files, found in one go.

mod column;
mod metric;
mod model;
mod openlineage;
mod pipeline;
mod project;
mod sink;

pub use metric::metrics;
pub use model::{Queries, queries, relationships};
pub use pipeline::pipeline;
pub use project::{project, size};

use super::yaml::{Document, join};
use crate::error::Diagnostic;

/// A place in a document at which findings are made.
pub struct At<'a> {
    pub document: &'a Document,
    pub pointer: String,
}

impl<'a> At<'a> {
    pub fn root(document: &'a Document) -> At<'a> {
        At { document, pointer: String::new() }
    }

    pub fn child(&self, part: &str) -> At<'a> {
        At { document: self.document, pointer: join(&self.pointer, part) }
    }

    pub fn item(&self, list: &str, index: usize) -> At<'a> {
        self.child(list).child(&index.to_string())
    }

    pub fn line(&self) -> u64 {
        self.document.line(&self.pointer)
    }

    pub fn says(&self, message: impl Into<String>, hint: impl Into<String>) -> Diagnostic {
        self.document.at(&self.pointer, message).hint(hint)
    }
}

/// Lower-case names only: SQL folds names that are not quoted, and nobody wants to quote.
pub fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && name.len() <= 63
}

/// As `is_identifier`, but it begins with a letter and has no `__`, which parts system and object in
/// `landing.<system>__<object>`.
pub fn is_part_of_table_name(name: &str) -> bool {
    is_identifier(name) && !name.starts_with('_') && !name.ends_with('_') && !name.contains("__")
}

pub const IDENTIFIER_HINT: &str = "use lower-case letters, digits and _, beginning with a letter, at most 63";

/// `description:` and the like must say something.
pub fn not_blank(at: &At<'_>, field: &str, text: &str, findings: &mut Vec<Diagnostic>) {
    if text.trim().is_empty() {
        findings.push(
            at.child(field)
                .says(format!("`{field}` is empty"), "say it in a sentence: readers see it in the catalogue"),
        );
    }
}

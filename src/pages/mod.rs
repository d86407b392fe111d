//! What the pages that this program writes have in common: their looks, their languages, their tables.

mod shell;
mod table;
mod words;

pub use shell::{COPY, Head, code};
pub use table::{Table, breakable};
pub use words::Language;

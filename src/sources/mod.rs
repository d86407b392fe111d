//! Where extracts come from. One file a kind.

pub mod drop;

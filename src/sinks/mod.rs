//! What carries committed tables to their readers. One file a kind.

pub mod delta;

//! The auditor's room: is everything there, can it be made again, where does a number come from, why did it change.
//!
//! It reads what runs have committed, and trusts nothing that it can compute.

pub mod balance;
pub mod copies;
pub mod verify;

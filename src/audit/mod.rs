//! The auditor's room: is everything there, can it be made again, where does a number come from, why did it change.
//!
//! It reads what runs have committed, and trusts nothing that it can compute.

pub mod balance;
pub mod bundle;
mod compare;
pub mod diff;
pub mod pack;
mod replay;
pub mod reproduce;
mod rules;
pub mod trace;
pub mod verify;
pub mod why_not;

//! Uramaki turns a company's data around: cut by department on the way in, cut by customer on the way out.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::todo, clippy::dbg_macro))]

pub mod audit;
pub mod catalog;
pub mod catalogue;
pub mod checks;
pub mod cli;
pub mod commands;
pub mod config;
pub mod contract;
pub mod engine;
pub mod error;
pub mod generate;
pub mod identity;
pub mod landing;
pub mod lineage_events;
pub mod manifest;
pub mod models;
pub mod output;
pub mod pages;
pub mod report;
pub mod runs;
pub mod sinks;
pub mod sources;
pub mod store;

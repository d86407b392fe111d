//! Landing: source files become typed Parquet batches, by contract; what does not follow it goes to quarantine.

pub mod batch;
pub mod decode;
pub mod newest;
pub mod order;

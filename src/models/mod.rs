//! Models: SELECTs in files, read, put in order, planned and written.

pub mod graph;
pub mod lineage;
pub mod metric;
pub mod parameters;
pub mod plan;
pub mod select;
pub mod writer;

//! A run: the only room that knows the order of stages.

pub mod build;
pub mod commit;
pub mod compile;
pub mod fingerprint;
pub mod intake;
pub mod keep;
pub mod lineages;
pub mod lock;
pub mod make;
pub mod plan;
pub mod publish;
pub mod reading;
pub mod resolve;
pub mod run;
pub mod seal;
pub mod tables;
pub mod verdict;

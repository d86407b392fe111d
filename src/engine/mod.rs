//! The query engine: one session as Uramaki wants it, the same for `check`, `run` and `query`.

pub mod calendar;
pub mod functions;
pub mod holidays;
pub mod narrow;
pub mod pool;
pub mod zones;

use std::path::Path;
use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::{Diagnostic, Error, Kind, Result};

/// The catalogue's name; SQL says `schema.table`.
pub const CATALOG: &str = "uramaki";

/// What one session may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A constant of the project, not of the machine: plans look the same everywhere.
    pub partitions: usize,
    /// Bytes that operators may hold before they spill.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { partitions: 4, memory: 1 << 30 }
    }
}

/// A fresh session. `spill` is the folder for what does not fit into memory.
pub fn session(limits: &Limits, spill: Option<&Path>) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        .with_target_partitions(limits.partitions)
        .with_create_default_catalog_and_schema(true)
        .with_default_catalog_and_schema(CATALOG, "main")
        .with_information_schema(true)
        .with_repartition_file_min_size(8 << 20);
    let options = config.options_mut();
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.collect_spans = true;
    options.execution.time_zone = Some("UTC".into());
    options.execution.parquet.pushdown_filters = false;
    options.execution.collect_statistics = false;
    // Texts are plain arrays: a view keeps the whole page alive that it points into, and each batch of a join's answer counts all pages of its
    // build side against the memory limit.
    options.execution.parquet.schema_force_view_types = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    // Most filters of ours (created before as_of) keep nearly all rows; a join that believes otherwise builds its table from the larger side.
    options.optimizer.default_filter_selectivity = 100;
    // Rows that come in the order that is asked for are not sorted again, for a few more threads' sake.
    options.optimizer.prefer_existing_sort = true;
    let disk = match spill {
        Some(folder) => DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![folder.into()])),
        None => DiskManagerBuilder::default().with_mode(DiskManagerMode::OsTmpDirectory),
    };
    let runtime = RuntimeEnvBuilder::new()
        .with_disk_manager_builder(disk.with_max_temp_directory_size(1 << 40))
        .with_memory_pool(Arc::new(pool::SharedPool::new(limits.memory)))
        .build_arc()
        .map_err(|e| failed("starting the engine", &e))?;
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_physical_optimizer_rule(Arc::new(narrow::SortWhileNarrow))
        .build();
    let context = SessionContext::new_with_state(state);
    for function in functions::all() {
        context.register_udf(function);
    }
    Ok(context)
}

/// The engine's error as ours. Its texts may hold values of rows: they are cut out.
pub fn failed(doing: &str, e: &datafusion::error::DataFusionError) -> Error {
    let root = e.find_root();
    let text = match root {
        datafusion::error::DataFusionError::ResourcesExhausted(text) => {
            return Error::new(
                Kind::Failed,
                // Names and sizes of operators: no value of a row stands in it.
                Diagnostic::new(format!("{doing}: the memory limit was reached ({})", first_line(text)))
                    .hint("give the run more memory: --memory 2GiB"),
            );
        }
        other => without_values(&other.to_string()),
    };
    Error::failed(format!("{doing}: {text}"))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Quoted values may be personal: `Cannot cast string 'a@b.c' to …` becomes `Cannot cast string '…' to …`.
fn without_values(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside: Option<char> = None;
    for c in first_line(text).chars() {
        match inside {
            Some(quote) if c == quote => {
                inside = None;
                out.push('…');
                out.push(c);
            }
            Some(_) => {}
            None => {
                out.push(c);
                if c == '\'' || c == '"' {
                    inside = Some(c);
                }
            }
        }
    }
    out
}

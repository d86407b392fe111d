//! What SQL sees: tables of Parquet files that are listed one by one, never found by a glob.
//!
//! A file can carry constants (the batch it is, the run that loaded it) and a list of rows to leave out (superseded versions), and a table can
//! say in which order its rows stand, so that windows over it need no sort.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{MemorySchemaProvider, Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, SortExpr, TableProviderFilterPushDown};
use datafusion::physical_expr::{LexOrdering, create_lex_ordering};
use datafusion::physical_plan::{ExecutionPlan, Partitioning};
use datafusion::prelude::SessionContext;
use object_store::ObjectMeta;
use object_store::path::Path;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

use crate::engine::{self, CATALOG};
use crate::error::{Error, Result};
use crate::store::Store;

/// The schemas that SQL knows.
pub const SCHEMAS: [&str; 7] = ["landing", "staging", "identity", "warehouse", "marts", "project", "quarantine"];

/// One Parquet file of a table.
#[derive(Debug, Clone)]
pub struct TableFile {
    /// Inside the store (not relative to the warehouse).
    pub path: Path,
    pub bytes: u64,
    pub rows: u64,
    /// Values of the table's constant columns.
    pub constants: Vec<ScalarValue>,
    /// Positions of rows to leave out, ascending.
    pub skip: Arc<Vec<u64>>,
}

/// A table made of Parquet files.
#[derive(Debug)]
pub struct FilesTable {
    store: ObjectStoreUrl,
    table: TableSchema,
    files: Vec<TableFile>,
    /// Names of the columns by which the files' rows stand, ascending with NULLs last; with several files, none.
    order: Vec<String>,
}

impl FilesTable {
    /// `schema` is the files' own; `constants` are columns that each file has one value of.
    pub fn new(
        store: &Store,
        schema: &Schema,
        constants: Vec<Field>,
        files: Vec<TableFile>,
        order: &[String],
    ) -> Result<Self> {
        let store =
            ObjectStoreUrl::parse(store.base().as_str()).map_err(|e| engine::failed("opening the store", &e))?;
        let constants: Vec<arrow::datatypes::FieldRef> = constants.into_iter().map(Arc::new).collect();
        let order = if files.len() == 1 { order.to_vec() } else { Vec::new() };
        Ok(FilesTable {
            store,
            table: TableSchema::builder(Arc::new(schema.clone())).with_table_partition_cols(constants).build(),
            files,
            order,
        })
    }

    fn rows(&self) -> usize {
        self.files.iter().map(|f| f.rows as usize - f.skip.len()).sum()
    }

    fn ordering(&self, state: &dyn Session) -> DfResult<Vec<LexOrdering>> {
        if self.order.is_empty() {
            return Ok(Vec::new());
        }
        let sorts: Vec<SortExpr> = sort_exprs(&self.order);
        create_lex_ordering(self.table.table_schema(), &[sorts], state.execution_props())
    }
}

/// Ascending, NULLs last: the order in which every table is written.
pub fn sort_exprs(columns: &[String]) -> Vec<SortExpr> {
    columns.iter().map(|c| datafusion::logical_expr::ident(c).sort(true, false)).collect()
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        self.table.table_schema().clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    fn statistics(&self) -> Option<Statistics> {
        let mut statistics = Statistics::new_unknown(self.table.table_schema());
        statistics.num_rows = Precision::Exact(self.rows());
        Some(statistics)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let mut options = state.default_table_options().parquet;
        options.global.pushdown_filters = false;
        let mut source = ParquetSource::new(self.table.clone()).with_table_parquet_options(options);
        if let Some(filter) = conjunction(filters.to_vec()) {
            let schema = DFSchema::try_from(self.table.table_schema().as_ref().clone())?;
            source = source.with_predicate(state.create_physical_expr(filter, &schema)?);
        }
        let files: Vec<PartitionedFile> = self
            .files
            .iter()
            .map(|file| {
                let meta = ObjectMeta {
                    location: file.path.clone(),
                    last_modified: chrono::DateTime::UNIX_EPOCH,
                    size: file.bytes,
                    e_tag: None,
                    version: None,
                };
                let mut partitioned = PartitionedFile::from(meta);
                partitioned.partition_values = file.constants.clone();
                if !file.skip.is_empty() {
                    partitioned = partitioned.with_extension(ParquetRowSelection::new(all_but(&file.skip, file.rows)));
                }
                partitioned
            })
            .collect();
        let ordering = self.ordering(state)?;
        let mut statistics = Statistics::new_unknown(self.table.table_schema());
        statistics.num_rows = Precision::Exact(self.rows());
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(vec![FileGroup::new(files)])
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_output_ordering(ordering)
            // Where this is said, a file is not cut: the pieces of a sorted one would have to be merged, or sorted again.
            .with_output_partitioning((!self.order.is_empty()).then_some(Partitioning::UnknownPartitioning(1)))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// A selection of all rows but those at the given positions.
fn all_but(skip: &[u64], rows: u64) -> RowSelection {
    let mut selectors = Vec::new();
    let mut next = 0;
    for &position in skip {
        if position > next {
            selectors.push(RowSelector::select((position - next) as usize));
        }
        selectors.push(RowSelector::skip(1));
        next = position + 1;
    }
    if rows > next {
        selectors.push(RowSelector::select((rows - next) as usize));
    }
    selectors.into()
}

/// Makes the schemas, and tells the session of the store.
pub fn prepare(context: &SessionContext, stores: &[&Store]) -> Result<()> {
    let catalog = context.catalog(CATALOG).ok_or_else(|| Error::failed("the engine has no catalogue"))?;
    for schema in SCHEMAS {
        catalog
            .register_schema(schema, Arc::new(MemorySchemaProvider::new()))
            .map_err(|e| engine::failed("preparing the catalogue", &e))?;
    }
    for store in stores {
        context.register_object_store(store.base(), store.inner());
    }
    Ok(())
}

/// Registers a table under `schema.name`, in place of one that may be there.
pub fn register(context: &SessionContext, qualified: &str, table: Arc<dyn TableProvider>) -> Result<()> {
    let (schema, name) = split(qualified)?;
    let provider = context
        .catalog(CATALOG)
        .and_then(|c| c.schema(schema))
        .ok_or_else(|| Error::failed(format!("there is no schema `{schema}`")))?;
    if provider.table_exist(name) {
        provider.deregister_table(name).map_err(|e| engine::failed("changing the catalogue", &e))?;
    }
    provider
        .register_table(name.to_string(), table)
        .map_err(|e| engine::failed(&format!("registering {qualified}"), &e))?;
    Ok(())
}

/// Takes a table out of the catalogue.
pub fn deregister(context: &SessionContext, qualified: &str) -> Result<()> {
    let (schema, name) = split(qualified)?;
    if let Some(provider) = context.catalog(CATALOG).and_then(|c| c.schema(schema)) {
        provider.deregister_table(name).map_err(|e| engine::failed("changing the catalogue", &e))?;
    }
    Ok(())
}

/// `schema.table` in its parts.
pub fn split(qualified: &str) -> Result<(&str, &str)> {
    qualified.split_once('.').ok_or_else(|| Error::failed(format!("`{qualified}` is not of the form schema.table")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_leaves_out_what_is_superseded() {
        let selection = all_but(&[0, 3, 4, 9], 10);
        let picked: Vec<(bool, usize)> = selection.iter().map(|s| (s.skip, s.row_count)).collect();
        assert_eq!(picked, [(true, 1), (false, 2), (true, 2), (false, 4), (true, 1)]);
        assert_eq!(all_but(&[], 5).row_count(), 5);
    }
}

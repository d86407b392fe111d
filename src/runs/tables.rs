//! Registers what SQL reads: landed batches, published tables, views, the calendar, the quarantine.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

use crate::catalog::{self, FilesTable, TableFile};
use crate::config::ModelType;
use crate::config::project::{Object, Project};
use crate::contract::BATCH_COLUMN;
use crate::engine;
use crate::error::{Error, Result};
use crate::identity;
use crate::landing::batch::rejected_schema;
use crate::landing::newest::{Newest, Sequence};
use crate::manifest::{BatchRecord, DataFile, FileRecord, Manifest, TableRecord};
use crate::models::graph::{CALENDAR, Graph, REJECTED};
use crate::models::plan;
use crate::store::Store;

/// `landing.<system>__<object>`: the newest version of each key.
pub fn register_landed(
    context: &SessionContext,
    store: &Store,
    object: &Object,
    sequence: &Sequence,
    newest: &Newest,
) -> Result<()> {
    let newest_files = sequence.batches.iter().zip(&newest.superseded);
    let kept_files = newest.kept_versions.iter().map(|(batch, skip)| (batch, skip));
    let files = newest_files
        .chain(kept_files)
        .map(|(batch, skip)| file(store, &batch.landed, vec![ScalarValue::Utf8(Some(batch.id.clone()))], skip.clone()))
        .collect::<Result<_>>()?;
    let constants = vec![Field::new(BATCH_COLUMN, DataType::Utf8, false)];
    let table = FilesTable::new(store, &object.contract.landed_schema(), constants, files, &[])?;
    catalog::register(context, &format!("landing.{}", object.contract.table()), Arc::new(table))
}

/// `main.landed__<system>__<object>`: every row of these batches, whether a newer version of its key came or not.
pub fn register_all_landed(
    context: &SessionContext,
    store: &Store,
    object: &Object,
    batches: &BTreeMap<String, DataFile>,
) -> Result<()> {
    let files = batches
        .iter()
        .map(|(id, data)| file(store, data, vec![ScalarValue::Utf8(Some(id.clone()))], Vec::new()))
        .collect::<Result<_>>()?;
    let constants = vec![Field::new(BATCH_COLUMN, DataType::Utf8, false)];
    let table = FilesTable::new(store, &object.contract.landed_schema(), constants, files, &[])?;
    catalog::register(context, &format!("main.landed__{}", object.contract.table()), Arc::new(table))
}

fn file(store: &Store, data: &DataFile, constants: Vec<ScalarValue>, skip: Vec<u64>) -> Result<TableFile> {
    Ok(TableFile { path: store.path(&data.path)?, bytes: data.bytes, rows: data.rows, constants, skip: Arc::new(skip) })
}

/// A table of files as a manifest (or a build) describes it.
pub fn published(store: &Store, schema: &Schema, files: &[DataFile], order: &[String]) -> Result<Arc<FilesTable>> {
    let files = files.iter().map(|f| file(store, f, Vec::new(), Vec::new())).collect::<Result<_>>()?;
    Ok(Arc::new(FilesTable::new(store, schema, Vec::new(), files, order)?))
}

/// The schema of a published table, from its manifest.
pub fn recorded_schema(table: &TableRecord) -> Result<SchemaRef> {
    let fields = table
        .columns
        .iter()
        .map(|c| {
            let kind = ModelType::parse(&c.kind).map_err(|e| Error::failed(format!("column `{}`: {e}", c.name)))?;
            Ok(Field::new(&c.name, kind.data_type, true))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

/// Registers a published table as a manifest describes it.
pub fn register_recorded(context: &SessionContext, store: &Store, name: &str, table: &TableRecord) -> Result<()> {
    let schema = recorded_schema(table)?;
    catalog::register(context, name, published(store, &schema, &table.files, &table.order)?)
}

pub fn register_view(context: &SessionContext, name: &str, plan: LogicalPlan, sql: &str) -> Result<()> {
    catalog::register(context, name, Arc::new(ViewTable::new(plan, Some(sql.to_string()))))
}

/// `quarantine.rejected_row`: every quarantined row of the files so far.
pub fn register_rejected(context: &SessionContext, store: &Store, manifest: Option<&Manifest>) -> Result<()> {
    match manifest {
        Some(m) => register_rejected_of(context, store, &m.files, &m.batches, m.as_of),
        None => register_rejected_of(context, store, &[], &BTreeMap::new(), chrono::NaiveDate::MIN),
    }
}

/// The same, as of a day.
pub fn register_rejected_of(
    context: &SessionContext,
    store: &Store,
    files: &[FileRecord],
    batches: &BTreeMap<String, BatchRecord>,
    as_of: chrono::NaiveDate,
) -> Result<()> {
    let constant = |name: &str, kind: DataType| Field::new(name, kind, false);
    let constants = vec![
        constant("source_system", DataType::Utf8),
        constant("source_object", DataType::Utf8),
        constant("file", DataType::Utf8),
        constant("batch_id", DataType::Utf8),
        constant("run", DataType::Int64),
    ];
    let mut first: BTreeMap<&str, &FileRecord> = BTreeMap::new();
    // Files dated later are not part of the day.
    for record in files.iter().filter(|f| f.date <= as_of) {
        if let Some(id) = &record.batch {
            // The same bytes under several names count at their earliest.
            let held = first.entry(id).or_insert(record);
            if (record.date, record.number, record.restatement) < (held.date, held.number, held.restatement) {
                *held = record;
            }
        }
    }
    let mut files = Vec::new();
    for (id, record) in first {
        let Some(data) = batches.get(id).and_then(|b| b.quarantined.as_ref()) else { continue };
        let text = |t: &str| ScalarValue::Utf8(Some(t.to_string()));
        let constants = vec![
            text(&record.system),
            text(&record.object),
            text(&record.name),
            text(id),
            ScalarValue::Int64(Some(record.loaded_in as i64)),
        ];
        files.push(file(store, data, constants, Vec::new())?);
    }
    let table = FilesTable::new(store, &rejected_schema(), constants, files, &[])?;
    catalog::register(context, REJECTED, Arc::new(table))
}

pub fn register_calendar(context: &SessionContext, project: &Project, as_of: chrono::NaiveDate) -> Result<()> {
    let rows = engine::calendar::rows(project, as_of)?;
    let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).map_err(|e| engine::failed("the calendar", &e))?;
    catalog::register(context, CALENDAR, Arc::new(table))
}

/// Every table with its declared schema and no rows: for `check`.
pub fn register_declared(context: &SessionContext, store: &Store, project: &Project, graph: &Graph) -> Result<()> {
    let empty = |schema: SchemaRef| -> Arc<dyn TableProvider> {
        Arc::new(datafusion::datasource::empty::EmptyTable::new(schema))
    };
    for object in project.objects() {
        let name = format!("landing.{}", object.contract.table());
        let constants = vec![Field::new(BATCH_COLUMN, DataType::Utf8, false)];
        let table = FilesTable::new(store, &object.contract.landed_schema(), constants, Vec::new(), &[])?;
        catalog::register(context, &name, empty(table.schema()))?;
    }
    for spec in identity::tables::SPECS {
        catalog::register(context, spec.name, empty(spec.schema()))?;
    }
    for model in graph.models.values() {
        catalog::register(context, &model.name, empty(plan::declared_schema(&model.file.spec)))?;
    }
    catalog::register(context, CALENDAR, empty(engine::calendar::schema()))?;
    register_rejected(context, store, None)
}

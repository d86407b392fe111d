//! What the files say of a line or a key: also those rows that do not count.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::prelude::SessionContext;

use super::{Kind, Reason};
use crate::audit::trace::session::Scene;
use crate::catalog::{FilesTable, TableFile};
use crate::config::project::Object;
use crate::contract::{BATCH_COLUMN, ROW_COLUMN};
use crate::engine;
use crate::error::{Error, Result};
use crate::landing::batch::rejected_schema;
use crate::manifest::{BatchRecord, DataFile, FileRecord, Manifest};
use crate::store::Store;

/// The files of a run, as an auditor asks about them.
pub struct Sources<'a> {
    pub store: &'a Store,
    pub manifest: &'a Manifest,
    pub scene: &'a Scene,
}

/// A row of a landed file.
pub struct Found {
    pub batch: String,
    pub line: i64,
}

impl Sources<'_> {
    fn context(&self) -> &SessionContext {
        &self.scene.context
    }

    pub fn batches(&self, object: &Object) -> impl Iterator<Item = (&String, &BatchRecord)> {
        let (system, name) = (object.contract.system.clone(), object.contract.object.clone());
        self.manifest.batches.iter().filter(move |(_, b)| b.system == system && b.object == name)
    }

    /// The first file, in file order, that held a batch.
    pub fn file_of(&self, batch: &str) -> Option<&FileRecord> {
        let mine = self.manifest.files.iter().filter(|f| f.batch.as_deref() == Some(batch));
        mine.min_by_key(|f| (f.date, f.number, f.restatement))
    }

    pub fn place(&self, found: &Found) -> String {
        let file = self.file_of(&found.batch).map_or(found.batch.as_str(), |f| f.name.as_str());
        format!("{file}:{}", found.line)
    }

    fn table(&self, object: &Object, files: &[(&String, &DataFile)], is_rejected: bool) -> Result<Arc<FilesTable>> {
        let files: Vec<TableFile> = files
            .iter()
            .map(|(id, data)| {
                Ok(TableFile {
                    path: self.store.path(&data.path)?,
                    bytes: data.bytes,
                    rows: data.rows,
                    constants: vec![ScalarValue::Utf8(Some((*id).clone()))],
                    skip: Arc::default(),
                })
            })
            .collect::<Result<_>>()?;
        let schema = if is_rejected { rejected_schema() } else { object.contract.landed_schema() };
        let constants = vec![Field::new(BATCH_COLUMN, DataType::Utf8, false)];
        Ok(Arc::new(FilesTable::new(self.store, &schema, constants, files, &[])?))
    }

    async fn rows(&self, table: Arc<FilesTable>, conditions: &[Expr], columns: &[&str]) -> Result<Vec<RecordBatch>> {
        let failed = |e| engine::failed("reading landed rows", &e);
        let mut frame = self.context().read_table(table).map_err(failed)?;
        for condition in conditions {
            frame = frame.filter(condition.clone()).map_err(failed)?;
        }
        frame.select_columns(columns).map_err(failed)?.collect().await.map_err(failed)
    }

    /// Rows of an object's files, whether they count or not, by conditions on its columns. In the order of batches and lines.
    pub async fn landed(&self, object: &Object, conditions: &[Expr]) -> Result<Vec<Found>> {
        let files: Vec<(&String, &DataFile)> = self.batches(object).map(|(id, b)| (id, &b.landed)).collect();
        let table = self.table(object, &files, false)?;
        let mut found = Vec::new();
        for batch in self.rows(table, conditions, &[BATCH_COLUMN, ROW_COLUMN]).await? {
            found.extend(places(&batch)?);
        }
        found.sort_by(|a, b| (&a.batch, a.line).cmp(&(&b.batch, b.line)));
        Ok(found)
    }

    /// Rows of an object's quarantine by conditions, with column and reason.
    pub async fn rejected(&self, object: &Object, conditions: &[Expr]) -> Result<Vec<(Found, String)>> {
        let files: Vec<(&String, &DataFile)> =
            self.batches(object).filter_map(|(id, b)| Some((id, b.quarantined.as_ref()?))).collect();
        let table = self.table(object, &files, true)?;
        let mut found = Vec::new();
        let columns = [BATCH_COLUMN, "line", "column_name", "reason"];
        for batch in self.rows(table, conditions, &columns).await? {
            let (ids, lines) = (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<Int64Type>());
            let (names, reasons) = (batch.column(2).as_string::<i32>(), batch.column(3).as_string::<i32>());
            for row in 0..batch.num_rows() {
                let at = Found { batch: ids.value(row).to_string(), line: lines.value(row) };
                let name = if arrow::array::Array::is_valid(names, row) { names.value(row) } else { "" };
                let why = if name.is_empty() {
                    reasons.value(row).to_string()
                } else {
                    format!("{} in column {name}", reasons.value(row))
                };
                found.push((at, why));
            }
        }
        Ok(found)
    }

    /// The row of a key that counts, if there is one.
    pub async fn counts(&self, object: &Object, conditions: &[Expr]) -> Result<Option<Found>> {
        let failed = |e| engine::failed("reading landed rows", &e);
        let mut frame = self.context().table(format!("landing.{}", object.contract.table())).await.map_err(failed)?;
        for condition in conditions {
            frame = frame.filter(condition.clone()).map_err(failed)?;
        }
        let columns = frame.select_columns(&[BATCH_COLUMN, ROW_COLUMN]).map_err(failed)?;
        for batch in columns.collect().await.map_err(failed)? {
            if let Some(found) = places(&batch)?.into_iter().next() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The conditions that pick the key of a landed row.
    pub async fn key_of(&self, object: &Object, found: &Found) -> Result<Vec<Expr>> {
        let Some(record) = self.manifest.batches.get(&found.batch) else { return Ok(Vec::new()) };
        let table = self.table(object, &[(&found.batch, &record.landed)], false)?;
        let key: Vec<&str> = object.contract.key.iter().map(String::as_str).collect();
        for batch in self.rows(table, &[ident(ROW_COLUMN).eq(lit(found.line))], &key).await? {
            if batch.num_rows() > 0 {
                return object
                    .contract
                    .key
                    .iter()
                    .zip(batch.columns())
                    .map(|(name, values)| {
                        let value = ScalarValue::try_from_array(values, 0)
                            .map_err(|e| Error::failed(format!("reading a key: {e}")))?;
                        Ok(ident(name).eq(lit(value)))
                    })
                    .collect();
            }
        }
        Ok(Vec::new())
    }

    /// Why no row of this object counts for these conditions.
    pub async fn missing(&self, object: &Object, conditions: &[Expr], key: Option<&str>) -> Result<Vec<Reason>> {
        let label = object.contract.label();
        let mut reasons = Vec::new();
        for found in self.landed(object, conditions).await? {
            let Some(file) = self.file_of(&found.batch) else { continue };
            let place = self.place(&found);
            reasons.push(if file.date > self.manifest.as_of {
                let what = format!("its file is of {}, after the run's day {}", file.date, self.manifest.as_of);
                Reason::new(Kind::Late, &label, what).at(place)
            } else {
                Reason::new(Kind::Deleted, &label, "it came once, and a later full snapshot does not hold it").at(place)
            });
        }
        // Rows in quarantine are known by the key as text.
        if let Some(key) = key {
            for (found, why) in self.rejected(object, &[ident("record_key").eq(lit(key))]).await? {
                reasons.push(Reason::new(Kind::Quarantined, &label, why).at(self.place(&found)));
            }
        }
        let mine = |f: &&FileRecord| f.system == object.contract.system && f.object == object.contract.object;
        let mut refused: BTreeMap<&str, &str> = BTreeMap::new();
        for file in self.manifest.files.iter().filter(mine) {
            match &file.refused {
                Some(why) => refused.insert(&file.name, why),
                None => refused.remove(file.name.as_str()),
            };
        }
        for (file, why) in refused {
            let what = format!("this file was left out, and may hold it: {why}");
            reasons.push(Reason::new(Kind::Refused, &label, what).at(file));
        }
        if reasons.is_empty() {
            let files = self.manifest.files.iter().filter(mine).count();
            let files = crate::output::counted(files as u64, "file");
            reasons.push(Reason::new(Kind::Unknown, &label, format!("none of its {files} holds such a row")));
        }
        Ok(reasons)
    }
}

fn places(batch: &RecordBatch) -> Result<Vec<Found>> {
    let columns = (batch.column_by_name(BATCH_COLUMN), batch.column_by_name(ROW_COLUMN));
    let (Some(ids), Some(lines)) = columns else { return Err(Error::failed("landed rows do not name their batch")) };
    let (ids, lines) = (ids.as_string::<i32>(), lines.as_primitive::<Int64Type>());
    Ok((0..batch.num_rows()).map(|r| Found { batch: ids.value(r).to_string(), line: lines.value(r) }).collect())
}

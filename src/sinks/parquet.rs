//! Plain Parquet files: one stable path a table, with the bytes of the committed table.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use parquet::arrow::ArrowWriter;

use super::folder::{FileKind, Unit};
use super::rows::Rows;
use super::{Offer, Table};
use crate::config::ModelType;
use crate::error::{Error, Result};
use crate::models::writer::properties;

const MADE_BY: &str = "parquet 1";

pub struct Parquet;

#[async_trait]
impl FileKind for Parquet {
    fn word(&self) -> &'static str {
        "parquet"
    }

    fn units<'a>(&self, offer: &'a Offer<'_>) -> Result<Vec<Unit<'a>>> {
        Ok(super::folder::one_a_table(offer, "parquet", MADE_BY))
    }

    async fn make(&self, offer: &Offer<'_>, unit: &Unit<'_>, file: &Path, _: &mut Vec<String>) -> Result<()> {
        let Some(table) = unit.table else { return Ok(()) };
        if let [only] = table.record.files.as_slice() {
            let mut reader = offer.warehouse.reader(&only.path).await?;
            let mut out = std::fs::File::create(file)?;
            let name = table.name.to_string();
            return tokio::task::spawn_blocking(move || std::io::copy(&mut reader, &mut out))
                .await
                .map_err(|e| Error::failed(format!("copying {name}: {e}")))?
                .map(|_| ())
                .map_err(Error::from);
        }
        let failed = |e: parquet::errors::ParquetError| Error::failed(format!("writing {}: {e}", table.name));
        let personal: Vec<String> = table.record.columns.iter().filter(|c| c.pii).map(|c| c.name.clone()).collect();
        let properties = properties(&personal)?.as_ref().clone();
        let out = std::fs::File::create(file)?;
        let mut writer = ArrowWriter::try_new(out, schema(table)?, Some(properties)).map_err(failed)?;
        let mut rows = Rows::of(offer.warehouse, table);
        while let Some(batch) = rows.next().await? {
            writer.write(&batch).map_err(failed)?;
        }
        writer.close().map_err(failed)?;
        Ok(())
    }
}

/// As the manifest has it.
fn schema(table: &Table<'_>) -> Result<SchemaRef> {
    let fields = table.record.columns.iter().map(|c| {
        let kind = ModelType::parse(&c.kind).map_err(|e| Error::failed(format!("column `{}`: {e}", c.name)))?;
        Ok(Field::new(&c.name, kind.data_type, true))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
}

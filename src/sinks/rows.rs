//! The rows of a committed table, batch by batch: no more than one batch is held.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use futures::StreamExt;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::async_reader::ParquetRecordBatchStream;

use super::Table;
use crate::error::{Error, Result};
use crate::manifest::DataFile;
use crate::store::{ParquetObject, Store};

/// Rows of a batch.
const BATCH_ROWS: usize = 4096;

pub struct Rows<'a> {
    warehouse: &'a Store,
    name: &'a str,
    files: VecDeque<&'a DataFile>,
    stream: Option<ParquetRecordBatchStream<ParquetObject>>,
}

impl<'a> Rows<'a> {
    pub fn of(warehouse: &'a Store, table: &'a Table<'_>) -> Rows<'a> {
        Rows { warehouse, name: table.name, files: table.record.files.iter().collect(), stream: None }
    }

    /// The next rows, in the table's order; None after the last.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let broken = |name: &str, e: parquet::errors::ParquetError| {
            Error::failed(format!("{name} cannot be read: {e}"))
                .hint("is the warehouse whole? `uramaki run --full-refresh` makes its tables again")
        };
        loop {
            if let Some(stream) = &mut self.stream {
                match stream.next().await {
                    Some(batch) => return batch.map(Some).map_err(|e| broken(self.name, e)),
                    None => self.stream = None,
                }
            }
            let Some(file) = self.files.pop_front() else { return Ok(None) };
            let reader = ParquetObject::new(self.warehouse, &file.path, file.bytes)?;
            let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(|e| broken(self.name, e))?;
            self.stream = Some(builder.with_batch_size(BATCH_ROWS).build().map_err(|e| broken(self.name, e))?);
        }
    }
}

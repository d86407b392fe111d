//! Results that stay in memory for the models that read them next, as far as the memory limit allows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::MemTable;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::prelude::SessionContext;

use crate::catalog::sort_exprs;
use crate::engine;
use crate::error::{Error, Result};

/// Rows of a batch that operators get.
const BATCH_ROWS: usize = 8192;

/// Counts what is kept against the engine's memory, and against a share of it.
pub struct Keeper {
    context: SessionContext,
    limit: usize,
    held: Mutex<BTreeMap<String, MemoryReservation>>,
    kept: Arc<Mutex<usize>>,
}

/// Batches on their way to be kept; gives up when there is no room.
///
/// Rows are copied into batches of their own: a slice, or a text view into a larger page, would make the engine count the whole page with each batch.
pub struct Collector {
    batches: Option<Vec<RecordBatch>>,
    coalescer: BatchCoalescer,
    reservation: MemoryReservation,
    kept: Arc<Mutex<usize>>,
    limit: usize,
}

impl Keeper {
    /// `limit` is the bytes that all kept tables may hold together.
    pub fn new(context: SessionContext, limit: usize) -> Keeper {
        Keeper { context, limit, held: Mutex::default(), kept: Arc::default() }
    }

    pub fn collector(&self, table: &str, schema: SchemaRef) -> Collector {
        let reservation =
            MemoryConsumer::new(format!("kept {table}")).register(&self.context.runtime_env().memory_pool);
        let coalescer = BatchCoalescer::new(schema, BATCH_ROWS);
        Collector { batches: Some(Vec::new()), coalescer, reservation, kept: self.kept.clone(), limit: self.limit }
    }

    /// The collected rows as a table, sorted as said; None where they did not fit.
    pub fn table(
        &self,
        name: &str,
        schema: SchemaRef,
        collectors: Vec<Collector>,
        order: &[String],
    ) -> Result<Option<Arc<MemTable>>> {
        let (mut partitions, mut held): (Vec<Vec<RecordBatch>>, Option<MemoryReservation>) = (Vec::new(), None);
        for mut collector in collectors {
            if !collector.finish()? {
                return Ok(None);
            }
            partitions.push(collector.batches.take().unwrap_or_default());
            let taken = collector.reservation.take();
            match &mut held {
                Some(all) => all.grow(taken.size()),
                None => held = Some(taken),
            }
        }
        let mut table = MemTable::try_new(schema, partitions).map_err(|e| engine::failed("keeping a table", &e))?;
        if !order.is_empty() {
            table = table.with_sort_order(vec![sort_exprs(order)]);
        }
        if let Some(held) = held {
            self.lock().insert(name.to_string(), held);
        }
        Ok(Some(Arc::new(table)))
    }

    /// Gives the memory of a table back; its rows go with the last that reads them.
    pub fn release(&self, name: &str) {
        if let Some(reservation) = self.lock().remove(name) {
            let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *kept = kept.saturating_sub(reservation.size());
        }
    }

    pub fn holds(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, MemoryReservation>> {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Collector {
    /// Takes a batch. Returns whether it still collects: where there is no room it lets go of all.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<bool> {
        if self.batches.is_none() {
            return Ok(false);
        }
        self.coalescer.push_batch(batch.clone()).map_err(|e| Error::failed(format!("keeping rows: {e}")))?;
        Ok(self.drain())
    }

    /// Takes a batch; where there is no room, gives back all rows so far, that batch included.
    pub fn push_or_take(&mut self, batch: &RecordBatch) -> Result<Option<Vec<RecordBatch>>> {
        self.coalescer.push_batch(batch.clone()).map_err(|e| Error::failed(format!("keeping rows: {e}")))?;
        let mut done = Vec::new();
        while let Some(compact) = self.coalescer.next_completed_batch() {
            done.push(compact);
        }
        if done.iter().all(|b| self.hold(b)) {
            self.batches.get_or_insert_default().extend(done);
            return Ok(None);
        }
        let mut all = self.batches.take().unwrap_or_default();
        all.extend(done);
        all.extend(self.take()?);
        Ok(Some(all))
    }

    /// Takes in what is left at the end; where there is no room for it, gives back all.
    pub fn finish_or_take(&mut self) -> Result<Option<Vec<RecordBatch>>> {
        self.coalescer.finish_buffered_batch().map_err(|e| Error::failed(format!("keeping rows: {e}")))?;
        let Some(last) = self.coalescer.next_completed_batch() else { return Ok(None) };
        if self.hold(&last) {
            self.batches.get_or_insert_default().push(last);
            return Ok(None);
        }
        let mut all = self.take()?;
        all.push(last);
        Ok(Some(all))
    }

    /// Gives back all that is held.
    pub fn take(&mut self) -> Result<Vec<RecordBatch>> {
        self.coalescer.finish_buffered_batch().map_err(|e| Error::failed(format!("keeping rows: {e}")))?;
        let mut all = self.batches.take().unwrap_or_default();
        while let Some(compact) = self.coalescer.next_completed_batch() {
            all.push(compact);
        }
        self.free();
        Ok(all)
    }

    /// Takes in what is left; whether all fits.
    fn finish(&mut self) -> Result<bool> {
        self.coalescer.finish_buffered_batch().map_err(|e| Error::failed(format!("keeping rows: {e}")))?;
        Ok(self.batches.is_some() && self.drain())
    }

    fn drain(&mut self) -> bool {
        while let Some(compact) = self.coalescer.next_completed_batch() {
            if !self.hold(&compact) {
                self.free();
                self.batches = None;
                return false;
            }
            self.batches.get_or_insert_default().push(compact);
        }
        true
    }

    /// Reserves a batch's bytes, if there is room.
    fn hold(&mut self, batch: &RecordBatch) -> bool {
        let bytes = batch.get_array_memory_size();
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let fits = *kept + bytes <= self.limit && self.reservation.try_grow(bytes).is_ok();
        if fits {
            *kept += bytes;
        }
        fits
    }

    fn free(&mut self) {
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *kept = kept.saturating_sub(self.reservation.size());
        self.reservation.free();
    }
}

//! Results that stay in memory for the models that read them next, as far as the memory limit allows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::MemTable;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::prelude::SessionContext;

use crate::catalog::sort_exprs;
use crate::engine;
use crate::error::Result;

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
pub struct Collector {
    batches: Option<Vec<RecordBatch>>,
    reservation: MemoryReservation,
    kept: Arc<Mutex<usize>>,
    limit: usize,
}

impl Keeper {
    /// `limit` is the bytes that all kept tables may hold together.
    pub fn new(context: SessionContext, limit: usize) -> Keeper {
        Keeper { context, limit, held: Mutex::default(), kept: Arc::default() }
    }

    pub fn collector(&self, table: &str) -> Collector {
        let reservation = MemoryConsumer::new(format!("kept {table}"))
            .register(&self.context.runtime_env().memory_pool);
        Collector { batches: Some(Vec::new()), reservation, kept: self.kept.clone(), limit: self.limit }
    }

    /// The collected rows as a table, sorted as said; None where they did not fit.
    pub fn table(
        &self,
        name: &str,
        schema: SchemaRef,
        collectors: Vec<Collector>,
        order: &[String],
    ) -> Result<Option<Arc<MemTable>>> {
        if collectors.iter().any(|c| c.batches.is_none()) {
            return Ok(None);
        }
        let mut partitions = Vec::new();
        let mut held: Option<MemoryReservation> = None;
        for mut collector in collectors {
            let batches = collector.batches.take().unwrap_or_default();
            partitions.push(batches.iter().flat_map(slices).collect::<Vec<_>>());
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

fn slices(batch: &RecordBatch) -> Vec<RecordBatch> {
    (0..batch.num_rows())
        .step_by(BATCH_ROWS)
        .map(|from| batch.slice(from, BATCH_ROWS.min(batch.num_rows() - from)))
        .collect()
}

impl Collector {
    /// Takes a batch; where there is no room, gives back all that was held, with that batch.
    pub fn take_if_full(&mut self, batch: &RecordBatch) -> Option<Vec<RecordBatch>> {
        let bytes = batch.get_array_memory_size();
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *kept + bytes <= self.limit && self.reservation.try_grow(bytes).is_ok() {
            *kept += bytes;
            self.batches.get_or_insert_default().push(batch.clone());
            return None;
        }
        *kept = kept.saturating_sub(self.reservation.size());
        self.reservation.free();
        let mut held = self.batches.take().unwrap_or_default();
        held.push(batch.clone());
        Some(held)
    }

    /// Gives back all that is held.
    pub fn take(&mut self) -> Vec<RecordBatch> {
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *kept = kept.saturating_sub(self.reservation.size());
        self.reservation.free();
        self.batches.take().unwrap_or_default()
    }

    /// Takes a batch; what does not fit makes it let go of all. Returns whether it still collects.
    pub fn push(&mut self, batch: &RecordBatch) -> bool {
        self.batches.is_some() && self.take_if_full(batch).is_none()
    }
}

//! The memory that operators share.
//!
//! The engine's own fair pool parts the limit by the number of operators that could spill, idle ones too: with several models at once that leaves
//! a busy sort less than one batch. Here operators take what they need until three quarters are gone; from there on each that
//! can spill gets its part among those that hold something, and the rest of the pool lets small ones go on.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use datafusion::common::{Result, resources_datafusion_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

#[derive(Debug)]
pub struct SharedPool {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Held by consumers that cannot spill.
    fixed: usize,
    /// Held by each consumer that can.
    spillable: HashMap<usize, usize>,
}

impl State {
    fn total(&self) -> usize {
        self.fixed + self.spillable.values().sum::<usize>()
    }
}

impl SharedPool {
    pub fn new(limit: usize) -> SharedPool {
        SharedPool { limit, state: Mutex::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Display for SharedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shared pool of {} MiB", self.limit >> 20)
    }
}

impl MemoryPool for SharedPool {
    fn name(&self) -> &str {
        "shared"
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.lock().spillable.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        let consumer = reservation.consumer();
        let mut state = self.lock();
        if consumer.can_spill() {
            *state.spillable.entry(consumer.id()).or_default() += additional;
        } else {
            state.fixed += additional;
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let consumer = reservation.consumer();
        let mut state = self.lock();
        if !consumer.can_spill() {
            state.fixed = state.fixed.saturating_sub(shrink);
            return;
        }
        let id = consumer.id();
        let left = state.spillable.get(&id).copied().unwrap_or(0).saturating_sub(shrink);
        if left == 0 {
            state.spillable.remove(&id);
        } else {
            state.spillable.insert(id, left);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let consumer = reservation.consumer();
        let mut state = self.lock();
        let after = state.total() + additional;
        let refuse = |available: usize| {
            Err(resources_datafusion_err!(
                "{} asked for {} MiB more, {} MiB of {} MiB are left to it",
                consumer.name(),
                additional >> 20,
                available >> 20,
                self.limit >> 20
            ))
        };
        if after > self.limit {
            return refuse((self.limit + additional).saturating_sub(after));
        }
        if !consumer.can_spill() {
            state.fixed += additional;
            return Ok(());
        }
        let own = state.spillable.get(&consumer.id()).copied().unwrap_or(0);
        if after > self.limit / 4 * 3 {
            let holders = state.spillable.len() + usize::from(own == 0);
            // The last eighth is for those that cannot spill: a merge that gets no batch fails the run.
            let most = self.limit / 8 * 7;
            let part = most.saturating_sub(state.fixed) / holders.max(1);
            if own + additional > part || after > most {
                return refuse(part.saturating_sub(own));
            }
        }
        state.spillable.insert(consumer.id(), own + additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.lock().total()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn one_takes_much_and_another_still_gets_its_part() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SharedPool::new(1000));
        let first = MemoryConsumer::new("first").with_can_spill(true).register(&pool);
        let second = MemoryConsumer::new("second").with_can_spill(true).register(&pool);
        first.try_grow(700).unwrap();
        assert!(first.try_grow(301).is_err(), "not beyond the limit");
        second.try_grow(150).unwrap();
        assert!(first.try_grow(50).is_err(), "it has more than its half already, and must spill");
        first.shrink(700);
        second.try_grow(500).unwrap();
        assert_eq!(pool.reserved(), 650);
        drop(second);
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn what_cannot_spill_may_take_all() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SharedPool::new(1000));
        let fixed = MemoryConsumer::new("table of a join").register(&pool);
        fixed.try_grow(1000).unwrap();
        assert!(fixed.try_grow(1).is_err());
    }
}

//! The memory that all work of this process shares.
//!
//! Who works on a file takes a share first, once, and waits for it while holding none: so nobody
//! waits for somebody who waits. Shares are given in the order in which they are asked for, so
//! that the many who want little do not keep the one from its turn who wants much.

use std::{sync::Arc, time::Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failure::Failure;

/// Shares are counted in so many bytes.
const UNIT: usize = 1 << 20;

/// All of it; a clone is the same.
#[derive(Clone, Debug)]
pub struct Memory {
    total: usize,
    free: Arc<Semaphore>,
}

/// A part of it, until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Share {
    /// Bytes.
    pub size: usize,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Memory {
    /// So many bytes, in whole MiB.
    pub fn new(total: usize) -> Self {
        let units = (total / UNIT).clamp(1, u32::MAX as usize);
        Self { total: units * UNIT, free: Arc::new(Semaphore::new(units)) }
    }

    /// How many bytes there are.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Takes a share of so many bytes, or of all there are.
    ///
    /// # Errors
    /// [`Failure::TooSlow`] if it is not free before the deadline.
    pub async fn take(&self, wanted: usize, deadline: Instant) -> Result<Share, Failure> {
        let size = wanted.min(self.total).next_multiple_of(UNIT);
        let units = u32::try_from(size / UNIT).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.free).acquire_many_owned(units);
        match tokio::time::timeout_at(deadline.into(), permit).await {
            Ok(Ok(permit)) => Ok(Share { size, _permit: Arc::new(permit) }),
            _ => Err(Failure::TooSlow),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use futures::{FutureExt, poll};

    use super::*;

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(600)
    }

    #[tokio::test]
    async fn shares_never_exceed_the_whole() {
        let memory = Memory::new(10 * UNIT);
        let mut held = Vec::new();
        while let Some(Ok(share)) = memory.take(3 * UNIT, later()).now_or_never() {
            held.push(share);
        }
        assert_eq!(held.iter().map(|share| share.size).sum::<usize>(), 9 * UNIT);
        let clone = held[0].clone();
        held.clear();
        assert!(memory.take(8 * UNIT, later()).now_or_never().is_none(), "a clone is held");
        drop(clone);
        let all = memory.take(usize::MAX, later()).await.unwrap();
        assert_eq!((all.size, memory.total()), (10 * UNIT, 10 * UNIT));
    }

    #[tokio::test]
    async fn who_wants_all_gets_its_turn() {
        let memory = Memory::new(4 * UNIT);
        let held = memory.take(1, later()).await.unwrap();
        assert_eq!(held.size, UNIT);
        let mut large = Box::pin(memory.take(4 * UNIT, later()));
        let mut small = Box::pin(memory.take(UNIT, later()));
        assert!(poll!(&mut large).is_pending());
        assert!(poll!(&mut small).is_pending(), "it came later");
        drop(held);
        let share = large.await.unwrap();
        assert!(poll!(&mut small).is_pending());
        drop(share);
        small.await.unwrap();
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let memory = Memory::new(UNIT);
        let _held = memory.take(UNIT, later()).await.unwrap();
        let refused = memory.take(UNIT, Instant::now()).await;
        assert!(matches!(refused, Err(Failure::TooSlow)));
    }
}

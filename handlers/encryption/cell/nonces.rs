//! Random nonces, drawn in bulk: one at a time from the system costs more than the cell itself.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use rand::{
    Rng, SeedableRng,
    rngs::{StdRng, SysRng},
};

use super::{CellError, NONCE};

/// How many nonces are drawn at a time: as many as 4 KiB hold.
pub(super) const BATCH: usize = 4096 / NONCE;

/// How many cells one key may protect under random nonces of 96 bits (NIST SP 800-38D, 8.3).
pub(super) const LIMIT: u64 = 1 << 32;

/// A supply of nonces that are used once. A clone starts with a seed of its own.
#[derive(Debug)]
pub(super) struct Nonces {
    /// How many were drawn for this key by all that share it.
    used: Arc<AtomicU64>,
    generator: Option<StdRng>,
    ready: Vec<[u8; NONCE]>,
}

impl Nonces {
    pub(super) fn new(used: Arc<AtomicU64>) -> Self {
        Self { used, generator: None, ready: Vec::new() }
    }

    pub(super) fn draw(&mut self) -> Result<[u8; NONCE], CellError> {
        match self.ready.pop() {
            Some(nonce) => Ok(nonce),
            None => self.refill(),
        }
    }

    /// Draws a batch and returns one of it.
    #[cold]
    fn refill(&mut self) -> Result<[u8; NONCE], CellError> {
        let batch = BATCH as u64;
        if self.used.fetch_add(batch, Ordering::Relaxed) > LIMIT - batch {
            return Err(CellError::Exhausted);
        }
        let generator = match &mut self.generator {
            Some(generator) => generator,
            None => self.generator.insert(seeded()?),
        };
        self.ready.resize(BATCH, [0; NONCE]);
        generator.fill_bytes(self.ready.as_flattened_mut());
        self.ready.pop().ok_or(CellError::NoRandomness)
    }
}

impl Clone for Nonces {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.used))
    }
}

fn seeded() -> Result<StdRng, CellError> {
    StdRng::try_from_rng(&mut SysRng).map_err(|_| CellError::NoRandomness)
}

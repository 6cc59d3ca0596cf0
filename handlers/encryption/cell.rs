//! One value: protected, and opened again.

use zeroize::Zeroizing;

use super::policy::{Output, Planned};

/// A key of 256 bits; wipes itself and never prints.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// Takes the bytes over.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the one place that needs them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey([redacted])")
    }
}

/// What protects the values of one column. Cloning is cheap; each clone has its own nonces.
#[derive(Clone, Debug)]
pub struct Protector {
    _planned: Planned,
}

/// What opens the cells of one column.
#[derive(Clone, Debug)]
pub struct Opener {
    _output: Output,
}

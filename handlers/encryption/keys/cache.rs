//! Opened data keys, for a while: a vault that is asked for each file would refuse.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{encryption::cell::DataKey, stores::keys::Wrapped};

/// How long a key is kept; as long may a key still open that was disabled meanwhile.
pub(super) const KEEP: Duration = Duration::from_secs(300);

/// How many keys are kept.
pub(super) const CAPACITY: usize = 256;

/// Keys by all that was said of their wrapping, so that none is found under another's name. They
/// wipe themselves when they go.
#[derive(Debug, Default)]
pub(super) struct KeyCache(Mutex<HashMap<Wrapped, Kept>>);

#[derive(Debug)]
struct Kept {
    key: DataKey,
    until: Instant,
}

impl KeyCache {
    pub(super) fn get(&self, wrapped: &Wrapped, now: Instant) -> Option<DataKey> {
        self.fresh(now).get(wrapped).map(|kept| kept.key.clone())
    }

    pub(super) fn put(&self, wrapped: Wrapped, key: DataKey, now: Instant) {
        let mut kept = self.fresh(now);
        if kept.len() >= CAPACITY && !kept.contains_key(&wrapped) {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.until);
            if let Some(oldest) = oldest.map(|(wrapped, _)| wrapped.clone()) {
                kept.remove(&oldest);
            }
        }
        kept.insert(wrapped, Kept { key, until: now + KEEP });
    }

    /// What has not expired; the rest is gone.
    fn fresh(&self, now: Instant) -> MutexGuard<'_, HashMap<Wrapped, Kept>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, kept| now < kept.until);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(number: usize) -> Wrapped {
        Wrapped {
            name: "pii".to_owned(),
            version: "1".to_owned(),
            algorithm: "A256GCM".to_owned(),
            bytes: number.to_le_bytes().to_vec(),
        }
    }

    fn key(number: u8) -> DataKey {
        DataKey::new([number; 32])
    }

    #[test]
    fn a_key_stays_for_a_while() {
        let (cache, start) = (KeyCache::default(), Instant::now());
        cache.put(wrapped(1), key(1), start);
        let almost = start + KEEP - Duration::from_nanos(1);
        assert_eq!(cache.get(&wrapped(1), almost), Some(key(1)));
        assert_eq!(cache.get(&wrapped(1), start + KEEP), None);
        assert!(cache.fresh(start).is_empty(), "what expired is not even kept");
    }

    #[test]
    fn a_key_is_found_only_as_it_was_wrapped() {
        let (cache, now) = (KeyCache::default(), Instant::now());
        cache.put(wrapped(1), key(1), now);
        let other = |change: fn(&mut Wrapped)| {
            let mut wrapped = wrapped(1);
            change(&mut wrapped);
            wrapped
        };
        for wrapped in [
            wrapped(2),
            other(|it| it.name = "finance".to_owned()),
            other(|it| it.version = "2".to_owned()),
            other(|it| it.algorithm = "RSA-OAEP-256".to_owned()),
        ] {
            assert_eq!(cache.get(&wrapped, now), None, "{wrapped:?}");
        }
    }

    #[test]
    fn the_oldest_make_room() {
        let (cache, start) = (KeyCache::default(), Instant::now());
        for number in 0..CAPACITY + 2 {
            let at = start + Duration::from_millis(number as u64);
            cache.put(wrapped(number), key(1), at);
        }
        let now = start + Duration::from_secs(1);
        assert_eq!(cache.fresh(now).len(), CAPACITY);
        let there = |number| cache.get(&wrapped(number), now).is_some();
        assert!(!there(0) && !there(1) && there(2) && there(CAPACITY + 1));
        cache.put(wrapped(2), key(3), now);
        assert_eq!(cache.fresh(now).len(), CAPACITY, "a key that is there takes no room");
    }
}

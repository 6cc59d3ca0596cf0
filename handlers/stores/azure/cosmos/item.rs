//! A document as an item.
//!
//! ```json
//! {"id": "landing=2Fx.csv", "partition": "…", "raw": "landing/x.csv", "write": "…", "body": {…}}
//! ```
//!
//! `id` is the document's id as Cosmos DB takes it, `raw` as it is, for order and filters. `write`
//! is drawn anew for every write, so that a writer knows its own. `ttl` and `expires` are there if
//! the document expires.

use std::time::Duration;

use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::stores::{
    ETag, StoreError,
    documents::{Document, Key, check_size},
};

/// The longest id that the service takes, in bytes.
const LONGEST_ID: usize = 1023;

/// The longest partition key that the service takes, in bytes.
const LONGEST_PARTITION: usize = 2048;

/// One item of a container.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) partition: String,
    pub(super) raw: String,
    pub(super) write: String,
    /// Seconds after which the service removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
    /// From when on it counts as absent, in seconds since 1970, should the service still show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
    /// As a value: the client writes the service's binary JSON, which knows no text of JSON.
    body: Value,
    #[serde(rename = "_etag", default, skip_serializing)]
    etag: String,
}

impl Item {
    /// # Errors
    /// `Rejected` if the body is too large.
    pub(super) fn new(
        key: &Key,
        body: &RawValue,
        keep: Option<Duration>,
        now: OffsetDateTime,
    ) -> Result<Self, StoreError> {
        check_size(key, body)?;
        let ttl = keep.map(seconds);
        Ok(Self {
            id: item_id(&key.id),
            partition: partition_key(key),
            raw: key.id.clone(),
            write: Uuid::new_v4().simple().to_string(),
            ttl,
            expires: ttl.map(|ttl| now.unix_timestamp() + ttl),
            body: serde_json::from_str(body.get()).expect("a body is JSON"),
            etag: String::new(),
        })
    }

    pub(super) fn has_expired(&self, now: OffsetDateTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now.unix_timestamp())
    }

    pub(super) fn etag(&self) -> ETag {
        ETag::new(&self.etag)
    }

    pub(super) fn into_document(self, partition: &str) -> Document {
        let body = to_raw_value(&self.body).expect("a value can be written as JSON");
        Document { key: Key::new(partition, &self.raw), etag: self.etag(), body }
    }
}

/// A time to live as the service takes it: whole seconds, at least one, 68 years at most.
fn seconds(keep: Duration) -> i64 {
    let whole = keep.as_secs().saturating_add(u64::from(keep.subsec_nanos() > 0));
    i64::from(i32::try_from(whole).unwrap_or(i32::MAX)).max(1)
}

/// An id in letters, digits and `-_.~:@,` alone; any other byte, and a point at the beginning, is
/// `=` and two upper-case hexadecimal digits. An id that gets too long is `==` and its SHA-256, the
/// empty one `=`.
pub(super) fn item_id(raw: &str) -> String {
    if raw.is_empty() {
        return "=".to_owned();
    }
    let mut id = String::with_capacity(raw.len() + 16);
    for (place, byte) in raw.bytes().enumerate() {
        let kept = byte.is_ascii_alphanumeric() || b"-_.~:@,".contains(&byte);
        match kept && !(place == 0 && byte == b'.') {
            true => id.push(char::from(byte)),
            false => id.push_str(&format!("={byte:02X}")),
        }
    }
    if id.len() > LONGEST_ID { format!("=={}", sha256(raw)) } else { id }
}

/// A partition as it is, if it is not too long; else its beginning and its SHA-256.
pub(super) fn partition_key(key: &Key) -> String {
    partition_key_of(&key.partition)
}

pub(super) fn partition_key_of(partition: &str) -> String {
    if partition.len() <= LONGEST_PARTITION {
        return partition.to_owned();
    }
    let end = partition.floor_char_boundary(LONGEST_PARTITION / 2);
    format!("{}=={}", &partition[..end], sha256(partition))
}

fn sha256(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::{collection::vec, prelude::*};
    use time::macros::datetime;

    use super::*;

    #[test]
    fn ids_are_what_the_service_takes() {
        let ids = [
            ("2026-12~x@1:2,3", "2026-12~x@1:2,3"),
            ("a/b\\c?d#e", "a=2Fb=5Cc=3Fd=23e"),
            ("a%2Fb=2F", "a=252Fb=3D2F"),
            ("é ", "=C3=A9=20"),
            (".", "=2E"),
            ("..", "=2E."),
            ("\0\n", "=00=0A"),
            ("", "="),
        ];
        for (raw, id) in ids {
            assert_eq!(item_id(raw), id);
        }
        assert_eq!(item_id(&"a".repeat(1023)), "a".repeat(1023));
        assert_eq!(item_id(&"a".repeat(1024)).len(), 66);
        assert_eq!(item_id(&"é".repeat(200)).len(), 66);
    }

    proptest! {
        #[test]
        fn no_two_keys_meet(raws in vec(".{0,400}", 2..20)) {
            let raws: HashSet<String> = raws.into_iter().collect();
            let ids: HashSet<String> = raws.iter().map(|raw| item_id(raw)).collect();
            prop_assert_eq!(ids.len(), raws.len());
            for id in ids {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~:@,=".contains(c);
                prop_assert!((1..=LONGEST_ID).contains(&id.len()) && id.chars().all(plain));
            }
        }
    }

    #[test]
    fn long_partitions_are_kept_apart() {
        let (one, two) = ("é".repeat(1500), format!("{}x", "é".repeat(1500)));
        let (one, two) = (partition_key_of(&one), partition_key_of(&two));
        assert!(one != two && one.len() <= LONGEST_PARTITION);
        assert_eq!(partition_key_of("landing/é x"), "landing/é x");
    }

    #[test]
    fn an_item_lives_as_long_as_it_is_kept() {
        let start = datetime!(2026-12-01 00:00:00.9 UTC);
        let key = Key::new("p", "1");
        for (keep, ttl) in [(0, 1), (1000, 1), (1001, 2), (60_000, 60)] {
            let keep = Some(Duration::from_millis(keep));
            let item = Item::new(&key, RawValue::NULL, keep, start).expect("it is small");
            assert_eq!(item.ttl, Some(ttl));
            assert!(!item.has_expired(start + Duration::from_secs(ttl as u64 - 1)));
            assert!(item.has_expired(start + Duration::from_secs(ttl as u64)));
        }
        let item =
            Item::new(&key, RawValue::NULL, Some(Duration::MAX), start).expect("it is small");
        assert_eq!(item.ttl, Some(i64::from(i32::MAX)));
        let item = Item::new(&key, RawValue::NULL, None, start).expect("it is small");
        assert!(item.ttl.is_none() && !item.has_expired(datetime!(9999-12-31 0:00 UTC)));
    }
}

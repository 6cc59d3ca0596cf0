//! The text of values: the first byte is the type, the rest a text, or the stored bytes of a value.

use lakehand::encryption::canonical::{
    Kind,
    Meaning::{self, *},
    Physical::{self, *},
    Unit::{Micros, Millis, Nanos},
};

/// All types whose text is not simply the stored bytes.
pub const TYPES: [(Physical, Meaning); 23] = [
    (Boolean, Same),
    (Int32, Same),
    (Int32, Unsigned),
    (Int32, Decimal { scale: 2 }),
    (Int32, Date),
    (Int32, Time(Millis)),
    (Int64, Same),
    (Int64, Unsigned),
    (Int64, Decimal { scale: 18 }),
    (Int64, Time(Micros)),
    (Int64, Time(Nanos)),
    (Int64, Timestamp { unit: Millis, utc: true }),
    (Int64, Timestamp { unit: Micros, utc: false }),
    (Int64, Timestamp { unit: Nanos, utc: true }),
    (Int96, Same),
    (Float, Same),
    (Double, Same),
    (Bytes, Decimal { scale: 3 }),
    (Fixed(5), Decimal { scale: 0 }),
    (Fixed(20), Decimal { scale: 1000 }),
    (Fixed(16), Uuid),
    (Fixed(2), Float16),
    (Fixed(12), Interval),
];

/// A text that is read is a value; its own text gives the same value. A value that is written is
/// read as the same one.
pub fn check(input: &[u8]) {
    let Some((number, bytes)) = input.split_first() else { return };
    let (physical, meaning) = TYPES[usize::from(*number) % TYPES.len()];
    let kind = Kind::new(physical, meaning);
    let mut stored = Vec::new();
    if kind.read_text(bytes, &mut stored).is_ok() {
        assert_eq!(again(kind, &stored), stored, "{kind:?}");
    }
    let width = physical.width().unwrap_or(bytes.len());
    let Some(stored) = bytes.get(..width) else { return };
    let is_shortest = physical == Bytes || physical == Boolean;
    if kind.write_text(stored, &mut Vec::new()).is_ok() {
        let once = again(kind, stored);
        assert!(is_shortest || once == stored, "{kind:?}");
        assert_eq!(again(kind, &once), once, "{kind:?}");
    }
}

/// Writes a value and reads it.
fn again(kind: Kind, stored: &[u8]) -> Vec<u8> {
    let (mut text, mut back) = (Vec::new(), Vec::new());
    kind.write_text(stored, &mut text).expect("a value has a text");
    kind.read_text(&text, &mut back).expect("its text is read");
    back
}

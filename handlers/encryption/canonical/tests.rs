#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

fn bytes(kind: Kind, stored: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    kind.write_text(stored, &mut out).unwrap();
    out
}

fn text(kind: Kind, stored: &[u8]) -> String {
    String::from_utf8(bytes(kind, stored)).unwrap()
}

fn stored(kind: Kind, text: &[u8]) -> Result<Vec<u8>, Unfit> {
    let mut out = Vec::new();
    kind.read_text(text, &mut out).map(|()| out)
}

fn timestamp(unit: Unit, utc: bool) -> Kind {
    Kind::new(Physical::Int64, Meaning::Timestamp { unit, utc })
}

fn decimal(physical: Physical, scale: u32) -> Kind {
    Kind::new(physical, Meaning::Decimal { scale })
}

fn int96(day: i32, nanos: i64) -> Vec<u8> {
    [&nanos.to_le_bytes()[..], &day.to_le_bytes()].concat()
}

/// Every type whose values have one length.
fn fixed_kinds() -> Vec<Kind> {
    use Meaning::{Date, Float16, Interval, Same, Time, Unsigned, Uuid};
    use Physical::{Double, Fixed, Float, Int32, Int64, Int96};
    let mut kinds = vec![
        Kind::new(Int32, Same),
        Kind::new(Int64, Same),
        Kind::new(Int32, Unsigned),
        Kind::new(Int64, Unsigned),
        Kind::new(Int32, Date),
        Kind::new(Int32, Time(Unit::Millis)),
        Kind::new(Int64, Time(Unit::Micros)),
        Kind::new(Int64, Time(Unit::Nanos)),
        Kind::new(Int96, Same),
        Kind::new(Float, Same),
        Kind::new(Double, Same),
        Kind::new(Fixed(2), Float16),
        Kind::new(Fixed(16), Uuid),
        Kind::new(Fixed(12), Interval),
        Kind::new(Fixed(5), Same),
    ];
    for unit in [Unit::Millis, Unit::Micros, Unit::Nanos] {
        kinds.extend([timestamp(unit, true), timestamp(unit, false)]);
    }
    for scale in [0, 2, 9, 40] {
        for physical in [Int32, Int64, Fixed(1), Fixed(7), Fixed(16), Fixed(17), Fixed(40)] {
            kinds.push(decimal(physical, scale));
        }
    }
    kinds
}

#[test]
fn texts_are_as_documented() {
    let int32 = |meaning| Kind::new(Physical::Int32, meaning);
    let double =
        |value: f64| text(Kind::new(Physical::Double, Meaning::Same), &value.to_le_bytes());
    assert_eq!(text(Kind::new(Physical::Boolean, Meaning::Same), &[1]), "true");
    assert_eq!(text(int32(Meaning::Unsigned), &(-1i32).to_le_bytes()), "4294967295");
    assert_eq!(text(int32(Meaning::Date), &20_512i32.to_le_bytes()), "2026-02-28");
    assert_eq!(text(int32(Meaning::Date), &(-719_529i32).to_le_bytes()), "-0001-12-31");
    assert_eq!(
        text(int32(Meaning::Time(Unit::Millis)), &86_399_500i32.to_le_bytes()),
        "23:59:59.5"
    );
    assert_eq!(text(int32(Meaning::Time(Unit::Millis)), &86_400_000i32.to_le_bytes()), "#86400000");
    assert_eq!(text(decimal(Physical::Int32, 2), &(-5i32).to_le_bytes()), "-0.05");
    assert_eq!(text(decimal(Physical::Int64, 0), &7i64.to_le_bytes()), "7");
    assert_eq!(text(decimal(Physical::Bytes, 2), &[0x04, 0xce]), "12.30");
    assert_eq!(
        [1.0, 0.1, 1e300, -0.0, 1e-5, 1e16].map(double).join(" "),
        "1 0.1 1e300 -0 0.00001 1e16"
    );
    assert_eq!(double(f64::NEG_INFINITY), "-Infinity");
    assert_eq!(double(f64::from_bits(f64::NAN.to_bits() | 1)), "NaN:7ff8000000000001");
    assert_eq!(text(Kind::new(Physical::Fixed(2), Meaning::Float16), &[0, 0x3c]), "1");
    assert_eq!(
        text(Kind::new(Physical::Int96, Meaning::Same), &int96(2_440_588, 1)),
        "1970-01-01T00:00:00.000000001"
    );
    assert_eq!(text(Kind::new(Physical::Int96, Meaning::Same), &int96(1, -2)), "#1:-2");
    let interval = [14u32, 3, 250].map(u32::to_le_bytes).concat();
    assert_eq!(text(Kind::new(Physical::Fixed(12), Meaning::Interval), &interval), "P14M3DT0.25S");
}

#[test]
fn an_instant_has_the_same_text_in_every_unit() {
    let texts = [(Unit::Millis, 1), (Unit::Micros, 1_000), (Unit::Nanos, 1_000_000)]
        .map(|(unit, factor)| text(timestamp(unit, true), &(-1_500 * factor as i64).to_le_bytes()));
    assert_eq!(texts, ["1969-12-31T23:59:58.5Z"; 3]);
}

#[test]
fn extremes_come_back() {
    for kind in fixed_kinds() {
        let width = kind.physical().width().unwrap();
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            for first in [0, 0x7f, 0x80, 0xff] {
                for last in [0, 0x7f, 0x80, 0xff] {
                    let mut value = vec![byte; width];
                    (value[0], value[width - 1]) = (first, last);
                    assert_eq!(stored(kind, &bytes(kind, &value)), Ok(value), "{kind:?}");
                }
            }
        }
    }
}

#[test]
fn every_float16_comes_back() {
    let kind = Kind::new(Physical::Fixed(2), Meaning::Float16);
    for bits in 0..=u16::MAX {
        let text = text(kind, &bits.to_le_bytes());
        assert_eq!(stored(kind, text.as_bytes()), Ok(bits.to_le_bytes().to_vec()), "{text}");
    }
}

#[test]
fn other_texts_are_refused() {
    let date = Kind::new(Physical::Int32, Meaning::Date);
    for text in [
        "",
        "2026-02-29",
        "2026-2-28",
        "2026-02-28T",
        "26-02-28",
        "+-026-02-28",
        "9999999999999-01-01",
    ] {
        assert_eq!(stored(date, text.as_bytes()), Err(Unfit), "{text}");
    }
    let instant = timestamp(Unit::Millis, true);
    for text in [
        "2026-02-28T00:00:00",
        "2026-02-28T24:00:00Z",
        "2026-02-28T00:00:00.0001Z",
        "+300000000-01-01T00:00:00Z",
    ] {
        assert_eq!(stored(instant, text.as_bytes()), Err(Unfit), "{text}");
    }
    for text in ["", "-", "1", "1.2.3", "1.2e5", "99999999999.00", "+1.00"] {
        assert_eq!(stored(decimal(Physical::Int32, 2), text.as_bytes()), Err(Unfit), "{text}");
    }
    assert_eq!(stored(decimal(Physical::Fixed(1), 0), b"128"), Err(Unfit));
    assert_eq!(stored(Kind::new(Physical::Int32, Meaning::Same), b"+1"), Err(Unfit));
    assert_eq!(stored(Kind::new(Physical::Fixed(3), Meaning::Same), b"12"), Err(Unfit));
}

#[test]
fn a_meaning_that_does_not_fit_is_left_out() {
    let kind = Kind::new(Physical::Fixed(3), Meaning::Uuid);
    assert_eq!(text(kind, b"abc"), "abc");
}

proptest! {
    #[test]
    fn any_value_comes_back(kind in proptest::sample::select(fixed_kinds()), bytes in prop::collection::vec(any::<u8>(), 40)) {
        let value = &bytes[..kind.physical().width().unwrap()];
        prop_assert_eq!(stored(kind, &super::tests::bytes(kind, value)), Ok(value.to_vec()));
    }

    #[test]
    fn a_long_decimal_comes_back_in_its_shortest_form(bytes in prop::collection::vec(any::<u8>(), 1..60), scale in 0u32..50) {
        let kind = decimal(Physical::Bytes, scale);
        let first = text(kind, &bytes);
        let shortest = stored(kind, first.as_bytes()).unwrap();
        prop_assert!(shortest.len() <= bytes.len());
        prop_assert_eq!(text(kind, &shortest), first);
        let mut padded = vec![if shortest[0] >= 0x80 { 0xff } else { 0 }; bytes.len() - shortest.len()];
        padded.extend_from_slice(&shortest);
        prop_assert_eq!(padded, bytes);
    }

    #[test]
    fn bytes_are_their_own_text(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let kind = Kind::new(Physical::Bytes, Meaning::Same);
        prop_assert_eq!(stored(kind, &bytes), Ok(bytes.clone()));
    }

    #[test]
    fn no_text_panics(kind in proptest::sample::select(fixed_kinds()), text in "[-+#:.TZPMDSNa0-9]{0,24}|.*") {
        drop(stored(kind, text.as_bytes()));
    }
}

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

/// Fields of every type, far apart, and one whose type says true.
fn everything() -> Struct<'static> {
    let mut inner = Struct::default();
    inner.set_binary(1, b"text");
    let mut all = Struct::default();
    all.set_i32(1, -5);
    all.set_i64(2, u64::MAX >> 1);
    all.set_binary(300, &[0xff; 200]);
    all.set_structure(4, &inner);
    all.set_list(5, kind::STRUCT, &vec![inner.to_bytes(); 20]);
    all.set_list(6, kind::I32, &integers(&[1, -1]));
    all.set(7, kind::TRUE, vec![]);
    all.set(8, kind::DOUBLE, vec![1; 8]);
    all.set(9, kind::UUID, vec![2; 16]);
    // Two pairs of a byte and a boolean, and no pair.
    all.set(10, kind::MAP, vec![2, kind::BYTE << 4 | kind::TRUE, 1, 1, 2, 2]);
    all.set(11, kind::MAP, vec![0]);
    all.set(12, kind::LIST, vec![2 << 4 | kind::TRUE, 1, 2]);
    all
}

#[test]
fn what_is_written_is_read() {
    let bytes = everything().to_bytes();
    let read = Struct::parse(&bytes).unwrap();
    assert_eq!(read.to_bytes(), bytes);
    assert_eq!(read.ids().collect::<Vec<_>>(), [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 300]);
    assert_eq!((read.integer(1), read.size(2)), (Ok(Some(-5)), Ok(u64::MAX >> 1)));
    assert_eq!(read.structure(4).unwrap().unwrap().text(1), Ok(Some("text")));
    assert_eq!(read.list(5).unwrap().unwrap().len(), 20);
    assert_eq!((read.boolean(7), read.integer(99)), (Ok(Some(true)), Ok(None)));
    assert_eq!(read.binary(300), Ok(Some(&[0xff; 200][..])));
}

#[test]
fn fields_can_be_changed_and_taken_away() {
    let mut fields = everything();
    fields.set_i32(3, 7);
    fields.remove(300);
    fields.set_binary(1, b"other type");
    let bytes = fields.to_bytes();
    let read = Struct::parse(&bytes).unwrap();
    assert_eq!((read.integer(3), read.has(300)), (Ok(Some(7)), false));
    assert_eq!(read.binary(1), Ok(Some(&b"other type"[..])));
    assert!(matches!(read.integer(1), Err(Malformed::Wrong(_))));
}

#[test]
fn what_ends_too_early_is_short() {
    let bytes = everything().to_bytes();
    for length in 0..bytes.len() {
        assert!(matches!(Struct::parse(&bytes[..length]), Err(Malformed::Short)), "{length}");
    }
}

#[test]
fn what_readers_disagree_on_is_wrong() {
    // Field 1 twice, the second time by its whole number.
    for bytes in [&[0x15, 2, 0x05, 2, 4, 0][..], &[0x15, 2, 0, 0], &[0x1f, 0]] {
        assert!(matches!(Struct::parse(bytes), Err(Malformed::Wrong(_))), "{bytes:?}");
    }
}

#[test]
fn a_false_length_or_depth_costs_nothing() {
    let list = [&[0x19, 0xf0 | kind::STRUCT][..], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0]].concat();
    assert!(matches!(Struct::parse(&list), Err(Malformed::Short)));
    let deep = vec![0x1c; 1 << 20];
    assert!(matches!(Struct::parse(&deep), Err(Malformed::Wrong(_))));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(read) = Struct::parse(&bytes) {
            for id in read.ids() {
                let _ = (read.integer(id), read.binary(id), read.text(id), read.boolean(id));
                let _ = (read.structure(id).map(drop), read.list(id).map(drop));
            }
            prop_assert!(Struct::parse(&read.to_bytes()).is_ok());
        }
    }
}

//! Rules that hold for any value and key; published values are in [`vectors`].
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod methods;
mod vectors;

use std::collections::BTreeMap;

use aes_gcm::{Aes256Gcm, KeyInit, aead::Aead, aead::Payload};
use proptest::prelude::*;

use super::*;
use crate::encryption::{
    envelope::ProtectedColumn,
    policy::{Method, Output, Planned, Rule},
};

const PATH: &str = "person.email";

fn planned(method: Method, output: Output, bind: bool) -> Planned {
    Planned { path: PATH.to_owned(), rule: Rule { name: PATH.to_owned(), method, output, bind } }
}

/// A protector under the same key for every method.
fn protector(key: [u8; 32], planned: &Planned) -> Protector {
    let key = || Some(DataKey::new(key));
    Protector::new(planned, &ColumnKeys::new(key(), key())).unwrap()
}

fn opener(key: [u8; 32], planned: &Planned, path: &str) -> Opener {
    let column = ProtectedColumn {
        path: path.to_owned(),
        method: planned.rule.method.clone(),
        output: planned.rule.output,
        bind: planned.rule.bind,
        key: Some("k".to_owned()),
        original: None,
    };
    Opener::new(&column, &BTreeMap::from([("k".to_owned(), DataKey::new(key))])).unwrap()
}

fn protected(protector: &mut Protector, plain: &[u8]) -> Vec<u8> {
    let mut cell = Vec::new();
    protector.protect(plain, &mut cell).unwrap();
    cell
}

fn opened(opener: &Opener, cell: &[u8]) -> Result<Vec<u8>, CellError> {
    let mut plain = b"before".to_vec();
    let result = opener.open(cell, &mut plain);
    assert!(plain.starts_with(b"before"));
    let plain = plain.split_off(6);
    assert!(result.is_ok() || plain.is_empty(), "a cell that does not open leaves nothing");
    result.map(|()| plain)
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(any::<u8>(), 0..2000),
    ]
}

fn any_plan() -> impl Strategy<Value = Planned> {
    let method = prop_oneof![Just(Method::Randomized), Just(Method::Deterministic)];
    let output = prop_oneof![Just(Output::Binary), Just(Output::Base64)];
    (method, output, any::<bool>()).prop_map(|(method, output, bind)| planned(method, output, bind))
}

proptest! {
    #[test]
    fn any_value_comes_back(plan in any_plan(), key: [u8; 32], plain in any_value()) {
        let mut protector = protector(key, &plan);
        let cell = protected(&mut protector, &plain);
        prop_assert_eq!(cell.len(), protector.sealed_length(plain.len()));
        prop_assert!(!protector.output_is_text() || cell.is_ascii());
        prop_assert_eq!(opened(&opener(key, &plan, PATH), &cell), Ok(plain));
    }

    #[test]
    fn one_flipped_bit_never_opens(
        plan in any_plan(),
        plain in any_value(),
        bit: prop::sample::Index,
    ) {
        let mut cell = protected(&mut protector([1; 32], &plan), &plain);
        let bit = bit.index(cell.len() * 8);
        cell[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(opened(&opener([1; 32], &plan, PATH), &cell), Err(CellError::NotOpened));
    }

    #[test]
    fn another_key_never_opens(plan in any_plan(), plain in any_value(), bit in 0..256usize) {
        let cell = protected(&mut protector([1; 32], &plan), &plain);
        let mut key = [1; 32];
        key[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(opened(&opener(key, &plan, PATH), &cell), Err(CellError::NotOpened));
    }

    #[test]
    fn another_column_opens_only_what_is_not_bound(plan in any_plan(), plain in any_value()) {
        let cell = protected(&mut protector([1; 32], &plan), &plain);
        let moved = opened(&opener([1; 32], &plan, "person.emai"), &cell);
        let expected = if plan.rule.bind { Err(CellError::NotOpened) } else { Ok(plain) };
        prop_assert_eq!(moved, expected);
    }

    #[test]
    fn a_part_of_a_cell_never_opens(
        plan in any_plan(),
        plain in any_value(),
        length: prop::sample::Index,
    ) {
        let cell = protected(&mut protector([1; 32], &plan), &plain);
        let part = &cell[..length.index(cell.len())];
        prop_assert_eq!(opened(&opener([1; 32], &plan, PATH), part), Err(CellError::NotOpened));
    }

    #[test]
    fn anything_is_an_error_and_no_panic(plan in any_plan(), cell in any_value()) {
        prop_assert_eq!(opened(&opener([1; 32], &plan, PATH), &cell), Err(CellError::NotOpened));
    }

    #[test]
    fn equal_values_have_equal_cells_only_if_determined(plan in any_plan(), plain in any_value()) {
        let mut first = protector([1; 32], &plan);
        let mut second = first.clone();
        let cell = protected(&mut first, &plain);
        prop_assert_eq!(cell == protected(&mut first, &plain), first.keeps_equality());
        prop_assert_eq!(cell == protected(&mut second, &plain), first.keeps_equality());
    }

    #[test]
    fn different_values_have_different_cells(
        plan in any_plan(),
        one in any_value(),
        other in any_value(),
    ) {
        prop_assume!(one != other);
        let mut protector = protector([1; 32], &plan);
        let (one, other) = (protected(&mut protector, &one), protected(&mut protector, &other));
        prop_assert_ne!(&one, &other);
        // The nonce itself must differ: two values under one nonce would be readable.
        prop_assert_ne!(&one[..12], &other[..12]);
    }

    #[test]
    fn another_implementation_opens_ours_and_ours_opens_its(
        key: [u8; 32],
        nonce: [u8; 12],
        plain in any_value(),
        bind: bool,
    ) {
        let plan = planned(Method::Randomized, Output::Binary, bind);
        let other = Aes256Gcm::new(&key.into());
        let aad = if bind { PATH.as_bytes() } else { b"" };
        let cell = protected(&mut protector(key, &plan), &plain);
        let (own, text) = cell.split_first_chunk::<12>().unwrap();
        let theirs = other.decrypt(&(*own).into(), Payload { msg: text, aad });
        prop_assert_eq!(theirs.as_ref(), Ok(&plain));
        let sealed = other.encrypt(&nonce.into(), Payload { msg: &plain, aad }).unwrap();
        let cell = [&nonce[..], &sealed].concat();
        prop_assert_eq!(opened(&opener(key, &plan, PATH), &cell), Ok(plain));
    }
}

//! What the methods do besides encrypting, and how often a key may be used.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::*;
use crate::encryption::cell::nonces::{BATCH, LIMIT, Nonces};

fn masked(text: &str, masking_char: char, chars_to_mask: usize, from_end: bool) -> String {
    let method = Method::Mask { masking_char, chars_to_mask, from_end };
    let mut protector = protector([1; 32], &planned(method, Output::Binary, false));
    let cell = protected(&mut protector, text.as_bytes());
    assert!(cell.len() <= protector.sealed_length(text.len()), "{text}");
    String::from_utf8(cell).unwrap()
}

#[test]
fn mask_counts_characters() {
    assert_eq!(masked("4111111111111111", '*', 12, false), "************1111");
    assert_eq!(masked("4111111111111111", '*', 12, true), "4111************");
    assert_eq!(masked("Zoë 仓库", '█', 3, true), "Zoë███");
    assert_eq!(masked("Zoë 仓库", '█', 3, false), "███ 仓库");
    assert_eq!(masked("abc", '*', 9, false), "***");
    assert_eq!(masked("abc", '*', usize::MAX, true), "***");
    assert_eq!(masked("abc", '*', 0, true), "abc");
    assert_eq!(masked("", '*', 2, false), "");
}

#[test]
fn mask_refuses_what_is_no_text() {
    let method = Method::Mask { masking_char: '*', chars_to_mask: 1, from_end: false };
    let mut protector = protector([1; 32], &planned(method, Output::Binary, false));
    let mut out = b"before".to_vec();
    assert_eq!(protector.protect(b"a\xff", &mut out), Err(CellError::NotText));
    assert_eq!(out, b"before");
}

#[test]
fn redact_and_replace_say_the_same_of_every_value() {
    let mut redact = protector([1; 32], &planned(Method::Redact, Output::Base64, false));
    assert!(redact.makes_null() && redact.output_is_text());
    assert_eq!(protected(&mut redact, b"secret"), b"");
    let method = Method::Replace { new_value: "<person>".to_owned() };
    let mut replace = protector([1; 32], &planned(method, Output::Base64, false));
    assert!(!replace.makes_null() && replace.output_is_text());
    assert_eq!(protected(&mut replace, b"Ada"), b"<person>");
    assert_eq!(replace.sealed_length(3), 8);
}

#[test]
fn only_base64_makes_ciphertext_text() {
    for method in [Method::Randomized, Method::Deterministic, Method::Token] {
        for (output, is_text) in [(Output::Binary, false), (Output::Base64, true)] {
            let plan = planned(method.clone(), output, false);
            let mut protector = protector([1; 32], &plan);
            assert_eq!(protector.output_is_text(), is_text);
            assert_eq!(protected(&mut protector, b"Ada").len(), protector.sealed_length(3));
        }
    }
}

#[test]
fn what_lacks_its_key_is_not_begun() {
    let key = || Some(DataKey::new([1; 32]));
    let path = || PATH.to_owned();
    for (method, keys, expected) in [
        (Method::Randomized, ColumnKeys::new(None, key()), Unready::NoFileKey(path())),
        (Method::Deterministic, ColumnKeys::new(key(), None), Unready::NoNamedKey(path())),
        (Method::Token, ColumnKeys::new(key(), None), Unready::NoNamedKey(path())),
        (Method::Keep, ColumnKeys::new(key(), key()), Unready::Kept(path())),
    ] {
        let plan = planned(method, Output::Binary, false);
        assert_eq!(Protector::new(&plan, &keys).unwrap_err(), expected);
    }
}

#[test]
fn what_cannot_be_taken_back_is_not_opened() {
    let keys = BTreeMap::from([("k".to_owned(), DataKey::new([1; 32]))]);
    let column = |method, key: Option<&str>| ProtectedColumn {
        path: PATH.to_owned(),
        method,
        output: Output::Binary,
        bind: false,
        key: key.map(str::to_owned),
        original: None,
    };
    for method in [Method::Token, Method::Redact, Method::Keep] {
        let error = Opener::new(&column(method, Some("k")), &keys).unwrap_err();
        assert_eq!(error, Unready::NotReversible(PATH.to_owned()));
    }
    for key in [None, Some("other")] {
        let error = Opener::new(&column(Method::Randomized, key), &keys).unwrap_err();
        assert_eq!(error, Unready::NoSuchKey(PATH.to_owned()));
    }
}

#[test]
fn no_clone_draws_a_nonce_again() {
    let mut first = Nonces::new(Arc::default());
    let before = first.draw().unwrap();
    let (mut second, mut third) = (first.clone(), first.clone());
    let mut seen = HashSet::from([before]);
    for nonces in [&mut first, &mut second, &mut third] {
        for _ in 0..3 * BATCH {
            assert!(seen.insert(nonces.draw().unwrap()));
        }
    }
}

#[test]
fn a_key_is_exhausted_for_all_that_share_it() {
    let used = Arc::new(AtomicU64::new(LIMIT - 2 * BATCH as u64));
    let mut first = Nonces::new(Arc::clone(&used));
    let mut second = first.clone();
    for _ in 0..BATCH {
        first.draw().unwrap();
        second.draw().unwrap();
    }
    assert_eq!(used.load(Ordering::Relaxed), LIMIT);
    for _ in 0..2 {
        assert_eq!(first.draw(), Err(CellError::Exhausted));
        assert_eq!(second.draw(), Err(CellError::Exhausted));
    }
}

#[test]
fn columns_of_one_file_count_together() {
    let keys = ColumnKeys::new(Some(DataKey::new([1; 32])), None);
    let plan = planned(Method::Randomized, Output::Binary, false);
    for _ in 0..2 {
        protected(&mut Protector::new(&plan, &keys).unwrap(), b"Ada");
    }
    let used = keys.file.as_ref().unwrap().used.load(Ordering::Relaxed);
    assert_eq!(used, 2 * BATCH as u64);
    let key = keys.file.as_ref().unwrap();
    key.used.store(LIMIT, Ordering::Relaxed);
    let mut out = Vec::new();
    let refused = Protector::new(&plan, &keys).unwrap().protect(b"Ada", &mut out);
    assert_eq!((refused, out), (Err(CellError::Exhausted), Vec::new()));
}

#[test]
fn no_key_is_seen() {
    let keys = ColumnKeys::new(Some(DataKey::new([77; 32])), Some(DataKey::new([77; 32])));
    let protector = protector([77; 32], &planned(Method::Token, Output::Binary, false));
    let opener = Opener::with_key(&[77; 24], b"", Output::Binary).unwrap();
    let text = format!("{keys:?} {protector:?} {opener:?} {:?}", DataKey::new([77; 32]));
    assert!(!text.contains("77") && !text.to_lowercase().contains("4d4d"), "{text}");
}

//! Published values, and what must not open, named by its defect.

use super::*;
use crate::encryption::cell::protect::{Work, seal};

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn text_opener(key: &[u8], associated: &[u8]) -> Opener {
    Opener::with_key(key, associated, Output::Base64).unwrap()
}

/// From the tests of Spark's `aes_encrypt`.
#[test]
fn what_spark_sealed_opens() {
    let cell = b"4A5jOAh9FNGwoMeuJukfllrLdHEZxA2DyuSQAWz77dfn";
    let opener = text_opener(b"abcdefghijklmnop", b"");
    assert_eq!(opened(&opener, cell).unwrap(), b"Spark");
    let cell = b"AAAAAAAAAAAAAAAAQiYi+sTLm7KD9UcZ2nlRdYDe/PX4";
    let key = b"abcdefghijklmnop12345678ABCDEFGH";
    let opener = text_opener(key, b"This is an AAD mixed into the input");
    assert_eq!(opened(&opener, cell).unwrap(), b"Spark");
}

/// Test cases of McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B, the
/// ones that NIST published: 4, 10 (AES-128, AES-192), 13 to 16 (AES-256).
struct Case {
    key: &'static str,
    nonce: &'static str,
    associated: &'static str,
    plain: &'static str,
    sealed: &'static str,
}

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const KEY: &str = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const NONCE_TEXT: &str = "cafebabefacedbaddecaf888";
const ASSOCIATED: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const PLAIN: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

const CASES: [Case; 6] = [
    Case {
        key: "feffe9928665731c6d6a8f9467308308",
        nonce: NONCE_TEXT,
        associated: ASSOCIATED,
        plain: PLAIN,
        sealed: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47",
    },
    Case {
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c",
        nonce: NONCE_TEXT,
        associated: ASSOCIATED,
        plain: PLAIN,
        sealed: "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda27102519498e80f1478f37ba55bd6d27618c",
    },
    Case {
        key: ZEROS,
        nonce: "000000000000000000000000",
        associated: "",
        plain: "",
        sealed: "530f8afbc74536b9a963b4f1c4cb738b",
    },
    Case {
        key: ZEROS,
        nonce: "000000000000000000000000",
        associated: "",
        plain: "00000000000000000000000000000000",
        sealed: "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    },
    Case {
        key: KEY,
        nonce: NONCE_TEXT,
        associated: "",
        plain: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
        sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c",
    },
    Case {
        key: KEY,
        nonce: NONCE_TEXT,
        associated: ASSOCIATED,
        plain: PLAIN,
        sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
    },
];

#[test]
fn published_values_open_and_are_sealed() {
    for Case { key, nonce, associated, plain, sealed } in CASES {
        let cell = [hex(nonce), hex(sealed)].concat();
        let opener = Opener::with_key(&hex(key), &hex(associated), Output::Binary).unwrap();
        assert_eq!(opened(&opener, &cell).unwrap(), hex(plain), "{key} {associated}");
        let Ok(key) = <[u8; 32]>::try_from(hex(key)) else { continue };
        let (cipher, nonce) = (DataKey::new(key).cipher(), hex(nonce).try_into().unwrap());
        let mut out = Vec::new();
        seal(&cipher, nonce, &hex(associated), &hex(plain), &mut out).unwrap();
        assert_eq!(out, cell);
    }
}

#[test]
fn a_defect_of_any_kind_does_not_open() {
    for Case { key, nonce, associated, sealed, .. } in CASES {
        let (key, associated) = (hex(key), hex(associated));
        let cell = [hex(nonce), hex(sealed)].concat();
        let flipped = |at: usize| {
            let mut cell = cell.clone();
            cell[at] ^= 1;
            cell
        };
        let (last, tag) = (cell.len() - 1, cell.len() - 16);
        let opener = Opener::with_key(&key, &associated, Output::Binary).unwrap();
        for (defect, cell) in [
            ("modified tag, first bit", flipped(tag)),
            ("modified tag, last bit", flipped(last)),
            ("modified nonce", flipped(0)),
            ("modified ciphertext", flipped(tag - 1)),
            ("truncated tag", cell[..last].to_vec()),
            ("no tag", cell[..tag].to_vec()),
            ("a byte too many", [&cell[..], &[0]].concat()),
            ("tag of zeros", [&cell[..tag], &[0; 16]].concat()),
            ("only a nonce", cell[..12].to_vec()),
            ("empty", Vec::new()),
            ("tag before ciphertext", [&cell[..12], &cell[tag..], &cell[12..tag], &[0]].concat()),
        ] {
            assert_eq!(opened(&opener, &cell), Err(CellError::NotOpened), "{defect}");
        }
        let longer = [&associated[..], b"x"].concat();
        for (defect, key, associated) in [
            ("other associated data", &key, longer),
            ("other key", &key.iter().map(|byte| byte ^ 1).collect(), associated),
        ] {
            let opener = Opener::with_key(key, &associated, Output::Binary).unwrap();
            assert_eq!(opened(&opener, &cell), Err(CellError::NotOpened), "{defect}");
        }
    }
}

#[test]
fn base64_that_is_not_quite_base64_does_not_open() {
    let opener =
        text_opener(b"abcdefghijklmnop12345678ABCDEFGH", b"This is an AAD mixed into the input");
    for (defect, cell) in [
        ("space around", " AAAAAAAAAAAAAAAAQiYi+sTLm7KD9UcZ2nlRdYDe/PX4"),
        ("line end", "AAAAAAAAAAAAAAAAQiYi+sTLm7KD9UcZ2nlRdYDe/PX4\n"),
        ("URL-safe alphabet", "AAAAAAAAAAAAAAAAQiYi-sTLm7KD9UcZ2nlRdYDe_PX4"),
        ("padding too many", "AAAAAAAAAAAAAAAAQiYi+sTLm7KD9UcZ2nlRdYDe/PX4===="),
        ("other letter case", "aaaaAAAAAAAAAAAAQiYi+sTLm7KD9UcZ2nlRdYDe/PX4"),
    ] {
        assert_eq!(opened(&opener, cell.as_bytes()), Err(CellError::NotOpened), "{defect}");
    }
    let plan = planned(Method::Randomized, Output::Base64, false);
    let text = String::from_utf8(protected(&mut protector([1; 32], &plan), b"")).unwrap();
    let opener = text_opener(&[1; 32], b"");
    opened(&opener, text.as_bytes()).unwrap();
    let unpadded = text.trim_end_matches('=');
    assert_eq!(opened(&opener, unpadded.as_bytes()), Err(CellError::NotOpened), "no padding");
}

#[test]
fn a_key_has_one_of_three_lengths() {
    for length in [0, 15, 17, 23, 25, 31, 33, 64] {
        let opener = Opener::with_key(&vec![1; length], b"", Output::Binary);
        assert_eq!(opener.unwrap_err(), Unready::KeyLength, "{length}");
    }
}

/// What these are was computed with other implementations of HKDF, HMAC and AES-GCM; files are
/// joined by them, so they never change.
#[test]
fn determined_cells_and_tokens_stay_what_they_are() {
    let key = std::array::from_fn(|at| u8::try_from(at).unwrap());
    for (method, bind, expected) in [
        (
            Method::Deterministic,
            false,
            "2c340b78ebf5287455552d74b7252c4b0f4cee79ab2f359b6a2ccfefb23d077569f06fc31fdebd6e149da8",
        ),
        (
            Method::Deterministic,
            true,
            "cf146acb82799c3b1d7badf3d2c032bca9ece526543015c99e6649d00c3a420ba6789a8060ff6f2c6837d9",
        ),
        (Method::Token, false, "8b8df9b1dac81c0155aef92ea19c302dc6eff3a1ae74d9806b4018e45b7764ea"),
        (Method::Token, true, "0be2a07bc0fcf30ea641bb63e15823a3d8c0f0a995eb5191239b92f0729adbc1"),
    ] {
        let plan = planned(method, Output::Binary, bind);
        assert_eq!(protected(&mut protector(key, &plan), b"ada@example.org"), hex(expected));
    }
}

/// RFC 4231, section 4.
#[test]
fn the_hash_behind_tokens_is_hmac_sha_256() {
    let large = b"Test Using Larger Than Block-Size Key - Hash Key First";
    let counting: Vec<u8> = (1..=25).collect();
    for (key, text, expected) in [
        (
            &[0x0b; 20][..],
            &b"Hi There"[..],
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            &[0xaa; 20],
            &[0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            &counting,
            &[0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        (&[0xaa; 131], large, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    ] {
        let mut work = Work::Tokenize(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key));
        let mut out = Vec::new();
        work.encrypt(text, &mut out).unwrap();
        assert_eq!(out, hex(expected));
    }
}

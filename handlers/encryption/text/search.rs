//! Eight bytes at a time. Fields and keys are short, and a search that sets up vectors for each
//! costs more than it saves; only from here on [`memchr`] wins.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// Marks the zero bytes of a word with their high bit. Marks above the lowest one may be wrong.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// Where the first byte is, from `from` on, for which the word test is marked; the end otherwise.
/// `test` marks a byte of a little-endian word with its high bit, exactly up to the lowest mark.
fn first(bytes: &[u8], from: usize, test: impl Fn(u64) -> u64) -> usize {
    let mut at = from;
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let marks = test(u64::from_le_bytes(*word));
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    last(bytes, at, test)
}

fn last(bytes: &[u8], from: usize, test: impl Fn(u64) -> u64) -> usize {
    let rest = &bytes[from.min(bytes.len())..];
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    let marks = test(u64::from_le_bytes(word));
    bytes.len().min(from + marks.trailing_zeros() as usize / 8)
}

/// The first of three bytes.
pub(crate) fn any_of([a, b, c]: [u8; 3], bytes: &[u8], from: usize) -> usize {
    let [a, b, c] = [a, b, c].map(|byte| ONES * u64::from(byte));
    first(bytes, from, |word| zeros(word ^ a) | zeros(word ^ b) | zeros(word ^ c))
}

/// The first quotation mark, backslash or control character: what ends a run of a JSON string.
pub(crate) fn end_of_run(bytes: &[u8], from: usize) -> usize {
    const QUOTE: u64 = ONES * b'"' as u64;
    const BACKSLASH: u64 = ONES * b'\\' as u64;
    const CONTROLS: u64 = ONES * 0x20;
    first(bytes, from, |word| {
        zeros(word ^ QUOTE) | zeros(word ^ BACKSLASH) | (word.wrapping_sub(CONTROLS) & !word & HIGH)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b','), Just(b'b')], 0..64),
            from in 0..64usize,
        ) {
            let from = from.min(bytes.len());
            let plain = |wanted: &dyn Fn(u8) -> bool| {
                bytes[from..].iter().position(|byte| wanted(*byte)).map_or(bytes.len(), |at| from + at)
            };
            prop_assert_eq!(any_of(*b",\r\n", &bytes, from), plain(&|byte| b",\r\n".contains(&byte)));
            let ends = |byte| byte == b'"' || byte == b'\\' || byte < 0x20;
            prop_assert_eq!(end_of_run(&bytes, from), plain(&ends));
        }
    }
}

//! The footer of a Parquet file. The first two bytes say how many bytes of data follow, the rest
//! is the footer: so a footer may grow and shrink, and its pages stay where it says.

use super::parquet::{Bytes, check_file};

/// Calls the engine, and panics if it is wrong.
pub fn check(input: &[u8]) {
    if let Some(file) = file(input) {
        check_file(&file);
    }
}

/// The file that an input stands for.
pub fn file(input: &[u8]) -> Option<Bytes> {
    let (length, rest) = input.split_first_chunk()?;
    let (data, footer) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    let length = u32::try_from(footer.len()).ok()?.to_le_bytes();
    Some(Bytes([data, footer, &length, b"PAR1"].concat()))
}

/// The input that stands for a file; none if there are more than 64 KiB of data.
pub fn input(file: &[u8]) -> Option<Vec<u8>> {
    let (rest, end) = file.split_last_chunk::<8>()?;
    let footer = u32::from_le_bytes(*end.first_chunk()?) as usize;
    let length = u16::try_from(rest.len().checked_sub(footer)?).ok()?;
    Some([&length.to_le_bytes(), rest].concat())
}

//! Decimals: a whole number and where its point stands.

use std::io::Write;

use super::{Unfit, number, put};

/// The longest stored number, in bytes: about 2,400 digits, far more than any engine has.
pub(crate) const LONGEST: usize = 1024;

/// As many digits as a limb of a long number's text holds.
const LIMB_DIGITS: usize = 9;
const LIMB: u64 = 1_000_000_000;

pub(super) fn write_number(unscaled: i128, scale: u32, out: &mut Vec<u8>) {
    let mut digits = [0; 40];
    let mut rest = digits.as_mut_slice();
    write!(rest, "{}", unscaled.unsigned_abs()).expect("128 bits have 39 digits at most");
    let unused = rest.len();
    write_digits(unscaled < 0, &digits[..40 - unused], scale, out);
}

pub(super) fn read_number(text: &str, scale: u32) -> Result<i128, Unfit> {
    let (negative, digits) = read_digits(text, scale)?;
    let sign = if negative { "-" } else { "" };
    number(&format!("{sign}{digits}"))
}

/// Appends the text of a number stored as big-endian two's complement.
pub(super) fn write_bytes(stored: &[u8], scale: u32, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let negative = stored.first().is_some_and(|byte| *byte >= 0x80);
    if stored.len() <= 16 {
        let mut bytes = [if negative { 0xff } else { 0 }; 16];
        bytes[16 - stored.len()..].copy_from_slice(stored);
        write_number(i128::from_be_bytes(bytes), scale, out);
        return Ok(());
    }
    if stored.len() > LONGEST {
        return Err(Unfit);
    }
    let mut magnitude = stored.to_vec();
    if negative {
        negate(&mut magnitude);
    }
    write_digits(negative, long_digits(magnitude).as_bytes(), scale, out);
    Ok(())
}

/// Appends the number as big-endian two's complement: in so many bytes, or as few as possible.
pub(super) fn read_bytes(
    text: &str,
    scale: u32,
    width: Option<usize>,
    out: &mut Vec<u8>,
) -> Result<(), Unfit> {
    let (negative, digits) = read_digits(text, scale)?;
    let mut bytes = long_number(&digits)?;
    if negative {
        negate(&mut bytes);
    }
    let sign = if bytes[0] >= 0x80 { 0xff } else { 0 };
    let redundant =
        bytes.windows(2).take_while(|two| two[0] == sign && (two[1] ^ sign) < 0x80).count();
    let shortest = &bytes[redundant..];
    let padding = width.unwrap_or(shortest.len()).checked_sub(shortest.len()).ok_or(Unfit)?;
    out.resize(out.len() + padding, sign);
    out.extend_from_slice(shortest);
    Ok(())
}

fn write_digits(negative: bool, digits: &[u8], scale: u32, out: &mut Vec<u8>) {
    if negative {
        out.push(b'-');
    }
    let scale = scale as usize;
    let whole = digits.len().saturating_sub(scale);
    match whole {
        0 => out.push(b'0'),
        _ => out.extend_from_slice(&digits[..whole]),
    }
    if scale > 0 {
        out.push(b'.');
        out.resize(out.len() + scale.saturating_sub(digits.len()), b'0');
        out.extend_from_slice(&digits[whole..]);
    }
}

/// The sign and all digits without the point; exactly `scale` of them must stand after it.
fn read_digits(text: &str, scale: u32) -> Result<(bool, String), Unfit> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    let fits = fraction.len() == scale as usize && !whole.is_empty() && digits.len() <= 3 * LONGEST;
    if !fits || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Unfit);
    }
    Ok((negative, digits))
}

/// Turns the sign of big-endian two's complement around.
fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes.iter_mut().rev() {
        (*byte, carry) = (!*byte).overflowing_add(carry.into());
    }
}

/// The digits of a number without a sign, by long division.
fn long_digits(mut number: Vec<u8>) -> String {
    let mut limbs = Vec::new();
    while number.iter().any(|byte| *byte != 0) {
        let mut rest = 0;
        for byte in &mut number {
            let value = rest << 8 | u64::from(*byte);
            (*byte, rest) = ((value / LIMB) as u8, value % LIMB);
        }
        limbs.push(rest);
    }
    let mut digits = Vec::new();
    put(&mut digits, limbs.pop().unwrap_or(0));
    limbs.iter().rev().for_each(|limb| put(&mut digits, format_args!("{limb:09}")));
    String::from_utf8(digits).expect("digits are ASCII")
}

/// The number of these digits, with a zero bit in front for the sign.
fn long_number(digits: &str) -> Result<Vec<u8>, Unfit> {
    // A digit takes less than half a byte; one more for the sign.
    let mut bytes = vec![0; digits.len() / 2 + 2];
    for limb in digits.as_bytes().chunks(LIMB_DIGITS) {
        let limb = std::str::from_utf8(limb).map_err(|_| Unfit)?;
        let mut carry = limb.parse::<u64>().map_err(|_| Unfit)?;
        for byte in bytes.iter_mut().rev() {
            let value = u64::from(*byte) * 10u64.pow(limb.len() as u32) + carry;
            (*byte, carry) = (value as u8, value >> 8);
        }
    }
    Ok(bytes)
}

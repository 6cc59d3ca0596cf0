//! Floating-point numbers: the shortest digits that give the same number again.

use half::f16;

use super::{Unfit, put};

pub(super) fn write_f16(bits: u16, out: &mut Vec<u8>) {
    let value = f16::from_bits(bits);
    match value.is_nan() {
        true => write_nan(bits == f16::NAN.to_bits(), format_args!("{bits:04x}"), out),
        false => write_finite(value.to_f32(), out),
    }
}

pub(super) fn read_f16(text: &str) -> Result<u16, Unfit> {
    match read_nan(text)? {
        Some(Nan::Usual) => Ok(f16::NAN.to_bits()),
        Some(Nan::Bits(bits)) => bits.try_into().map_err(|_| Unfit),
        None => Ok(f16::from_f32(text.parse().map_err(|_| Unfit)?).to_bits()),
    }
}

pub(super) fn write_f32(bits: u32, out: &mut Vec<u8>) {
    let value = f32::from_bits(bits);
    match value.is_nan() {
        true => write_nan(bits == f32::NAN.to_bits(), format_args!("{bits:08x}"), out),
        false => write_finite(value, out),
    }
}

pub(super) fn read_f32(text: &str) -> Result<u32, Unfit> {
    match read_nan(text)? {
        Some(Nan::Usual) => Ok(f32::NAN.to_bits()),
        Some(Nan::Bits(bits)) => bits.try_into().map_err(|_| Unfit),
        None => Ok(text.parse::<f32>().map_err(|_| Unfit)?.to_bits()),
    }
}

pub(super) fn write_f64(bits: u64, out: &mut Vec<u8>) {
    let value = f64::from_bits(bits);
    match value.is_nan() {
        true => write_nan(bits == f64::NAN.to_bits(), format_args!("{bits:016x}"), out),
        false => write_finite(value, out),
    }
}

pub(super) fn read_f64(text: &str) -> Result<u64, Unfit> {
    match read_nan(text)? {
        Some(Nan::Usual) => Ok(f64::NAN.to_bits()),
        Some(Nan::Bits(bits)) => Ok(bits),
        None => Ok(text.parse::<f64>().map_err(|_| Unfit)?.to_bits()),
    }
}

enum Nan {
    Usual,
    Bits(u64),
}

fn write_nan(usual: bool, bits: std::fmt::Arguments<'_>, out: &mut Vec<u8>) {
    match usual {
        true => put(out, "NaN"),
        false => put(out, format_args!("NaN:{bits}")),
    }
}

fn read_nan(text: &str) -> Result<Option<Nan>, Unfit> {
    match text.strip_prefix("NaN") {
        None => Ok(None),
        Some("") => Ok(Some(Nan::Usual)),
        Some(rest) => {
            let digits = rest.strip_prefix(':').ok_or(Unfit)?;
            let bits = u64::from_str_radix(digits, 16).map_err(|_| Unfit)?;
            Ok(Some(Nan::Bits(bits)))
        }
    }
}

/// Rust's own digits are the shortest; only where the point stands is decided here.
fn write_finite<T>(value: T, out: &mut Vec<u8>)
where
    T: std::fmt::Display + std::fmt::LowerExp + Copy + Into<f64>,
{
    let magnitude = value.into().abs();
    if magnitude.is_infinite() {
        put(out, if value.into() < 0.0 { "-Infinity" } else { "Infinity" });
    } else if magnitude == 0.0 || (1e-5..1e16).contains(&magnitude) {
        put(out, value);
    } else {
        put(out, format_args!("{value:e}"));
    }
}

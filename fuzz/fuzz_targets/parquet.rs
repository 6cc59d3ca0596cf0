//! Any bytes as a Parquet file.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lakehand_fuzz::parquet::check(input));

//! Any bytes as the footer of a Parquet file, behind pages.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lakehand_fuzz::footer::check(input));

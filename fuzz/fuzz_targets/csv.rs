//! Any bytes as CSV in any dialect.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lakehand_fuzz::csv::check(input));

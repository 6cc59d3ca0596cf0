//! Any bytes as JSON Lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lakehand_fuzz::json_lines::check(input));

//! Any bytes as the payload of an alert.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lakehand_fuzz::alerts::check(input));

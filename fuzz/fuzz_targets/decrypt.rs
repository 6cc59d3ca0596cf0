//! Any bytes as a protected file, whatever it says of itself.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lakehand_fuzz::decrypt::check(input));

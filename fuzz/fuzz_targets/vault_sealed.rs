//! See `planb_vault::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| planb_vault::fuzzing::sealed(data));

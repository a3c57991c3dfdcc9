//! See `planb_connector_mysql::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| planb_connector_mysql::fuzzing::stream(data));

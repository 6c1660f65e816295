//! A target that is found by the name of its program, under libFuzzer; its body is shared with the tests.
#![no_main]

#[path = "../../tests/it/fuzz/targets/mod.rs"]
#[allow(dead_code, reason = "each binary runs one of the targets")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::run(env!("CARGO_BIN_NAME"), data));

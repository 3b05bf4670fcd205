#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| saasgen_fuzz::command::check(bytes));

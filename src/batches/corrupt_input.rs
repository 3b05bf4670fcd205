//! Decoding input that may be corrupt. The decoders of Parquet and Arrow IPC panic on some invalid bytes.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static IS_DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Returns the result of `decode`, or `None` if it panicked. The panic is not printed.
///
/// After a panic, the values that `decode` changed must not be used again.
pub(crate) fn catch_decoder_panic<T>(decode: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_DECODING.get() {
                print(panic);
            }
        }));
    });
    IS_DECODING.set(true);
    let decoded = catch_unwind(AssertUnwindSafe(decode)).ok();
    IS_DECODING.set(false);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_gives_none_and_the_next_call_works() {
        assert_eq!(catch_decoder_panic(|| -> i32 { panic!("on purpose") }), None);
        assert_eq!(catch_decoder_panic(|| 7), Some(7));
    }
}

//! Reading what may be damaged: the decoders of Parquet and of Arrow IPC panic on some bytes that no writer writes.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static IS_READING: Cell<bool> = const { Cell::new(false) };
}

/// What `read` gives; `None` where it panicked, of which nothing is printed. What it touched must not be used again.
pub(crate) fn unless_damaged<T>(read: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_READING.get() {
                print(panic);
            }
        }));
    });
    IS_READING.set(true);
    let read = catch_unwind(AssertUnwindSafe(read)).ok();
    IS_READING.set(false);
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_none_and_the_next_read_goes_on() {
        assert_eq!(unless_damaged(|| -> i32 { panic!("on purpose") }), None);
        assert_eq!(unless_damaged(|| 7), Some(7));
    }
}

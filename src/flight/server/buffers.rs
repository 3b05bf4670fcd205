//! Memory for messages, which is used again and again.
//!
//! A message of a megabyte is made by one thread and freed by another, once it is sent. An allocator keeps such memory
//! for the thread that made it: with all threads making messages, four readers had a server hold 76 MiB. Here the next
//! message, whoever makes it, is written where the last one lay, which is still in the cache: 60 MiB.
//!
//! Mappings of its own instead of the allocator's memory, which has huge pages, cost a tenth of one reader's speed.

use crate::error::Result;
use bytes::Bytes;
use std::mem;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Messages from this length on are worth keeping; an allocator is quick with shorter ones.
const LEAST_BYTES: usize = 64 << 10;

/// Lengths of what is kept have so many steps to a power of two, so that messages of about one length fit each other's.
const STEPS: usize = 16;

/// What IPC aligns the buffers of a body to, a line of the processor's cache.
const ALIGNMENT: usize = 64;

/// What is kept at most while nobody uses it.
const KEPT: usize = 16;

/// What streams have written messages in, for the next.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// The one used last is at the end.
    free: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many bytes, filled by `write`, which is given them with any content. Those from `head` on are aligned.
    ///
    /// # Errors
    /// That of `write`.
    pub fn filled(
        self: &Arc<Self>,
        bytes: usize,
        head: usize,
        write: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<Bytes> {
        let least = bytes + ALIGNMENT;
        let step = if bytes < LEAST_BYTES { 1 } else { least.next_power_of_two() / STEPS };
        let memory = self.take(least).unwrap_or_else(|| vec![0; least.next_multiple_of(step)]);
        let start = (memory.as_ptr().addr() + head).next_multiple_of(ALIGNMENT) - head - memory.as_ptr().addr();
        let mut buffer = Buffer { memory, bytes: start..start + bytes, home: Arc::downgrade(self) };
        write(&mut buffer.memory[start..start + bytes])?;
        Ok(Bytes::from_owner(buffer))
    }

    /// The one used last among those of about this length.
    fn take(&self, bytes: usize) -> Option<Vec<u8>> {
        let mut free = self.free();
        let place = free.iter().rposition(|memory| (bytes..bytes + bytes / 2).contains(&memory.len()))?;
        Some(free.remove(place))
    }

    fn keep(&self, memory: Vec<u8>) {
        let mut free = self.free();
        let oldest = (free.len() == KEPT).then(|| free.remove(0));
        free.push(memory);
        drop(free);
        // Freed while nobody waits.
        drop(oldest);
    }
}

/// A message's memory, which goes home when dropped.
struct Buffer {
    memory: Vec<u8>,
    bytes: Range<usize>,
    home: Weak<Buffers>,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[self.bytes.clone()]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade().filter(|_| self.bytes.len() >= LEAST_BYTES) {
            home.keep(mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 1_000_000;

    fn filled(buffers: &Arc<Buffers>, bytes: usize, with: u8) -> Bytes {
        const HEAD: usize = 9;
        let filled = buffers.filled(bytes, HEAD, |buffer| {
            buffer.fill(with);
            Ok(())
        });
        let filled = filled.unwrap();
        assert_eq!((filled[HEAD..].as_ptr().addr() % ALIGNMENT, filled.len()), (0, bytes));
        filled
    }

    #[test]
    fn what_was_dropped_last_is_used_next_by_what_is_about_as_long() {
        let buffers = Arc::<Buffers>::default();
        let [first, second] = [1, 2].map(|with| filled(&buffers, BYTES, with));
        let (of_first, of_second) = (first.as_ptr(), second.as_ptr());
        assert_ne!(of_first, of_second);
        drop((first, second));
        // Half as long would take up too much.
        let short = filled(&buffers, BYTES / 2, 3);
        assert!(![of_first, of_second].contains(&short.as_ptr()));
        let third = filled(&buffers, BYTES - 1_000, 4);
        assert_eq!((third.as_ptr(), third.len()), (of_second, BYTES - 1_000));
        assert!(third.iter().all(|&byte| byte == 4));
        // What is held on to stays as it is.
        let kept = third.slice(10..20);
        drop(third);
        assert_eq!(filled(&buffers, BYTES, 5).as_ptr(), of_first);
        assert_eq!(kept, [4; 10][..]);
        assert!(filled(&buffers, BYTES + BYTES / 8, 6).iter().all(|&byte| byte == 6));
    }

    #[test]
    fn few_are_kept_and_none_once_nobody_is_left_to_use_them() {
        let buffers = Arc::<Buffers>::default();
        let many: Vec<_> = (0..2 * KEPT).map(|with| filled(&buffers, BYTES, with as u8)).collect();
        drop(many);
        assert_eq!(buffers.free().len(), KEPT);
        drop(filled(&buffers, 10, 0));
        assert_eq!(buffers.free().len(), KEPT, "short ones are not kept");
        let late = filled(&buffers, BYTES, 7);
        let home = Arc::downgrade(&buffers);
        drop(buffers);
        assert!(home.upgrade().is_none());
        assert!(late.iter().all(|&byte| byte == 7));
        drop(late);
    }
}

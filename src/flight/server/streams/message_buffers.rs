//! Memory for messages, which is used again.
//!
//! One thread makes a message of a megabyte, and another frees it once it is sent. An allocator keeps that memory for the
//! thread that made it. Here the next message, on any thread, is written where the last one lay, which is still in the
//! cache, and needs no zeroing.

use crate::error::Result;
use bytes::Bytes;
use std::mem;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Messages shorter than this are not kept: the allocator is fast with them.
const MIN_BYTES: usize = 64 << 10;

/// Bytes that IPC aligns the buffers of a body to: one cache line.
const ALIGNMENT: usize = 64;

/// The most buffers that are kept free.
const MAX_FREE: usize = 16;

/// The buffers of a server's messages.
#[derive(Debug, Default)]
pub(super) struct MessageBuffers {
    /// Free buffers. The one used last is at the end.
    free: Mutex<Vec<Vec<u8>>>,
}

impl MessageBuffers {
    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `bytes` bytes that `write` has filled. They hold anything at first. The bytes from `head` on are aligned.
    ///
    /// # Errors
    /// The error of `write`.
    pub fn fill(
        self: &Arc<Self>,
        bytes: usize,
        head: usize,
        write: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<Bytes> {
        let least = bytes + ALIGNMENT;
        // An eighth more, for longer messages that use the buffer later.
        let memory = self.take(least).unwrap_or_else(|| vec![0; least + least / 8]);
        let start = (memory.as_ptr().addr() + head).next_multiple_of(ALIGNMENT) - head - memory.as_ptr().addr();
        let mut buffer = MessageBuffer { memory, bytes: start..start + bytes, home: Arc::clone(self) };
        write(&mut buffer.memory[start..start + bytes])?;
        Ok(Bytes::from_owner(buffer))
    }

    /// Frees the buffers that no message uses.
    pub fn clear(&self) {
        // Freed after the lock is released.
        let free = mem::take(&mut *self.free());
        drop(free);
    }

    /// Takes the buffer used last among those of about this length.
    fn take(&self, bytes: usize) -> Option<Vec<u8>> {
        let mut free = self.free();
        let place = free.iter().rposition(|memory| (bytes..bytes + bytes / 2).contains(&memory.len()))?;
        Some(free.remove(place))
    }

    fn keep(&self, memory: Vec<u8>) {
        let mut free = self.free();
        let oldest = (free.len() == MAX_FREE).then(|| free.remove(0));
        free.push(memory);
        drop(free);
        // Freed after the lock is released.
        drop(oldest);
    }
}

/// The memory of one message. It returns to the free buffers when dropped.
struct MessageBuffer {
    memory: Vec<u8>,
    bytes: Range<usize>,
    home: Arc<MessageBuffers>,
}

impl AsRef<[u8]> for MessageBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[self.bytes.clone()]
    }
}

impl Drop for MessageBuffer {
    fn drop(&mut self) {
        if self.bytes.len() >= MIN_BYTES {
            self.home.keep(mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 1_000_000;

    fn filled(buffers: &Arc<MessageBuffers>, bytes: usize, with: u8) -> Bytes {
        const HEAD: usize = 9;
        let filled = buffers.fill(bytes, HEAD, |buffer| {
            buffer.fill(with);
            Ok(())
        });
        let filled = filled.unwrap();
        assert_eq!((filled[HEAD..].as_ptr().addr() % ALIGNMENT, filled.len()), (0, bytes));
        filled
    }

    #[test]
    fn the_buffer_freed_last_is_used_by_the_next_message_of_about_its_length() {
        let buffers = Arc::<MessageBuffers>::default();
        let [first, second] = [1, 2].map(|with| filled(&buffers, BYTES, with));
        let (of_first, of_second) = (first.as_ptr(), second.as_ptr());
        assert_ne!(of_first, of_second);
        drop((first, second));
        // Half the length is too short to use it.
        let short = filled(&buffers, BYTES / 2, 3);
        assert!(![of_first, of_second].contains(&short.as_ptr()));
        let third = filled(&buffers, BYTES - 1_000, 4);
        assert_eq!((third.as_ptr(), third.len()), (of_second, BYTES - 1_000));
        assert!(third.iter().all(|&byte| byte == 4));
        // A slice keeps the whole buffer in use.
        let kept = third.slice(10..20);
        drop(third);
        assert_eq!(filled(&buffers, BYTES, 5).as_ptr(), of_first);
        assert_eq!(kept, [4; 10][..]);
        assert!(filled(&buffers, BYTES + BYTES / 8, 6).iter().all(|&byte| byte == 6));
    }

    #[test]
    fn few_free_buffers_are_kept_and_clear_frees_them() {
        let buffers = Arc::<MessageBuffers>::default();
        let many: Vec<_> = (0..2 * MAX_FREE).map(|with| filled(&buffers, BYTES, with as u8)).collect();
        drop(many);
        assert_eq!(buffers.free().len(), MAX_FREE);
        drop(filled(&buffers, 10, 0));
        assert_eq!(buffers.free().len(), MAX_FREE, "short ones are not kept");
        let used = filled(&buffers, BYTES, 7);
        buffers.clear();
        assert!(buffers.free().is_empty());
        assert!(used.iter().all(|&byte| byte == 7), "a buffer in use is not freed");
        drop(used);
        assert_eq!(buffers.free().len(), 1);
    }
}

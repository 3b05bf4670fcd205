//! One early block is sent with a MiB of zeros after its columns, to clients of gRPC's C++ library.
//!
//! These clients (pyarrow, DuckDB, R) allocate with glibc. glibc returns freed memory to the system when more than twice
//! the largest piece that was ever mapped alone lies free. Batches of one size reach just that limit: a reader that
//! frees one batch while it holds the next has room for two and a little more. So glibc returns pages and faults them in
//! again, batch after batch: 7,700 page faults for 98 MB when 16 pyarrow clients read. After one message of twice the
//! size there are 1,000. One pyarrow client then reads 1.5 times as fast, and 16 of them a tenth faster.

use crate::scan::Scan;
use bytes::Bytes;

/// The index of the block that is stretched, within a stream.
const STRETCHED_BLOCK: usize = 3;

/// The zeros, shared by all streams: a reader that stalls at its stretched block holds none of its own. With them, a
/// message stays far below the 4 MiB that some clients accept.
#[repr(align(64))]
struct Zeros([u8; 1 << 20]);

static ZEROS: Zeros = Zeros([0; 1 << 20]);

/// Returns the zeros, aligned as Arrow aligns buffers. No buffer of a batch covers them, so readers skip them.
pub(super) fn zeros() -> Bytes {
    Bytes::from_static(&ZEROS.0)
}

/// Returns the end of the block of `scan` to stretch, or `None` if the scan has fewer blocks.
pub(super) fn end_of_stretched_block(scan: &Scan) -> Option<u64> {
    scan.blocks().nth(STRETCHED_BLOCK).map(|ids| ids.end)
}

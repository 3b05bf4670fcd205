//! The lengths at the start of a page of strings, in DELTA_BINARY_PACKED encoding. `encode/delta.rs` shows the format.
//!
//! Their count and their sum tell how much memory the page needs. A few bytes can claim any count.

use super::varint::{read_varint, read_zigzag};

/// Lengths of which only the header has been read.
pub(super) struct DeltaLengths<'a> {
    count: u64,
    first: i64,
    miniblocks_per_block: usize,
    values_per_miniblock: usize,
    /// The bytes after the header.
    bytes: &'a [u8],
}

impl<'a> DeltaLengths<'a> {
    /// Reads the header at the start of `bytes`. Returns `None` if it is invalid.
    pub fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let values_per_block = read_varint(&mut bytes)?;
        let miniblocks_per_block = usize::try_from(read_varint(&mut bytes)?).ok()?;
        let count = read_varint(&mut bytes)?;
        let first = read_zigzag(&mut bytes)?;
        let values_per_miniblock = usize::try_from(values_per_block.checked_div(miniblocks_per_block as u64)?).ok()?;
        (values_per_miniblock > 0 && values_per_miniblock % 32 == 0).then_some(Self {
            count,
            first,
            miniblocks_per_block,
            values_per_miniblock,
            bytes,
        })
    }

    /// Returns the number of lengths that the header claims.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the sum of the positive lengths, and the bytes after the lengths. Returns `None` if the lengths are cut
    /// short or have more than 32 bits. Takes time in proportion to `count`.
    pub fn sum(self) -> Option<(u64, &'a [u8])> {
        let mut bytes = self.bytes;
        let mut length = self.first as i32;
        let mut sum = if self.count > 0 { length.max(0) as u64 } else { 0 };
        let mut left = self.count.saturating_sub(1);
        while left > 0 {
            let min = read_zigzag(&mut bytes)? as i32;
            let (widths, miniblocks) = bytes.split_at_checked(self.miniblocks_per_block)?;
            bytes = miniblocks;
            for &width in widths {
                if left == 0 {
                    break;
                }
                let width = Some(usize::from(width)).filter(|&width| width <= 32)?;
                let (packed, rest) = bytes.split_at_checked(width.checked_mul(self.values_per_miniblock)? / 8)?;
                bytes = rest;
                let used = left.min(self.values_per_miniblock as u64);
                for index in 0..used as usize {
                    length = length.wrapping_add(min).wrapping_add(read_bits(packed, index * width, width));
                    sum += length.max(0) as u64;
                }
                left -= used;
            }
        }
        Some((sum, bytes))
    }
}

/// Returns the `width` bits of `packed` that start at bit `start`. The width is at most 32.
fn read_bits(packed: &[u8], start: usize, width: usize) -> i32 {
    let bytes = packed.iter().skip(start / 8).take(8);
    let word = bytes.enumerate().fold(0, |word, (index, &byte)| word | u64::from(byte) << (8 * index));
    (word >> (start % 8) & ((1 << width) - 1)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parquet_files::encode::encode_i32;

    #[test]
    fn encoded_lengths_are_counted_and_summed() {
        for count in [1, 2, 32, 33, 128, 129, 130, 1_000] {
            for spread in [1, 2, 9, 1_000, 1 << 20] {
                let lengths: Vec<i32> = (0..count).map(|index: i32| index.wrapping_mul(7_919) & (spread - 1)).collect();
                let (mut page, _) = encode_i32(&lengths);
                page.extend_from_slice(b"rest");
                let parsed = DeltaLengths::parse(&page).unwrap();
                assert_eq!(parsed.count(), count as u64);
                let sum = lengths.iter().map(|&length| length as u64).sum();
                assert_eq!(parsed.sum(), Some((sum, &b"rest"[..])), "{count} lengths below {spread}");
            }
        }
    }

    #[test]
    fn truncated_lengths_are_refused() {
        let (page, _) = encode_i32(&(0..100).map(|index| index * index % 77).collect::<Vec<_>>());
        for end in 0..page.len() {
            assert_eq!(DeltaLengths::parse(&page[..end]).and_then(DeltaLengths::sum), None, "{end} bytes");
        }
    }

    #[test]
    fn invalid_headers_are_refused() {
        // No miniblocks, miniblocks without values, and miniblocks of 16 values.
        for header in [[128, 1, 0, 9, 0], [0, 0, 4, 9, 0], [128, 1, 8, 9, 0]] {
            assert!(DeltaLengths::parse(&header).is_none(), "{header:?}");
        }
    }
}

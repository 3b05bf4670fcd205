//! The lengths that a page of texts begins with, as far as they tell what decoding it takes: their number, which a few
//! bytes can claim to be any, and their sum.
//!
//! They are DELTA_BINARY_PACKED, which `encode/delta.rs` draws.

use super::pages::varint;

/// Lengths of which only the header is read.
pub(super) struct Lengths<'a> {
    count: u64,
    first: i64,
    of_block: usize,
    of_miniblock: usize,
    /// Behind the header.
    bytes: &'a [u8],
}

impl<'a> Lengths<'a> {
    /// Those that `bytes` begins with; `None` where it doesn't begin as the format is.
    pub fn of(mut bytes: &'a [u8]) -> Option<Self> {
        let block_values = varint(&mut bytes)?;
        let of_block = usize::try_from(varint(&mut bytes)?).ok()?;
        let count = varint(&mut bytes)?;
        let first = zigzag(&mut bytes)?;
        let of_miniblock = usize::try_from(block_values.checked_div(of_block as u64)?).ok()?;
        (of_miniblock > 0 && of_miniblock % 32 == 0).then_some(Self { count, first, of_block, of_miniblock, bytes })
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of those above zero, and what follows them; `None` where they are cut short or wider than lengths are.
    /// It takes the time of `count` steps.
    pub fn sum(self) -> Option<(u64, &'a [u8])> {
        let mut bytes = self.bytes;
        let mut length = self.first as i32;
        let mut sum = if self.count > 0 { length.max(0) as u64 } else { 0 };
        let mut left = self.count.saturating_sub(1);
        while left > 0 {
            let least = zigzag(&mut bytes)? as i32;
            let (widths, miniblocks) = bytes.split_at_checked(self.of_block)?;
            bytes = miniblocks;
            for &width in widths {
                if left == 0 {
                    break;
                }
                let width = Some(usize::from(width)).filter(|&width| width <= 32)?;
                let (packed, behind) = bytes.split_at_checked(width.checked_mul(self.of_miniblock)? / 8)?;
                bytes = behind;
                let used = left.min(self.of_miniblock as u64);
                for index in 0..used as usize {
                    length = length.wrapping_add(least).wrapping_add(bits(packed, index * width, width));
                    sum += length.max(0) as u64;
                }
                left -= used;
            }
        }
        Some((sum, bytes))
    }
}

/// So many bits, of at most 32, from the `at`th.
fn bits(packed: &[u8], at: usize, width: usize) -> i32 {
    let bytes = packed.iter().skip(at / 8).take(8);
    let word = bytes.enumerate().fold(0, |word, (place, &byte)| word | u64::from(byte) << (8 * place));
    (word >> (at % 8) & ((1 << width) - 1)) as i32
}

fn zigzag(bytes: &mut &[u8]) -> Option<i64> {
    varint(bytes).map(|value| (value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parquet_files::encode::delta::page_of_32;

    #[test]
    fn lengths_are_those_that_were_packed() {
        for count in [1, 2, 32, 33, 128, 129, 130, 1_000] {
            for spread in [1, 2, 9, 1_000, 1 << 20] {
                let lengths: Vec<i32> = (0..count).map(|index: i32| index.wrapping_mul(7_919) & (spread - 1)).collect();
                let (mut page, _) = page_of_32(&lengths);
                page.extend_from_slice(b"rest");
                let read = Lengths::of(&page).unwrap();
                assert_eq!(read.count(), count as u64);
                let sum = lengths.iter().map(|&length| length as u64).sum();
                assert_eq!(read.sum(), Some((sum, &b"rest"[..])), "{count} up to {spread}");
            }
        }
    }

    #[test]
    fn what_is_cut_short_or_no_header_is_none() {
        let (page, _) = page_of_32(&(0..100).map(|index| index * index % 77).collect::<Vec<_>>());
        for end in 0..page.len() {
            assert_eq!(Lengths::of(&page[..end]).and_then(Lengths::sum), None, "{end}");
        }
        // No miniblocks, miniblocks of none, and of other than words.
        for header in [[128, 1, 0, 9, 0], [0, 0, 4, 9, 0], [128, 1, 8, 9, 0]] {
            assert!(Lengths::of(&header).is_none(), "{header:?}");
        }
    }
}

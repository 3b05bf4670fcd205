//! DELTA_BINARY_PACKED: whole numbers as differences from the one before, packed in as few bits as each run needs.
//!
//! ```text
//! page   block size, miniblocks a block, values (varints), the first value (zigzag varint), blocks
//! block  the least difference (zigzag varint), the bits of each miniblock (a byte each), miniblocks
//! miniblock  differences less the least one, packed, lowest bits first; the last is filled up with zeros
//! ```

use bitpacking::{BitPacker, BitPacker1x};
use multiversion::multiversion;

/// Miniblocks of a block.
const MINIBLOCKS: usize = 4;

/// Values that are packed together: 32 of any width are whole words.
const PACKED: usize = BitPacker1x::BLOCK_LEN;

/// 32-bit or 64-bit values; differences wrap around at that width, as readers' sums do.
trait Value: Copy + Ord + Default {
    /// Values of a miniblock: ids, of which most differ by the same, are smaller in larger ones.
    const MINIBLOCK: usize;

    fn less(self, other: Self) -> Self;
    /// `self - least`, which is not negative.
    fn above(self, least: Self) -> u64;
    fn to_i64(self) -> i64;
}

impl Value for i32 {
    const MINIBLOCK: usize = 32;

    #[inline(always)]
    fn less(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline(always)]
    fn above(self, least: Self) -> u64 {
        u64::from(self.wrapping_sub(least) as u32)
    }

    fn to_i64(self) -> i64 {
        i64::from(self)
    }
}

impl Value for i64 {
    const MINIBLOCK: usize = 64;

    #[inline(always)]
    fn less(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline(always)]
    fn above(self, least: Self) -> u64 {
        self.wrapping_sub(least) as u64
    }

    fn to_i64(self) -> i64 {
        self
    }
}

/// A page of 32-bit values, of which there is one at least, and the least and the largest of them.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2", "x86_64+avx2+bmi1+bmi2"))]
pub(in crate::parquet_files) fn page_of_32(values: &[i32]) -> (Vec<u8>, (i32, i32)) {
    page(values)
}

/// As [`page_of_32`].
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2", "x86_64+avx2+bmi1+bmi2"))]
pub(super) fn page_of_64(values: &[i64]) -> (Vec<u8>, (i64, i64)) {
    page(values)
}

#[inline(always)]
fn page<T: Value>(values: &[T]) -> (Vec<u8>, (T, T)) {
    let first = values.first().copied().unwrap_or_default();
    let block_values = MINIBLOCKS * T::MINIBLOCK;
    let mut page = Vec::with_capacity(values.len() * 2 + 64);
    varint(&mut page, block_values as u64);
    varint(&mut page, MINIBLOCKS as u64);
    varint(&mut page, values.len() as u64);
    zigzag(&mut page, first.to_i64());
    let mut extremes = (first, first);
    let mut before = first;
    // The longest block: 4 miniblocks of 64.
    let (mut differences, mut above) = ([T::default(); 256], [0_u64; 256]);
    for block in values.get(1..).unwrap_or_default().chunks(block_values) {
        for &value in block {
            extremes = (extremes.0.min(value), extremes.1.max(value));
        }
        let differences = &mut differences[..block.len()];
        differences[0] = block[0].less(before);
        for (difference, pair) in differences[1..].iter_mut().zip(block.windows(2)) {
            *difference = pair[1].less(pair[0]);
        }
        before = block[block.len() - 1];
        let mut least = differences[0];
        for &difference in differences.iter() {
            least = least.min(difference);
        }
        above[differences.len()..].fill(0);
        for (above, &difference) in above.iter_mut().zip(differences.iter()) {
            *above = difference.above(least);
        }
        zigzag(&mut page, least.to_i64());
        pack_block(&mut page, &above[..block_values], block.len(), T::MINIBLOCK);
    }
    (page, extremes)
}

/// The widths of the miniblocks, then those of them that have values.
#[inline(always)]
fn pack_block(page: &mut Vec<u8>, above: &[u64], values: usize, miniblock: usize) {
    let widths = page.len();
    page.extend_from_slice(&[0; MINIBLOCKS]);
    let used = values.div_ceil(miniblock);
    for (number, values) in above.chunks_exact(miniblock).take(used).enumerate() {
        let mut all = 0;
        for &value in values {
            all |= value;
        }
        let width = u64::BITS - all.leading_zeros();
        page[widths + number] = width as u8;
        for values in values.chunks_exact(PACKED) {
            if width <= u32::BITS {
                pack(page, values, width as u8);
            } else {
                pack_wide(page, values, width);
            }
        }
    }
}

#[inline(always)]
fn pack(page: &mut Vec<u8>, values: &[u64], width: u8) {
    let mut words = [0_u32; PACKED];
    for (word, &value) in words.iter_mut().zip(values) {
        *word = value as u32;
    }
    let mut packed = [0; PACKED * 4];
    let bytes = BitPacker1x::new().compress(&words, &mut packed, width);
    page.extend_from_slice(&packed[..bytes]);
}

/// Differences beyond 32 bits: those of ids far apart.
#[cold]
fn pack_wide(page: &mut Vec<u8>, values: &[u64], width: u32) {
    let (mut bits, mut count) = (0_u128, 0);
    for &value in values {
        bits |= u128::from(value) << count;
        count += width;
        while count >= 8 {
            page.push(bits as u8);
            bits >>= 8;
            count -= 8;
        }
    }
}

pub(super) fn varint(page: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        page.push(value as u8 | 0x80);
        value >>= 7;
    }
    page.push(value as u8);
}

fn zigzag(page: &mut Vec<u8>, value: i64) {
    varint(page, (value << 1 ^ value >> 63) as u64);
}

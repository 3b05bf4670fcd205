//! The DELTA_BINARY_PACKED encoding: each whole number is stored as its difference from the number before, in as few
//! bits as each miniblock needs.
//!
//! ```text
//! page       values per block, miniblocks per block, number of values (varints), first value (zigzag), blocks
//! block      smallest difference (zigzag), bit width of each miniblock (1 byte each), miniblocks
//! miniblock  differences minus the smallest one, bit-packed, lowest bits first
//! ```
//!
//! The last miniblock is padded with zeros.

use super::varint::{write_varint, write_zigzag};
use bitpacking::{BitPacker, BitPacker1x};
use multiversion::multiversion;

/// Miniblocks per block.
const MINIBLOCKS: usize = 4;

/// The number of values packed by one call: 32. At any bit width, they fill whole words.
const PACKED: usize = BitPacker1x::BLOCK_LEN;

/// A 32-bit or 64-bit integer. Differences wrap around, as the sums of readers do.
trait Value: Copy + Ord + Default {
    /// Values per miniblock. Most 64-bit values are ids with equal differences, which take less space in larger
    /// miniblocks.
    const MINIBLOCK: usize;

    fn minus(self, other: Self) -> Self;
    /// Returns `self - min`, which is not negative.
    fn offset_from(self, min: Self) -> u64;
    fn to_i64(self) -> i64;
}

impl Value for i32 {
    const MINIBLOCK: usize = 32;

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline(always)]
    fn offset_from(self, min: Self) -> u64 {
        u64::from(self.wrapping_sub(min) as u32)
    }

    fn to_i64(self) -> i64 {
        i64::from(self)
    }
}

impl Value for i64 {
    const MINIBLOCK: usize = 64;

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    #[inline(always)]
    fn offset_from(self, min: Self) -> u64 {
        self.wrapping_sub(min) as u64
    }

    fn to_i64(self) -> i64 {
        self
    }
}

/// Encodes a page of at least one 32-bit value. Returns the page and the minimum and maximum.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2", "x86_64+avx2+bmi1+bmi2"))]
pub(in crate::parquet_files) fn encode_i32(values: &[i32]) -> (Vec<u8>, (i32, i32)) {
    encode(values)
}

/// Encodes a page of at least one 64-bit value. Returns the page and the minimum and maximum.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2", "x86_64+avx2+bmi1+bmi2"))]
pub(super) fn encode_i64(values: &[i64]) -> (Vec<u8>, (i64, i64)) {
    encode(values)
}

#[inline(always)]
fn encode<T: Value>(values: &[T]) -> (Vec<u8>, (T, T)) {
    let first = values.first().copied().unwrap_or_default();
    let block_values = MINIBLOCKS * T::MINIBLOCK;
    let mut page = Vec::with_capacity(values.len() * 2 + 64);
    write_varint(&mut page, block_values as u64);
    write_varint(&mut page, MINIBLOCKS as u64);
    write_varint(&mut page, values.len() as u64);
    write_zigzag(&mut page, first.to_i64());
    let mut min_max = (first, first);
    let mut before = first;
    // A block has at most 4 miniblocks of 64 values.
    let (mut differences, mut offsets) = ([T::default(); 256], [0_u64; 256]);
    for block in values.get(1..).unwrap_or_default().chunks(block_values) {
        for &value in block {
            min_max = (min_max.0.min(value), min_max.1.max(value));
        }
        let differences = &mut differences[..block.len()];
        differences[0] = block[0].minus(before);
        for (difference, pair) in differences[1..].iter_mut().zip(block.windows(2)) {
            *difference = pair[1].minus(pair[0]);
        }
        before = block[block.len() - 1];
        let mut min = differences[0];
        for &difference in differences.iter() {
            min = min.min(difference);
        }
        offsets[differences.len()..].fill(0);
        for (offset, &difference) in offsets.iter_mut().zip(differences.iter()) {
            *offset = difference.offset_from(min);
        }
        write_zigzag(&mut page, min.to_i64());
        write_miniblocks(&mut page, &offsets[..block_values], block.len(), T::MINIBLOCK);
    }
    (page, min_max)
}

/// Writes the bit widths of all miniblocks, and then the miniblocks that have values.
#[inline(always)]
fn write_miniblocks(page: &mut Vec<u8>, offsets: &[u64], values: usize, miniblock: usize) {
    let widths = page.len();
    page.extend_from_slice(&[0; MINIBLOCKS]);
    let used = values.div_ceil(miniblock);
    for (number, values) in offsets.chunks_exact(miniblock).take(used).enumerate() {
        let mut used_bits = 0;
        for &value in values {
            used_bits |= value;
        }
        let width = u64::BITS - used_bits.leading_zeros();
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

/// Packs values of more than 32 bits, which only occur if ids are far apart.
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

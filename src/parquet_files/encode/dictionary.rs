//! The RLE_DICTIONARY encoding: a dictionary page holds each different value once, and data pages hold indices.
//!
//! ```text
//! data page    bits per index (1 byte), runs
//! run          number of indices x 2 (varint), index (1 byte)
//!              or number of groups x 2 + 1 (varint), groups of eight bit-packed indices, lowest bits first
//! ```
//!
//! The last group is padded with zeros.

use super::statistics::MinMax;
use super::varint::write_varint;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Int8Type};
use bitpacking::{BitPacker, BitPacker1x};

/// The largest number of different values. An index fits into a byte. A list of a model has at most 100 names.
const MAX_VALUES: usize = 256;

/// The largest number of groups in a bit-packed run. The length of the run fits into one byte.
const MAX_PACKED_GROUPS: usize = 63;

/// The smallest number of equal groups that become a run of one repeated index.
const MIN_EQUAL_GROUPS: usize = 2;

/// The different values so far, in the order of their first use.
#[derive(Default)]
pub(super) struct Dictionary {
    names: Vec<String>,
    hundredths: Vec<i64>,
}

/// The reason why values can't be encoded, or `None` if their type is not supported.
type Refusal = Option<String>;

impl Dictionary {
    pub fn len(&self) -> usize {
        self.names.len() + self.hundredths.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the dictionary page: the values in PLAIN encoding.
    pub fn page(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for name in &self.names {
            bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes.extend(self.hundredths.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    /// Encodes a data page of text or amounts of money, which has at least one value. Returns the page and the minimum
    /// and maximum.
    pub fn encode(&mut self, values: &ArrayRef) -> Result<(Vec<u8>, MinMax), Refusal> {
        let mut indices = Vec::with_capacity(values.len());
        let min_max = match values.data_type() {
            DataType::Utf8 => {
                let mut last: Option<(&str, u8)> = None;
                for name in values.as_string::<i32>().iter().map(Option::unwrap_or_default) {
                    let index = match last {
                        Some((before, index)) if before == name => index,
                        _ => index_of(&mut self.names, name)?,
                    };
                    last = Some((name, index));
                    indices.push(index);
                }
                MinMax::Text(min_max_of_used(&self.names, &indices))
            }
            DataType::Dictionary(key, name) if **key == DataType::Int8 && **name == DataType::Utf8 => {
                let dictionary = values.as_dictionary::<Int8Type>();
                let names = dictionary.values().as_string::<i32>();
                let mut index_of_key = [None; MAX_VALUES];
                for &key in dictionary.keys().values() {
                    let known = &mut index_of_key[usize::from(key as u8)];
                    indices.push(match *known {
                        Some(index) => index,
                        None => *known.insert(index_of(&mut self.names, names.value(key as usize))?),
                    });
                }
                MinMax::Text(min_max_of_used(&self.names, &indices))
            }
            DataType::Decimal128(..) => {
                let mut last: Option<(i128, u8)> = None;
                for &value in values.as_primitive::<Decimal128Type>().values() {
                    let index = match last {
                        Some((before, index)) if before == value => index,
                        _ => {
                            let hundredths = i64::try_from(value).map_err(|_| Some(format!("{value} hundredths")))?;
                            index_of(&mut self.hundredths, &hundredths)?
                        }
                    };
                    last = Some((value, index));
                    indices.push(index);
                }
                MinMax::Int64(min_max_of_used(&self.hundredths, &indices))
            }
            _ => return Err(None),
        };
        Ok((encode_indices(&indices, self.len()), min_max))
    }
}

/// Returns the index of `value` in `values`, and appends it if it is new.
fn index_of<T: PartialEq<Q>, Q: ToOwned<Owned = T> + ?Sized>(values: &mut Vec<T>, value: &Q) -> Result<u8, Refusal> {
    let index = values.iter().position(|known| known == value).unwrap_or_else(|| {
        values.push(value.to_owned());
        values.len() - 1
    });
    u8::try_from(index).map_err(|_| Some(format!("more than {MAX_VALUES} different values")))
}

/// Returns the minimum and the maximum of the values that `indices` refer to. There is at least one index.
fn min_max_of_used<T: Ord + Clone>(values: &[T], indices: &[u8]) -> (T, T) {
    let mut is_used = [false; MAX_VALUES];
    for &index in indices {
        is_used[usize::from(index)] = true;
    }
    let first = &values[usize::from(indices[0])];
    let used = values.iter().zip(is_used).filter(|&(_, is_used)| is_used).map(|(value, _)| value);
    let (min, max) = used.fold((first, first), |(min, max), value| (min.min(value), max.max(value)));
    (min.clone(), max.clone())
}

fn encode_indices(indices: &[u8], values: usize) -> Vec<u8> {
    // At least one bit: some readers reject a width of zero.
    let width = (usize::BITS - (values - 1).leading_zeros()).max(1) as u8;
    let mut page = Vec::with_capacity(indices.len() * usize::from(width) / 8 + indices.len() / 256 + 64);
    page.push(width);
    let (groups, rest) = indices.as_chunks::<8>();
    // Groups from `unwritten` to `group` are not in the page yet.
    let (mut unwritten, mut group) = (0, 0);
    while group < groups.len() {
        let equal = groups[group..].iter().take_while(|other| **other == [groups[group][0]; 8]).count();
        if equal >= MIN_EQUAL_GROUPS {
            write_packed_runs(&mut page, &indices[unwritten * 8..group * 8], width);
            write_varint(&mut page, (equal as u64 * 8) << 1);
            page.push(groups[group][0]);
            unwritten = group + equal;
        }
        group += equal.max(1);
    }
    write_packed_runs(&mut page, &indices[unwritten * 8..groups.len() * 8], width);
    write_packed_runs(&mut page, rest, width);
    page
}

fn write_packed_runs(page: &mut Vec<u8>, indices: &[u8], width: u8) {
    for run in indices.chunks(MAX_PACKED_GROUPS * 8) {
        let groups = run.len().div_ceil(8);
        write_varint(page, (groups as u64) << 1 | 1);
        let end = page.len() + groups * usize::from(width);
        for indices in run.chunks(BitPacker1x::BLOCK_LEN) {
            let mut words = [0; BitPacker1x::BLOCK_LEN];
            for (word, &index) in words.iter_mut().zip(indices) {
                *word = u32::from(index);
            }
            let mut bytes = [0; BitPacker1x::BLOCK_LEN];
            let packed = BitPacker1x::new().compress(&words, &mut bytes, width);
            page.extend_from_slice(&bytes[..packed]);
        }
        page.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_become_repeated_and_bit_packed_runs() {
        // Two groups of different indices, 24 equal indices, and three indices that don't fill a group.
        let mut indices = vec![0, 1, 2, 3, 0, 1, 2, 3, 3, 2, 1, 0, 3, 2, 1, 0];
        indices.extend([2; 24]);
        indices.extend([1, 0, 1]);
        let packed = [0b1110_0100, 0b1110_0100, 0b0001_1011, 0b0001_1011];
        let expected = [&[2, 2 << 1 | 1][..], &packed, &[24 << 1, 2], &[1 << 1 | 1, 0b01_00_01, 0]].concat();
        assert_eq!(encode_indices(&indices, 4), expected);
    }

    #[test]
    fn indices_have_at_least_one_bit() {
        assert_eq!(encode_indices(&[0; 16], 1), [1, 16 << 1, 0]);
    }
}

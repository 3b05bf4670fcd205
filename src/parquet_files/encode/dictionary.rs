//! RLE_DICTIONARY: few different values, once each, and everywhere else their indices.
//!
//! ```text
//! page     the bits of an index (a byte), then runs
//! run      length x 2 (varint), the index (a byte), or
//!          groups of eight x 2 + 1 (varint), indices packed, lowest bits first, filled up to a group with zeros
//! ```

use super::delta::varint;
use super::extremes::Extremes;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Int8Type};
use bitpacking::{BitPacker, BitPacker1x};

/// Different values at most, so that an index is a byte. A model has 100 names in a list at most.
const MOST_VALUES: usize = 256;

/// Groups of eight packed in a run at most: its length is then one byte.
const MOST_GROUPS: usize = 63;

/// Groups of eight that are all alike, from which on they are a run of their own.
const LEAST_GROUPS_ALIKE: usize = 2;

/// The different values so far, in the order in which they came.
#[derive(Default)]
pub(super) struct Dictionary {
    names: Vec<String>,
    hundredths: Vec<i64>,
}

/// What is wrong with values; `None` where their type is.
type Refusal = Option<String>;

impl Dictionary {
    pub fn len(&self) -> usize {
        self.names.len() + self.hundredths.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, as PLAIN has them.
    pub fn plain(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for name in &self.names {
            bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes.extend(self.hundredths.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    /// The page of text or amounts of money, of which there is one at least, and the extremes among them.
    pub fn page(&mut self, values: &ArrayRef) -> Result<(Vec<u8>, Extremes), Refusal> {
        let mut indices = Vec::with_capacity(values.len());
        let extremes = match values.data_type() {
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
                Extremes::Text(extremes(&self.names, &indices))
            }
            DataType::Dictionary(key, name) if **key == DataType::Int8 && **name == DataType::Utf8 => {
                let dictionary = values.as_dictionary::<Int8Type>();
                let names = dictionary.values().as_string::<i32>();
                let mut index_of_key = [None; MOST_VALUES];
                for &key in dictionary.keys().values() {
                    let known = &mut index_of_key[usize::from(key as u8)];
                    indices.push(match *known {
                        Some(index) => index,
                        None => *known.insert(index_of(&mut self.names, names.value(key as usize))?),
                    });
                }
                Extremes::Text(extremes(&self.names, &indices))
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
                Extremes::Int64(extremes(&self.hundredths, &indices))
            }
            _ => return Err(None),
        };
        Ok((page_of_indices(&indices, self.len()), extremes))
    }
}

/// Where `value` stands among `values`, put behind them if need be.
fn index_of<T: PartialEq<Q>, Q: ToOwned<Owned = T> + ?Sized>(values: &mut Vec<T>, value: &Q) -> Result<u8, Refusal> {
    let index = values.iter().position(|known| known == value).unwrap_or_else(|| {
        values.push(value.to_owned());
        values.len() - 1
    });
    u8::try_from(index).map_err(|_| Some(format!("more than {MOST_VALUES} different values")))
}

/// The least and the largest of the values that `indices` name, of which there is one at least.
fn extremes<T: Ord + Clone>(values: &[T], indices: &[u8]) -> (T, T) {
    let mut is_used = [false; MOST_VALUES];
    for &index in indices {
        is_used[usize::from(index)] = true;
    }
    let first = &values[usize::from(indices[0])];
    let used = values.iter().zip(is_used).filter(|&(_, is_used)| is_used).map(|(value, _)| value);
    let (least, most) = used.fold((first, first), |(least, most), value| (least.min(value), most.max(value)));
    (least.clone(), most.clone())
}

fn page_of_indices(indices: &[u8], values: usize) -> Vec<u8> {
    // One bit at least: some readers take none for a fault.
    let width = (usize::BITS - (values - 1).leading_zeros()).max(1) as u8;
    let mut page = Vec::with_capacity(indices.len() * usize::from(width) / 8 + indices.len() / 256 + 64);
    page.push(width);
    let (groups, rest) = indices.as_chunks::<8>();
    // Groups from `packed` on are not written yet.
    let (mut packed, mut group) = (0, 0);
    while group < groups.len() {
        let alike = groups[group..].iter().take_while(|other| **other == [groups[group][0]; 8]).count();
        if alike >= LEAST_GROUPS_ALIKE {
            pack(&mut page, &indices[packed * 8..group * 8], width);
            varint(&mut page, (alike as u64 * 8) << 1);
            page.push(groups[group][0]);
            packed = group + alike;
        }
        group += alike.max(1);
    }
    pack(&mut page, &indices[packed * 8..groups.len() * 8], width);
    pack(&mut page, rest, width);
    page
}

fn pack(page: &mut Vec<u8>, indices: &[u8], width: u8) {
    for run in indices.chunks(MOST_GROUPS * 8) {
        let groups = run.len().div_ceil(8);
        varint(page, (groups as u64) << 1 | 1);
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
    fn runs_and_packed_groups_are_those_of_the_format() {
        // Two groups that differ, then 24 alike, then three that end within a group.
        let mut indices = vec![0, 1, 2, 3, 0, 1, 2, 3, 3, 2, 1, 0, 3, 2, 1, 0];
        indices.extend([2; 24]);
        indices.extend([1, 0, 1]);
        let packed = [0b1110_0100, 0b1110_0100, 0b0001_1011, 0b0001_1011];
        let expected = [&[2, 2 << 1 | 1][..], &packed, &[24 << 1, 2], &[1 << 1 | 1, 0b01_00_01, 0]].concat();
        assert_eq!(page_of_indices(&indices, 4), expected);
    }

    #[test]
    fn one_value_has_a_bit() {
        assert_eq!(page_of_indices(&[0; 16], 1), [1, 16 << 1, 0]);
    }
}

//! A hash of a table's values. It doesn't depend on the order, the split or the encoding of the rows.

use crate::error::{Error, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float64Type, Int8Type, Int32Type, Int64Type, Schema,
};
use multiversion::multiversion;
use std::fmt;
use xxhash_rust::xxh3::xxh3_64;

/// The hash of the rows seen so far, of 128 bits. It detects errors, but doesn't resist an attacker.
///
/// A cell is a 64-bit number: an integer or the unscaled value of a decimal, sign-extended; the bits of a float; 0 for
/// false and 1 for true; the XXH3-64 of a text in UTF-8.
///
/// The hash `h` of a row starts as the XXH3-64 of the column names, joined by commas. Each cell in order changes it:
/// `h = (h ^ cell) x ODD`, then `h = h ^ h >> 32`. Each step is a bijection, in `h` and in the cell.
///
/// The hash of the table is two sums over its rows, modulo 2^64: of `fmix64(h)`, and of `fmix64(h + ODD)`. The keys of
/// a table make its rows distinct, so equal sums mean equal rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContentHash {
    rows: u64,
    sums: [u64; 2],
}

const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The number of rows hashed together. Their hashes stay in the L1 cache while the columns are read.
const CHUNK: usize = 1_024;

impl ContentHash {
    /// Returns the hash of no rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the rows of `batch`.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if a column has nulls, or a type that no table of saasgen has.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        let refused = |index: usize| {
            let (field, column) = (batch.schema_ref().field(index), batch.column(index));
            Error::Misuse(format!(
                "column `{}` has the type {} and {} nulls; only columns with the types of saasgen's tables and without \
                 nulls can be hashed",
                field.name(),
                field.data_type(),
                column.null_count()
            ))
        };
        add_rows(&mut self.sums, batch).map_err(refused)?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Adds the rows that `other` has seen.
    pub fn merge(&mut self, other: &Self) {
        self.rows = self.rows.saturating_add(other.rows);
        for (sum, more) in self.sums.iter_mut().zip(other.sums) {
            *sum = sum.wrapping_add(more);
        }
    }

    /// Parses the displayed hash of a table with `rows` rows. Returns `None` if `text` is not a hash.
    pub fn parse(rows: u64, text: &str) -> Option<Self> {
        let is_hash = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let sum = |digits: &str| u64::from_str_radix(digits, 16).ok();
        is_hash.then_some(())?;
        Some(Self { rows, sums: [sum(&text[..16])?, sum(&text[16..])?] })
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }
}

impl fmt::Display for ContentHash {
    /// Writes 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.sums[0], self.sums[1])
    }
}

/// Returns the initial hash of each row.
fn initial_hash(schema: &Schema) -> u64 {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    xxh3_64(names.join(",").as_bytes())
}

/// Adds the hashes of the rows to the sums. The error is the index of a column that can't be hashed.
///
/// The function is compiled for several levels of vector units, because they multiply 64 bits. A row of `usage_daily`
/// takes 2 ns with them, and 6 ns without.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2", "x86_64+avx2+bmi1+bmi2"))]
fn add_rows(sums: &mut [u64; 2], batch: &RecordBatch) -> std::result::Result<(), usize> {
    let start = initial_hash(batch.schema_ref());
    let mut hashes = [0; CHUNK];
    for from in (0..batch.num_rows()).step_by(CHUNK) {
        let rows = from..batch.num_rows().min(from + CHUNK);
        let hashes = &mut hashes[..rows.len()];
        hashes.fill(start);
        for (index, column) in batch.columns().iter().enumerate() {
            if !mix_column(hashes, &column.slice(rows.start, rows.len())) {
                return Err(index);
            }
        }
        let (mut sum, mut other_sum) = (0_u64, 0_u64);
        for &hash in hashes.iter() {
            sum = sum.wrapping_add(fmix64(hash));
            other_sum = other_sum.wrapping_add(fmix64(hash.wrapping_add(ODD)));
        }
        sums[0] = sums[0].wrapping_add(sum);
        sums[1] = sums[1].wrapping_add(other_sum);
    }
    Ok(())
}

/// The finalizer of MurmurHash3 (A. Appleby): every bit of the input affects every bit of the result.
#[inline(always)]
fn fmix64(mut x: u64) -> u64 {
    x = (x ^ x >> 33).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    x = (x ^ x >> 33).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    x ^ x >> 33
}

#[inline(always)]
fn mix_cells(hashes: &mut [u64], cells: impl Iterator<Item = u64>) {
    for (hash, cell) in hashes.iter_mut().zip(cells) {
        let product = (*hash ^ cell).wrapping_mul(ODD);
        *hash = product ^ product >> 32;
    }
}

/// Mixes a column into the hashes. Returns false if it has nulls, or a type that no table of saasgen has.
#[inline(always)]
fn mix_column(hashes: &mut [u64], column: &dyn Array) -> bool {
    #[inline(always)]
    fn numbers<T: ArrowPrimitiveType>(column: &dyn Array) -> impl Iterator<Item = T::Native> + '_ {
        column.as_primitive::<T>().values().iter().copied()
    }
    if column.null_count() > 0 {
        return false;
    }
    match column.data_type() {
        DataType::Int64 => mix_cells(hashes, numbers::<Int64Type>(column).map(|value| value as u64)),
        DataType::Int32 => mix_cells(hashes, numbers::<Int32Type>(column).map(|value| i64::from(value) as u64)),
        DataType::Date32 => mix_cells(hashes, numbers::<Date32Type>(column).map(|value| i64::from(value) as u64)),
        DataType::Decimal128(_, 2) => mix_cells(hashes, numbers::<Decimal128Type>(column).map(|value| value as u64)),
        DataType::Float64 => mix_cells(hashes, numbers::<Float64Type>(column).map(f64::to_bits)),
        DataType::Boolean => mix_cells(hashes, column.as_boolean().values().iter().map(u64::from)),
        DataType::Utf8 => {
            let text = column.as_string::<i32>();
            mix_cells(hashes, text.iter().map(|text| xxh3_64(text.unwrap_or_default().as_bytes())));
        }
        DataType::Dictionary(key, value) if **key == DataType::Int8 && **value == DataType::Utf8 => {
            let dictionary = column.as_dictionary::<Int8Type>();
            let names = dictionary.values().as_string::<i32>();
            let names: Vec<u64> = names.iter().map(|name| xxh3_64(name.unwrap_or_default().as_bytes())).collect();
            mix_cells(hashes, dictionary.keys().values().iter().map(|&key| names[key as usize]));
        }
        _ => return false,
    }
    true
}

//! Pages that say how long they are: the parquet crate makes room for up to 2 GiB before it reads a byte of one.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{BufRead, BufReader};

/// Of a page with few rows.
const MAX_BYTES_OF_FEW: u64 = 1 << 20;

/// Of each row, besides: far more than any column of ours takes.
const MAX_BYTES_OF_ROW: u64 = 1 << 10;

/// Of any page, however many rows it has: DuckDB, which writes the longest, ends them at 100 MB.
const MAX_BYTES_OF_ALL: u64 = 128 << 20;

/// How Thrift's compact protocol begins a field of 32 bits that follows the one before.
const NEXT_I32: u8 = 0x15;

/// A file whose pages may be so long decompressed, and no longer, as rows of one row group can make them.
pub(super) struct Pages {
    file: File,
    most_bytes: u64,
}

impl Pages {
    /// Of a row group with so many rows.
    pub fn new(file: File, rows: i64) -> Self {
        let of_rows = MAX_BYTES_OF_ROW.saturating_mul(rows.max(0) as u64);
        Self { file, most_bytes: of_rows.saturating_add(MAX_BYTES_OF_FEW).min(MAX_BYTES_OF_ALL) }
    }

    pub fn most_bytes(&self) -> u64 {
        self.most_bytes
    }
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for Pages {
    type T = BufReader<File>;

    /// At the begin of a page's header: nothing else of a row group is read so.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut read = self.file.get_read(start)?;
        let refused = |why: String| Err(ParquetError::General(format!("a page's header {why}")));
        match length(read.fill_buf()?) {
            None => refused("does not begin with its type and length".into()),
            Some(length) if length > self.most_bytes => {
                refused(format!("says it has {length} bytes; its row group's rows have at most {}", self.most_bytes))
            }
            Some(_) => Ok(read),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.file.get_bytes(start, length)
    }
}

/// The second field of a page's header, its length decompressed; `None` where the header doesn't begin as writers
/// begin it.
fn length(mut header: &[u8]) -> Option<u64> {
    let mut field = || {
        header = header.strip_prefix(&[NEXT_I32])?;
        varint(&mut header)
    };
    field()?;
    // Zigzag: the last bit is the sign.
    field().map(|length| length >> 1)
}

/// The number that `bytes` begins with, seven bits a byte, which is taken off.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_its_length_before_all_else() {
        assert_eq!(length(&[0x15, 4, 0x15, 0x40, 0x15, 0x3E]), Some(32));
        assert_eq!(length(&[0x15, 0, 0x15, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F, 0x15]), Some((1 << 31) - 1));
        for no_header in [&[][..], &[0x15], &[0x15, 0, 0x25, 2], &[0x05, 2, 0], &[0x15, 0, 0x15, 0x80]] {
            assert_eq!(length(no_header), None, "{no_header:?}");
        }
    }
}

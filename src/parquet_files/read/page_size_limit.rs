//! A limit on the sizes that page headers claim. The parquet crate allocates up to 2 GiB before it reads a page.

use super::thrift::check_struct;
use super::thrift_structs::PAGE_HEADER;
use super::varint::read_varint;
use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{BufRead, BufReader};

/// The limit for a row group without rows, in bytes.
const BASE_BYTES: u64 = 1 << 20;

/// Bytes that each row adds to the limit. A value of a saasgen table is far smaller.
const BYTES_PER_ROW: u64 = 1 << 10;

/// The limit for all row groups, in bytes. DuckDB writes the longest known pages, of at most 100 MB.
const MAX_BYTES: u64 = 128 << 20;

/// The name of a page header in errors.
const HEADER_NAME: &str = "a page's header";

/// The header of a 32-bit field in Thrift's compact protocol, if the field follows its predecessor.
const NEXT_I32_FIELD: u8 = 0x15;

/// A file that refuses pages whose uncompressed size is above a limit, and headers that the parquet crate can't read in
/// bounded time.
pub(super) struct PageSizeLimit {
    file: File,
    max_page_bytes: u64,
}

impl PageSizeLimit {
    /// Returns `file` with the limit for a row group of `rows` rows.
    pub fn new(file: File, rows: i64) -> Self {
        let bytes = BYTES_PER_ROW.saturating_mul(rows.max(0) as u64).saturating_add(BASE_BYTES);
        Self { file, max_page_bytes: bytes.min(MAX_BYTES) }
    }

    /// Returns the limit in bytes.
    pub fn max_page_bytes(&self) -> u64 {
        self.max_page_bytes
    }
}

impl Length for PageSizeLimit {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for PageSizeLimit {
    type T = BufReader<File>;

    /// The parquet crate calls this only to read a page header.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut reader = self.file.get_read(start)?;
        let refused = |reason: String| Err(ParquetError::General(format!("{HEADER_NAME} {reason}")));
        match uncompressed_size(reader.fill_buf()?) {
            None => return refused("does not begin with its type and size".into()),
            Some(size) if size > self.max_page_bytes => {
                return refused(format!(
                    "says it has {size} bytes, but pages of its row group may have at most {}",
                    self.max_page_bytes
                ));
            }
            Some(_) => {}
        }
        let length = check_struct(&mut reader, HEADER_NAME, PAGE_HEADER)?;
        reader.seek_relative(-(length as i64))?;
        Ok(reader)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.file.get_bytes(start, length)
    }
}

/// Returns the uncompressed size of a page, the second field of its header. Returns `None` if the header does not begin
/// with the page type and the size.
fn uncompressed_size(mut header: &[u8]) -> Option<u64> {
    let mut next_field = || {
        header = header.strip_prefix(&[NEXT_I32_FIELD])?;
        read_varint(&mut header)
    };
    next_field()?;
    // Zigzag encoding: the lowest bit is the sign.
    next_field().map(|size| size >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_read_from_a_page_header() {
        assert_eq!(uncompressed_size(&[0x15, 4, 0x15, 0x40, 0x15, 0x3E]), Some(32));
        assert_eq!(uncompressed_size(&[0x15, 0, 0x15, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F, 0x15]), Some((1 << 31) - 1));
    }

    #[test]
    fn other_bytes_are_not_a_page_header() {
        for bytes in [&[][..], &[0x15], &[0x15, 0, 0x25, 2], &[0x05, 2, 0], &[0x15, 0, 0x15, 0x80]] {
            assert_eq!(uncompressed_size(bytes), None, "{bytes:?}");
        }
    }
}

//! Compression of the pages of a column chunk.

use crate::error::{Error, Result};
use crate::parquet_files::compression::Compression;
use parquet::basic::{Compression as Codec, ZstdLevel};

/// The largest compressed size of the first page, in percent, for which a column chunk is compressed. In the default
/// data set, only customer ids shrink: to half of their size or less. Other pages don't shrink at all.
const MAX_COMPRESSED_PERCENT: usize = 90;

/// Compresses either all pages of a column chunk or none. The first page decides.
pub(super) struct PageCompressor {
    compression: Compression,
    /// `None` before the first page.
    is_worthwhile: Option<bool>,
}

impl PageCompressor {
    pub fn new(compression: Compression) -> Self {
        Self { compression, is_worthwhile: None }
    }

    /// Compresses the next data page.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the codec fails.
    pub fn compress(&mut self, page: &mut Vec<u8>) -> Result<()> {
        let bytes = page.len();
        if self.is_worthwhile == Some(false) {
            return Ok(());
        }
        let Some(compressed) = compressed(self.compression, page)? else { return Ok(()) };
        let is_smaller = compressed.len() * 100 <= bytes * MAX_COMPRESSED_PERCENT;
        if *self.is_worthwhile.get_or_insert(is_smaller) {
            *page = compressed;
        }
        Ok(())
    }

    /// Compresses the dictionary page if the data pages are compressed. They come first.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the codec fails.
    pub fn compress_dictionary(&self, page: &mut Vec<u8>) -> Result<()> {
        if self.is_worthwhile == Some(true)
            && let Some(compressed) = compressed(self.compression, page)?
        {
            *page = compressed;
        }
        Ok(())
    }

    /// Returns the codec of the pages.
    pub fn codec(&self) -> Codec {
        if self.is_worthwhile == Some(true) { self.compression.into() } else { Codec::UNCOMPRESSED }
    }
}

fn compressed(compression: Compression, page: &[u8]) -> Result<Option<Vec<u8>>> {
    let failed = |error: &dyn std::fmt::Display| Error::Internal(format!("compressing a page: {error}"));
    Ok(Some(match compression {
        Compression::Snappy => snap::raw::Encoder::new().compress_vec(page).map_err(|error| failed(&error))?,
        Compression::Zstd => {
            zstd::bulk::compress(page, ZstdLevel::default().compression_level()).map_err(|error| failed(&error))?
        }
        Compression::Lz4 => lz4_flex::block::compress(page),
        Compression::None => return Ok(None),
    }))
}

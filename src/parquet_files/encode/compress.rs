//! Compression of pages, where it pays.

use crate::error::{Error, Result};
use crate::parquet_files::properties::Compression;
use parquet::basic::{Compression as Codec, ZstdLevel};

/// A first page that keeps more than this share of its bytes, in hundredths, is stored as it is, and so is the rest of
/// its column chunk: of the default data set only the ids shrink, to a half and less, and other pages by nothing.
const MOST_KEPT_PERCENT: usize = 90;

/// Compresses the pages of one column chunk, all of them or none.
pub(super) struct Compressor {
    asked: Compression,
    /// Unknown until the first page has come.
    pays: Option<bool>,
}

impl Compressor {
    pub fn new(asked: Compression) -> Self {
        Self { asked, pays: None }
    }

    /// Compresses the next page.
    pub fn compress(&mut self, page: &mut Vec<u8>) -> Result<()> {
        let bytes = page.len();
        if self.pays == Some(false) {
            return Ok(());
        }
        let Some(compressed) = compressed(self.asked, page)? else { return Ok(()) };
        if *self.pays.get_or_insert(compressed.len() * 100 <= bytes * MOST_KEPT_PERCENT) {
            *page = compressed;
        }
        Ok(())
    }

    /// Compresses a page as the others were.
    pub fn compress_alike(&self, page: &mut Vec<u8>) -> Result<()> {
        if self.pays == Some(true)
            && let Some(compressed) = compressed(self.asked, page)?
        {
            *page = compressed;
        }
        Ok(())
    }

    /// How the pages were compressed.
    pub fn codec(&self) -> Codec {
        if self.pays == Some(true) { self.asked.into() } else { Codec::UNCOMPRESSED }
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

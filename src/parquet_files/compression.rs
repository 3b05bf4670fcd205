//! The compression of Parquet pages.

use parquet::basic::{Compression as Codec, ZstdLevel};
use serde::{Deserialize, Serialize};

/// How the pages of a Parquet file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Snappy.
    #[default]
    Snappy,
    /// Zstandard at level 1.
    Zstd,
    /// LZ4 in raw blocks.
    Lz4,
    /// No compression.
    None,
}

impl From<Compression> for Codec {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::Snappy => Self::SNAPPY,
            Compression::Zstd => Self::ZSTD(ZstdLevel::default()),
            Compression::Lz4 => Self::LZ4_RAW,
            Compression::None => Self::UNCOMPRESSED,
        }
    }
}

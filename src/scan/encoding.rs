//! The encodings of a scan's record batches.

/// The encoding of text columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strings {
    /// Utf8.
    #[default]
    Utf8,
    /// Dictionary(Int8, Utf8).
    Dictionary,
}

/// The compression of record batches on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// No compression.
    #[default]
    None,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Strings {
    /// Returns the name in a request.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Dictionary => "dictionary",
        }
    }
}

impl Compression {
    /// Returns the name in a request.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

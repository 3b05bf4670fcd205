//! The choices that change the bytes of a file, and none of its values.

use super::compression::Compression;
use serde::{Deserialize, Serialize};

/// How a table is written. Two files with the same rows and the same format have the same bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFormat {
    /// The compression of pages.
    #[serde(default)]
    pub compression: Compression,
    /// The type of text columns in the Arrow schema, as in a request: `dictionary`, or `None` for Utf8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strings: Option<String>,
    /// The most row groups, or `None` for row groups of about a million rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u64>,
}

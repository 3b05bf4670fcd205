//! `manifest.json`: what the files of a folder hold, for people and for `saasgen verify`.

use crate::error::{Error, Result};
use crate::tables::Identity;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The manifest's name in its folder.
pub const MANIFEST_FILE: &str = "manifest.json";

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What all its tables are of.
    #[serde(flatten)]
    pub identity: Identity,
    /// Which part of the data set the files hold; left out where they hold all of it.
    #[serde(default, skip_serializing_if = "ScanRange::is_whole")]
    pub scan: ScanRange,
    /// Each table's file, by the table's name.
    pub tables: IndexMap<String, TableEntry>,
}

/// The keys that narrowed a scan, as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanRange {
    /// First customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_id: Option<u64>,
    /// Last customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_id: Option<u64>,
    /// First date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Last date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Columns; none means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

impl ScanRange {
    /// Whether nothing was narrowed.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

/// One table's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// Its name in the folder.
    pub file: String,
    /// Its rows.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// The [`ContentHash`](crate::batches::ContentHash) of its values: the same for every order and encoding of them.
    pub content_hash: String,
}

impl Manifest {
    /// Reads the manifest of `folder`; `None` where there is none, or the file of that name is not of saasgen.
    ///
    /// # Errors
    /// [`Error::Io`] where it is there but can't be read.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(MANIFEST_FILE);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(Error::io("reading", &path))?,
        };
        let manifest: Option<Self> = serde_json::from_slice(&text).ok();
        Ok(manifest.filter(|manifest| manifest.identity.program == env!("CARGO_PKG_NAME")))
    }

    /// Reads the manifest of `folder` as [`Self::read`], but takes one of saasgen that is damaged for an error.
    ///
    /// # Errors
    /// [`Error::Io`] where it can't be read, or not as a manifest though it names saasgen.
    pub fn read_whole(folder: &Path) -> Result<Option<Self>> {
        let read = Self::read(folder)?;
        let path = folder.join(MANIFEST_FILE);
        if read.is_none() && path.exists() {
            let text = std::fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
            let of_saasgen = format!("\"{}\"", env!("CARGO_PKG_NAME"));
            if let Err(error) = serde_json::from_str::<Self>(&text)
                && text.contains(&of_saasgen)
            {
                let damaged = std::io::Error::new(std::io::ErrorKind::InvalidData, error.to_string());
                return Err(Error::io("reading the damaged manifest", &path)(damaged));
            }
        }
        Ok(read)
    }

    /// Its text: indented JSON with a line break at the end.
    ///
    /// # Errors
    /// None for a manifest of this program; the serializer's signature has one.
    pub fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(text + "\n")
    }

    /// Whether `file` is one that the manifest lists.
    pub fn lists(&self, file: &str) -> bool {
        self.tables.values().any(|entry| entry.file == file)
    }
}

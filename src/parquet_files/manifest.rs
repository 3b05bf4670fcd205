//! `manifest.json`, or one a part: what the files of a folder hold, for people and for `saasgen verify`.

use super::commit::is_torn;
use super::layout::{manifest_file, part_of_manifest};
use crate::batches::ContentHash;
use crate::error::{Error, Result};
use crate::scan::Part;
use crate::tables::Identity;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The manifest's name in its folder; parts have theirs beside each other, `manifest-part-00003-of-00016.json`.
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
    /// Which part of the scan's customers the files hold; left out where they hold all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
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
    /// Reads the manifest of `part` in `folder`; `None` where there is none, or the file of that name is not of
    /// saasgen.
    ///
    /// # Errors
    /// [`Error::Io`] where it is there but can't be read.
    pub fn read(folder: &Path, part: Option<Part>) -> Result<Option<Self>> {
        let path = folder.join(manifest_file(part));
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(Error::io("reading", &path))?,
        };
        let manifest: Option<Self> = serde_json::from_slice(&text).ok();
        Ok(manifest.filter(|manifest| manifest.identity.program == env!("CARGO_PKG_NAME") && manifest.part == part))
    }

    /// Reads all manifests of `folder`, of the whole and of parts, in their order; those that are not of saasgen are
    /// passed over.
    ///
    /// # Errors
    /// [`Error::Io`] where one can't be read.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let mut manifests = Vec::new();
        for part in manifests_in(folder)? {
            manifests.extend(Self::read(folder, part)?);
        }
        Ok(manifests)
    }

    /// The one manifest of `folder`, or those of all its parts as one; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Io`] where one can't be read, or not as a manifest though it names saasgen, where a part is missing,
    /// parts are not of one data set, or files are just being put in place.
    pub fn read_whole(folder: &Path) -> Result<Option<Self>> {
        if is_torn(folder)? {
            let message = "files are being put in place by saasgen, or were when it was killed: run that again, which \
                           finishes it";
            return Err(Error::invalid(folder, message));
        }
        let mut manifests = Vec::new();
        for part in manifests_in(folder)? {
            match Self::read(folder, part)? {
                Some(manifest) => manifests.push(manifest),
                None => check_foreign(&folder.join(manifest_file(part)))?,
            }
        }
        let Some(first) = manifests.first() else { return Ok(None) };
        let mut whole = Self { part: None, tables: IndexMap::new(), ..first.clone() };
        let parts = first.part.map(|part| part.parts());
        for manifest in &manifests {
            if !manifest.is_of_split(first) {
                let names = [first, manifest].map(|manifest| manifest_file(manifest.part));
                let message = format!(
                    "{} and {} don't belong together: move one of them away, with its files",
                    names[0], names[1]
                );
                return Err(Error::invalid(folder, message));
            }
            whole.take_in(manifest);
        }
        if let Some(parts) = parts {
            // They are in order: the first that is out of step stands behind the missing one.
            let there = manifests.iter().filter_map(|manifest| Some(manifest.part?.part()));
            let out_of_step = there.zip(1..).find(|(there, part)| there != part);
            let part = out_of_step.map_or(manifests.len() as u64 + 1, |(_, part)| part);
            if part <= parts {
                let message = format!(
                    "of {parts} parts {} are there, and part {part} is missing: write it with --part {part} --parts {parts}",
                    manifests.len()
                );
                return Err(Error::invalid(folder, message));
            }
        }
        Ok(Some(whole))
    }

    /// Whether both are of the same values: the same part of them, or another.
    pub fn is_of(&self, other: &Self) -> bool {
        self.identity.gives_values_of(&other.identity) && self.scan == other.scan
    }

    /// Whether both are of the same values, cut into as many parts or not at all.
    pub fn is_of_split(&self, other: &Self) -> bool {
        let parts = |manifest: &Self| manifest.part.map(|part| part.parts());
        self.is_of(other) && parts(self) == parts(other)
    }

    /// Adds the tables of another part.
    fn take_in(&mut self, part: &Self) {
        for (name, entry) in &part.tables {
            match self.tables.get_mut(name) {
                Some(whole) => whole.take_in(entry),
                None => {
                    self.tables.insert(name.clone(), entry.clone());
                }
            }
        }
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

impl TableEntry {
    /// Adds the rows of another part. A hash that is none stays, to be found wrong.
    fn take_in(&mut self, part: &Self) {
        let read = |entry: &Self| ContentHash::parse(entry.rows, &entry.content_hash);
        match (read(self), read(part)) {
            (Some(mut whole), Some(more)) => {
                whole.merge(&more);
                self.content_hash = whole.to_string();
            }
            (Some(_), None) => self.content_hash.clone_from(&part.content_hash),
            (None, _) => {}
        }
        self.rows = self.rows.saturating_add(part.rows);
        self.bytes = self.bytes.saturating_add(part.bytes);
    }
}

/// Of which parts there are manifests in `folder`, by their names alone; none where there is no folder.
fn manifests_in(folder: &Path) -> Result<Vec<Option<Part>>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect::<std::io::Result<Vec<_>>>),
    };
    let names = entries.map_err(Error::io("reading", folder))?.into_iter().map(|entry| entry.file_name());
    let part = |name: &str| if name == MANIFEST_FILE { Some(None) } else { part_of_manifest(name).map(Some) };
    let mut parts: Vec<Option<Part>> = names.filter_map(|name| part(name.to_str()?)).collect();
    parts.sort();
    Ok(parts)
}

/// Takes a manifest of saasgen that is damaged for an error.
fn check_foreign(path: &Path) -> Result<()> {
    let text = std::fs::read(path).map_err(Error::io("reading", path))?;
    let text = String::from_utf8_lossy(&text);
    let of_saasgen = format!("\"{}\"", env!("CARGO_PKG_NAME"));
    if !text.contains(&of_saasgen) {
        return Ok(());
    }
    let damage = match serde_json::from_str::<Manifest>(&text) {
        Err(error) => error.to_string(),
        Ok(_) => "it is of another part than its name says".to_string(),
    };
    let damaged = std::io::Error::new(std::io::ErrorKind::InvalidData, damage);
    Err(Error::io("reading the damaged manifest", path)(damaged))
}

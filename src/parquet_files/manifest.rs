//! The manifest of a folder: what its files hold, for people and for `saasgen verify`.

use super::commit::has_journal;
use super::file_format::FileFormat;
use super::file_names::{MANIFEST_FILE, manifest_file, part_of_manifest};
use crate::batches::ContentHash;
use crate::error::{Error, Result};
use crate::models::{Identity, Table};
use crate::plain_file;
use crate::scan::{Part, ScanRequest};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The description of the files in a folder. `manifest.json` is the manifest of a whole data set. A part of a data set has a
/// manifest of its own, `manifest-part-00003-of-00016.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The data set that the tables come from.
    #[serde(flatten)]
    pub identity: Identity,
    /// The keys that narrow the tables. Left out if the files hold all rows and columns.
    #[serde(default, skip_serializing_if = "ScanRange::is_whole")]
    pub scan: ScanRange,
    /// The part of the scan's customers that the files hold. Left out if they hold all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// The file of each table, by the name of the table.
    pub tables: IndexMap<String, TableEntry>,
    /// All parameters of the model. Older versions of saasgen left them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<toml::Table>,
}

/// The keys that narrow a scan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanRange {
    /// The first customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_id: Option<u64>,
    /// The last customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_id: Option<u64>,
    /// The first date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The last date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The columns. An empty list means all columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

impl ScanRange {
    /// Returns whether no key was given.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the request for these rows of `table`.
    pub fn request(&self, table: Table) -> ScanRequest {
        ScanRequest {
            table: table.name().to_string(),
            first_id: self.first_id,
            last_id: self.last_id,
            from: self.from.clone(),
            to: self.to.clone(),
            columns: self.columns.clone(),
            ..ScanRequest::default()
        }
    }
}

/// The file of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// The path of the file, relative to the folder.
    pub file: String,
    /// The number of rows.
    pub rows: u64,
    /// The size of the file in bytes.
    pub bytes: u64,
    /// The [`ContentHash`](crate::batches::ContentHash) of the values. It does not depend on their order and encoding.
    pub content_hash: String,
    /// How the file is written.
    #[serde(flatten)]
    pub format: FileFormat,
}

impl Manifest {
    /// Returns a manifest that lists no table. It leaves out the keys of `scan` that narrow nothing.
    pub fn new(identity: Identity, parameters: Option<toml::Table>, scan: ScanRange, part: Option<Part>) -> Self {
        let scan = ScanRange {
            first_id: scan.first_id.filter(|&id| id != 1),
            last_id: scan.last_id.filter(|&id| id != identity.customers),
            from: scan.from.filter(|date| *date != identity.window.first),
            to: scan.to.filter(|date| *date != identity.window.last),
            columns: scan.columns,
        };
        Self { identity, scan, part, tables: IndexMap::new(), parameters }
    }

    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if there is no file, or if it is no manifest of saasgen. Returns [`Error::Io`] if the
    /// file can't be read.
    pub fn read_file(path: &Path) -> Result<Self> {
        let refused = |what: &str| Error::Misuse(format!("{} {what}", path.display()));
        let text = match plain_file::read(path) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Err(refused("does not exist"));
            }
            Err(_) if path.is_dir() => return Err(refused(&format!("is a folder: name the {MANIFEST_FILE} in it"))),
            other => other?,
        };
        let manifest: Self = serde_json::from_slice(&text)
            .map_err(|error| refused(&format!("is not a {MANIFEST_FILE} of saasgen: {error}")))?;
        if manifest.identity.program != env!("CARGO_PKG_NAME") {
            return Err(refused(&format!("is not a {MANIFEST_FILE} of saasgen, but of {}", manifest.identity.program)));
        }
        Ok(manifest)
    }

    /// Reads the manifest of `part` in `folder`, or of the whole data set if `part` is `None`. Returns `None` if there
    /// is no such file, or if saasgen did not write it.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the file can't be read.
    pub fn read(folder: &Path, part: Option<Part>) -> Result<Option<Self>> {
        let text = match plain_file::read(&folder.join(manifest_file(part))) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let manifest: Option<Self> = serde_json::from_slice(&text).ok();
        Ok(manifest.filter(|manifest| manifest.identity.program == env!("CARGO_PKG_NAME") && manifest.part == part))
    }

    /// Reads all manifests in `folder`: the one of the whole data set first, then parts in order. Skips files that
    /// saasgen did not write.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if a file can't be read.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let mut manifests = Vec::new();
        for part in parts_with_manifests(folder)? {
            manifests.extend(Self::read(folder, part)?);
        }
        Ok(manifests)
    }

    /// Reads all manifests in `folder` and merges the parts into one manifest. Returns `None` if there is no manifest.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if a manifest can't be read or is damaged, if a part is missing, if the manifests belong
    /// to different data sets, or if a commit is running or was interrupted.
    pub fn read_merged(folder: &Path) -> Result<Option<Self>> {
        if has_journal(folder)? {
            let message = "the files are being replaced, or a saasgen was killed while it replaced them: wait for the \
                           running one, or run the killed command again, which finishes its work";
            return Err(Error::invalid(folder, message));
        }
        let mut manifests = Vec::new();
        for part in parts_with_manifests(folder)? {
            match Self::read(folder, part)? {
                Some(manifest) => manifests.push(manifest),
                None => check_not_damaged(&folder.join(manifest_file(part)))?,
            }
        }
        let Some(first) = manifests.first() else { return Ok(None) };
        let mut merged = Self { part: None, tables: IndexMap::new(), ..first.clone() };
        for manifest in &manifests {
            if !manifest.is_same_split(first) {
                let message = format!(
                    "{} and {} are from different data sets or splits: move one of them away, together with its files",
                    manifest_file(first.part),
                    manifest_file(manifest.part)
                );
                return Err(Error::invalid(folder, message));
            }
            merged.merge_tables(manifest);
        }
        check_complete(folder, &manifests)?;
        Ok(Some(merged))
    }

    /// Returns the name of the manifest's file.
    pub fn file_name(&self) -> String {
        manifest_file(self.part)
    }

    /// Returns whether both manifests come from the same data set with the same scan. They may be of different parts.
    pub fn is_same_data_set(&self, other: &Self) -> bool {
        self.identity.gives_values_of(&other.identity) && self.scan == other.scan
    }

    /// Returns whether both manifests come from the same data set, split into the same number of parts.
    pub fn is_same_split(&self, other: &Self) -> bool {
        let parts = |manifest: &Self| manifest.part.map(|part| part.parts());
        self.is_same_data_set(other) && parts(self) == parts(other)
    }

    /// Describes this data set and `other` in words. Names the fingerprints only if nothing else tells the models apart.
    pub(super) fn differing_descriptions(&self, other: &Self) -> (String, String) {
        let (ours, theirs) = (&self.identity, &other.identity);
        let with_fingerprints = ours.model == theirs.model && ours.fingerprint != theirs.fingerprint;
        (self.description(with_fingerprints), other.description(with_fingerprints))
    }

    fn description(&self, with_fingerprint: bool) -> String {
        let Identity { model, fingerprint, seed, customers, window, .. } = &self.identity;
        let ScanRange { first_id, last_id, from, to, columns } = &self.scan;
        let mut text = format!("model {model}");
        if with_fingerprint {
            text += &format!(" with fingerprint {fingerprint}");
        }
        text += &format!(", seed {seed}, {customers} customers");
        if first_id.is_some() || last_id.is_some() {
            text += &format!(", only customers {} to {}", first_id.unwrap_or(1), last_id.unwrap_or(*customers));
        }
        if from.is_some() || to.is_some() {
            let (from, to) = (from.as_ref().unwrap_or(&window.first), to.as_ref().unwrap_or(&window.last));
            text += &format!(", only {from} to {to}");
        }
        if !columns.is_empty() {
            text += &format!(", only the columns {}", columns.join(", "));
        }
        if let Some(part) = self.part {
            text += &format!(", in {} part{}", part.parts(), if part.parts() == 1 { "" } else { "s" });
        }
        text
    }

    /// Adds the tables of another part.
    fn merge_tables(&mut self, part: &Self) {
        for (name, entry) in &part.tables {
            match self.tables.get_mut(name) {
                Some(merged) => merged.merge(entry),
                None => {
                    self.tables.insert(name.clone(), entry.clone());
                }
            }
        }
    }

    /// Returns the manifest as indented JSON with a line break at the end.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the serializer fails, which is a bug.
    pub fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(text + "\n")
    }

    /// Returns whether the manifest lists `file`, a path relative to the folder, with a size of `bytes`. A file of another
    /// size was rewritten by another program.
    pub fn lists(&self, file: &str, bytes: u64) -> bool {
        self.tables.values().any(|entry| entry.file == file && entry.bytes == bytes)
    }
}

impl TableEntry {
    /// Adds the rows of another part. If one of the hashes is invalid, the result has the invalid one, which no table
    /// matches.
    fn merge(&mut self, part: &Self) {
        let parse = |entry: &Self| ContentHash::parse(entry.rows, &entry.content_hash);
        match (parse(self), parse(part)) {
            (Some(mut merged), Some(hash)) => {
                merged.merge(&hash);
                self.content_hash = merged.to_string();
            }
            (Some(_), None) => self.content_hash.clone_from(&part.content_hash),
            (None, _) => {}
        }
        self.rows = self.rows.saturating_add(part.rows);
        self.bytes = self.bytes.saturating_add(part.bytes);
    }
}

/// Returns the parts whose manifests are in `folder`, in order. `None` stands for the whole data set. Returns an empty
/// list if there is no folder.
fn parts_with_manifests(folder: &Path) -> Result<Vec<Option<Part>>> {
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

/// Returns an error if a part is missing from `manifests`, which are sorted and belong to one split.
fn check_complete(folder: &Path, manifests: &[Manifest]) -> Result<()> {
    let present: Vec<Part> = manifests.iter().filter_map(|manifest| manifest.part).collect();
    let Some(parts) = present.first().map(Part::parts) else { return Ok(()) };
    let Some(missing) = (1..=parts).zip(0..).find(|&(part, index)| present.get(index).map(Part::part) != Some(part))
    else {
        return Ok(());
    };
    let message = format!(
        "{} of {parts} parts are there, and part {part} is missing: write it with --part {part} --parts {parts}",
        present.len(),
        part = missing.0
    );
    Err(Error::invalid(folder, message))
}

/// Returns an error if the file at `path`, which is no valid manifest, names saasgen.
fn check_not_damaged(path: &Path) -> Result<()> {
    let text = plain_file::read(path)?;
    let text = String::from_utf8_lossy(&text);
    let program = format!("\"{}\"", env!("CARGO_PKG_NAME"));
    if !text.contains(&program) {
        return Ok(());
    }
    let damage = match serde_json::from_str::<Manifest>(&text) {
        Err(error) => error.to_string(),
        Ok(_) => "its content is of another part than its name".to_string(),
    };
    let message = format!("{damage}; move it away, or write the data set again");
    let damaged = std::io::Error::new(std::io::ErrorKind::InvalidData, message);
    Err(Error::io("reading the damaged manifest", path)(damaged))
}

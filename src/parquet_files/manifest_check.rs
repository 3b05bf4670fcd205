//! Compares what the manifests of a folder state about a data set and its files with the model and the files. The
//! values of the rows are not compared here.

use super::file_format::FileFormat;
use super::manifest::Manifest;
use super::read::{ParquetFile, ParquetTable};
use crate::batches::TableSource as _;
use crate::error::{Error, Result};
use crate::models::{Identity, Model, Table, tables_of};
use crate::scan::Strings;
use serde_json::Value;
use std::path::Path;

/// The statements of manifests that are wrong.
#[derive(Debug)]
pub struct ManifestCheck {
    /// Wrong statements about the data set.
    pub data_set: Vec<String>,
    /// Wrong statements about the files of each table.
    pub files: Vec<(Table, FileStatements)>,
}

/// The result of comparing the files of a table with a manifest.
#[derive(Debug)]
pub enum FileStatements {
    /// The wrong statements.
    Compared(Vec<String>),
    /// Another program has rewritten the files, so the manifest is not about these files. The text names one.
    Rewritten(String),
}

impl ManifestCheck {
    /// Compares all manifests in `folder` with its files. `identity` is the identity of the data set that the manifests
    /// claim, as this program states it.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if a manifest can't be read.
    pub fn new(folder: &Path, identity: &Identity, tables: &[ParquetTable]) -> Result<Self> {
        let manifests = Manifest::read_all(folder)?;
        let mut data_set = Vec::new();
        for manifest in &manifests {
            let name = manifest.file_name();
            let wrong = wrong_identity(manifest, identity).into_iter();
            let wrong = wrong.chain(unknown_tables(manifest)).chain(unknown_keys(folder, &name, manifest)?);
            data_set.extend(wrong.map(|fault| format!("{name} {fault}")));
            data_set.extend(contradicting_files(folder, &name, manifest, tables));
        }
        let files = tables.iter().filter_map(|table| {
            let is_listed = manifests.iter().any(|manifest| manifest.tables.contains_key(table.table().name()));
            is_listed.then(|| (table.table(), compare_files(folder, &manifests, table)))
        });
        Ok(Self { data_set, files: files.collect() })
    }
}

/// Returns a message for each wrong fact about the model, and for parameters of another model.
fn wrong_identity(manifest: &Manifest, identity: &Identity) -> Vec<String> {
    let mut stated = manifest.identity.clone();
    let Some(parameters) = &manifest.parameters else {
        // Versions that did not state the parameters gave a changed model the name of the built-in one.
        if stated.model == stated.base {
            stated.model.clone_from(&identity.model);
        }
        return identity.contradictions(&stated);
    };
    let model = Model::from_table(&stated.base, parameters);
    let is_same = model.is_ok_and(|model| model.fingerprint() == stated.fingerprint);
    let other = (!is_same).then(|| "states parameters that do not have its fingerprint".to_string());
    identity.contradictions(&stated).into_iter().chain(other).collect()
}

/// Returns a message for each table that does not exist.
fn unknown_tables(manifest: &Manifest) -> impl Iterator<Item = String> {
    let tables = tables_of(&manifest.identity.base).unwrap_or_default();
    let unknown = manifest.tables.keys().filter(|name| !tables.iter().any(|table| table.name() == name.as_str()));
    unknown.map(|name| format!("lists the table {name}, which the model does not have"))
}

/// Returns a message for each key that this version of the program doesn't know, and so can't check.
fn unknown_keys(folder: &Path, name: &str, manifest: &Manifest) -> Result<Vec<String>> {
    let path = folder.join(name);
    let text = std::fs::read(&path).map_err(Error::io("reading", &path))?;
    let failed = |error: serde_json::Error| Error::invalid(&path, error.to_string());
    let stated: Value = serde_json::from_slice(&text).map_err(failed)?;
    let known = serde_json::to_value(manifest).map_err(failed)?;
    let mut keys = Vec::new();
    add_unknown_keys("", &stated, &known, &mut keys);
    Ok(keys.into_iter().map(|key| format!("has the key {key}, which this version does not know")).collect())
}

fn add_unknown_keys(prefix: &str, stated: &Value, known: &Value, keys: &mut Vec<String>) {
    let Some(stated) = stated.as_object() else { return };
    for (key, value) in stated {
        match known.get(key) {
            Some(known) => add_unknown_keys(&format!("{prefix}{key}."), value, known, keys),
            // Empty values may be left out.
            None if value.is_null() || value.as_array().is_some_and(Vec::is_empty) => {}
            None if value.as_object().is_some_and(serde_json::Map::is_empty) => {}
            None => keys.push(format!("{prefix}{key}")),
        }
    }
}

/// Returns a message for each file of the manifest whose own metadata states another data set.
fn contradicting_files(folder: &Path, name: &str, manifest: &Manifest, tables: &[ParquetTable]) -> Vec<String> {
    let identity = &manifest.identity;
    let (seed, customers) = (identity.seed.to_string(), identity.customers.to_string());
    let mut faults = Vec::new();
    let mut versions = Vec::new();
    for table in tables {
        let entry = manifest.tables.get(table.table().name());
        let listed = |file: &&ParquetFile| entry.is_some_and(|entry| folder.join(&entry.file) == file.path());
        for file in table.files().iter().filter(listed) {
            for (key, expected) in [
                ("table", table.table().name()),
                ("model", identity.model.as_str()),
                ("fingerprint", &identity.fingerprint),
                ("seed", &seed),
                ("customers", &customers),
            ] {
                let stated = file.metadata(&format!("saasgen.{key}")).filter(|stated| *stated != expected);
                faults.extend(stated.map(|stated| {
                    format!("{} states {key} {stated}, but {name} states {key} {expected}", shown(folder, file))
                }));
            }
            versions.push(file.metadata("saasgen.version"));
        }
    }
    // Tables can be added by a later version. The manifest then states the later one.
    let is_stated = |version: &Option<&str>| version.is_none_or(|version| version == identity.version);
    if let (Some(Some(first)), false) = (versions.first(), versions.iter().any(is_stated)) {
        faults.push(format!("{name} states the version {}, but the files state {first}", identity.version));
    }
    faults
}

fn compare_files(folder: &Path, manifests: &[Manifest], table: &ParquetTable) -> FileStatements {
    if let Some(file) = table.files().iter().find(|file| !file.is_own()) {
        let writer = file.writer().unwrap_or("another program");
        let reason = format!(
            "{} was rewritten by {writer}, so its name and size are not those that the manifest lists",
            shown(folder, file)
        );
        return FileStatements::Rewritten(reason);
    }
    let mut faults = Vec::new();
    let mut unlisted: Vec<&ParquetFile> = table.files().iter().collect();
    for manifest in manifests {
        let (name, entry) = (manifest.file_name(), manifest.tables.get(table.table().name()));
        let Some(entry) = entry else { continue };
        let Some(index) = unlisted.iter().position(|file| file.path() == folder.join(&entry.file)) else {
            faults.push(format!("{name} lists the file {}, which is not there", entry.file));
            continue;
        };
        let file = unlisted.swap_remove(index);
        for (what, stated, found) in [("rows", entry.rows, file.rows()), ("bytes", entry.bytes, file.bytes())] {
            if stated != found {
                faults.push(format!("{name} states {stated} {what} for {}, which has {found}", entry.file));
            }
        }
        // Versions that did not state the parameters did not state the format either.
        if manifest.parameters.is_some() {
            let wrong = wrong_format(&entry.format, file).into_iter();
            faults.extend(
                wrong.map(|(stated, found)| format!("{name} states {stated} for {}, which has {found}", entry.file)),
            );
        }
    }
    unlisted.sort_by_key(|file| file.path());
    faults.extend(unlisted.into_iter().map(|file| format!("no manifest lists the file {}", shown(folder, file))));
    FileStatements::Compared(faults)
}

/// Returns what is wrong about the stated format of a file, each with what was found.
fn wrong_format(stated: &FileFormat, file: &ParquetFile) -> Vec<(String, String)> {
    let another = || "another one".to_string();
    let mut wrong = Vec::new();
    if !file.is_compressed(stated.compression.into()) {
        wrong.push((format!("the compression {:?}", stated.compression).to_lowercase(), another()));
    }
    // There are fewer row groups than partitions if partitions have no rows, or if the table can't be cut so often.
    let row_groups = file.row_groups() as u64;
    if let Some(most) = stated.partitions.filter(|&most| row_groups > most) {
        wrong.push((format!("at most {most} row groups"), row_groups.to_string()));
    }
    let has_dictionaries = stated.strings.as_deref() == Some(Strings::Dictionary.name());
    if file.has_dictionaries().is_some_and(|found| found != has_dictionaries) {
        wrong.push((format!("the type of texts {}", stated.strings.as_deref().unwrap_or("utf8")), another()));
    }
    wrong
}

/// Returns the path of a file, relative to the folder.
fn shown(folder: &Path, file: &ParquetFile) -> String {
    file.path().strip_prefix(folder).unwrap_or(file.path()).display().to_string()
}

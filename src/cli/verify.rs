//! `saasgen verify`.

use super::args::{CredentialArgs, ModelArgs, count, local_path};
use super::progress::{ProgressLines, RowProgress};
use super::runtime::{runtime, threads};
use super::stdout::{print, print_json};
use super::stop_signal::StopSignal;
use super::verification_table::{Layout, VerificationTable};
use crate::batches::TableSource;
use crate::error::{Error, Result};
use crate::flight::client::{Client, Credentials, Description, FlightSource, RetryPolicy};
use crate::models::{DataSet, Identity, Model, Table};
use crate::parquet_files::{
    FileStatements, MANIFEST_FILE, Manifest, ManifestCheck, ParquetTable, skipped_files, write_atomically,
};
use crate::plain_file;
use crate::scan::{Partitions, RequestKind, Scan, ScanRequest, Strings};
use crate::verify::{
    Check, Claim, ERROR_RATE, Origin, ReadOptions, STRIPE_ROWS, StatedContent, Subject, Verification, report, verify,
};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;

/// Verify files or a server's tables against the model
///
/// Checks the structure of every row and tests every statistical law of the model. If a manifest or a server states the
/// model, the seed and the size, also compares every value with the generator. A correct data set fails a check once in
/// a million runs.
///
/// Reads Parquet files of any writer. A table can have several files, other types, extra columns and rows in any order.
/// Columns are found by their names.
///
/// In a terminal, verdicts have colours, unless the environment variable NO_COLOR is set.
///
/// Exit codes: 0 if no check fails, 1 if a check fails or data can't be read, 2 for wrong usage.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saasgen verify
  saasgen verify --data pulled --report report.html
  saasgen verify --server grpc://localhost:8815 --json
  saasgen verify --data startup --model startup.toml --exact")]
pub(super) struct Verify {
    /// Folder with the tables: files TABLE.parquet, or folders TABLE or TABLE.parquet of *.parquet files
    #[arg(long, value_name = "DIR", value_parser = local_path(), default_value = "data/raw", conflicts_with = "server")]
    data: PathBuf,

    /// Verify a server's tables instead of files
    #[arg(long, value_name = "URI")]
    server: Option<String>,

    #[command(flatten)]
    model: ModelArgs,

    /// Write a report with charts to this HTML file
    #[arg(long, value_name = "FILE", value_parser = local_path())]
    report: Option<PathBuf>,

    /// Refuse to run if a manifest is missing or lacks a table, so that values can't be compared with the generator
    #[arg(long)]
    exact: bool,

    /// Number of threads, 1 to 1024 [default: one per core]
    #[arg(long, value_name = "N", value_parser = count(1..=1024))]
    threads: Option<u64>,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    credentials: CredentialArgs,
}

/// The output of `--json`.
#[derive(Serialize)]
struct JsonResult<'a> {
    subject: String,
    /// Files that look like data of a table but were not read.
    not_read: &'a [String],
    #[serde(flatten)]
    verification: &'a Verification,
}

/// The data set to verify.
struct DataSetSource {
    sources: Vec<Box<dyn TableSource>>,
    /// The model that the data set should follow.
    model: Model,
    claim: Option<Claim>,
    origin: Origin,
}

impl Verify {
    /// Returns whether no check fails.
    pub fn run(self) -> Result<bool> {
        let model = self.model.given()?;
        self.check_report()?;
        let credentials = self.credentials.load()?;
        let stop = StopSignal::listen()?;
        let runtime = runtime(threads(None))?;
        let source = match &self.server {
            Some(uri) => runtime.block_on(async {
                tokio::select! {
                    () = stop.received() => Err(Error::Interrupted),
                    source = open_server(uri, credentials, model, &runtime, &stop) => source,
                }
            })?,
            None => self.open_folder(model)?,
        };
        let sources: Vec<&dyn TableSource> = source.sources.iter().map(Box::as_ref).collect();
        let claimed = source.claim.iter().flat_map(|claim| &claim.scans).map(|scan| scan.expected_rows().rows).sum();
        let rows: f64 = sources.iter().filter_map(|source| source.rows()).map(|rows| rows as f64).sum();
        let row_progress = RowProgress::new(rows.max(claimed), Some(ProgressLines::Text).filter(|_| !self.json));
        let options = ReadOptions {
            threads: threads(self.threads),
            stripe_rows: STRIPE_ROWS,
            stop: stop.flag(),
            progress: &|rows| row_progress.add(rows),
        };
        let subject = Subject { model: &source.model, sources: &sources, claim: source.claim, error_rate: ERROR_RATE };
        let verification = verify(&subject, options)?;
        drop(row_progress);
        if self.json {
            let (subject, not_read) = (source.origin.to_string(), &source.origin.skipped[..]);
            print_json(&JsonResult { subject, not_read, verification: &verification })?;
        } else {
            let table =
                VerificationTable { verification: &verification, origin: &source.origin, layout: Layout::of_stdout() };
            print(&table.to_string())?;
        }
        if let Some(path) = &self.report {
            write_atomically(path, report::html(&verification, &source.origin)?.as_bytes())?;
        }
        Ok(verification.holds)
    }

    /// Refuses a report that can't be written, or that would replace another file. Called before anything is read.
    fn check_report(&self) -> Result<()> {
        let Some(path) = &self.report else { return Ok(()) };
        let refused = |what: &str| Err(Error::Misuse(format!("--report {}: {what}", path.display())));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return refused(&format!("the folder {} does not exist, create it first", folder.display()));
        }
        let Ok(metadata) = path.symlink_metadata() else { return Ok(()) };
        if metadata.is_dir() {
            return refused("this is a folder, name a file");
        }
        if !metadata.is_file() {
            return refused("this is not a regular file, name another one");
        }
        let text = std::fs::read(path).map_err(Error::io("reading", path))?;
        let is_report = text.windows(report::GENERATOR.len()).any(|part| part == report::GENERATOR.as_bytes());
        if is_report {
            Ok(())
        } else {
            refused("this file exists and is not a report of saasgen, name another one or remove it")
        }
    }

    fn open_folder(&self, model: Option<Model>) -> Result<DataSetSource> {
        let folder = &self.data;
        check_folder(folder)?;
        let manifest = Manifest::read_merged(folder)?;
        let place = folder.display().to_string();
        let stated = manifest.as_ref();
        let stated = stated.map(|stated| stated.identity.data_set(&place, stated.parameters.as_ref(), model.clone()));
        let stated = stated.transpose()?;
        let model = match (&stated, model) {
            (Some(data_set), _) => data_set.model().clone(),
            (None, Some(model)) => model,
            (None, None) => Model::default_built_in()?,
        };
        let skipped: Vec<String> =
            skipped_files(folder, model.tables())?.iter().map(|path| path.display().to_string()).collect();
        let origin = Origin { place, identity: manifest.as_ref().map(|manifest| manifest.identity.clone()), skipped };
        let mut tables = Vec::new();
        for &table in model.tables() {
            tables.extend(ParquetTable::find(folder, table)?);
        }
        if tables.is_empty() {
            return Err(Error::Misuse(no_tables(folder, model.tables(), &origin)));
        }
        let unlisted = tables.iter().map(|source| source.table().name());
        let unlisted =
            unlisted.filter(|name| manifest.as_ref().is_some_and(|manifest| !manifest.tables.contains_key(*name)));
        let unlisted: Vec<&str> = unlisted.collect();
        if self.exact && !unlisted.is_empty() {
            return Err(Error::Misuse(format!(
                "--exact: the {MANIFEST_FILE} in {} doesn't list {}",
                folder.display(),
                unlisted.join(", ")
            )));
        }
        if self.exact && manifest.is_none() {
            return Err(Error::Misuse(format!(
                "--exact: {} has no {MANIFEST_FILE} of saasgen, which states the model, the seed and the size",
                folder.display()
            )));
        }
        let claim = manifest.as_ref().zip(stated.as_ref());
        let claim = claim.map(|(manifest, data_set)| claim_of_manifest(folder, manifest, data_set, &tables));
        let claim = claim.transpose()?;
        let sources = tables.into_iter().map(|table| Box::new(table) as Box<dyn TableSource>).collect();
        Ok(DataSetSource { sources, model, claim, origin })
    }
}

/// Refuses a path that is not a folder.
fn check_folder(folder: &Path) -> Result<()> {
    let shown = folder.display();
    if folder.is_dir() {
        return Ok(());
    }
    Err(Error::Misuse(if folder.exists() {
        let parent = parent_of(folder).display();
        let kind = folder.metadata().map_or("no folder", |there| plain_file::name_of(there.file_type()));
        format!("{shown} is {kind}, but --data takes the folder that has the tables: --data {parent}")
    } else {
        format!(
            "the folder {shown} does not exist: create a data set with `saasgen generate`, or name another folder with \
             --data"
        )
    }))
}

/// Returns the folder that `path` is in.
fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns the message for a folder without tables.
fn no_tables(folder: &Path, tables: &[Table], origin: &Origin) -> String {
    let names: Vec<&str> = tables.iter().map(|table| table.name()).collect();
    let mut text = format!(
        "the folder {} has none of the tables {}, as .parquet files or as folders of them",
        folder.display(),
        names.join(", ")
    );
    let is_table = |name: &str| names.contains(&name.strip_suffix(".parquet").unwrap_or(name));
    let name = folder.file_name().and_then(|name| name.to_str());
    if let Some(name) = name.filter(|name| is_table(name)) {
        let parent = parent_of(folder).display();
        text += &format!("; {name} looks like the folder of one table, so name the folder above it: --data {parent}");
    }
    if let Some((reason, files)) = origin.skipped_files() {
        text += &format!("; {reason}: {files}");
    }
    text
}

fn claim_of_manifest(folder: &Path, manifest: &Manifest, data_set: &DataSet, tables: &[ParquetTable]) -> Result<Claim> {
    let range = &manifest.scan;
    if !range.columns.is_empty() {
        return Err(Error::Misuse(format!(
            "the manifest of {} states only the columns {}, but only whole rows can be verified: write the tables \
             without --columns",
            folder.display(),
            range.columns.join(", ")
        )));
    }
    let mut claim = Claim::of_rows(Vec::new());
    for &table in data_set.model().tables() {
        if !manifest.tables.contains_key(table.name()) {
            continue;
        }
        let strings = Some(Strings::Dictionary.name().to_string());
        let request = ScanRequest { strings, ..range.request(table) };
        let scan = Scan::resolve(data_set, &request, RequestKind::Ticket).map_err(|error| match error {
            Error::Misuse(message) => Error::Misuse(format!("the manifest of {}: {message}", folder.display())),
            other => other,
        })?;
        claim.scans.push(scan.0);
    }
    for manifest in Manifest::read_all(folder)? {
        for scan in &claim.scans {
            let Some(entry) = manifest.tables.get(scan.table().name()) else { continue };
            claim.contents.push(StatedContent {
                manifest: manifest.file_name(),
                table: scan.table(),
                ids: manifest.part.map_or_else(|| scan.clone(), |part| scan.part(part)).ids(),
                rows: entry.rows,
                hash: entry.content_hash.clone(),
            });
        }
    }
    claim.checks = checks_of_manifests(folder, data_set, tables)?;
    Ok(claim)
}

/// Compares the statements of the manifests that are not about values with the model and the files.
fn checks_of_manifests(folder: &Path, data_set: &DataSet, tables: &[ParquetTable]) -> Result<Vec<Check>> {
    let ManifestCheck { data_set, files } = ManifestCheck::new(folder, &Identity::of(data_set), tables)?;
    let of_files = files.into_iter().map(|(table, files)| {
        let (table, name) = (table.name(), "files as the manifest lists them");
        match files {
            FileStatements::Compared(faults) => Check::of_statements(table, name, faults),
            FileStatements::Rewritten(reason) => Check::not_run(table, name, reason),
        }
    });
    let of_data_set = Check::of_statements("manifest", "agrees with the model and the files", data_set);
    Ok([of_data_set].into_iter().chain(of_files).collect())
}

/// Returns all tables of a server. Each has the partitions of the local model, so the customers of each endpoint are
/// known.
async fn open_server(
    uri: &str,
    credentials: Credentials,
    model: Option<Model>,
    runtime: &Runtime,
    stop: &StopSignal,
) -> Result<DataSetSource> {
    let client = Client::new(uri, credentials, RetryPolicy::default())?;
    let Description { identity, parameters, .. } = client.describe().await?;
    let data_set = identity.data_set(uri, parameters.as_ref(), model)?;
    let mut sources: Vec<Box<dyn TableSource>> = Vec::new();
    let mut claim = Claim::of_rows(Vec::new());
    for &table in data_set.model().tables() {
        let scan = Scan::whole(&data_set, table);
        let count = scan.partitions(Partitions::BySize).len() as u64;
        let request = ScanRequest {
            table: table.name().to_string(),
            fingerprint: identity.fingerprint.clone(),
            customers: Some(identity.customers),
            seed: Some(identity.seed),
            strings: Some(Strings::Dictionary.name().to_string()),
            partitions: Some(count),
            ..ScanRequest::default()
        };
        let source = FlightSource::new(client.table(table, &request).await?, runtime.handle().clone(), stop.token());
        sources.push(Box::new(source.with_ids(scan.partitions(Partitions::AtMost(count)))));
        claim.scans.push(scan);
    }
    let contradictions = Identity::of(&data_set).contradictions(&identity);
    claim.checks.push(Check::of_statements("server", "agrees with the model", contradictions));
    let origin = Origin { place: uri.to_string(), identity: Some(identity), skipped: Vec::new() };
    Ok(DataSetSource { sources, model: data_set.model().clone(), claim: Some(claim), origin })
}

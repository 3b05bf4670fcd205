//! The options of subcommands that write Parquet files, and the writing itself.

use super::count::count;
use super::data_set::{ALL_TABLES, table_or_all};
use super::local_path::local_path;
use super::rows::RowArgs;
use crate::batches::TableSource;
use crate::cli::progress::{ProgressLines, RowProgress};
use crate::cli::runtime::threads;
use crate::cli::stop_signal::StopSignal;
use crate::cli::write_summary::WriteSummary;
use crate::error::{Error, Result};
use crate::models::{Table, default_tables};
use crate::parquet_files::{Compression, FileFormat, Manifest, OutputFolder, TableOutput, WriteOptions};
use crate::scan::Part;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, Args)]
pub(in crate::cli) struct OutputArgs {
    /// Folder for the Parquet files and manifest.json
    #[arg(long, value_name = "DIR", value_parser = local_path(), default_value = "data/raw")]
    out: PathBuf,

    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = table_or_all, help = tables_help())]
    tables: Vec<String>,

    /// Write only one part of the customers, 1 to PARTS
    ///
    /// The files are named like usage_daily/part-00003-of-00016.parquet, and each part has a manifest of its own.
    /// Parts can be written to one folder, in any order and at the same time. Part 1 of 5 has the same customers as
    /// parts 1 to 10 of 50.
    #[arg(long, value_name = "PART", value_parser = count(0..=u64::MAX), requires = "parts")]
    part: Option<u64>,

    /// Number of parts into which the customers are split, 1 to 99999
    #[arg(long, value_name = "PARTS", value_parser = count(0..=u64::MAX), requires = "part")]
    parts: Option<u64>,

    /// Compression of the Parquet pages
    #[arg(long, value_enum, default_value_t = CompressionArg::Snappy)]
    compression: CompressionArg,

    /// Number of row groups to encode at the same time, 1 to 1024 [default: one per core]
    ///
    /// Each takes about 17 MB of memory. The files do not depend on the number.
    #[arg(long, value_name = "N", value_parser = count(1..=1024))]
    threads: Option<u64>,

    /// Replace a data set of another model, seed, size, range or split, and files that have the names of the new ones
    ///
    /// All tables of the old data set are removed. If a file of another program would be read as rows of a table, it
    /// stays, and the run is refused. A folder holds one data set. To keep several, write each to a folder of its own.
    #[arg(long)]
    overwrite: bool,

    /// Print nothing but errors
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,

    /// Print the result as JSON, and progress on stderr as lines of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CompressionArg {
    Snappy,
    Zstd,
    Lz4,
    None,
}

impl From<CompressionArg> for Compression {
    fn from(compression: CompressionArg) -> Self {
        match compression {
            CompressionArg::Snappy => Self::Snappy,
            CompressionArg::Zstd => Self::Zstd,
            CompressionArg::Lz4 => Self::Lz4,
            CompressionArg::None => Self::None,
        }
    }
}

impl OutputArgs {
    /// Returns the tables to write out of `all` tables of the model, each once and in their order. Leaves out tables that
    /// `part` does not have.
    ///
    /// # Errors
    /// Returns [`Error::UnknownTable`] for a table that the model does not have.
    pub fn tables(&self, all: &[Table], part: Option<Part>) -> Result<Vec<Table>> {
        let wanted: Vec<&String> = self.tables.iter().filter(|name| *name != ALL_TABLES).collect();
        if let Some(unknown) = wanted.iter().find(|name| !all.iter().any(|table| table.name() == **name)) {
            return Err(Error::UnknownTable { table: unknown.to_string(), tables: names(all.iter()).join(", ") });
        }
        let is_wanted = |table: &Table| match self.tables.as_slice() {
            [] => table.is_observed(),
            tables => tables.iter().any(|name| name == table.name() || name == ALL_TABLES),
        };
        let has = |table: &Table| part.is_none_or(|part| part.has(*table));
        Ok(all.iter().copied().filter(is_wanted).filter(has).collect())
    }

    /// Returns the part to write, or `None` for the whole data set.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`](crate::error::Error::Misuse) if there is no such part.
    pub fn part(&self) -> Result<Option<Part>> {
        self.part.zip(self.parts).map(|(part, parts)| Part::new(part, parts)).transpose()
    }

    /// Returns how to write each table.
    pub fn format(&self, rows: &RowArgs) -> FileFormat {
        FileFormat { compression: self.compression.into(), strings: rows.strings(), partitions: rows.partitions }
    }

    /// Checks that `tables` can be written to the folder, before any row is generated.
    pub fn prepare<S: TableSource>(&self, manifest: Manifest, tables: &[TableOutput<S>]) -> Result<OutputFolder> {
        let tables: Vec<Table> = tables.iter().map(|table| table.source.table()).collect();
        OutputFolder::prepare(&self.out, manifest, &tables, self.overwrite)
    }

    /// Writes `tables` and prints a summary with the time since `start`. `rows` is the approximate number of all rows,
    /// for the progress bar.
    pub fn write<S: TableSource>(
        &self,
        folder: OutputFolder,
        tables: &[TableOutput<S>],
        rows: f64,
        stop: &StopSignal,
        start: Instant,
    ) -> Result<()> {
        let lines = if self.json { ProgressLines::Json } else { ProgressLines::Text };
        let row_progress = RowProgress::new(rows, Some(lines).filter(|_| !self.quiet));
        let options = WriteOptions {
            threads: threads(self.threads),
            stop: stop.flag(),
            progress: &|rows| row_progress.add(rows),
        };
        let manifest = folder.write(tables, options)?;
        drop(row_progress);
        let tables: Vec<Table> = tables.iter().map(|table| table.source.table()).collect();
        let summary = WriteSummary { out: &self.out, manifest: &manifest, tables: &tables, elapsed: start.elapsed() };
        match (self.json, self.quiet) {
            (true, _) => summary.print_json(),
            (false, true) => Ok(()),
            (false, false) => summary.print(),
        }
    }
}

/// Returns the help of `--tables`, with the tables of the default model.
fn tables_help() -> String {
    let tables = default_tables();
    let observed = names(tables.iter().filter(|table| table.is_observed()));
    format!("Tables to write: {}, or all [default: {}]", names(tables.iter()).join(", "), observed.join(","))
}

fn names<'a>(tables: impl Iterator<Item = &'a Table>) -> Vec<&'static str> {
    tables.map(|table| table.name()).collect()
}

//! What commands that write files share.

use super::output::Report;
use super::progress::Bar;
use super::stop::Stop;
use super::{table, threads};
use crate::batches::TableSource;
use crate::error::Result;
use crate::parquet_files::{Compression, Manifest, OutputFolder, ScanRange, WriteOptions};
use crate::scan::Part;
use crate::tables::{Identity, Table};
use clap::{Args, ValueEnum};
use indexmap::IndexMap;
use std::path::PathBuf;
use std::time::Instant;

/// Where files go, and how.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// Folder for the Parquet files and manifest.json
    #[arg(long, value_name = "DIR", default_value = "data/raw")]
    out: PathBuf,

    /// Tables to write, of customers, usage_daily, billing, support, retention_curves, usage_truth
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = table,
          default_value = "customers,usage_daily,billing,support")]
    tables: Vec<String>,

    /// Write only this part of the customers, 1 to PARTS, as TABLE/part-00003-of-00016.parquet with a manifest of its
    /// own; parts may be written at the same time, and part 1 of 5 is parts 1 to 10 of 50
    #[arg(long, value_name = "PART", requires = "parts")]
    part: Option<u64>,

    /// How many parts there are in all
    #[arg(long, value_name = "PARTS", requires = "part")]
    parts: Option<u64>,

    /// Compression of the Parquet pages
    #[arg(long, value_enum, default_value_t = CompressionArg::Snappy)]
    compression: CompressionArg,

    /// Row groups encoded at a time, in about 17 MB each; the files are the same with any number
    /// [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    threads: Option<u64>,

    /// Replace files that no saasgen manifest lists, and remove tables of another data set
    #[arg(long)]
    overwrite: bool,

    /// Print nothing but errors
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,

    /// Print the result as JSON
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

impl FileArgs {
    /// The tables that `part` has, each once, in the order of the data set.
    pub fn tables(&self, part: Option<Part>) -> Vec<Table> {
        let is_wanted = |table: &Table| self.tables.iter().any(|name| name == table.name());
        let has = |table: &Table| part.is_none_or(|part| part.has(*table));
        Table::ALL.into_iter().filter(is_wanted).filter(has).collect()
    }

    /// The part to write, where it is not the whole.
    pub fn part(&self) -> Result<Option<Part>> {
        self.part.zip(self.parts).map(|(part, parts)| Part::new(part, parts)).transpose()
    }

    /// Checks that `tables` of `identity` may be written, before anything is generated for them.
    pub fn prepare(
        &self,
        identity: Identity,
        scan: ScanRange,
        part: Option<Part>,
        tables: &[Table],
    ) -> Result<OutputFolder> {
        let manifest = Manifest { identity, scan, part, tables: IndexMap::new() };
        OutputFolder::prepare(&self.out, manifest, tables, self.overwrite)
    }

    /// Writes `sources`, about `rows` rows in all, and prints what was written and how long it took since `start`.
    pub fn write<S: TableSource>(
        &self,
        folder: OutputFolder,
        sources: &[S],
        rows: f64,
        stop: &Stop,
        start: Instant,
    ) -> Result<()> {
        let bar = Bar::new(rows, self.quiet);
        let options = WriteOptions {
            compression: self.compression.into(),
            threads: threads(self.threads),
            stop: stop.flag(),
            progress: &|rows| bar.add(rows),
        };
        let sources: Vec<&dyn TableSource> = sources.iter().map(|source| source as &dyn TableSource).collect();
        let manifest = folder.write(&sources, options)?;
        bar.finish();
        let tables: Vec<Table> = sources.iter().map(|source| source.table()).collect();
        Report { out: &self.out, manifest: &manifest, tables: &tables, elapsed: start.elapsed() }
            .print(self.quiet, self.json)
    }
}

//! `saasgen generate`: writes a data set as Parquet files.

use super::args::{DataSetArgs, OutputArgs, RowArgs};
use super::stop_signal::StopSignal;
use crate::batches::ScanSource;
use crate::error::Result;
use crate::parquet_files::{FileFormat, Manifest, ScanRange, TableOutput};
use crate::scan::{Part, RequestKind, Scan, ScanRequest};
use crate::tables::{DataSet, Identity, Table};
use clap::Args;
use std::time::Instant;

/// Write a data set as Parquet files
///
/// The default data set has 100,000 customers and 5.8 million rows in 20 MB. Two cores write it in about 0.1 s. Memory
/// stays below 80 MiB at a hundred times that size. Beyond 250 million customers, row groups and memory grow.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saasgen generate
  saasgen generate --customers 1000 --seed 7 --out small
  saasgen generate --tables usage_truth --compression zstd --out truth --json
  saasgen generate --tables billing --from 2024-01-01 --to 2024-01-31 --out january
  saasgen generate --customers 1G --part 3 --parts 50000 --out billion")]
pub(super) struct Generate {
    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    data_set: DataSetArgs,

    #[command(flatten)]
    rows: RowArgs,
}

impl Generate {
    pub fn run(self) -> Result<()> {
        let start = Instant::now();
        let stop = StopSignal::listen()?;
        let part = self.output.part()?;
        let format = self.output.format(&self.rows);
        let tables = self.output.tables(part).into_iter().map(|table| (table, format.clone()));
        let Plan { manifest, tables, expected_rows } =
            Plan::new(&self.data_set.load()?, self.rows.range(), part, tables)?;
        let folder = self.output.prepare(manifest, &tables)?;
        self.output.write(folder, &tables, expected_rows, &stop, start)
    }
}

/// The files to write.
struct Plan {
    /// The manifest, which lists no table yet.
    manifest: Manifest,
    tables: Vec<TableOutput<ScanSource>>,
    /// The expected number of rows of all tables.
    expected_rows: f64,
}

impl Plan {
    fn new(
        data_set: &DataSet,
        range: ScanRange,
        part: Option<Part>,
        tables: impl IntoIterator<Item = (Table, FileFormat)>,
    ) -> Result<Self> {
        let (mut outputs, mut expected_rows) = (Vec::new(), 0.0);
        for (table, format) in tables {
            let request =
                ScanRequest { strings: format.strings.clone(), partitions: format.partitions, ..range.request(table) };
            let (scan, partitions) = Scan::resolve(data_set, &request, RequestKind::Descriptor)?;
            let scan = match part {
                Some(part) => scan.part(part),
                None => scan,
            };
            expected_rows += scan.expected_rows().rows;
            outputs.push(TableOutput { source: ScanSource::new(scan).with_partitions(partitions), format });
        }
        Ok(Self { manifest: Manifest::new(Identity::of(data_set), range, part), tables: outputs, expected_rows })
    }
}

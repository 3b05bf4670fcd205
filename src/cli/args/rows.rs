//! The options that select rows and columns of the tables. They are the keys of a ticket.

use super::count::count;
use crate::parquet_files::ScanRange;
use crate::scan::Strings;
use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Rows")]
pub(in crate::cli) struct RowArgs {
    /// First customer [default: 1]
    #[arg(long, value_name = "ID", value_parser = count(0..=u64::MAX))]
    pub first_id: Option<u64>,

    /// Last customer [default: the last of the data set]
    #[arg(long, value_name = "ID", value_parser = count(0..=u64::MAX))]
    pub last_id: Option<u64>,

    /// First date, by the date column of each table [default: the first of the window]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: Option<String>,

    /// Last date, by the date column of each table [default: the last of the window]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: Option<String>,

    /// Columns, in this order; every table must have them [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub columns: Vec<String>,

    /// Type of text columns: utf8 or dictionary [default: utf8]
    #[arg(long, value_name = "ENCODING")]
    strings: Option<String>,

    /// Most row groups of each table, 1 to 10000; `pull` reads each from an endpoint [default: one per about 1M rows]
    ///
    /// A table has fewer if it has fewer customers. retention_curves, which has no customers, always has one.
    #[arg(long, value_name = "N", value_parser = count(0..=u64::MAX))]
    pub partitions: Option<u64>,
}

impl RowArgs {
    /// Returns the keys that narrow the tables.
    pub fn range(&self) -> ScanRange {
        ScanRange {
            first_id: self.first_id,
            last_id: self.last_id,
            from: self.from.clone(),
            to: self.to.clone(),
            columns: self.columns.clone(),
        }
    }

    /// Returns the type of text columns, unless it is the default.
    pub fn strings(&self) -> Option<String> {
        self.strings.clone().filter(|strings| strings != Strings::default().name())
    }
}

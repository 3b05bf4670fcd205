//! Parquet files that `saasgen verify` is given.

use crate::{data_set, within};
use saasgen::batches::TableSource;
use saasgen::error::Error;
use saasgen::parquet_files::ParquetTable;
use saasgen::scan::Scan;
use saasgen::tables::Table;
use saasgen::verify::{Claim, ERROR_RATE, ReadOptions, STRIPE_ROWS, Subject, verify};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Customers of the data set that the seeds are files of.
pub const CUSTOMERS: u64 = 4;

/// Rows that are read: a few bytes can be billions of them, all of which `verify` rightly reads.
const MAX_ROWS: u64 = 1 << 12;

/// What opening may hold at a time, where ids are read for want of statistics: two of the longest pages there may be.
const MAX_OPEN_BYTES: u64 = 320 << 20;

/// What reading so few rows may hold at a time.
const MAX_READ_BYTES: u64 = 64 << 20;

const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// The first byte says the table, and whether a manifest says of which data set the file is; the rest is the file. Any
/// file is refused as damaged, or read and judged.
pub fn holds(bytes: &[u8]) {
    let Some((&kind, file)) = bytes.split_first() else { return };
    let table = Table::ALL[usize::from(kind) % Table::ALL.len()];
    let is_claimed = usize::from(kind) / Table::ALL.len() % 2 == 1;
    // A file without a name is gone however this process ends.
    let mut unnamed = tempfile::tempfile().expect("a temporary file can be had");
    unnamed.write_all(file).expect("a temporary file can be written");
    let path = PathBuf::from(format!("/proc/self/fd/{}", unnamed.as_raw_fd()));
    match within(MAX_OPEN_BYTES, || ParquetTable::open(table, vec![path])) {
        Err(error) => is_damage(&error),
        Ok(source) if source.rows().is_none_or(|rows| rows > MAX_ROWS) => {}
        Ok(source) => match within(MAX_READ_BYTES, || read(&source)) {
            Err(error) => is_damage(&error),
            Ok(()) => judge(&source, is_claimed),
        },
    }
}

fn read(source: &ParquetTable) -> Result<(), Error> {
    for row_group in 0..source.row_groups() {
        for batch in source.batches(row_group)? {
            batch?;
        }
    }
    Ok(())
}

fn judge(source: &ParquetTable, is_claimed: bool) {
    let of_seeds = data_set().with(42, CUSTOMERS).expect("the size is one");
    let claim = is_claimed.then(|| Claim { scans: vec![Scan::whole(&of_seeds, source.table())], hashes: Vec::new() });
    let subject = Subject { model: data_set().model(), sources: &[source], claim, error_rate: ERROR_RATE };
    let (stop, progress) = (AtomicBool::new(false), |_| ());
    let options = ReadOptions { threads: 1, stripe_rows: STRIPE_ROWS, stop: &stop, progress: &progress };
    match verify(&subject, options) {
        Err(error) => is_damage(&error),
        Ok(verification) => assert!(!verification.checks.is_empty()),
    }
}

/// Refused for what it is, and not for a fault of the program.
fn is_damage(error: &Error) {
    let message = error.to_string();
    assert!(matches!(error, Error::Io { .. } | Error::Misuse(_)), "{message}");
    assert!(message.len() <= MAX_MESSAGE_BYTES, "{} bytes: {message}", message.len());
}

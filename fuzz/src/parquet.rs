//! Parquet files for `saasgen verify`.

use crate::{data_set, with_memory_limit};
use saasgen::batches::TableSource;
use saasgen::error::Error;
use saasgen::models::saas_v1;
use saasgen::parquet_files::ParquetTable;
use saasgen::scan::Scan;
use saasgen::verify::{Claim, ERROR_RATE, ReadOptions, STRIPE_ROWS, Subject, verify};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// The number of customers in the data set of the seeds.
pub const CUSTOMERS: u64 = 4;

/// The largest number of rows that a check reads. A few bytes can be billions of rows, and `verify` reads them all.
const MAX_ROWS: u64 = 1 << 12;

/// The limit of the memory of opening a file, in bytes. Without statistics, opening reads all customer ids, and may
/// hold two pages of the largest size.
const MAX_OPEN_BYTES: u64 = 320 << 20;

/// The limit of the memory of reading [`MAX_ROWS`] rows, in bytes.
const MAX_READ_BYTES: u64 = 64 << 20;

/// The limit of an error message, in bytes.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// The first byte selects the table, and whether a manifest claims a data set. The rest is the file. Any file is
/// refused as damaged, or is read and verified.
pub fn check(bytes: &[u8]) {
    let Some((&kind, file)) = bytes.split_first() else { return };
    let table = saas_v1::TABLES[usize::from(kind) % saas_v1::TABLES.len()];
    let is_claimed = usize::from(kind) / saas_v1::TABLES.len() % 2 == 1;
    // A file without a name disappears however this process ends.
    let mut unnamed = tempfile::tempfile().expect("a temporary file can be created");
    unnamed.write_all(file).expect("a temporary file can be written");
    let path = PathBuf::from(format!("/proc/self/fd/{}", unnamed.as_raw_fd()));
    match with_memory_limit(MAX_OPEN_BYTES, || ParquetTable::open(table, vec![path])) {
        Err(error) => assert_damaged(&error),
        Ok(source) if source.rows().is_none_or(|rows| rows > MAX_ROWS) => {}
        Ok(source) => match with_memory_limit(MAX_READ_BYTES, || read(&source)) {
            Err(error) => assert_damaged(&error),
            Ok(()) => verify_table(&source, is_claimed),
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

fn verify_table(source: &ParquetTable, is_claimed: bool) {
    let seed_data_set = data_set().with(42, CUSTOMERS).expect("the size is valid");
    let claim = is_claimed.then(|| Claim::of_rows(vec![Scan::whole(&seed_data_set, source.table())]));
    let subject = Subject { model: data_set().model(), sources: &[source], claim, error_rate: ERROR_RATE };
    let (stop, progress) = (AtomicBool::new(false), |_| ());
    let options = ReadOptions { threads: 1, stripe_rows: STRIPE_ROWS, stop: &stop, progress: &progress };
    match verify(&subject, options) {
        Err(error) => assert_damaged(&error),
        Ok(verification) => assert!(!verification.checks.is_empty()),
    }
}

/// Checks that an error blames the file and not the program.
fn assert_damaged(error: &Error) {
    let message = error.to_string();
    assert!(matches!(error, Error::Io { .. } | Error::Misuse(_)), "{message}");
    assert!(message.len() <= MAX_MESSAGE_BYTES, "{} bytes: {message}", message.len());
}

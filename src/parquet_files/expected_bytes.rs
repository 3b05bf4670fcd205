//! The expected size of a table's file.

use super::compression::Compression;
use super::file_properties::key_value_metadata;
use super::write::{TableFile, WriteOptions, write_tables};
use crate::batches::ScanSource;
use crate::error::Result;
use crate::models::{DataSet, Identity, Table};
use crate::scan::Scan;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The number of rows to encode. With fewer, the bytes of a row are less certain. A table of this many rows takes 4 to
/// 15 ms.
const SAMPLE_ROWS: f64 = 131_072.0;

/// Returns the bytes that [`OutputFolder::write`](super::OutputFolder::write) is expected to write for `table`, with
/// the default compression.
///
/// The first customers are encoded. If they are the whole table, the result is exact. Otherwise their bytes are scaled
/// to the expected rows, and the result is within 1 % of a file with that many rows.
///
/// # Errors
/// Returns the errors of [`write_table`](super::write_table).
pub fn expected_bytes(data_set: &DataSet, table: Table) -> Result<f64> {
    let scan = Scan::whole(data_set, table);
    let Range { start, end } = scan.ids();
    let customers = (end - start) as f64;
    let expected = scan.expected_rows().rows;
    let sampled = (customers * SAMPLE_ROWS / expected.max(1.0)).ceil().min(customers) as u64;
    let (rows, bytes) = encoded(scan.for_ids(start..start + sampled))?;
    if start + sampled == end || rows == 0 {
        return Ok(bytes as f64);
    }
    let (_, fixed) = encoded(scan.for_ids(start..start))?;
    Ok(fixed as f64 + (bytes - fixed) as f64 * expected / rows as f64)
}

/// Returns the rows of `scan`, and the bytes of the file that has them.
fn encoded(scan: Scan) -> Result<(u64, u64)> {
    let metadata = key_value_metadata(&Identity::of(scan.data_set()), scan.table());
    let (source, bytes, stop) = (ScanSource::new(scan), AtomicU64::new(0), AtomicBool::new(false));
    let file = TableFile { source: &source, compression: Compression::default(), metadata, sink: Counter(&bytes) };
    let options = WriteOptions { threads: 1, stop: &stop, progress: &|_| () };
    let rows = write_tables(vec![file], options)?.iter().map(|hash| hash.rows()).sum();
    Ok((rows, bytes.into_inner()))
}

/// Counts bytes and drops them.
struct Counter<'a>(&'a AtomicU64);

impl Write for Counter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

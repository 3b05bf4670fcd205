//! Writes tables as Parquet: row groups encoded in parallel, appended in order.
//!
//! Workers take row groups in order from one list over all tables and encode each on their own, batch by batch, so
//! only encoded pages are kept; the caller's thread appends them in order. What is written follows from the batches
//! and the row groups' limits alone, never from the threads.

use super::properties::{Compression, properties};
use crate::batches::ContentHash;
use crate::error::{Error, Result};
use crate::tables::Table;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowRowGroupWriterFactory, ArrowWriter, ArrowWriterOptions, compute_leaves,
};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::{iter, thread};

/// Where the rows of one table come from.
pub trait TableSource: Sync {
    /// The table.
    fn table(&self) -> Table;

    /// The schema of its batches.
    fn schema(&self) -> SchemaRef;

    /// How many row groups its file has.
    fn row_groups(&self) -> usize;

    /// The batches of one row group, in order.
    ///
    /// # Errors
    /// Where they can't be had.
    fn batches(&self, row_group: usize) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + '_>>;
}

/// Told how many more rows were made.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);

/// How to write.
#[derive(Clone, Copy)]
pub struct WriteOptions<'a> {
    /// How pages are compressed.
    pub compression: Compression,
    /// Row groups encoded at a time.
    pub threads: usize,
    /// Set from outside to make the writing end with [`Error::Interrupted`].
    pub stop: &'a AtomicBool,
    /// Told of rows as they are encoded.
    pub progress: Progress<'a>,
}

/// A row group, encoded.
struct Encoded {
    columns: Vec<ArrowColumnChunk>,
    hash: ContentHash,
}

/// A file that is being written.
struct Open<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: ArrowRowGroupWriterFactory,
    hash: ContentHash,
}

/// A table to write.
pub(super) struct TableFile<'a, W> {
    /// Where its rows come from.
    pub source: &'a dyn TableSource,
    /// The file's key-value metadata.
    pub metadata: Vec<(String, String)>,
    /// Where the file goes.
    pub sink: W,
}

/// Writes each table to its sink. Returns the hash of each table's values.
///
/// # Errors
/// The first that a source, an encoder or a sink met, after which nothing more is started.
pub(super) fn write_tables<W: Write + Send>(
    tables: Vec<TableFile<'_, W>>,
    options: WriteOptions<'_>,
) -> Result<Vec<ContentHash>> {
    let sources: Vec<&dyn TableSource> = tables.iter().map(|table| table.source).collect();
    let mut files = Vec::with_capacity(tables.len());
    for table in tables {
        files.push(open(table, options.compression)?);
    }
    let (mut writers, columns): (Vec<_>, Vec<_>) =
        files.into_iter().map(|file| ((file.writer, file.hash), file.columns)).unzip();
    let jobs: Vec<(usize, usize)> = sources
        .iter()
        .enumerate()
        .flat_map(|(file, source)| (0..source.row_groups()).map(move |row_group| (file, row_group)))
        .collect();

    let encode = |(file, row_group): (usize, usize)| {
        let source: &dyn TableSource = sources[file];
        encode_row_group(source, row_group, &columns[file], options)
    };
    run_in_order(&jobs, options.threads, encode, |(file, _), encoded: Encoded| {
        let (writer, hash) = &mut writers[file];
        hash.merge(&encoded.hash);
        append(writer, encoded)
    })?;
    writers
        .into_iter()
        .map(|(mut writer, hash)| {
            writer.finish().map_err(parquet_error)?;
            Ok(hash)
        })
        .collect()
}

/// Row groups that wait, encoded, for one before them: some 4 MB each.
const RESULTS_AHEAD: usize = 2;

/// Runs `work` on each job, on so many threads, and hands the results to `take` in the order of the jobs.
///
/// Workers run at most [`RESULTS_AHEAD`] jobs more than there are threads ahead of what was taken, which bounds the
/// results that wait.
fn run_in_order<J: Copy + Sync, T: Send>(
    jobs: &[J],
    threads: usize,
    work: impl Fn(J) -> Result<T> + Sync,
    mut take: impl FnMut(J, T) -> Result<()>,
) -> Result<()> {
    let threads = threads.clamp(1, jobs.len().max(1));
    let next = AtomicUsize::new(0);
    let (permit, permits) = mpsc::channel();
    let permits = std::sync::Mutex::new(permits);
    let (result, results) = mpsc::channel();
    for () in iter::repeat_n((), threads + RESULTS_AHEAD) {
        // Can't fail: the receiving end is alive.
        let _ = permit.send(());
    }
    thread::scope(|scope| {
        for _ in 0..threads {
            let (next, permits, work, result) = (&next, &permits, &work, result.clone());
            scope.spawn(move || {
                loop {
                    // The permit comes first, so the job that is waited for always has one.
                    let permitted = permits.lock().is_ok_and(|permits| permits.recv().is_ok());
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&job) = jobs.get(index).filter(|_| permitted) else { return };
                    let value = catch_unwind(AssertUnwindSafe(|| work(job)))
                        .unwrap_or_else(|_| Err(Error::Internal("encoding a row group failed".into())));
                    if result.send((index, value)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(result);
        // Both are dropped on the way out, also by `?`: workers then find no permit and nobody to send to.
        let (permit, results) = (permit, results);
        let mut waiting = BTreeMap::new();
        for (wanted, &job) in jobs.iter().enumerate() {
            let value = loop {
                if let Some(value) = waiting.remove(&wanted) {
                    break value;
                }
                let (index, value) =
                    results.recv().map_err(|_| Error::Internal("a worker ended without its result".into()))?;
                waiting.insert(index, value?);
            };
            take(job, value)?;
            // Fails only when all workers are done.
            let _ = permit.send(());
        }
        Ok(())
    })
}

fn open<W: Write + Send>(table: TableFile<'_, W>, compression: Compression) -> Result<Open<W>> {
    let TableFile { source, metadata, sink } = table;
    let schema = source.schema();
    let properties = properties(source.table(), &schema, compression, metadata)?;
    let options = ArrowWriterOptions::new().with_properties(properties);
    let (writer, columns) = ArrowWriter::try_new_with_options(sink, schema, options)
        .and_then(ArrowWriter::into_serialized_writer)
        .map_err(parquet_error)?;
    Ok(Open { writer, columns, hash: ContentHash::new() })
}

fn encode_row_group(
    source: &dyn TableSource,
    row_group: usize,
    columns: &ArrowRowGroupWriterFactory,
    options: WriteOptions<'_>,
) -> Result<Encoded> {
    let schema = source.schema();
    let mut writers = columns.create_column_writers(row_group).map_err(parquet_error)?;
    let mut hash = ContentHash::new();
    for batch in source.batches(row_group)? {
        if options.stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let batch = batch?;
        hash.update(&batch)?;
        // No column is nested, so each is one leaf.
        for ((field, column), writer) in schema.fields().iter().zip(batch.columns()).zip(&mut writers) {
            for leaf in compute_leaves(field, column).map_err(parquet_error)? {
                writer.write(&leaf).map_err(parquet_error)?;
            }
        }
        (options.progress)(batch.num_rows() as u64);
    }
    let columns = writers.into_iter().map(|writer| writer.close().map_err(parquet_error)).collect::<Result<_>>()?;
    Ok(Encoded { columns, hash })
}

fn append<W: Write + Send>(writer: &mut SerializedFileWriter<W>, encoded: Encoded) -> Result<()> {
    if encoded.hash.rows() == 0 {
        return Ok(());
    }
    let mut row_group = writer.next_row_group().map_err(parquet_error)?;
    for column in encoded.columns {
        column.append_to_row_group(&mut row_group).map_err(parquet_error)?;
    }
    row_group.close().map_err(parquet_error)?;
    Ok(())
}

/// Sinks put their path into their errors, which Parquet hands back as they were.
fn parquet_error(error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => super::in_progress::unwrap_sink_error(*source),
            Err(source) => Error::Internal(source.to_string()),
        },
        other => Error::Internal(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::parquet_files::ScanSource;
    use crate::scan::Scan;
    use crate::tables::{DataSet, Laws};
    use std::io;
    use std::sync::Arc;

    /// Fails when more than `room` bytes have come.
    struct FullAfter {
        room: usize,
    }

    impl Write for FullAfter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let taken = bytes.len().min(self.room);
            self.room -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn scan(table: Table, customers: u64) -> Scan {
        let laws = Arc::new(Laws::new(Model::saas_v1().unwrap()));
        Scan::whole(&DataSet::new(laws, 42, customers).unwrap(), table)
    }

    fn write_with_room(room: usize, stop: bool) -> Result<Vec<ContentHash>> {
        let sources = [Table::Customers, Table::UsageDaily].map(|table| ScanSource::new(scan(table, 2_000)));
        let tables = sources.iter().map(|source| TableFile { source, metadata: Vec::new(), sink: FullAfter { room } });
        let stop = AtomicBool::new(stop);
        let options = WriteOptions { compression: Compression::default(), threads: 2, stop: &stop, progress: &|_| () };
        write_tables(tables.collect(), options)
    }

    #[test]
    fn a_disk_that_fills_at_any_byte_is_an_error() {
        let hashes = write_with_room(usize::MAX, false).unwrap();
        assert_eq!(hashes[0].rows(), 2_000);
        for room in [0, 3, 4, 1_000, 4_000, 100_000, 300_000] {
            let error = write_with_room(room, false).unwrap_err();
            assert!(
                matches!(&error, Error::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull),
                "{error}"
            );
        }
    }

    #[test]
    fn a_stop_is_an_error() {
        assert!(matches!(write_with_room(usize::MAX, true), Err(Error::Interrupted)));
    }

    #[test]
    fn results_are_taken_in_order_and_not_far_ahead() {
        let jobs: Vec<usize> = (0..200).collect();
        for threads in [1, 2, 7, 300] {
            let taken = AtomicUsize::new(0);
            let furthest = AtomicUsize::new(0);
            let mut order = Vec::new();
            let work = |job: usize| {
                furthest.fetch_max(job.saturating_sub(taken.load(Ordering::SeqCst)), Ordering::SeqCst);
                Ok(job * 2)
            };
            run_in_order(&jobs, threads, work, |job, value| {
                assert_eq!(value, job * 2);
                order.push(job);
                taken.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
            .unwrap();
            assert_eq!(order, jobs);
            assert!(furthest.into_inner() <= threads + RESULTS_AHEAD, "with {threads} threads");
        }
    }

    #[test]
    fn a_panic_is_an_error_and_no_deadlock() {
        let jobs: Vec<usize> = (0..100).collect();
        let work = |job: usize| if job == 3 { panic!("on purpose") } else { Ok(()) };
        assert!(matches!(run_in_order(&jobs, 4, work, |_, ()| Ok(())), Err(Error::Internal(_))));
    }

    #[test]
    fn the_first_error_ends_the_work() {
        let jobs: Vec<usize> = (0..1_000).collect();
        let begun = AtomicUsize::new(0);
        let work = |job: usize| {
            begun.fetch_add(1, Ordering::SeqCst);
            if job == 10 { Err(Error::Interrupted) } else { Ok(()) }
        };
        assert!(run_in_order(&jobs, 4, work, |_, ()| Ok(())).is_err());
        assert!(begun.into_inner() < 40);
        assert!(
            run_in_order(&jobs, 4, |_| Ok(()), |job, ()| if job == 5 { Err(Error::Interrupted) } else { Ok(()) })
                .is_err()
        );
        assert!(run_in_order(&[] as &[usize], 4, |_| Ok(()), |_, ()| Ok(())).is_ok());
    }
}

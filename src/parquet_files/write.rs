//! Writes tables as Parquet: row groups encoded in parallel, appended in order.
//!
//! Workers take row groups in order from one list over all tables and encode each on their own, batch by batch, so
//! only encoded pages are kept; the caller's thread appends them in order. What is written follows from the batches
//! and the row groups' limits alone, never from the threads.

use super::encode::{ColumnEncoder, EncodedColumn, PAGE_ROWS};
use super::properties::{Compression, has_page_statistics, properties};
use crate::batches::{ContentHash, TableSource};
use crate::error::{Error, Result};
use crate::workers::run_in_order;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

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
    columns: Vec<EncodedColumn>,
    hash: ContentHash,
}

/// A file that is being written.
struct Open<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: SchemaDescPtr,
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
        files.push(open(table)?);
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

/// Writes one table as a Parquet file to `sink`, which may be memory. Returns the hash of its values.
///
/// # Errors
/// The first that the source, an encoder or the sink met.
pub fn write_table<W: Write + Send>(
    source: &dyn TableSource,
    sink: W,
    options: WriteOptions<'_>,
) -> Result<ContentHash> {
    let table = TableFile { source, metadata: Vec::new(), sink };
    Ok(write_tables(vec![table], options)?.pop().unwrap_or_default())
}

fn open<W: Write + Send>(table: TableFile<'_, W>) -> Result<Open<W>> {
    let TableFile { source, metadata, sink } = table;
    let schema = source.schema();
    let properties = properties(source.table(), &schema, metadata);
    let options = ArrowWriterOptions::new().with_properties(properties);
    // The crate's writer of batches is taken for the schema alone, Arrow's among the metadata.
    let (writer, _) = ArrowWriter::try_new_with_options(sink, schema, options)
        .and_then(ArrowWriter::into_serialized_writer)
        .map_err(parquet_error)?;
    let columns = SchemaDescPtr::new(writer.schema_descr().clone());
    Ok(Open { columns, writer, hash: ContentHash::new() })
}

fn encode_row_group(
    source: &dyn TableSource,
    row_group: usize,
    columns: &SchemaDescPtr,
    options: WriteOptions<'_>,
) -> Result<Encoded> {
    let encoder = |column: &ColumnDescPtr| {
        ColumnEncoder::new(ColumnDescPtr::clone(column), options.compression, has_page_statistics(column.name()))
    };
    let mut encoders: Vec<_> = columns.columns().iter().map(encoder).collect();
    let mut hash = ContentHash::new();
    // Batches that wait until they fill a page.
    let mut small: Vec<RecordBatch> = Vec::new();
    let mut write = |small: &mut Vec<RecordBatch>| {
        let batch = match &small[..] {
            [] => return Ok(()),
            [batch] => batch.clone(),
            [first, ..] => concat_batches(first.schema_ref(), &*small).map_err(internal)?,
        };
        small.clear();
        encoders.iter_mut().zip(batch.columns()).try_for_each(|(encoder, column)| encoder.write(column))
    };
    for batch in source.batches(row_group)? {
        if options.stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let batch = batch?;
        hash.update(&batch)?;
        (options.progress)(batch.num_rows() as u64);
        small.push(batch);
        if small.iter().map(RecordBatch::num_rows).sum::<usize>() >= PAGE_ROWS {
            write(&mut small)?;
        }
    }
    write(&mut small)?;
    let columns = encoders.into_iter().filter_map(|encoder| encoder.close().transpose()).collect::<Result<_>>()?;
    Ok(Encoded { columns, hash })
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}

fn append<W: Write + Send>(writer: &mut SerializedFileWriter<W>, encoded: Encoded) -> Result<()> {
    if encoded.hash.rows() == 0 {
        return Ok(());
    }
    let mut row_group = writer.next_row_group().map_err(parquet_error)?;
    for column in encoded.columns {
        column.append_to(&mut row_group).map_err(parquet_error)?;
    }
    row_group.close().map_err(parquet_error)?;
    Ok(())
}

/// Sinks put their path into their errors, which Parquet hands back as they were.
pub(super) fn parquet_error(error: ParquetError) -> Error {
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
    use crate::batches::ScanSource;
    use crate::model::Model;
    use crate::scan::Scan;
    use crate::tables::{DataSet, Laws, Table};
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
}

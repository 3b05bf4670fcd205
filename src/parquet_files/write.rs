//! Writes tables as Parquet: row groups are encoded in parallel and appended in order.
//!
//! Workers take row groups from one list over all tables. Each worker encodes its row group batch by batch and keeps
//! only the encoded pages. The calling thread appends the row groups in order. The bytes of a file depend on the
//! batches and the limits of row groups, never on the number of threads.

use super::commit::unwrap_sink_error;
use super::compression::Compression;
use super::encode::{ColumnChunkEncoder, EncodedColumnChunk, MIN_PAGE_ROWS};
use super::file_format::FileFormat;
use super::file_properties::{has_column_index, writer_properties};
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

/// A callback that receives the number of rows encoded since the last call.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);

/// Options of writing tables.
#[derive(Clone, Copy)]
pub struct WriteOptions<'a> {
    /// The number of row groups that are encoded at the same time.
    pub threads: usize,
    /// Ends the writing with [`Error::Interrupted`] when set.
    pub stop: &'a AtomicBool,
    /// Called after each batch.
    pub progress: Progress<'a>,
}

/// A table to write.
pub struct TableOutput<S> {
    /// The source of the rows.
    pub source: S,
    /// How to write them. Its [`strings`](FileFormat::strings) and [`partitions`](FileFormat::partitions) describe the
    /// source.
    pub format: FileFormat,
}

/// A table and its file.
pub(super) struct TableFile<'a, W> {
    /// The source of the rows.
    pub source: &'a dyn TableSource,
    /// The compression of pages.
    pub compression: Compression,
    /// The key-value metadata of the file.
    pub metadata: Vec<(String, String)>,
    /// The destination of the file.
    pub sink: W,
}

/// A file that is being written.
struct OpenFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    hash: ContentHash,
}

struct EncodedRowGroup {
    columns: Vec<EncodedColumnChunk>,
    hash: ContentHash,
}

/// Writes each table to its sink. Returns the content hash of each table.
///
/// # Errors
/// Returns the first error of a source, an encoder or a sink, in the order of the row groups.
pub(super) fn write_tables<W: Write + Send>(
    tables: Vec<TableFile<'_, W>>,
    options: WriteOptions<'_>,
) -> Result<Vec<ContentHash>> {
    let sources: Vec<(&dyn TableSource, Compression)> =
        tables.iter().map(|table| (table.source, table.compression)).collect();
    let (mut files, mut columns) = (Vec::with_capacity(tables.len()), Vec::with_capacity(tables.len()));
    for table in tables {
        let writer = open(table)?;
        columns.push(SchemaDescPtr::new(writer.schema_descr().clone()));
        files.push(OpenFile { writer, hash: ContentHash::new() });
    }
    let jobs: Vec<(usize, usize)> = sources
        .iter()
        .enumerate()
        .flat_map(|(file, (source, _))| (0..source.row_groups()).map(move |row_group| (file, row_group)))
        .collect();

    let encode = |(file, row_group): (usize, usize)| {
        let (source, compression) = sources[file];
        encode_row_group(source, row_group, &columns[file], compression, options)
    };
    run_in_order(&jobs, options.threads, encode, |(file, _), row_group: EncodedRowGroup| {
        let OpenFile { writer, hash } = &mut files[file];
        hash.merge(&row_group.hash);
        append(writer, row_group)
    })?;
    files
        .into_iter()
        .map(|OpenFile { mut writer, hash }| {
            writer.finish().map_err(write_error)?;
            Ok(hash)
        })
        .collect()
}

/// Writes one table as a Parquet file to `sink`. Returns the content hash of the table.
///
/// # Errors
/// Returns the first error of the source, an encoder or the sink, in the order of the row groups.
pub fn write_table<W: Write + Send>(
    source: &dyn TableSource,
    compression: Compression,
    sink: W,
    options: WriteOptions<'_>,
) -> Result<ContentHash> {
    let table = TableFile { source, compression, metadata: Vec::new(), sink };
    Ok(write_tables(vec![table], options)?.pop().unwrap_or_default())
}

fn open<W: Write + Send>(table: TableFile<'_, W>) -> Result<SerializedFileWriter<W>> {
    let TableFile { source, metadata, sink, .. } = table;
    let schema = source.schema();
    let properties = writer_properties(source.table(), &schema, metadata);
    let options = ArrowWriterOptions::new().with_properties(properties);
    // The writer of record batches is only used to write the schema. It also adds the Arrow schema to the metadata.
    ArrowWriter::try_new_with_options(sink, schema, options)
        .and_then(ArrowWriter::into_serialized_writer)
        .map(|(writer, _)| writer)
        .map_err(write_error)
}

fn encode_row_group(
    source: &dyn TableSource,
    row_group: usize,
    columns: &SchemaDescPtr,
    compression: Compression,
    options: WriteOptions<'_>,
) -> Result<EncodedRowGroup> {
    let encoder = |column: &ColumnDescPtr| {
        ColumnChunkEncoder::new(ColumnDescPtr::clone(column), compression, has_column_index(column.name()))
    };
    let mut encoders: Vec<_> = columns.columns().iter().map(encoder).collect();
    let mut hash = ContentHash::new();
    // Batches that do not fill a page yet.
    let mut pending: Vec<RecordBatch> = Vec::new();
    let mut write_pending = |pending: &mut Vec<RecordBatch>| {
        let batch = match &pending[..] {
            [] => return Ok(()),
            [batch] => batch.clone(),
            [first, ..] => concat_batches(first.schema_ref(), &*pending)
                .map_err(|error| Error::Internal(format!("joining batches: {error}")))?,
        };
        pending.clear();
        encoders.iter_mut().zip(batch.columns()).try_for_each(|(encoder, column)| encoder.write(column))
    };
    for batch in source.batches(row_group)? {
        if options.stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let batch = batch?;
        hash.update(&batch)?;
        (options.progress)(batch.num_rows() as u64);
        pending.push(batch);
        if pending.iter().map(RecordBatch::num_rows).sum::<usize>() >= MIN_PAGE_ROWS {
            write_pending(&mut pending)?;
        }
    }
    write_pending(&mut pending)?;
    let columns = encoders.into_iter().filter_map(|encoder| encoder.finish().transpose()).collect::<Result<_>>()?;
    Ok(EncodedRowGroup { columns, hash })
}

fn append<W: Write + Send>(writer: &mut SerializedFileWriter<W>, row_group: EncodedRowGroup) -> Result<()> {
    if row_group.hash.rows() == 0 {
        return Ok(());
    }
    let mut row_group_writer = writer.next_row_group().map_err(write_error)?;
    for column in row_group.columns {
        column.append_to(&mut row_group_writer).map_err(write_error)?;
    }
    row_group_writer.close().map_err(write_error)?;
    Ok(())
}

/// Returns the error of the sink if `error` contains one. Every other error is a bug.
fn write_error(error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => unwrap_sink_error(*source),
            Err(source) => Error::Internal(source.to_string()),
        },
        other => Error::Internal(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batches::ScanSource;
    use crate::models::{DataSet, Model, Table, saas_v1};
    use crate::scan::Scan;
    use std::io;

    /// A sink that is full after `capacity` bytes.
    struct FullSink {
        capacity: usize,
    }

    impl Write for FullSink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.capacity == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let written = bytes.len().min(self.capacity);
            self.capacity -= written;
            Ok(written)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn scan(table: Table, customers: u64) -> Scan {
        let model = Model::saas_v1().unwrap();
        Scan::whole(&DataSet::new(model, 42, customers).unwrap(), table)
    }

    fn write_to_full_sinks(capacity: usize, stop: bool) -> Result<Vec<ContentHash>> {
        let sources = [saas_v1::CUSTOMERS, saas_v1::USAGE_DAILY].map(|table| ScanSource::new(scan(table, 2_000)));
        let compression = Compression::default();
        let tables = sources.iter().map(|source| TableFile {
            source,
            compression,
            metadata: Vec::new(),
            sink: FullSink { capacity },
        });
        let stop = AtomicBool::new(stop);
        let options = WriteOptions { threads: 2, stop: &stop, progress: &|_| () };
        write_tables(tables.collect(), options)
    }

    #[test]
    fn a_full_disk_is_an_io_error_at_any_byte() {
        let hashes = write_to_full_sinks(usize::MAX, false).unwrap();
        assert_eq!(hashes[0].rows(), 2_000);
        for capacity in [0, 3, 4, 1_000, 4_000, 100_000, 300_000] {
            let error = write_to_full_sinks(capacity, false).unwrap_err();
            assert!(
                matches!(&error, Error::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull),
                "{error}"
            );
        }
    }

    #[test]
    fn the_stop_flag_ends_the_writing() {
        assert!(matches!(write_to_full_sinks(usize::MAX, true), Err(Error::Interrupted)));
    }
}

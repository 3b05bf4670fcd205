//! The footer of a Parquet file: its metadata, checked for claims that make the parquet crate panic or hang.

use super::thrift::check_struct;
use super::thrift_structs::FILE_METADATA;
use super::unreadable_file::unreadable_file;
use crate::error::{Error, Result};
use crate::models::Table;
use crate::plain_file;
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::FOOTER_SIZE;
use parquet::file::metadata::{FooterTail, ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

/// The column that row groups are split by.
pub(super) const CUSTOMER_ID: &str = "customer_id";

/// Reads the footer of the file at `path`. Text columns get dictionary types.
///
/// # Errors
/// Returns [`Error::Io`] if the file can't be read or is not a complete Parquet file, and [`Error::Misuse`] if it is no
/// plain file.
pub(super) fn read_footer(path: &Path) -> Result<ArrowReaderMetadata> {
    let file = plain_file::open(path)?;
    let failed = |error: ParquetError| match error {
        // An I/O error comes wrapped in this variant.
        ParquetError::External(source) => Error::invalid(path, source.to_string()),
        error => not_whole(path, error),
    };
    // The Arrow schema in the metadata is not needed, and a damaged one makes the reader panic.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let footer = check_metadata(&file).and_then(|()| ArrowReaderMetadata::load(&file, options)).map_err(failed)?;
    check_row_counts(footer.metadata())
        .and_then(|()| check_offsets(footer.metadata()))
        .map_err(|damage| not_whole(path, damage))?;
    // Reading text as dictionary keys takes a fifth of the time of reading strings.
    let fields = footer.schema().fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(Field::new(field.name(), dictionary, field.is_nullable()))
        }
        _ => Arc::clone(field),
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_schema(schema);
    ArrowReaderMetadata::try_new(Arc::clone(footer.metadata()), options).map_err(failed)
}

fn not_whole(path: &Path, reason: impl Display) -> Error {
    unreadable_file(path, format!("not a whole Parquet file: {reason}"))
}

/// Checks that the parquet crate can read the metadata in bounded time. It refuses files without metadata itself.
fn check_metadata(file: &File) -> parquet::errors::Result<()> {
    let Some(end) = file.metadata()?.len().checked_sub(FOOTER_SIZE as u64) else { return Ok(()) };
    let mut reader = BufReader::new(file);
    let mut tail = [0; FOOTER_SIZE];
    reader.seek(SeekFrom::Start(end))?;
    reader.read_exact(&mut tail)?;
    let Ok(tail) = FooterTail::try_new(&tail) else { return Ok(()) };
    let length = tail.metadata_length() as u64;
    let Some(start) = end.checked_sub(length) else { return Ok(()) };
    reader.seek(SeekFrom::Start(start))?;
    check_struct(reader.take(length), "the footer", FILE_METADATA).map(drop)
}

/// Checks that the row counts of the file, its row groups and its columns agree.
fn check_row_counts(metadata: &ParquetMetaData) -> std::result::Result<(), String> {
    let rows = metadata.file_metadata().num_rows();
    let row_group_rows = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).sum::<i64>();
    if rows != row_group_rows {
        return Err(format!("the file claims {rows} rows, but its row groups have {row_group_rows}"));
    }
    for row_group in metadata.row_groups() {
        for column in row_group.columns() {
            let (rows, values) = (row_group.num_rows(), column.num_values());
            if column.column_descr().max_rep_level() == 0 && values != rows {
                let name = column.column_path();
                return Err(format!("a row group claims {rows} rows, but its column {name} has {values} values"));
            }
        }
    }
    Ok(())
}

/// Checks that no offset and no size is negative, which would make the reader panic.
fn check_offsets(metadata: &ParquetMetaData) -> std::result::Result<(), String> {
    for column in metadata.row_groups().iter().flat_map(RowGroupMetaData::columns) {
        let offsets =
            [Some(column.data_page_offset()), column.dictionary_page_offset(), Some(column.compressed_size())];
        if let Some(offset) = offsets.into_iter().flatten().find(|&offset| offset < 0) {
            return Err(format!("the column {} has an offset or a size of {offset}", column.column_path()));
        }
    }
    Ok(())
}

/// Returns the smallest and the largest customer id in the statistics of a row group, or `None` if it has none.
pub(super) fn customer_ids_in_statistics(row_group: &RowGroupMetaData) -> Option<RangeInclusive<i64>> {
    let column = row_group.columns().iter().find(|column| column.column_path().parts() == [CUSTOMER_ID])?;
    let ids = match column.statistics()? {
        Statistics::Int64(ids) => *ids.min_opt()?..=*ids.max_opt()?,
        Statistics::Int32(ids) => i64::from(*ids.min_opt()?)..=i64::from(*ids.max_opt()?),
        _ => return None,
    };
    // An empty range is wrong for a row group with rows.
    Some(ids).filter(|ids| !ids.is_empty() || row_group.num_rows() == 0)
}

/// Returns whether customer ids are signed, as [`customer_ids_in_statistics`] assumes.
pub(super) fn has_signed_customer_ids(schema: &Schema) -> bool {
    let field = schema.field_with_name(CUSTOMER_ID);
    field.is_ok_and(|field| matches!(field.data_type(), DataType::Int64 | DataType::Int32))
}

/// Returns whether the row group declares the sort order of `table`.
pub(super) fn declares_order(table: Table, row_group: &RowGroupMetaData) -> bool {
    let Some(declared) = row_group.sorting_columns() else { return false };
    let columns = declared.iter().map(|sorting| row_group.columns().get(sorting.column_idx as usize));
    let names: Vec<String> = columns.map_while(|column| Some(column?.column_path().string())).collect();
    names == table.sort_columns() && declared.iter().all(|sorting| !sorting.descending)
}

//! The Parquet files of one table.

use super::checked_row_group::CheckedRowGroup;
use super::footer::{CUSTOMER_ID, customer_ids_in_statistics, declares_order, has_signed_customer_ids, read_footer};
use super::page_size_limit::PageSizeLimit;
use super::unreadable_file::unreadable_file;
use crate::batches::{TableSource, catch_decoder_panic};
use crate::error::{Error, Result};
use crate::plain_file;
use crate::tables::Table;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, RowGroups};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The number of rows per batch. A batch of the widest table takes about 400 kB.
const BATCH_ROWS: usize = 16_384;

/// The Parquet files of one table, sorted by name.
#[derive(Debug)]
pub struct ParquetTable {
    table: Table,
    schema: SchemaRef,
    files: Vec<(PathBuf, ArrowReaderMetadata)>,
    row_groups: Vec<RowGroup>,
    declares_order: bool,
}

#[derive(Debug)]
struct RowGroup {
    /// The index of the file in [`ParquetTable::files`].
    file: usize,
    /// The index of the row group in its file.
    index: usize,
    customer_ids: Option<RangeInclusive<i64>>,
}

impl ParquetTable {
    /// Opens the files of `table` in `folder`: `TABLE.parquet`, or all `*.parquet` files in a folder `TABLE` or
    /// `TABLE.parquet`, which is how engines write them. Returns `None` if the table is not there.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if a file can't be read, is not a Parquet file, or has other columns than the first one.
    /// Returns [`Error::Misuse`] if the table is there twice, or if its folder has no Parquet files.
    pub fn find(folder: &Path, table: Table) -> Result<Option<Self>> {
        let (name, file_name) = (folder.join(table.name()), folder.join(format!("{}.parquet", table.name())));
        let paths = match (name.exists(), file_name.exists()) {
            (true, true) => {
                return Err(Error::Misuse(format!(
                    "{} is there twice, as {} and as {}: move one of them away",
                    table.name(),
                    name.display(),
                    file_name.display()
                )));
            }
            (true, false) => parquet_files(&name)?,
            (false, true) if file_name.is_dir() => parquet_files(&file_name)?,
            (false, true) => vec![file_name],
            (false, false) => return Ok(None),
        };
        if paths.is_empty() {
            return Err(Error::Misuse(format!(
                "the folder of {} in {} has no *.parquet files: put the files directly into it, because \
                 folders inside it, such as partitions by a column, are not read",
                table.name(),
                folder.display()
            )));
        }
        Self::open(table, paths).map(Some)
    }

    /// Opens the files of `table` at `paths`, which is not empty.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if a file can't be read, is not a Parquet file, or has other columns than the first one.
    pub fn open(table: Table, paths: Vec<PathBuf>) -> Result<Self> {
        let mut files: Vec<(PathBuf, ArrowReaderMetadata)> = Vec::with_capacity(paths.len());
        for path in paths {
            let footer = read_footer(&path)?;
            if let Some((first_path, first)) = files.first() {
                check_same_columns(&path, footer.schema(), first_path, first.schema())?;
            }
            files.push((path, footer));
        }
        let schema = files.first().map_or_else(|| Arc::new(Schema::empty()), |(_, first)| Arc::clone(first.schema()));
        let row_groups = files.iter().enumerate().flat_map(|(file, (_, footer))| {
            let row_groups = footer.metadata().row_groups().iter().enumerate();
            let has_signed_ids = has_signed_customer_ids(footer.schema());
            row_groups.map(move |(index, row_group)| {
                let customer_ids = customer_ids_in_statistics(row_group).filter(|_| has_signed_ids);
                RowGroup { file, index, customer_ids }
            })
        });
        let declares_order = files
            .iter()
            .all(|(_, footer)| footer.metadata().row_groups().iter().all(|row_group| declares_order(table, row_group)));
        let mut opened = Self { table, schema, row_groups: row_groups.collect(), files, declares_order };
        for row_group in 0..opened.row_groups.len() {
            if opened.row_groups[row_group].customer_ids.is_none() && opened.schema.index_of(CUSTOMER_ID).is_ok() {
                opened.row_groups[row_group].customer_ids = Some(opened.read_customer_ids(row_group)?);
            }
        }
        Ok(opened)
    }

    /// Returns the path of the file that has the row group.
    fn path(&self, row_group: usize) -> &Path {
        &self.files[self.row_groups[row_group].file].0
    }

    /// Reads `columns` of a row group.
    fn read(&self, row_group: usize, columns: &[&str]) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        let RowGroup { file, index, .. } = self.row_groups[row_group];
        let (path, footer) = &self.files[file];
        // Several threads read row groups, and a cloned handle would share its position.
        let opened = plain_file::open(path)?;
        let mask = ProjectionMask::columns(footer.parquet_schema(), columns.iter().copied());
        let levels = parquet_to_arrow_field_levels(footer.parquet_schema(), mask, Some(footer.schema().fields()));
        let limited = PageSizeLimit::new(opened, footer.metadata().row_group(index).num_rows());
        let row_group = CheckedRowGroup::new(limited, Arc::clone(footer.metadata()), index);
        let reader = levels.and_then(|levels| {
            let batch_rows = BATCH_ROWS.min(row_group.num_rows());
            ParquetRecordBatchReader::try_new_with_row_groups(&levels, &row_group, batch_rows, None)
        });
        let mut reader = Some(reader.map_err(|error| unreadable_file(path, error))?);
        let path = path.clone();
        Ok(std::iter::from_fn(move || {
            let mut next = reader.take()?;
            let Some(batch) = catch_decoder_panic(|| next.next()) else {
                return Some(Err(unreadable_file(&path, "a page can't be decoded")));
            };
            reader = Some(next);
            Some(batch?.map_err(|error| unreadable_file(&path, error)))
        }))
    }

    /// Reads the customer ids of a row group without statistics, and returns the smallest and the largest one. If an id
    /// is null, the range is unlimited.
    fn read_customer_ids(&self, row_group: usize) -> Result<RangeInclusive<i64>> {
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for batch in self.read(row_group, &[CUSTOMER_ID])? {
            let batch = batch?;
            let ids = cast(batch.column(0), &DataType::Int64);
            let ids = ids.map_err(|error| {
                let message = format!("{CUSTOMER_ID} must be a whole number: {error}");
                Error::invalid(self.path(row_group), message)
            })?;
            let ids = ids.as_primitive::<Int64Type>();
            if batch.column(0).null_count() > 0 {
                return Ok(i64::MIN..=i64::MAX);
            }
            least = least.min(min(ids).unwrap_or(i64::MAX));
            most = most.max(max(ids).unwrap_or(i64::MIN));
        }
        Ok(least..=most)
    }
}

impl TableSource for ParquetTable {
    fn table(&self) -> Table {
        self.table
    }

    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn declares_order(&self) -> bool {
        self.declares_order
    }

    fn row_groups(&self) -> usize {
        self.row_groups.len()
    }

    fn rows(&self) -> Option<u64> {
        let rows = self.files.iter().map(|(_, metadata)| metadata.metadata().file_metadata().num_rows());
        Some(rows.sum::<i64>().max(0) as u64)
    }

    fn customer_ids(&self, row_group: usize) -> Option<RangeInclusive<i64>> {
        self.row_groups[row_group].customer_ids.clone()
    }

    fn batches(&self, row_group: usize) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + '_>> {
        let known: Vec<&str> = self.table.columns().iter().map(|column| column.name).collect();
        Ok(Box::new(self.read(row_group, &known)?))
    }
}

/// Returns the Parquet files in `folder`, sorted by name. Skips hidden files of engines, such as `.crc` files.
fn parquet_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut paths: Vec<PathBuf> =
        entries.map_err(Error::io("reading", folder))?.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        path.extension().is_some_and(|extension| extension == "parquet") && !is_hidden
    });
    paths.sort();
    Ok(paths)
}

fn check_same_columns(path: &Path, schema: &Schema, first_path: &Path, first: &Schema) -> Result<()> {
    let (columns, expected) = (column_names(schema), column_names(first));
    if columns == expected {
        return Ok(());
    }
    let message = format!(
        "its columns are {}, but the columns of {} are {}: all files of a table must have the same columns",
        columns.join(", "),
        first_path.display(),
        expected.join(", ")
    );
    Err(Error::invalid(path, message))
}

fn column_names(schema: &Schema) -> Vec<&str> {
    schema.fields().iter().map(|field| field.name().as_str()).collect()
}

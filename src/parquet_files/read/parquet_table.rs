//! The Parquet files of one table.

use super::checked_row_group::CheckedRowGroup;
use super::footer::{CUSTOMER_ID, customer_ids_in_statistics, declares_order, has_signed_customer_ids, read_footer};
use super::page_size_limit::PageSizeLimit;
use super::table_files::table_files;
use super::unreadable_file::unreadable_file;
use crate::batches::{TableSource, catch_decoder_panic};
use crate::error::{Error, Result};
use crate::models::Table;
use crate::plain_file;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, RowGroups};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels, parquet_to_arrow_schema};
use parquet::basic::Compression;
use parquet::file::metadata::RowGroupMetaData;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The number of rows per batch. A batch of the widest table takes about 400 kB.
const BATCH_ROWS: usize = 16_384;

/// The Parquet files of one table, sorted by name. Columns are read by name, so files may have them in any order, and
/// may have other columns.
#[derive(Debug)]
pub struct ParquetTable {
    table: Table,
    files: Vec<ParquetFile>,
    row_groups: Vec<RowGroup>,
    declares_order: bool,
}

/// One file of a table.
#[derive(Debug)]
pub struct ParquetFile {
    path: PathBuf,
    bytes: u64,
    footer: ArrowReaderMetadata,
}

impl ParquetFile {
    /// Reads the footer of the file at `path`.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the file can't be read or is not a Parquet file.
    pub(in crate::parquet_files) fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::metadata(path).map_err(Error::io("reading", path))?.len();
        Ok(Self { footer: read_footer(path)?, path: path.to_path_buf(), bytes })
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> u64 {
        self.footer.metadata().file_metadata().num_rows().max(0) as u64
    }

    /// Returns the number of row groups.
    pub fn row_groups(&self) -> usize {
        self.footer.metadata().num_row_groups()
    }

    /// Returns whether every column that is compressed has this compression.
    pub fn is_compressed(&self, compression: Compression) -> bool {
        let allowed = [compression, Compression::UNCOMPRESSED];
        let row_groups = self.footer.metadata().row_groups().iter();
        row_groups.flat_map(RowGroupMetaData::columns).all(|column| allowed.contains(&column.compression()))
    }

    /// Returns whether the Arrow schema in the metadata has dictionaries, or `None` if it has no texts or is damaged.
    pub fn has_dictionaries(&self) -> Option<bool> {
        let metadata = self.footer.metadata().file_metadata();
        let parse = || parquet_to_arrow_schema(metadata.schema_descr(), metadata.key_value_metadata()).ok();
        let schema = catch_decoder_panic(parse)??;
        let is_dictionary = |kind: &DataType| match kind {
            DataType::Dictionary(..) => Some(true),
            DataType::Utf8 => Some(false),
            _ => None,
        };
        schema.fields().iter().find_map(|field| is_dictionary(field.data_type()))
    }

    /// Returns the program that wrote the file, as it names itself.
    pub fn writer(&self) -> Option<&str> {
        self.footer.metadata().file_metadata().created_by()
    }

    /// Returns whether saasgen wrote the file.
    pub fn is_own(&self) -> bool {
        self.writer().is_some_and(|writer| writer.starts_with(env!("CARGO_PKG_NAME")))
    }

    /// Returns the value of `key` in the file's metadata.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        let pairs = self.footer.metadata().file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }
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
    /// Returns [`Error::Io`] if a file can't be read or is not a Parquet file. Returns [`Error::Misuse`] if the table is
    /// there twice, or if its folder has no Parquet files.
    pub fn find(folder: &Path, table: Table) -> Result<Option<Self>> {
        let paths = table_files(folder, table)?;
        (!paths.is_empty()).then(|| Self::open(table, paths)).transpose()
    }

    /// Opens the files of `table` at `paths`, which is not empty.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if a file can't be read or is not a Parquet file.
    pub fn open(table: Table, paths: Vec<PathBuf>) -> Result<Self> {
        let files: Vec<ParquetFile> = paths.iter().map(|path| ParquetFile::open(path)).collect::<Result<_>>()?;
        for ParquetFile { path, footer, .. } in &files {
            let count = |name| footer.schema().fields().iter().filter(|field| field.name() == name).count();
            if let Some(column) = table.columns().iter().find(|column| count(column.name) > 1) {
                let message = format!("several columns have the name {}: remove or rename all but one", column.name);
                return Err(Error::invalid(path, message));
            }
        }
        let row_groups = files.iter().enumerate().flat_map(|(file, ParquetFile { footer, .. })| {
            let row_groups = footer.metadata().row_groups().iter().enumerate();
            let has_signed_ids = has_signed_customer_ids(footer.schema());
            row_groups.map(move |(index, row_group)| {
                let customer_ids = customer_ids_in_statistics(row_group).filter(|_| has_signed_ids);
                RowGroup { file, index, customer_ids }
            })
        });
        let row_groups = row_groups.collect();
        let declares_order = files
            .iter()
            .all(|file| file.footer.metadata().row_groups().iter().all(|row_group| declares_order(table, row_group)));
        let mut opened = Self { table, row_groups, files, declares_order };
        for row_group in 0..opened.row_groups.len() {
            let has_ids = opened.file(row_group).footer.schema().index_of(CUSTOMER_ID).is_ok();
            if has_ids && opened.row_groups[row_group].customer_ids.is_none() {
                opened.row_groups[row_group].customer_ids = Some(opened.read_customer_ids(row_group)?);
            }
        }
        Ok(opened)
    }

    /// Returns the files, sorted by name.
    pub fn files(&self) -> &[ParquetFile] {
        &self.files
    }

    /// Returns the file that has the row group.
    fn file(&self, row_group: usize) -> &ParquetFile {
        &self.files[self.row_groups[row_group].file]
    }

    /// Reads `columns` of a row group.
    fn read(&self, row_group: usize, columns: &[&str]) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        let index = self.row_groups[row_group].index;
        let ParquetFile { path, footer, .. } = self.file(row_group);
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
                Error::invalid(self.file(row_group).path(), message)
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
        self.files.first().map_or_else(|| Arc::new(Schema::empty()), |file| Arc::clone(file.footer.schema()))
    }

    fn file_schemas(&self) -> Vec<(String, SchemaRef)> {
        let file_name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.files.iter().map(|file| (file_name(&file.path), Arc::clone(file.footer.schema()))).collect()
    }

    fn declares_order(&self) -> bool {
        self.declares_order
    }

    fn row_groups(&self) -> usize {
        self.row_groups.len()
    }

    fn rows(&self) -> Option<u64> {
        Some(self.files.iter().map(ParquetFile::rows).sum())
    }

    fn customer_ids(&self, row_group: usize) -> Option<RangeInclusive<i64>> {
        self.row_groups[row_group].customer_ids.clone()
    }

    fn batches(&self, row_group: usize) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + '_>> {
        let known: Vec<&str> = self.table.columns().iter().map(|column| column.name).collect();
        Ok(Box::new(self.read(row_group, &known)?))
    }
}

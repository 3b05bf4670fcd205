//! Reads a table's Parquet files, whoever wrote them.

mod lengths;
mod pages;
mod row_group;

use crate::batches::{TableSource, catch_decoder_panic};
use crate::error::{Error, Result};
use crate::tables::Table;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use pages::Pages;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowGroups};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
use row_group::HeldRowGroup;
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows decoded at a time: some 400 kB of the widest table.
const BATCH_ROWS: usize = 16_384;

/// The column that files are split by.
const CUSTOMER_ID: &str = "customer_id";

/// The files of one table, in the order of their names.
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
    file: usize,
    /// Within its file.
    index: usize,
    customer_ids: Option<RangeInclusive<i64>>,
}

impl ParquetTable {
    /// The table's files in `folder`: `TABLE.parquet`, or all `*.parquet` in a folder `TABLE` or `TABLE.parquet`, as
    /// engines write them. `None` where there are none.
    ///
    /// # Errors
    /// [`Error::Io`] where one can't be read, is no Parquet file, or has other columns than the first;
    /// [`Error::Misuse`] where the table is there twice, or its folder has no files.
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
            (true, false) => parts(&name)?,
            (false, true) if file_name.is_dir() => parts(&file_name)?,
            (false, true) => vec![file_name],
            (false, false) => return Ok(None),
        };
        if paths.is_empty() {
            return Err(Error::Misuse(format!(
                "the folder of {} in {} has no *.parquet; folders in it, such as partitions by a column, are not read",
                table.name(),
                folder.display()
            )));
        }
        Self::open(table, paths).map(Some)
    }

    /// The rows of `table` in the files at `paths`, of which there is at least one.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn open(table: Table, paths: Vec<PathBuf>) -> Result<Self> {
        let mut files: Vec<(PathBuf, ArrowReaderMetadata)> = Vec::with_capacity(paths.len());
        for path in paths {
            let metadata = read_metadata(&path)?;
            let columns = column_names(metadata.schema());
            if let Some((first, other)) = files.first().filter(|(_, first)| column_names(first.schema()) != columns) {
                let message = format!(
                    "its columns are {}; those of {} are {}",
                    columns.join(", "),
                    first.display(),
                    column_names(other.schema()).join(", ")
                );
                return Err(Error::invalid(&path, message));
            }
            files.push((path, metadata));
        }
        let schema = files.first().map_or_else(|| Arc::new(Schema::empty()), |(_, first)| Arc::clone(first.schema()));
        let row_groups = files.iter().enumerate().flat_map(|(file, (_, metadata))| {
            let groups = metadata.metadata().row_groups().iter().enumerate();
            let of_statistics = |group| ids_of_statistics(group).filter(|_| has_signed_ids(metadata.schema()));
            groups.map(move |(index, group)| RowGroup { file, index, customer_ids: of_statistics(group) })
        });
        let declares_order = files
            .iter()
            .all(|(_, metadata)| metadata.metadata().row_groups().iter().all(|group| declares(table, group)));
        let mut read = Self { table, schema, row_groups: row_groups.collect(), files, declares_order };
        for row_group in 0..read.row_groups.len() {
            if read.row_groups[row_group].customer_ids.is_none() && read.schema.index_of(CUSTOMER_ID).is_ok() {
                read.row_groups[row_group].customer_ids = Some(read.ids_of_values(row_group)?);
            }
        }
        Ok(read)
    }

    /// Where a row group's rows are, for messages.
    fn path(&self, row_group: usize) -> &Path {
        &self.files[self.row_groups[row_group].file].0
    }

    fn read(&self, row_group: usize, columns: &[&str]) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        let RowGroup { file, index, .. } = self.row_groups[row_group];
        let (path, metadata) = &self.files[file];
        // Opened anew: row groups are read by several threads, and a cloned handle shares its position.
        let opened = File::open(path).map_err(Error::io("reading", path))?;
        let mask = ProjectionMask::columns(metadata.parquet_schema(), columns.iter().copied());
        let levels = parquet_to_arrow_field_levels(metadata.parquet_schema(), mask, Some(metadata.schema().fields()));
        let pages = Pages::new(opened, metadata.metadata().row_group(index).num_rows());
        let held = HeldRowGroup::new(pages, Arc::clone(metadata.metadata()), index);
        let batches = levels.and_then(|levels| {
            let batch_rows = BATCH_ROWS.min(held.num_rows());
            ParquetRecordBatchReader::try_new_with_row_groups(&levels, &held, batch_rows, None)
        });
        let batches = batches.map_err(|error| Error::invalid(path, error.to_string()))?;
        let path = path.clone();
        let mut batches = Some(batches);
        Ok(std::iter::from_fn(move || {
            let mut reader = batches.take()?;
            let Some(batch) = catch_decoder_panic(|| reader.next()) else {
                return Some(Err(Error::invalid(&path, "a page is damaged")));
            };
            batches = Some(reader);
            Some(batch?.map_err(|error| Error::invalid(&path, error.to_string())))
        }))
    }

    /// Reads the ids themselves, where the writer kept no statistics. Rows may have any id where one has none.
    fn ids_of_values(&self, row_group: usize) -> Result<RangeInclusive<i64>> {
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for batch in self.read(row_group, &[CUSTOMER_ID])? {
            let batch = batch?;
            let ids = cast(batch.column(0), &DataType::Int64);
            let ids = ids.map_err(|error| Error::invalid(self.path(row_group), format!("{CUSTOMER_ID}: {error}")))?;
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

/// The Parquet files of a folder, by name; what engines hide (`_SUCCESS`, `.crc`) is none.
fn parts(folder: &Path) -> Result<Vec<PathBuf>> {
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

fn read_metadata(path: &Path) -> Result<ArrowReaderMetadata> {
    let file = File::open(path).map_err(Error::io("reading", path))?;
    let failed = |error: ParquetError| match error {
        // A reader's own trouble comes wrapped.
        ParquetError::External(source) => Error::invalid(path, source.to_string()),
        error => Error::invalid(path, format!("not a whole Parquet file: {error}")),
    };
    // The writer's Arrow types are not needed, and damaged ones make the reader panic.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let found = ArrowReaderMetadata::load(&file, options).map_err(failed)?;
    let damaged = |what: String| Error::invalid(path, format!("not a whole Parquet file: {what}"));
    let groups = found.metadata().row_groups();
    let (rows, rows_of_groups) =
        (found.metadata().file_metadata().num_rows(), groups.iter().map(RowGroupMetaData::num_rows).sum::<i64>());
    if rows != rows_of_groups {
        return Err(damaged(format!("it says it has {rows} rows, its row groups {rows_of_groups}")));
    }
    for (group, column) in groups.iter().flat_map(|group| group.columns().iter().map(move |column| (group, column))) {
        let (rows, values) = (group.num_rows(), column.num_values());
        if column.column_descr().max_rep_level() == 0 && values != rows {
            let name = column.column_path();
            return Err(damaged(format!("a row group says it has {rows} rows, its column {name} {values} values")));
        }
        // Such a range makes the reader panic, too.
        let offsets =
            [Some(column.data_page_offset()), column.dictionary_page_offset(), Some(column.compressed_size())];
        if offsets.into_iter().flatten().any(|offset| offset < 0) {
            return Err(damaged(format!("{} has no place", column.column_path())));
        }
    }
    // Text is read as keys into its few names, which costs a fifth of writing each one out.
    let fields = found.schema().fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(Field::new(field.name(), keys, field.is_nullable()))
        }
        _ => Arc::clone(field),
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_schema(schema);
    ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options).map_err(failed)
}

fn column_names(schema: &Schema) -> Vec<&str> {
    schema.fields().iter().map(|field| field.name().as_str()).collect()
}

fn ids_of_statistics(group: &RowGroupMetaData) -> Option<RangeInclusive<i64>> {
    let column = group.columns().iter().find(|column| column.column_path().parts() == [CUSTOMER_ID])?;
    let ids = match column.statistics()? {
        Statistics::Int64(ids) => *ids.min_opt()?..=*ids.max_opt()?,
        Statistics::Int32(ids) => i64::from(*ids.min_opt()?)..=i64::from(*ids.max_opt()?),
        _ => return None,
    };
    // A range that holds no id says nothing of rows that are there.
    Some(ids).filter(|ids| !ids.is_empty() || group.num_rows() == 0)
}

/// Whether ids are signed, as their statistics are read.
fn has_signed_ids(schema: &Schema) -> bool {
    let field = schema.field_with_name(CUSTOMER_ID);
    field.is_ok_and(|field| matches!(field.data_type(), DataType::Int64 | DataType::Int32))
}

/// Whether the row group is declared sorted as the table is.
fn declares(table: Table, group: &RowGroupMetaData) -> bool {
    let Some(declared) = group.sorting_columns() else { return false };
    let names = declared.iter().map(|sorting| group.columns().get(sorting.column_idx as usize));
    let names: Vec<String> = names.map_while(|column| Some(column?.column_path().string())).collect();
    names == table.sort_columns() && declared.iter().all(|sorting| !sorting.descending)
}

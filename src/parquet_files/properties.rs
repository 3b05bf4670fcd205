//! What a Parquet file says of itself, and how its pages are compressed.

use crate::tables::Table;
use arrow::datatypes::Schema;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;

/// How pages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Snappy.
    #[default]
    Snappy,
    /// Zstandard, level 1.
    Zstd,
    /// LZ4, raw blocks.
    Lz4,
    /// Not at all.
    None,
}

impl From<Compression> for Codec {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::Snappy => Self::SNAPPY,
            Compression::Zstd => Self::ZSTD(ZstdLevel::default()),
            Compression::Lz4 => Self::LZ4_RAW,
            Compression::None => Self::UNCOMPRESSED,
        }
    }
}

/// The properties of the file of `table` with the columns of `schema`.
pub(super) fn properties(table: Table, schema: &Schema, metadata: Vec<(String, String)>) -> WriterProperties {
    WriterProperties::builder()
        .set_created_by(concat!("saasgen ", env!("CARGO_PKG_VERSION")).to_string())
        .set_sorting_columns(Some(sorting_columns(table, schema)))
        .set_key_value_metadata(Some(
            metadata.into_iter().map(|(key, value)| KeyValue { key, value: Some(value) }).collect(),
        ))
        .build()
}

/// Whether readers are told the extremes of each page of a column: rows are sorted by it, so that pages can be skipped.
/// Of other columns every page holds every value.
pub(super) fn has_page_statistics(column: &str) -> bool {
    column == "customer_id"
}

/// The leading columns of the table's order that the file has.
fn sorting_columns(table: Table, schema: &Schema) -> Vec<SortingColumn> {
    let indices = table.sort_columns().iter().map_while(|name| schema.index_of(name).ok());
    indices.map(|index| SortingColumn { column_idx: index as i32, descending: false, nulls_first: false }).collect()
}

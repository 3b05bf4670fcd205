//! The encoder of a column chunk.

use super::delta::{encode_i32, encode_i64};
use super::dictionary::Dictionary;
use super::page_compressor::PageCompressor;
use super::statistics::MinMax;
use crate::error::{Error, Result};
use crate::parquet_files::compression::Compression;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int32Type, Int64Type};
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Encoding, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::io::Write;

/// The smallest number of rows in a page, unless the column chunk has fewer. A page has less than twice as many.
/// Short pages let readers skip more rows, and an encoder's page fits into the second-level cache.
pub(in crate::parquet_files) const MIN_PAGE_ROWS: usize = 20_000;

/// The approximate size of a page header.
const PAGE_HEADER_BYTES: usize = 64;

/// Encodes the values of one column of a row group as pages.
pub(in crate::parquet_files) struct ColumnChunkEncoder {
    column: ColumnDescPtr,
    compressor: PageCompressor,
    dictionary: Dictionary,
    pages: Vec<DataPage>,
    /// Whether the column chunk gets an index with the minimum and maximum of each page.
    has_column_index: bool,
}

struct DataPage {
    bytes: Bytes,
    uncompressed_bytes: usize,
    rows: usize,
    encoding: Encoding,
    min_max: MinMax,
}

/// A column chunk that can be appended to a row group.
pub(in crate::parquet_files) struct EncodedColumnChunk {
    bytes: Bytes,
    close: ColumnCloseResult,
}

impl EncodedColumnChunk {
    /// Appends the column chunk to `row_group`.
    ///
    /// # Errors
    /// Returns [`ParquetError::External`] if the sink of the file fails.
    pub fn append_to<W: Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> std::result::Result<(), ParquetError> {
        row_group.append_column(&self.bytes, self.close)
    }
}

impl ColumnChunkEncoder {
    pub fn new(column: ColumnDescPtr, compression: Compression, has_column_index: bool) -> Self {
        Self {
            column,
            compressor: PageCompressor::new(compression),
            dictionary: Dictionary::default(),
            pages: Vec::new(),
            has_column_index,
        }
    }

    /// Encodes `values` as pages of about equal length.
    ///
    /// # Errors
    /// Returns [`Error::Remote`] if `values` has a type that no saasgen table has, nulls, or more than 256 different
    /// strings or amounts.
    pub fn write(&mut self, values: &ArrayRef) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        let pages = (values.len() / MIN_PAGE_ROWS).max(1);
        let rows_of_page = values.len().div_ceil(pages);
        for first in (0..values.len()).step_by(rows_of_page) {
            let rows = rows_of_page.min(values.len() - first);
            self.write_page(&values.slice(first, rows))?;
        }
        Ok(())
    }

    fn write_page(&mut self, values: &ArrayRef) -> Result<()> {
        let refused = |what: &str| {
            let name = self.column.name();
            Error::Remote(format!(
                "column {name:?} holds {what}, which no saasgen table has: check that the server is a saasgen server"
            ))
        };
        if values.null_count() > 0 {
            return Err(refused("nulls"));
        }
        let (mut page, encoding, min_max) = match values.data_type() {
            DataType::Int64 => {
                let (page, min_max) = encode_i64(values.as_primitive::<Int64Type>().values());
                (page, Encoding::DELTA_BINARY_PACKED, MinMax::Int64(min_max))
            }
            DataType::Int32 => {
                let (page, min_max) = encode_i32(values.as_primitive::<Int32Type>().values());
                (page, Encoding::DELTA_BINARY_PACKED, MinMax::Int32(min_max))
            }
            DataType::Date32 => {
                let (page, min_max) = encode_i32(values.as_primitive::<Date32Type>().values());
                (page, Encoding::DELTA_BINARY_PACKED, MinMax::Int32(min_max))
            }
            DataType::Float64 => {
                let values = values.as_primitive::<Float64Type>().values();
                let page = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                (page, Encoding::PLAIN, MinMax::of_floats(values))
            }
            DataType::Boolean => {
                let values = values.as_boolean();
                let page = values.values().iter().collect::<BooleanBuffer>();
                let min_max = (values.false_count() == 0, values.true_count() > 0);
                (page.into_inner().to_vec(), Encoding::PLAIN, MinMax::Boolean(min_max))
            }
            other => {
                let encoded = self.dictionary.encode(values);
                let (page, min_max) =
                    encoded.map_err(|reason| refused(&reason.unwrap_or_else(|| other.to_string())))?;
                (page, Encoding::RLE_DICTIONARY, min_max)
            }
        };
        // Decimals of another precision than a table's have another physical type.
        if min_max.physical_type() != self.column.physical_type() {
            return Err(refused(&values.data_type().to_string()));
        }
        let uncompressed_bytes = page.len();
        self.compressor.compress(&mut page)?;
        // Encoders reserve space for the worst case, several times what most pages take, and a row group has 250 pages.
        page.shrink_to_fit();
        self.pages.push(DataPage { bytes: page.into(), uncompressed_bytes, rows: values.len(), encoding, min_max });
        Ok(())
    }

    /// Returns the column chunk, or `None` if it has no values.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the pages can't be assembled, which is a bug.
    pub fn finish(self) -> Result<Option<EncodedColumnChunk>> {
        let min_max = self.pages.iter().map(|page| page.min_max.clone()).reduce(|merged, page| merged.merge(&page));
        let Some(min_max) = min_max else { return Ok(None) };
        let bytes = self.pages.iter().map(|page| page.bytes.len() + PAGE_HEADER_BYTES).sum::<usize>();
        let mut sink = TrackedWrite::new(Vec::with_capacity(bytes + PAGE_HEADER_BYTES));
        let close = self.assemble(&min_max, &mut sink);
        let close = close.map_err(|error| Error::Internal(format!("assembling a column chunk: {error}")))?;
        let bytes = sink.into_inner().map(Bytes::from).unwrap_or_default();
        Ok(Some(EncodedColumnChunk { bytes, close }))
    }

    fn assemble(
        &self,
        min_max: &MinMax,
        sink: &mut TrackedWrite<Vec<u8>>,
    ) -> std::result::Result<ColumnCloseResult, ParquetError> {
        let mut writer = SerializedPageWriter::new(sink);
        let (mut uncompressed_bytes, mut dictionary_offset, mut data_offset) = (0, None, None);
        let mut encoding_stats = Vec::new();
        if let Some(page) = self.dictionary_page()? {
            encoding_stats.push(PageEncodingStats {
                page_type: PageType::DICTIONARY_PAGE,
                encoding: Encoding::PLAIN,
                count: 1,
            });
            let spec = writer.write_page(page)?;
            dictionary_offset = Some(spec.offset as i64);
            uncompressed_bytes += spec.uncompressed_size;
        }
        let mut offsets = OffsetIndexBuilder::new();
        let mut index = ColumnIndexBuilder::new(self.column.physical_type());
        let mut rows = 0;
        for page in &self.pages {
            let data = Page::DataPage {
                buf: Bytes::clone(&page.bytes),
                num_values: page.rows as u32,
                encoding: page.encoding,
                // Required columns have no levels, so these encodings are not used.
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            let spec = writer.write_page(CompressedPage::new(data, page.uncompressed_bytes))?;
            data_offset.get_or_insert(spec.offset as i64);
            uncompressed_bytes += spec.uncompressed_size;
            offsets.append_row_count(page.rows as i64);
            offsets.append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
            let (min, max) = page.min_max.to_bytes();
            index.append(false, min, max, 0);
            rows += page.rows;
        }
        let encoding = self.pages.first().map_or(Encoding::PLAIN, |page| page.encoding);
        encoding_stats.push(PageEncodingStats {
            page_type: PageType::DATA_PAGE,
            encoding,
            count: self.pages.len() as i32,
        });
        let encodings = encoding_stats.iter().map(|stats| stats.encoding).chain([Encoding::RLE]).collect();
        let bytes = sink.bytes_written() as u64;
        let metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(self.compressor.codec())
            .set_encodings(encodings)
            .set_page_encoding_stats(encoding_stats)
            .set_total_compressed_size(bytes as i64)
            .set_total_uncompressed_size(uncompressed_bytes as i64)
            .set_num_values(rows as i64)
            .set_data_page_offset(data_offset.unwrap_or_default())
            .set_dictionary_page_offset(dictionary_offset)
            .set_statistics(min_max.to_statistics())
            .build()?;
        index.set_boundary_order(BoundaryOrder::ASCENDING);
        let column_index = if self.has_column_index { Some(index.build()?) } else { None };
        Ok(ColumnCloseResult {
            bytes_written: bytes,
            rows_written: rows as u64,
            metadata,
            bloom_filter: None,
            column_index,
            offset_index: Some(offsets.build()),
        })
    }

    fn dictionary_page(&self) -> std::result::Result<Option<CompressedPage>, ParquetError> {
        if self.dictionary.is_empty() {
            return Ok(None);
        }
        let mut bytes = self.dictionary.page();
        let uncompressed_bytes = bytes.len();
        self.compressor.compress_dictionary(&mut bytes).map_err(|error| ParquetError::General(error.to_string()))?;
        let page = Page::DictionaryPage {
            buf: bytes.into(),
            num_values: self.dictionary.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        Ok(Some(CompressedPage::new(page, uncompressed_bytes)))
    }
}

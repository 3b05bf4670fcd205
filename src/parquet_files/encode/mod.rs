//! Columns to Parquet pages.
//!
//! Ours, and not the parquet crate's, because it was what `generate` spent its time on: of the 490 ms that the default
//! data set took one core, 230 went to the crate's encoders, and 50 go to these. Pages' headers, statistics' forms and
//! the rest of the file are the crate's.
//!
//! Numbers are delta-encoded, text and money by dictionary, floats and booleans plain.

mod compress;
pub(super) mod delta;
mod dictionary;
mod extremes;

use super::properties::Compression;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int32Type, Int64Type};
use bytes::Bytes;
use compress::Compressor;
use dictionary::Dictionary;
use extremes::Extremes;
use parquet::basic::{BoundaryOrder, Encoding, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::io::Write;

/// Rows that a page has at least, where there are as many, and less than twice as many at most: readers that skip by
/// the pages' statistics read no more than they must, and a page stays in the second cache.
pub(super) const PAGE_ROWS: usize = 20_000;

/// Pages of a column chunk, encoded as its values come.
pub(super) struct ColumnEncoder {
    column: ColumnDescPtr,
    compressor: Compressor,
    dictionary: Dictionary,
    pages: Vec<DataPage>,
    /// Whether readers are told the least and the largest value of each page.
    tells_page_extremes: bool,
}

struct DataPage {
    bytes: Bytes,
    uncompressed_bytes: usize,
    rows: usize,
    encoding: Encoding,
    extremes: Extremes,
}

/// A column chunk, ready to be put into a row group.
pub(super) struct EncodedColumn {
    bytes: Bytes,
    close: ColumnCloseResult,
}

impl EncodedColumn {
    pub fn append_to<W: Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> std::result::Result<(), ParquetError> {
        row_group.append_column(&self.bytes, self.close)
    }
}

impl ColumnEncoder {
    pub fn new(column: ColumnDescPtr, compression: Compression, tells_page_extremes: bool) -> Self {
        Self {
            column,
            compressor: Compressor::new(compression),
            dictionary: Dictionary::default(),
            pages: Vec::new(),
            tells_page_extremes,
        }
    }

    /// Adds values, cut into pages of like length.
    ///
    /// # Errors
    /// [`Error::Remote`] where the values are none that a table of saasgen has: of another type, null, or text of too
    /// many different names.
    pub fn write(&mut self, values: &ArrayRef) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        let pages = (values.len() / PAGE_ROWS).max(1);
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
            Error::Remote(format!("column {name:?} holds {what}, which no table of saasgen has"))
        };
        if values.null_count() > 0 {
            return Err(refused("nulls"));
        }
        let (mut page, encoding, extremes) = match values.data_type() {
            DataType::Int64 => {
                let values = values.as_primitive::<Int64Type>().values();
                let (page, extremes) = delta::page_of_64(values);
                (page, Encoding::DELTA_BINARY_PACKED, Extremes::Int64(extremes))
            }
            DataType::Int32 => {
                let (page, extremes) = delta::page_of_32(values.as_primitive::<Int32Type>().values());
                (page, Encoding::DELTA_BINARY_PACKED, Extremes::Int32(extremes))
            }
            DataType::Date32 => {
                let (page, extremes) = delta::page_of_32(values.as_primitive::<Date32Type>().values());
                (page, Encoding::DELTA_BINARY_PACKED, Extremes::Int32(extremes))
            }
            DataType::Float64 => {
                let values = values.as_primitive::<Float64Type>().values();
                let page = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                (page, Encoding::PLAIN, Extremes::Float64(extremes::of_floats(values)))
            }
            DataType::Boolean => {
                let values = values.as_boolean();
                let page = values.values().iter().collect::<arrow::buffer::BooleanBuffer>();
                let extremes = (values.false_count() == 0, values.true_count() > 0);
                (page.into_inner().to_vec(), Encoding::PLAIN, Extremes::Boolean(extremes))
            }
            other => {
                let (page, extremes) =
                    self.dictionary.page(values).map_err(|what| refused(&what.unwrap_or_else(|| other.to_string())))?;
                (page, Encoding::RLE_DICTIONARY, extremes)
            }
        };
        // Decimals of other precisions than a table's are stored in other ways.
        if extremes.physical_type() != self.column.physical_type() {
            return Err(refused(&values.data_type().to_string()));
        }
        let uncompressed_bytes = page.len();
        self.compressor.compress(&mut page)?;
        // Encoders reserve what the worst values would take, a multiple of what most do, and a row group has 250 pages.
        page.shrink_to_fit();
        self.pages.push(DataPage { bytes: page.into(), uncompressed_bytes, rows: values.len(), encoding, extremes });
        Ok(())
    }

    /// The column chunk; `None` where there were no values.
    ///
    /// # Errors
    /// [`Error::Internal`] where the pages can't be put together, which is a fault of this program.
    pub fn close(self) -> Result<Option<EncodedColumn>> {
        let of_pages = self.pages.iter().map(|page| page.extremes.clone());
        let Some(extremes) = of_pages.reduce(|before, extremes| before.and(&extremes)) else { return Ok(None) };
        let bytes = self.pages.iter().map(|page| page.bytes.len() + PAGE_HEADER_BYTES).sum::<usize>();
        let mut sink = TrackedWrite::new(Vec::with_capacity(bytes + PAGE_HEADER_BYTES));
        self.assemble(&extremes, &mut sink).map_err(super::write::parquet_error).map(|close| {
            let bytes = sink.into_inner().map(Bytes::from).unwrap_or_default();
            Some(EncodedColumn { bytes, close })
        })
    }

    fn assemble(
        &self,
        extremes: &Extremes,
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
                // Of columns that are neither optional nor repeated there are no levels.
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            let spec = writer.write_page(CompressedPage::new(data, page.uncompressed_bytes))?;
            data_offset.get_or_insert(spec.offset as i64);
            uncompressed_bytes += spec.uncompressed_size;
            offsets.append_row_count(page.rows as i64);
            offsets.append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
            let (least, most) = page.extremes.to_bytes();
            index.append(false, least, most, 0);
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
            .set_statistics(extremes.to_statistics())
            .build()?;
        index.set_boundary_order(BoundaryOrder::ASCENDING);
        let column_index = if self.tells_page_extremes { Some(index.build()?) } else { None };
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
        let mut bytes = self.dictionary.plain();
        let uncompressed_bytes = bytes.len();
        self.compressor.compress_alike(&mut bytes).map_err(|error| ParquetError::General(error.to_string()))?;
        let page = Page::DictionaryPage {
            buf: bytes.into(),
            num_values: self.dictionary.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        Ok(Some(CompressedPage::new(page, uncompressed_bytes)))
    }
}

/// What a page's header takes, about.
const PAGE_HEADER_BYTES: usize = 64;

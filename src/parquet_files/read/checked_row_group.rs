//! A row group whose pages are checked against its number of rows before they are decoded. The parquet crate allocates
//! memory for as many values as a page claims.

use super::delta_lengths::DeltaLengths;
use super::page_size_limit::PageSizeLimit;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use std::sync::Arc;

/// The largest number of strings in a page, whatever the number of rows. Their lengths take 64 MiB. DuckDB's longest
/// pages, of 100 MB, have as many strings if each has six bytes.
const MAX_STRINGS: u64 = 1 << 24;

/// One row group of a file.
pub(super) struct CheckedRowGroup {
    file: Arc<PageSizeLimit>,
    metadata: Arc<ParquetMetaData>,
    index: usize,
}

impl CheckedRowGroup {
    /// Returns the row group number `index` of `file`. `metadata` must have this row group.
    pub fn new(file: PageSizeLimit, metadata: Arc<ParquetMetaData>, index: usize) -> Self {
        Self { file: Arc::new(file), metadata, index }
    }
}

impl RowGroups for CheckedRowGroup {
    fn num_rows(&self) -> usize {
        self.metadata.row_group(self.index).num_rows().max(0) as usize
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let chunk = self.metadata.row_group(self.index).column(column);
        let descriptor = chunk.column_descr();
        Ok(Box::new(ColumnChunk(Some(CheckedPages {
            pages: SerializedPageReader::new(Arc::clone(&self.file), chunk, self.num_rows(), None)?,
            level_kinds: usize::from(descriptor.max_rep_level() > 0) + usize::from(descriptor.max_def_level() > 0),
            max_strings: MAX_STRINGS.min(self.num_rows() as u64),
            max_bytes: self.file.max_page_bytes(),
        }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata.row_group(self.index)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// Yields the reader of a column chunk's pages once, as the trait asks.
struct ColumnChunk(Option<CheckedPages>);

impl Iterator for ColumnChunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let pages = self.0.take()?;
        Some(Ok(Box::new(pages)))
    }
}

impl PageIterator for ColumnChunk {}

/// The pages of a column chunk.
struct CheckedPages {
    pages: SerializedPageReader<PageSizeLimit>,
    /// How many kinds of levels stand before the values of a page: repetition levels, definition levels, or both.
    level_kinds: usize,
    max_strings: u64,
    max_bytes: u64,
}

impl CheckedPages {
    fn check(&self, page: &Page) -> Result<()> {
        match page {
            // The shortest value is an empty string, whose length takes some bytes.
            Page::DictionaryPage { buf, num_values, .. } if *num_values as usize > buf.len() => {
                refused(format!("a dictionary claims {num_values} values in {} bytes", buf.len()))
            }
            Page::DictionaryPage { .. } => Ok(()),
            Page::DataPage { buf, encoding, .. } => {
                self.check_values(*encoding, || (0..self.level_kinds).try_fold(&buf[..], |bytes, _| skip_levels(bytes)))
            }
            Page::DataPageV2 { buf, encoding, def_levels_byte_len, rep_levels_byte_len, .. } => self
                .check_values(*encoding, || buf.get(*def_levels_byte_len as usize + *rep_levels_byte_len as usize..)),
        }
    }

    /// Checks the values of a page if they are strings after their lengths.
    fn check_values<'a>(&self, encoding: Encoding, values: impl FnOnce() -> Option<&'a [u8]>) -> Result<()> {
        match encoding {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => self.lengths(values()).map(drop),
            Encoding::DELTA_BYTE_ARRAY => {
                // The first lengths are of prefixes, which a string shares with the string before. The page does not
                // contain the prefixes. The second lengths are of the rest of each string.
                let Some((prefix_bytes, suffixes)) = self.lengths(values())?.sum() else {
                    return refused("the lengths of a page's strings are cut short".into());
                };
                if prefix_bytes > self.max_bytes {
                    return refused(format!(
                        "the strings of a page share {prefix_bytes} bytes, but pages of their row group may have at \
                         most {}",
                        self.max_bytes
                    ));
                }
                self.lengths(Some(suffixes)).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn lengths<'a>(&self, bytes: Option<&'a [u8]>) -> Result<DeltaLengths<'a>> {
        match bytes.and_then(DeltaLengths::parse) {
            None => refused("a page of strings does not begin with their lengths".into()),
            Some(lengths) if lengths.count() > self.max_strings => refused(format!(
                "a page claims {} strings, but its row group may have at most {}",
                lengths.count(),
                self.max_strings
            )),
            Some(lengths) => Ok(lengths),
        }
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        page.as_ref().map_or(Ok(()), |page| self.check(page))?;
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// Returns the bytes after one kind of levels of a version 1 page. Their length in bytes stands before them.
fn skip_levels(bytes: &[u8]) -> Option<&[u8]> {
    let (length, levels) = bytes.split_first_chunk()?;
    levels.get(u32::from_le_bytes(*length) as usize..)
}

fn refused<T>(reason: String) -> Result<T> {
    Err(ParquetError::General(reason))
}

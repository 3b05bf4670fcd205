//! A row group whose pages are held against its rows before they are decoded: the parquet crate makes room for as many
//! values as a page says it has, and a few bytes can say any number.

use super::lengths::Lengths;
use super::pages::Pages;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use std::sync::Arc;

/// Texts of one page, however many rows there are, so that lengths take 64 MiB: DuckDB's longest page, of 100 MB, has as
/// many of six bytes each.
const MAX_TEXTS: u64 = 1 << 24;

/// One row group of a file, as the parquet crate reads it.
pub(super) struct HeldRowGroup {
    pages: Arc<Pages>,
    file: Arc<ParquetMetaData>,
    index: usize,
}

impl HeldRowGroup {
    /// The `index`th of `file`, which has it.
    pub fn new(pages: Pages, file: Arc<ParquetMetaData>, index: usize) -> Self {
        Self { pages: Arc::new(pages), file, index }
    }
}

impl RowGroups for HeldRowGroup {
    fn num_rows(&self) -> usize {
        self.file.row_group(self.index).num_rows().max(0) as usize
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let chunk = self.file.row_group(self.index).column(column);
        let levels = chunk.column_descr();
        Ok(Box::new(ColumnChunk(Some(HeldPages {
            pages: SerializedPageReader::new(Arc::clone(&self.pages), chunk, self.num_rows(), None)?,
            levels: usize::from(levels.max_rep_level() > 0) + usize::from(levels.max_def_level() > 0),
            most_texts: MAX_TEXTS.min(self.num_rows() as u64),
            most_bytes: self.pages.most_bytes(),
        }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.file.row_group(self.index)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.file
    }
}

/// The pages of a column, once.
struct ColumnChunk(Option<HeldPages>);

impl Iterator for ColumnChunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let pages = self.0.take()?;
        Some(Ok(Box::new(pages)))
    }
}

impl PageIterator for ColumnChunk {}

struct HeldPages {
    pages: SerializedPageReader<Pages>,
    /// Kinds of levels, of repetition and of definition, that the values of a page come behind.
    levels: usize,
    most_texts: u64,
    most_bytes: u64,
}

impl HeldPages {
    fn hold(&self, page: &Page) -> Result<()> {
        match page {
            // The shortest value, an empty text, takes its length.
            Page::DictionaryPage { buf, num_values, .. } if *num_values as usize > buf.len() => {
                refused(format!("a dictionary says it has {num_values} values, in {} bytes", buf.len()))
            }
            Page::DictionaryPage { .. } => Ok(()),
            Page::DataPage { buf, encoding, .. } => {
                self.hold_texts(*encoding, || (0..self.levels).try_fold(&buf[..], |bytes, _| without_levels(bytes)))
            }
            Page::DataPageV2 { buf, encoding, def_levels_byte_len, rep_levels_byte_len, .. } => {
                self.hold_texts(*encoding, || buf.get(*def_levels_byte_len as usize + *rep_levels_byte_len as usize..))
            }
        }
    }

    /// Holds a page's values, where they are texts behind their lengths.
    fn hold_texts<'a>(&self, encoding: Encoding, values: impl FnOnce() -> Option<&'a [u8]>) -> Result<()> {
        match encoding {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => self.lengths(values()).map(drop),
            Encoding::DELTA_BYTE_ARRAY => {
                // Of bytes that a text shares with the one before, which are not in the page; the lengths of those that
                // it does not share come next.
                let Some((shared, behind)) = self.lengths(values())?.sum() else {
                    return refused("a page's lengths of texts are cut short".into());
                };
                if shared > self.most_bytes {
                    return refused(format!(
                        "a page's texts share {shared} bytes; those of its row group's rows have at most {}",
                        self.most_bytes
                    ));
                }
                self.lengths(Some(behind)).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn lengths<'a>(&self, bytes: Option<&'a [u8]>) -> Result<Lengths<'a>> {
        match bytes.and_then(Lengths::of) {
            None => refused("a page has no lengths of texts".into()),
            Some(lengths) if lengths.count() > self.most_texts => refused(format!(
                "a page says it has {} texts; its row group's rows have at most {}",
                lengths.count(),
                self.most_texts
            )),
            Some(lengths) => Ok(lengths),
        }
    }
}

impl PageReader for HeldPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        page.as_ref().map_or(Ok(()), |page| self.hold(page))?;
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
}

impl Iterator for HeldPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// A page's bytes behind one kind of its levels: of a first version's page, which tells their length before them.
fn without_levels(bytes: &[u8]) -> Option<&[u8]> {
    let (length, levels) = bytes.split_first_chunk()?;
    levels.get(u32::from_le_bytes(*length) as usize..)
}

fn refused<T>(why: String) -> Result<T> {
    Err(ParquetError::General(why))
}

//! Pages that claim what they have no bytes for are refused before there is room for it, whoever wrote them.

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::parser::parse_message_type;
use saasgen::batches::TableSource;
use saasgen::error::Result;
use saasgen::parquet_files::ParquetTable;
use saasgen::tables::Table;
use std::sync::Arc;

/// What reading any of these files may hold at a time.
const MOST_BYTES: u64 = 4 << 20;

/// DELTA_BINARY_PACKED: `count` times `first`, of which the blocks say nothing but that all are alike.
fn alike(count: u64, first: u8) -> Vec<u8> {
    let mut bytes = vec![128, 1, 4];
    let mut left = count;
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.extend([left as u8, first << 1]);
    // Of huge counts, those that a reader comes to before it gives up.
    bytes.resize(bytes.len() + 5 * count.saturating_sub(1).div_ceil(128).min(1_000) as usize, 0);
    bytes
}

fn data_page(encoding: Encoding, values: u32, levels: &[u8], bytes: Vec<u8>) -> Page {
    Page::DataPage {
        buf: Bytes::from([levels, &bytes].concat()),
        num_values: values,
        encoding,
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    }
}

fn second_data_page(encoding: Encoding, values: u32, levels: &[u8], bytes: Vec<u8>) -> Page {
    Page::DataPageV2 {
        buf: Bytes::from([levels, &bytes].concat()),
        num_values: values,
        encoding,
        num_nulls: 0,
        num_rows: values,
        def_levels_byte_len: levels.len() as u32,
        rep_levels_byte_len: 0,
        is_compressed: false,
        statistics: None,
    }
}

/// A file of customers' plans, in one row group of so many `rows`.
fn file(rows: u64, repetition: &str, pages: Vec<Page>) -> Vec<u8> {
    let schema = parse_message_type(&format!("message customers {{ {repetition} binary plan (UTF8); }}")).unwrap();
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, Arc::new(schema), Arc::default()).unwrap();
    let column = writer.schema_descr().column(0);
    let mut sink = TrackedWrite::new(Vec::new());
    let mut chunk = SerializedPageWriter::new(&mut sink);
    let (mut data, mut dictionary) = (0, None);
    for page in pages {
        let is_dictionary = matches!(page, Page::DictionaryPage { .. });
        let uncompressed = page.buffer().len();
        let offset = chunk.write_page(CompressedPage::new(page, uncompressed)).unwrap().offset as i64;
        if is_dictionary { dictionary = Some(offset) } else { data = offset }
    }
    let bytes = Bytes::from(sink.into_inner().unwrap());
    let metadata = ColumnChunkMetaData::builder(column)
        .set_compression(Compression::UNCOMPRESSED)
        .set_num_values(rows as i64)
        .set_total_compressed_size(bytes.len() as i64)
        .set_total_uncompressed_size(bytes.len() as i64)
        .set_data_page_offset(data)
        .set_dictionary_page_offset(dictionary)
        .build()
        .unwrap();
    let close = ColumnCloseResult {
        bytes_written: bytes.len() as u64,
        rows_written: rows,
        metadata,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    };
    let mut row_group = writer.next_row_group().unwrap();
    row_group.append_column(&bytes, close).unwrap();
    row_group.close().unwrap();
    writer.close().unwrap();
    file
}

/// The texts of a file, read while little is held.
fn texts(file: &[u8]) -> Result<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("customers.parquet");
    std::fs::write(&path, file).unwrap();
    let mut read = Ok(Vec::new());
    let used = allocation_counter::measure(|| {
        read = ParquetTable::open(Table::Customers, vec![path]).and_then(|source| {
            let mut texts = Vec::new();
            for batch in source.batches(0)? {
                let plans = cast(batch?.column(0), &DataType::Utf8).unwrap();
                texts.extend(plans.as_string::<i32>().iter().map(|text| text.unwrap_or("none").to_owned()));
            }
            Ok(texts)
        });
    });
    assert!(used.bytes_max < MOST_BYTES, "{} bytes: {read:?}", used.bytes_max);
    read
}

const LENGTHS: Encoding = Encoding::DELTA_LENGTH_BYTE_ARRAY;
const SHARED: Encoding = Encoding::DELTA_BYTE_ARRAY;

/// Levels of optional values that are all there, which a first version's page tells the length of.
const LEVELS: [u8; 2] = [8, 1];
const TOLD_LEVELS: [u8; 6] = [2, 0, 0, 0, 8, 1];

#[test]
fn pages_of_texts_are_read_behind_their_levels() {
    let of_lengths = || [alike(4, 3), b"ProProProPro".to_vec()].concat();
    let of_shared = || [alike(4, 0), alike(4, 3), b"ProProProPro".to_vec()].concat();
    for (repetition, pages) in [
        ("required", vec![data_page(LENGTHS, 4, &[], of_lengths())]),
        ("required", vec![data_page(SHARED, 4, &[], of_shared())]),
        ("optional", vec![data_page(LENGTHS, 4, &TOLD_LEVELS, of_lengths())]),
        ("optional", vec![data_page(SHARED, 4, &TOLD_LEVELS, of_shared())]),
        ("optional", vec![second_data_page(LENGTHS, 4, &LEVELS, of_lengths())]),
        ("optional", vec![second_data_page(SHARED, 4, &LEVELS, of_shared())]),
    ] {
        let name = format!("{pages:?}");
        assert_eq!(texts(&file(4, repetition, pages)).unwrap(), ["Pro"; 4], "{name}");
    }
}

#[test]
fn more_texts_than_rows_are_refused_before_there_is_room_for_them() {
    for count in [5, 1 << 24, 1 << 40, u64::MAX / 32, u64::MAX] {
        let says = format!("a page claims {count} strings, but its row group may have at most 4");
        for pages in [
            vec![data_page(LENGTHS, 4, &[], alike(count, 0))],
            vec![data_page(SHARED, 4, &[], alike(count, 0))],
            vec![second_data_page(SHARED, 4, &[], [alike(4, 0), alike(count, 0)].concat())],
        ] {
            let error = texts(&file(4, "required", pages)).unwrap_err().to_string();
            assert!(error.contains(&says) && error.contains("customers.parquet"), "{error}");
        }
        let behind_levels = data_page(SHARED, 4, &TOLD_LEVELS, alike(count, 0));
        let error = texts(&file(4, "optional", vec![behind_levels])).unwrap_err().to_string();
        assert!(error.contains(&says), "{error}");
    }
}

/// Rows are claimed as cheaply as texts.
#[test]
fn no_row_group_has_rows_enough_for_any_number_of_texts() {
    let page = data_page(LENGTHS, i32::MAX as u32, &[], alike(1 << 30, 0));
    let error = texts(&file(1 << 30, "required", vec![page])).unwrap_err().to_string();
    assert!(error.contains("claims 1073741824 strings, but its row group may have at most 16777216"), "{error}");
}

/// Four thousand texts that are all alike: 2 MB in all are read, 120 are not.
#[test]
fn bytes_that_texts_share_count_as_theirs() {
    for (length, is_read) in [(500, true), (30_000, false)] {
        let plans: ArrayRef = Arc::new(StringArray::from(vec!["p".repeat(length); 4_000]));
        let batch = RecordBatch::try_from_iter([("plan", plans)]).unwrap();
        let properties = WriterProperties::builder().set_dictionary_enabled(false).set_encoding(SHARED).build();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let texts = texts(&file);
        if is_read {
            assert!(texts.unwrap().iter().all(|text| text.len() == length));
        } else {
            let error = texts.unwrap_err().to_string();
            assert!(
                error.contains("share 119970000 bytes, but pages of their row group may have at most 5144576"),
                "{error}"
            );
        }
    }
}

#[test]
fn dictionaries_have_no_more_values_than_bytes() {
    let dictionary = |values| Page::DictionaryPage {
        buf: Bytes::from_static(b"\x03\0\0\0Pro"),
        num_values: values,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    };
    // Keys of one bit: a run of four of the first.
    let keys = || data_page(Encoding::RLE_DICTIONARY, 4, &[], vec![1, 8, 0]);
    assert_eq!(texts(&file(4, "required", vec![dictionary(1), keys()])).unwrap(), ["Pro"; 4]);
    for values in [8, 1 << 28, i32::MAX as u32] {
        let error = texts(&file(4, "required", vec![dictionary(values), keys()])).unwrap_err().to_string();
        assert!(error.contains(&format!("a dictionary claims {values} values in 7 bytes")), "{error}");
    }
}

//! Parquet files whose pages claim more values than their row group can have. They are refused before memory is
//! allocated for the values.

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
use saasgen::models::saas_v1;
use saasgen::parquet_files::ParquetTable;
use std::sync::Arc;

/// The most memory that reading one of these files may take, in bytes.
const MAX_MEMORY_BYTES: u64 = 4 << 20;

/// Returns `count` lengths of `first` in DELTA_BINARY_PACKED encoding. All differences are zero and take no bits.
fn equal_lengths(count: u64, first: u8) -> Vec<u8> {
    let mut bytes = vec![128, 1, 4];
    let mut left = count;
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.extend([left as u8, first << 1]);
    // For huge counts, a reader gives up before the blocks end.
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

fn data_page_v2(encoding: Encoding, values: u32, levels: &[u8], bytes: Vec<u8>) -> Page {
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

/// Returns a Parquet file of the column `plan` with one row group that claims `rows` rows.
fn plan_file(rows: u64, repetition: &str, pages: Vec<Page>) -> Vec<u8> {
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

/// Reads the strings of a file, and checks that this takes little memory.
fn read_strings(file: &[u8]) -> Result<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("customers.parquet");
    std::fs::write(&path, file).unwrap();
    let mut read = Ok(Vec::new());
    let used = allocation_counter::measure(|| {
        read = ParquetTable::open(saas_v1::CUSTOMERS, vec![path]).and_then(|source| {
            let mut strings = Vec::new();
            for batch in source.batches(0)? {
                let plans = cast(batch?.column(0), &DataType::Utf8).unwrap();
                strings.extend(plans.as_string::<i32>().iter().map(|plan| plan.unwrap_or("none").to_owned()));
            }
            Ok(strings)
        });
    });
    assert!(used.bytes_max < MAX_MEMORY_BYTES, "{} bytes: {read:?}", used.bytes_max);
    read
}

/// Lengths, then strings.
const LENGTHS: Encoding = Encoding::DELTA_LENGTH_BYTE_ARRAY;
/// Lengths of prefixes that strings share with the string before, lengths of the rest, then the rest.
const PREFIXES: Encoding = Encoding::DELTA_BYTE_ARRAY;

/// The definition levels of four optional values that are not null.
const LEVELS: [u8; 2] = [8, 1];

/// The same after their length, as they stand in a version 1 page.
const LEVELS_V1: [u8; 6] = [2, 0, 0, 0, 8, 1];

#[test]
fn pages_of_strings_with_and_without_levels_are_read() {
    let with_lengths = || [equal_lengths(4, 3), b"ProProProPro".to_vec()].concat();
    let with_prefixes = || [equal_lengths(4, 0), equal_lengths(4, 3), b"ProProProPro".to_vec()].concat();
    for (repetition, pages) in [
        ("required", vec![data_page(LENGTHS, 4, &[], with_lengths())]),
        ("required", vec![data_page(PREFIXES, 4, &[], with_prefixes())]),
        ("optional", vec![data_page(LENGTHS, 4, &LEVELS_V1, with_lengths())]),
        ("optional", vec![data_page(PREFIXES, 4, &LEVELS_V1, with_prefixes())]),
        ("optional", vec![data_page_v2(LENGTHS, 4, &LEVELS, with_lengths())]),
        ("optional", vec![data_page_v2(PREFIXES, 4, &LEVELS, with_prefixes())]),
    ] {
        let name = format!("{pages:?}");
        assert_eq!(read_strings(&plan_file(4, repetition, pages)).unwrap(), ["Pro"; 4], "{name}");
    }
}

#[test]
fn a_page_with_more_strings_than_rows_is_refused() {
    for count in [5, 1 << 24, 1 << 40, u64::MAX / 32, u64::MAX] {
        let claim = format!("a page claims {count} strings, but its row group may have at most 4");
        for pages in [
            vec![data_page(LENGTHS, 4, &[], equal_lengths(count, 0))],
            vec![data_page(PREFIXES, 4, &[], equal_lengths(count, 0))],
            vec![data_page_v2(PREFIXES, 4, &[], [equal_lengths(4, 0), equal_lengths(count, 0)].concat())],
        ] {
            let error = read_strings(&plan_file(4, "required", pages)).unwrap_err().to_string();
            assert!(error.contains(&claim) && error.contains("customers.parquet"), "{error}");
        }
        let optional = data_page(PREFIXES, 4, &LEVELS_V1, equal_lengths(count, 0));
        let error = read_strings(&plan_file(4, "optional", vec![optional])).unwrap_err().to_string();
        assert!(error.contains(&claim), "{error}");
    }
}

/// A file can claim any number of rows, too.
#[test]
fn a_page_has_at_most_16_million_strings_whatever_the_rows() {
    let page = data_page(LENGTHS, i32::MAX as u32, &[], equal_lengths(1 << 30, 0));
    let error = read_strings(&plan_file(1 << 30, "required", vec![page])).unwrap_err().to_string();
    assert!(error.contains("claims 1073741824 strings, but its row group may have at most 16777216"), "{error}");
}

/// The file has 4,000 equal strings, which take 2 MB or 120 MB when read.
#[test]
fn shared_prefixes_count_towards_the_page_limit() {
    for (length, is_read) in [(500, true), (30_000, false)] {
        let plans: ArrayRef = Arc::new(StringArray::from(vec!["p".repeat(length); 4_000]));
        let batch = RecordBatch::try_from_iter([("plan", plans)]).unwrap();
        let properties = WriterProperties::builder().set_dictionary_enabled(false).set_encoding(PREFIXES).build();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let strings = read_strings(&file);
        if is_read {
            assert!(strings.unwrap().iter().all(|plan| plan.len() == length));
        } else {
            let error = strings.unwrap_err().to_string();
            assert!(
                error.contains("share 119970000 bytes, but pages of their row group may have at most 5144576"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_dictionary_with_more_values_than_bytes_is_refused() {
    let dictionary = |values| Page::DictionaryPage {
        buf: Bytes::from_static(b"\x03\0\0\0Pro"),
        num_values: values,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    };
    // Indices of one bit: a run of four zeros.
    let keys = || data_page(Encoding::RLE_DICTIONARY, 4, &[], vec![1, 8, 0]);
    assert_eq!(read_strings(&plan_file(4, "required", vec![dictionary(1), keys()])).unwrap(), ["Pro"; 4]);
    for values in [8, 1 << 28, i32::MAX as u32] {
        let error = read_strings(&plan_file(4, "required", vec![dictionary(values), keys()])).unwrap_err().to_string();
        assert!(error.contains(&format!("a dictionary claims {values} values in 7 bytes")), "{error}");
    }
}

//! Parquet files with footers and page headers in which a few bytes claim billions of booleans or row groups. The parquet
//! crate would take a step or memory for each of them. `saasgen verify` refuses the files instead.

use crate::program::succeed_in;
use crate::verify_command::verify;
use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use saasgen::batches::TableSource;
use saasgen::models::saas_v1;
use saasgen::parquet_files::ParquetTable;
use std::fs;
use std::sync::Arc;
use tempfile::tempdir;

/// A field whose number is 15 above its predecessor's: a list of 2^31 - 1 booleans.
const BOOLEANS: &[u8] = b"\xF9\xF2\xFF\xFF\xFF\xFF\x07";

/// The first fields of the header of a data page: its type and its size, without and with compression.
const SIZES: &[u8] = b"\x15\x00\x15\x08\x15\x08";

/// Writes a file of customers, changes its bytes, and returns the error of `saasgen verify`.
fn error_of_verify(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let folder = tempdir().unwrap();
    succeed_in(folder.path(), &["generate", "--customers", "4", "--tables", "customers"]);
    let path = folder.path().join("data/raw/customers.parquet");
    let mut file = fs::read(&path).unwrap();
    change(&mut file);
    fs::write(path, file).unwrap();
    let ran = verify(folder.path(), &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("customers.parquet"), "{}", ran.stderr);
    ran.stderr
}

/// Returns the error of `saasgen verify` for a file whose first page header is `header`.
fn error_of_page_header(header: &[&[u8]]) -> String {
    error_of_verify(|file| drop(file.splice(4..4, header.concat())))
}

/// Returns the error of `saasgen verify` for a file whose metadata ends with `fields`.
fn error_of_footer(fields: &[&[u8]]) -> String {
    error_of_verify(|file| {
        let end = file.len() - 8;
        let fields = fields.concat();
        let length = u32::from_le_bytes(file[end..end + 4].try_into().unwrap()) + fields.len() as u32;
        file[end..end + 4].copy_from_slice(&length.to_le_bytes());
        // The last byte ends the struct.
        file.splice(end - 1..end - 1, fields);
    })
}

#[test]
fn a_page_header_with_booleans_is_refused() {
    let error = error_of_page_header(&[SIZES, BOOLEANS, b"\x00"]);
    assert!(error.contains("a page's header has a list of 2147483647 booleans"), "{error}");
}

#[test]
fn a_footer_with_booleans_is_refused() {
    let error = error_of_footer(&[BOOLEANS]);
    assert!(
        error.contains("not a whole Parquet file") && error.contains("the footer has a list of 2147483647 booleans"),
        "{error}"
    );
}

/// The parquet crate reads an integer whatever the type of the field, and then the content of a string as fields.
#[test]
fn booleans_in_a_field_of_another_type_are_refused() {
    let length = (BOOLEANS.len() as u8).to_le_bytes();
    let error = error_of_page_header(&[&SIZES[..4], b"\x18", &length, BOOLEANS, b"\x00"]);
    assert!(error.contains("a page's header has a string as field 3 instead of an integer"), "{error}");
    // The step to the first field is negative: its number follows its type.
    let error = error_of_footer(&[b"\x08\x02", &length, BOOLEANS]);
    assert!(error.contains("the footer has a string as field 1 instead of an integer"), "{error}");
}

/// The parquet crate allocates memory for all row groups that a footer claims.
#[test]
fn a_footer_with_more_row_groups_than_bytes_is_refused() {
    let error = error_of_verify(|file| {
        // The version, a schema without columns, no rows, and a list of 2^31 - 1 row groups.
        let metadata = b"\x15\x04\x19\x1C\x48\x01a\x15\x00\x00\x16\x00\x19\xFC\xFF\xFF\xFF\xFF\x07";
        *file = [b"PAR1", &metadata[..], &(metadata.len() as u32).to_le_bytes(), b"PAR1"].concat();
    });
    assert!(error.contains("not a whole Parquet file") && error.contains("the footer has no end"), "{error}");
}

/// The parquet crate allocates memory for the last size.
#[test]
fn a_page_header_with_two_sizes_is_refused() {
    let error = error_of_page_header(&[SIZES, b"\x05\x04\xFE\xFF\xFF\xFF\x0F", b"\x00"]);
    assert!(error.contains("a page's header has its field 2 twice"), "{error}");
}

/// The statistics in the headers are longer than the buffer that a header is read with.
#[test]
fn long_page_headers_are_read() {
    let plans = ["a", "b"].map(|letter| letter.repeat(20_000));
    let column: ArrayRef = Arc::new(StringArray::from(plans.to_vec()));
    let batch = RecordBatch::try_from_iter([("plan", column)]).unwrap();
    let properties = WriterProperties::builder()
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(None)
        .set_write_page_header_statistics(true)
        .set_dictionary_enabled(false);
    let folder = tempdir().unwrap();
    let path = folder.path().join("customers.parquet");
    let file = fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    // The values, with statistics in the header of their page and in the footer.
    assert!(fs::metadata(&path).unwrap().len() > 3 * 2 * 20_000);
    let source = ParquetTable::open(saas_v1::CUSTOMERS, vec![path]).unwrap();
    let read: Vec<_> = source.batches(0).unwrap().map(Result::unwrap).collect();
    let read = cast(read[0].column(0), &DataType::Utf8).unwrap();
    assert!(read.as_string::<i32>().iter().flatten().eq(&plans));
}

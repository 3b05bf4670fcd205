//! The structs of a Parquet footer and of page headers, as far as the parquet crate reads them without a look at the
//! types of their fields. It skips other fields by their type.
//!
//! The numbers are those of the structs in parquet.thrift. Booleans are left out, because the crate checks them.

use super::thrift::Fields;
use super::thrift::Kind::{Binary, Byte, Double, Integer, List, Struct};

/// `PageHeader`. The crate skips the statistics in it.
pub(super) const PAGE_HEADER: Fields = &[
    (1, Integer),
    (2, Integer),
    (3, Integer),
    (4, Integer),
    (5, Struct(DATA_PAGE_HEADER)),
    (6, Struct(EMPTY)),
    (7, Struct(DICTIONARY_PAGE_HEADER)),
    (8, Struct(DATA_PAGE_HEADER_V2)),
];

const DATA_PAGE_HEADER: Fields = &[(1, Integer), (2, Integer), (3, Integer), (4, Integer)];

const DICTIONARY_PAGE_HEADER: Fields = &[(1, Integer), (2, Integer)];

const DATA_PAGE_HEADER_V2: Fields =
    &[(1, Integer), (2, Integer), (3, Integer), (4, Integer), (5, Integer), (6, Integer)];

/// `FileMetaData`. Without its feature for encryption, the crate skips the fields 8 and 9.
pub(super) const FILE_METADATA: Fields = &[
    (1, Integer),
    (2, List(&Struct(SCHEMA_ELEMENT))),
    (3, Integer),
    (4, List(&Struct(ROW_GROUP))),
    (5, List(&Struct(KEY_VALUE))),
    (6, Binary),
    (7, List(&Struct(COLUMN_ORDER))),
];

const SCHEMA_ELEMENT: Fields = &[
    (1, Integer),
    (2, Integer),
    (3, Integer),
    (4, Binary),
    (5, Integer),
    (6, Integer),
    (7, Integer),
    (8, Integer),
    (9, Integer),
    (10, Struct(LOGICAL_TYPE)),
];

/// `LogicalType`, a union. The crate reads one byte of an empty struct.
const LOGICAL_TYPE: Fields = &[
    (1, Struct(EMPTY)),
    (2, Struct(EMPTY)),
    (3, Struct(EMPTY)),
    (4, Struct(EMPTY)),
    (5, Struct(DECIMAL)),
    (6, Struct(EMPTY)),
    (7, Struct(TIME)),
    (8, Struct(TIME)),
    (10, Struct(INTEGER)),
    (11, Struct(EMPTY)),
    (12, Struct(EMPTY)),
    (13, Struct(EMPTY)),
    (14, Struct(EMPTY)),
    (15, Struct(EMPTY)),
    (16, Struct(VARIANT)),
    (17, Struct(GEOMETRY)),
    (18, Struct(GEOGRAPHY)),
];

const EMPTY: Fields = &[];

const DECIMAL: Fields = &[(1, Integer), (2, Integer)];

/// `TimeType` and `TimestampType`, with the union `TimeUnit`.
const TIME: Fields = &[(2, Struct(&[(1, Struct(EMPTY)), (2, Struct(EMPTY)), (3, Struct(EMPTY))]))];

const INTEGER: Fields = &[(1, Byte)];

const VARIANT: Fields = &[(1, Byte)];

const GEOMETRY: Fields = &[(1, Binary)];

const GEOGRAPHY: Fields = &[(1, Binary), (2, Integer)];

const ROW_GROUP: Fields = &[
    (1, List(&Struct(COLUMN_CHUNK))),
    (2, Integer),
    (3, Integer),
    (4, List(&Struct(SORTING_COLUMN))),
    (5, Integer),
    (7, Integer),
];

const SORTING_COLUMN: Fields = &[(1, Integer)];

/// `ColumnChunk`. Without its feature for encryption, the crate skips the fields 8 and 9.
const COLUMN_CHUNK: Fields =
    &[(1, Binary), (2, Integer), (3, Struct(COLUMN_METADATA)), (4, Integer), (5, Integer), (6, Integer), (7, Integer)];

/// `ColumnMetaData`. The crate skips the path and the key-value pairs.
const COLUMN_METADATA: Fields = &[
    (1, Integer),
    (2, List(&Integer)),
    (4, Integer),
    (5, Integer),
    (6, Integer),
    (7, Integer),
    (9, Integer),
    (10, Integer),
    (11, Integer),
    (12, Struct(STATISTICS)),
    (13, List(&Struct(PAGE_ENCODING_STATISTICS))),
    (14, Integer),
    (15, Integer),
    (16, Struct(SIZE_STATISTICS)),
    (17, Struct(GEOSPATIAL_STATISTICS)),
];

const STATISTICS: Fields = &[(1, Binary), (2, Binary), (3, Integer), (4, Integer), (5, Binary), (6, Binary)];

const PAGE_ENCODING_STATISTICS: Fields = &[(1, Integer), (2, Integer), (3, Integer)];

const SIZE_STATISTICS: Fields = &[(1, Integer), (2, List(&Integer)), (3, List(&Integer))];

const GEOSPATIAL_STATISTICS: Fields = &[(1, Struct(BOUNDING_BOX)), (2, List(&Integer))];

const BOUNDING_BOX: Fields =
    &[(1, Double), (2, Double), (3, Double), (4, Double), (5, Double), (6, Double), (7, Double), (8, Double)];

const KEY_VALUE: Fields = &[(1, Binary), (2, Binary)];

/// `ColumnOrder`, a union. The crate skips unknown orders.
const COLUMN_ORDER: Fields = &[(1, Struct(EMPTY))];

#[cfg(test)]
mod tests {
    use super::super::thrift::check_struct;
    use super::*;
    use arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{EdgeInterpolationAlgorithm, LogicalType, Repetition, Type as PhysicalType};
    use parquet::file::metadata::{KeyValue, SortingColumn};
    use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::Type;
    use std::sync::Arc;

    /// Checks that the whole metadata of a file is accepted.
    fn assert_footer(file: &[u8]) {
        let end = file.len() - 8;
        let length = u32::from_le_bytes(file[end..end + 4].try_into().unwrap());
        let metadata = &file[end - length as usize..end];
        assert_eq!(check_struct(metadata, "the footer", FILE_METADATA).unwrap(), u64::from(length));
    }

    #[test]
    fn schemas_with_all_logical_types_are_accepted() {
        let schema = "message types {
            required int32 decimal (DECIMAL(9, 2)) = 7; required int32 date (DATE);
            required int32 millis (TIME(MILLIS, true)); required int64 micros (TIME(MICROS, false));
            required int64 nanos (TIMESTAMP(NANOS, true)); required int32 small (INTEGER(8, true));
            optional int64 large (INTEGER(64, false)); required int32 nothing (UNKNOWN); required binary text (STRING);
            required binary choice (ENUM); required binary json (JSON); required binary bson (BSON);
            required fixed_len_byte_array (16) uuid (UUID); required fixed_len_byte_array (2) half (FLOAT16);
            optional group list (LIST) { repeated group list { required int32 element; } }
            optional group map (MAP) { repeated group key_value { required binary key; optional int32 value; } }
            required int96 legacy; required boolean flag; required float float;
        }";
        let binary = |name: &str, logical_type: Option<LogicalType>| {
            let column = Type::primitive_type_builder(name, PhysicalType::BYTE_ARRAY);
            let column = column.with_repetition(Repetition::REQUIRED);
            Arc::new(column.with_logical_type(logical_type).build().unwrap())
        };
        // The parser knows no types with these parameters.
        let reference_system = || Some("EPSG:4326".to_owned());
        let algorithm = Some(EdgeInterpolationAlgorithm::KARNEY);
        let variant = Type::group_type_builder("variant")
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(Some(LogicalType::variant(Some(1))))
            .with_fields(vec![binary("metadata", None), binary("value", None)]);
        let more = [
            binary("geometry", Some(LogicalType::geometry(reference_system()))),
            binary("geography", Some(LogicalType::geography(reference_system(), algorithm))),
            Arc::new(variant.build().unwrap()),
        ];
        let parsed = parse_message_type(schema).unwrap();
        let fields = parsed.get_fields().iter().cloned().chain(more).collect();
        let schema = Type::group_type_builder("types").with_fields(fields).build().unwrap();
        let mut file = Vec::new();
        SerializedFileWriter::new(&mut file, Arc::new(schema), Arc::default()).unwrap().close().unwrap();
        assert_footer(&file);
    }

    #[test]
    fn footers_and_page_headers_of_both_versions_are_accepted() {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let columns: [ArrayRef; 3] = [
                Arc::new(Int32Array::from(vec![1, 2, 3, 4])),
                Arc::new(Float64Array::from(vec![Some(0.5), None, Some(-0.5), None])),
                Arc::new(StringArray::from(vec!["a", "b", "c", "d"])),
            ];
            let batch = RecordBatch::try_from_iter(["integer", "double", "text"].into_iter().zip(columns)).unwrap();
            let sorting = SortingColumn { column_idx: 0, descending: false, nulls_first: true };
            let properties = WriterProperties::builder()
                .set_writer_version(version)
                .set_statistics_enabled(EnabledStatistics::Page)
                .set_write_page_header_statistics(true)
                .set_bloom_filter_enabled(true)
                .set_sorting_columns(Some(vec![sorting]))
                .set_key_value_metadata(Some(vec![KeyValue::new("key".into(), "value".to_owned())]))
                .set_column_dictionary_enabled("integer".into(), false);
            let mut file = Vec::new();
            let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties.build())).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            assert_footer(&file);

            let reader = SerializedFileReader::new(bytes::Bytes::from(file.clone())).unwrap();
            for (index, column) in reader.metadata().row_group(0).columns().iter().enumerate() {
                let (mut start, length) = column.byte_range();
                let end = start + length;
                let mut pages = 0;
                while start < end {
                    let length = check_struct(&file[start as usize..], "a page's header", PAGE_HEADER).unwrap();
                    // The sizes take a byte each, after the page type.
                    let bytes = u64::from(file[start as usize + 5] >> 1);
                    start += length + bytes;
                    pages += 1;
                }
                // All columns but the first have a dictionary.
                assert_eq!((start, pages), (end, if index == 0 { 1 } else { 2 }));
            }
        }
    }
}

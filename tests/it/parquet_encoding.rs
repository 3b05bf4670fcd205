//! The Parquet encoders: the parquet crate reads back what they write, whatever the values are.

use crate::tables_in_memory::MemoryTable;
use arrow::array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array};
use arrow::array::{DictionaryArray, Int8Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::PageIndexPolicy;
use proptest::prelude::*;
use saasgen::error::{Error, Result};
use saasgen::models::saas_v1;
use saasgen::parquet_files::{Compression, WriteOptions, write_table};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn write(table: &MemoryTable, compression: Compression) -> Result<bytes::Bytes> {
    let mut file = Vec::new();
    let stop = AtomicBool::new(false);
    write_table(table, compression, &mut file, WriteOptions { threads: 2, stop: &stop, progress: &|_| () })?;
    Ok(file.into())
}

fn read(file: bytes::Bytes) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().with_batch_size(1 << 20).build().unwrap();
    reader.map(|batch| batch.unwrap()).collect()
}

/// Checks that a column reads back as it was written, with every codec. `cuts` are the rows after which a batch ends.
fn assert_round_trip(column: ArrayRef, cuts: &[usize]) {
    let schema = Arc::new(Schema::new(vec![Field::new("customer_id", column.data_type().clone(), false)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
    let mut ends: Vec<usize> =
        cuts.iter().map(|cut| cut % (batch.num_rows() + 1)).chain([0, batch.num_rows()]).collect();
    ends.sort_unstable();
    let parts = ends.windows(2).map(|ends| batch.slice(ends[0], ends[1] - ends[0])).collect();
    let table = MemoryTable::with_batches(saas_v1::USAGE_DAILY, vec![parts, vec![batch.clone()]]);
    for compression in [Compression::Snappy, Compression::Zstd, Compression::Lz4, Compression::None] {
        let back = read(write(&table, compression).unwrap());
        let expected = concat_batches(&schema, [&batch, &batch]).unwrap();
        let back = concat_batches(
            &schema,
            back.iter().map(|back| back.clone().with_schema(Arc::clone(&schema)).unwrap()).collect::<Vec<_>>().iter(),
        )
        .unwrap();
        assert_eq!(back, expected);
    }
}

/// Generates numbers whose differences have any number of bits.
fn numbers() -> impl Strategy<Value = Vec<i64>> {
    let number = (0_u32..64, any::<i64>()).prop_map(|(shift, bits)| bits >> shift);
    prop_oneof![
        prop::collection::vec(number, 1..700),
        prop::collection::vec(any::<i64>(), 1..300),
        (any::<i64>(), 1..5_000_usize).prop_map(|(value, count)| vec![value; count]),
        (any::<i64>(), any::<i64>(), 1..600_i64).prop_map(|(first, step, count)| {
            (0..count).map(|n| first.wrapping_add(step.wrapping_mul(n))).collect()
        }),
    ]
}

/// The same 300 cases in each run.
fn fixed_cases() -> ProptestConfig {
    let rng_seed = prop::test_runner::RngSeed::Fixed(5);
    ProptestConfig { cases: 300, failure_persistence: None, rng_seed, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(fixed_cases())]

    #[test]
    fn delta_encoded_columns_read_back(numbers in numbers(), cuts in prop::collection::vec(any::<usize>(), 0..4)) {
        assert_round_trip(Arc::new(numbers.iter().map(|&number| number as i32).collect::<Int32Array>()), &cuts);
        assert_round_trip(Arc::new(Date32Array::from_iter_values(numbers.iter().map(|&number| number as i32))), &cuts);
        assert_round_trip(Arc::new(Int64Array::from(numbers)), &cuts);
    }

    #[test]
    fn dictionary_and_plain_columns_read_back(
        runs in prop::collection::vec((0_u8..120, prop_oneof![1..10_usize, 1..3_000_usize]), 1..40),
        kinds in 1_u8..120,
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let codes: Vec<u8> = runs.into_iter().flat_map(|(code, count)| vec![code % kinds; count]).collect();
        // Names of any length. The first one is empty.
        let names: Vec<String> = (0..120).map(|code| "ä".repeat(code) + if code > 0 { "!" } else { "" }).collect();
        let text: StringArray = codes.iter().map(|&code| Some(&names[usize::from(code)])).collect();
        assert_round_trip(Arc::new(text), &cuts);
        let keys: Int8Array = codes.iter().map(|&code| Some(code as i8)).collect();
        let dictionary = DictionaryArray::try_new(keys, Arc::new(StringArray::from(names))).unwrap();
        assert_round_trip(Arc::new(dictionary), &cuts);
        let money: Decimal128Array = codes.iter().map(|&code| Some(i128::from(code) * 2_900 - 5)).collect();
        assert_round_trip(Arc::new(money.with_precision_and_scale(10, 2).unwrap()), &cuts);
        assert_round_trip(Arc::new(codes.iter().map(|&code| Some(code % 3 == 0)).collect::<BooleanArray>()), &cuts);
        assert_round_trip(Arc::new(codes.iter().map(|&code| f64::from(code) - 0.5).collect::<Float64Array>()), &cuts);
    }
}

/// These indices repeat in a pattern, so their pages are compressed.
#[test]
fn the_dictionary_page_is_compressed_with_the_data_pages() {
    let names = ["Free", "Basic", "Pro", "Enterprise"];
    let text: StringArray = (0..50_000).map(|row| Some(names[row % 4])).collect();
    assert_round_trip(Arc::new(text), &[]);
}

/// Large batches are split evenly, and small ones are joined.
#[test]
fn pages_have_20_to_40_thousand_rows_and_a_column_index() {
    let schema = Arc::new(Schema::new(vec![Field::new("customer_id", DataType::Int64, false)]));
    let batch = |ids: std::ops::Range<i64>| {
        RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from_iter_values(ids)) as ArrayRef])
            .unwrap()
    };
    let batches = vec![batch(0..90_000), batch(90_000..90_010), batch(90_010..120_000), batch(120_000..120_005)];
    let file = write(&MemoryTable::with_batches(saas_v1::USAGE_DAILY, vec![batches]), Compression::Snappy).unwrap();
    let options =
        parquet::arrow::arrow_reader::ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap();
    let locations = reader.metadata().offset_index().unwrap()[0][0].page_locations().clone();
    let first_rows: Vec<i64> = locations.iter().map(|page| page.first_row_index).collect();
    assert_eq!(first_rows, [0, 22_500, 45_000, 67_500, 90_000, 120_000]);
    let parquet::file::page_index::column_index::ColumnIndexMetaData::INT64(index) =
        &reader.metadata().column_index().unwrap()[0][0]
    else {
        panic!("customer_id has no column index")
    };
    assert_eq!(index.min_value(3), Some(&67_500));
    assert_eq!(index.max_value(4), Some(&119_999));
}

#[test]
fn columns_that_no_saasgen_table_has_are_refused() {
    let many: StringArray = (0..300).map(|number| Some(number.to_string())).collect();
    let nulls = Int32Array::from(vec![Some(1), None]);
    let huge = Decimal128Array::from(vec![i128::MAX]).with_precision_and_scale(38, 2).unwrap();
    let small = Decimal128Array::from(vec![5]).with_precision_and_scale(9, 2).unwrap();
    let columns: [(ArrayRef, &str); 5] = [
        (Arc::new(small), "Decimal128(9, 2)"),
        (Arc::new(many), "more than 256 different values"),
        (Arc::new(nulls), "nulls"),
        (Arc::new(huge), "170141183460469231731687303715884105727 hundredths"),
        (Arc::new(arrow::array::UInt8Array::from(vec![1])), "UInt8"),
    ];
    for (column, what) in columns {
        let schema = Arc::new(Schema::new(vec![Field::new("sessions", column.data_type().clone(), true)]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
        let error = write(&MemoryTable::with_batches(saas_v1::USAGE_DAILY, vec![vec![batch]]), Compression::Snappy)
            .unwrap_err();
        assert!(matches!(error, Error::Remote(_) | Error::Misuse(_)), "{error}");
        let message = error.to_string();
        assert!(message.contains("sessions") && message.contains(what), "{message}");
    }
}

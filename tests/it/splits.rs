//! The rows of a data set are the same for every split, order, range, projection, number of threads and size.

use crate::support::{all_tables, concat, data_set, data_set_of, data_set_with, dates, hash, int64, rows, scan, whole};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use rand_core::Rng;
use saasgen::batches::{Batches, ContentHash};
use saasgen::models::saas_v1::{self, purposes};
use saasgen::models::{DataSet, Table};
use saasgen::random::{Address, AddressRng};
use saasgen::scan::{Partitions, Scan, TARGET_BATCH_BYTES};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const CUSTOMERS: u64 = 1_000;

fn tables() -> impl Iterator<Item = Table> {
    all_tables().filter(|table| table.has_customers())
}

/// Returns each table with data sets of its model: with the default window, the shortest and the longest.
fn with_windows(tables: impl Iterator<Item = Table>, customers: u64) -> impl Iterator<Item = (Table, DataSet)> {
    tables.flat_map(move |table| {
        let with_months = |months: u32, customers: u64| {
            data_set_of(&format!("base = {:?}\nwindow.months = {months}", table.model().name), 42, customers)
        };
        [data_set_with(table, 42, customers), with_months(1, customers), with_months(120, (customers / 5).max(100))]
            .map(|data_set| (table, data_set))
    })
}

fn test_rng(number: u32) -> AddressRng {
    AddressRng::new(0x7e57, Address { customer: 0, item: number, purpose: purposes::PROFILE })
}

/// Returns a random number below `bound`.
fn below(rng: &mut AddressRng, bound: u64) -> u64 {
    rng.next_u64() % bound
}

#[test]
fn single_customers_give_the_rows_of_the_whole() {
    for (table, data_set) in with_windows(tables(), 200) {
        let batches = Batches::new(Scan::whole(&data_set, table));
        let single = concat(&batches, (1..=data_set.customers()).map(|id| batches.batch(id..id + 1).unwrap()));
        assert_eq!(single, whole(&data_set, table), "{}", table.name());
    }
}

#[test]
fn random_splits_give_the_rows_of_the_whole() {
    for (table, data_set) in with_windows(tables(), CUSTOMERS) {
        let customers = data_set.customers();
        let whole = whole(&data_set, table);
        let batches = Batches::new(Scan::whole(&data_set, table));
        for number in 0..200 {
            let mut rng = test_rng(number);
            let mut cuts: Vec<u64> = (0..=below(&mut rng, 8)).map(|_| 1 + below(&mut rng, customers)).collect();
            cuts.extend([1, customers + 1]);
            cuts.sort_unstable();
            let parts: Vec<RecordBatch> =
                cuts.windows(2).flat_map(|cut| batches.of_ids(cut[0]..cut[1])).map(|batch| batch.unwrap()).collect();
            assert_eq!(concat(&batches, parts), whole, "{} cut at {cuts:?}", table.name());
        }
    }
}

/// Splits within blocks, at their edges, and one customer before and after the edges.
#[test]
fn splits_near_the_edges_of_blocks_give_the_rows_of_the_whole() {
    for table in tables() {
        let data_set = data_set_with(table, 7, 70_000);
        let scan_of_all = Scan::whole(&data_set, table);
        let edge = scan_of_all.blocks().next().unwrap().end;
        let ids = edge - 50..edge + 50;
        let batches = Batches::new(scan_of_all);
        let parts = |cuts: &[u64]| -> RecordBatch {
            let parts = cuts.windows(2).flat_map(|cut| batches.of_ids(cut[0]..cut[1])).map(|batch| batch.unwrap());
            concat(&batches, parts)
        };
        let once = parts(&[ids.start, ids.end]);
        for cut in [edge - 1, edge, edge + 1, edge - 49, edge + 49] {
            assert_eq!(parts(&[ids.start, cut, ids.end]), once, "{} cut at {cut}", table.name());
        }
        // A batch never contains an edge.
        let starts: Vec<_> = batches.scan().for_ids(ids.clone()).blocks().collect();
        assert_eq!(starts, [ids.start..edge, edge..ids.end]);
    }
}

#[test]
fn any_number_of_partitions_gives_the_rows_of_the_whole() {
    for (table, data_set) in with_windows(all_tables(), 300) {
        let whole = whole(&data_set, table);
        let scan_of_all = Scan::whole(&data_set, table);
        for count in [1, 2, 3, 7, 64, 300, 500] {
            let partitions = scan_of_all.partitions(Partitions::AtMost(count));
            let expected = if table.has_customers() { count.min(data_set.customers()) } else { 1 };
            assert_eq!(partitions.len() as u64, expected);
            let batches = Batches::new(scan_of_all.clone());
            let parts = partitions.into_iter().flat_map(|ids| batches.of_ids(ids)).map(|batch| batch.unwrap());
            assert_eq!(concat(&batches, parts), whole, "{} in {count}", table.name());
        }
    }
}

#[test]
fn a_range_of_dates_gives_the_rows_of_the_whole_with_these_dates() {
    for (table, data_set) in with_windows(all_tables(), CUSTOMERS) {
        let Some(date_column) = table.date_column() else { continue };
        let whole = whole(&data_set, table);
        let window = data_set.model().window();
        let mut ranges = vec![
            (window.first, window.first),
            (window.last(), window.last()),
            (window.first, window.last()),
            (window.first + 1, window.last() - 1),
            (window.first + 20, window.first + 19),
        ];
        let mut rng = test_rng(1_000);
        ranges.extend((0..40).map(|_| {
            let from = window.first + below(&mut rng, u64::from(window.days)) as i32;
            (from, from + below(&mut rng, (window.last() - from + 1) as u64) as i32)
        }));
        for (from, to) in ranges {
            let date = saasgen::models::date_of;
            let ranged = rows(scan(&data_set, &format!("{}?from={}&to={}", table.name(), date(from), date(to))));
            let keep: BooleanArray =
                dates(&whole, date_column).iter().map(|day| Some((from..=to).contains(day))).collect();
            let filtered = filter_record_batch(&whole, &keep).unwrap();
            assert_eq!(ranged, filtered, "{} from {} to {}", table.name(), date(from), date(to));
        }
    }
}

#[test]
fn any_columns_in_any_order_have_the_values_of_the_whole() {
    for table in all_tables() {
        let data_set = data_set_with(table, 42, 150);
        let whole = whole(&data_set, table);
        let count = table.columns().len();
        // All subsets of the columns or, of tables with many, the columns alone and 200 others.
        let mut rng = test_rng(3_000);
        let subsets: Vec<u64> = match count {
            ..=7 => (1..1 << count).collect(),
            _ => (0..count)
                .map(|index| 1 << index)
                .chain((0..200).map(|_| 1 + below(&mut rng, (1 << count) - 1)))
                .collect(),
        };
        for subset in subsets {
            let mut indices: Vec<usize> = (0..count).filter(|index| subset >> index & 1 == 1).collect();
            for _ in 0..2 {
                let names: Vec<&str> = indices.iter().map(|&index| table.columns()[index].name).collect();
                let projected = rows(scan(&data_set, &format!("{}?columns={}", table.name(), names.join(","))));
                assert_eq!(projected, whole.project(&indices).unwrap(), "{} {names:?}", table.name());
                indices.reverse();
            }
        }
    }
}

#[test]
fn columns_dates_and_customers_can_be_restricted_together() {
    let data_set = data_set(42, CUSTOMERS);
    let text =
        "usage_daily?columns=feature_events,date,customer_id&first_id=100&last_id=600&from=2024-02-01&to=2024-03-15";
    let restricted = rows(scan(&data_set, text));
    let whole = whole(&data_set, saas_v1::USAGE_DAILY);
    let keep: BooleanArray = int64(&whole, "customer_id")
        .iter()
        .zip(dates(&whole, "date"))
        .map(|(id, day)| Some((100..=600).contains(id) && (19_754..=19_797).contains(day)))
        .collect();
    let filtered = filter_record_batch(&whole.project(&[4, 1, 0]).unwrap(), &keep).unwrap();
    assert_eq!(restricted, filtered);
    assert!(restricted.num_rows() > 500);
}

#[test]
fn blocks_are_the_same_in_any_order_and_on_any_thread() {
    for table in tables() {
        let data_set = data_set_with(table, 42, 20_000);
        let scan_of_all = Scan::whole(&data_set, table);
        let mut blocks: Vec<_> = (1..=20_000).step_by(512).map(|id: u64| id..(id + 512).min(20_001)).collect();
        let batches = Batches::new(scan_of_all);
        let in_order = concat(&batches, blocks.iter().map(|ids| batches.batch(ids.clone()).unwrap()));
        let mut rng = test_rng(2_000);
        for i in (1..blocks.len()).rev() {
            blocks.swap(i, below(&mut rng, i as u64 + 1) as usize);
        }
        for threads in [1, 8] {
            let next = AtomicUsize::new(0);
            let generated = Mutex::new(Vec::new());
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        while let Some(ids) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
                            let batch = batches.batch(ids.clone()).unwrap();
                            generated.lock().unwrap().push((ids.start, batch));
                        }
                    });
                }
            });
            let mut generated = generated.into_inner().unwrap();
            generated.sort_by_key(|&(start, _)| start);
            let sorted = concat(&batches, generated.into_iter().map(|(_, batch)| batch));
            assert_eq!(sorted, in_order, "{} on {threads} threads", table.name());
        }
    }
}

#[test]
fn a_customer_is_the_same_in_data_sets_of_every_size() {
    for table in tables() {
        for id in [1, 7, 512, 1_000] {
            let rows_in = |customers| {
                let data_set = data_set_with(table, 42, customers);
                rows(scan(&data_set, &format!("{}?first_id={id}&last_id={id}", table.name())))
            };
            assert_eq!(rows_in(id), rows_in(1_000), "{} of {id}", table.name());
            assert_eq!(rows_in(id), rows_in(1_000_000_000_000), "{} of {id}", table.name());
        }
    }
}

#[test]
fn the_largest_data_set_has_its_last_customers() {
    for table in tables() {
        let data_set = data_set_with(table, 42, 1_000_000_000_000);
        let last = rows(scan(&data_set, &format!("{}?first_id=999999999001", table.name())));
        let ids = int64(&last, "customer_id");
        assert!(ids.iter().all(|id| (999_999_999_001..=1_000_000_000_000).contains(id)));
        assert!(ids.len() > 500 && ids.iter().any(|&id| id > 999_999_999_990), "{}", table.name());
        // All 64 bits of an id affect the draws: customers whose ids have the same low bits differ.
        let low = 999_999_999_001_u64 & 0xFFFF_FFFF;
        let other = rows(scan(&data_set, &format!("{}?first_id={low}&last_id={}", table.name(), low + 999)));
        assert_ne!(hash(&last), hash(&other));
        assert_ne!(last.columns()[1..], other.columns()[1..], "{}", table.name());
    }
}

/// Batches keep to the limit of a message, and their buffers have no spare capacity.
#[test]
fn batches_have_the_target_size_and_no_spare_capacity() {
    for table in all_tables() {
        let data_set = data_set_with(table, 42, 100_000);
        for more in ["", "&strings=dictionary", "&customers=1000000000000&first_id=999999900000"] {
            if !table.has_customers() && more.contains("first_id") {
                continue;
            }
            let batches = Batches::new(scan(&data_set, &format!("{}?{}", table.name(), more.trim_start_matches('&'))));
            let mut largest = 0;
            for batch in batches.iter() {
                let batch = batch.unwrap();
                let buffers: Vec<_> =
                    batch.columns().iter().flat_map(|column| column.to_data().buffers().to_vec()).collect();
                for buffer in &buffers {
                    // Kernels push at most 32 values of 4 bytes at once, and bit masks are padded to 64 bytes.
                    assert!(buffer.capacity() <= buffer.len().next_multiple_of(64) + 128, "{}", table.name());
                }
                largest = largest.max(buffers.iter().map(|buffer| buffer.len()).sum::<usize>());
            }
            assert!(largest <= TARGET_BATCH_BYTES, "{}: {largest} bytes", table.name());
            let is_whole = table.has_customers() && more.is_empty();
            assert!(!is_whole || largest > TARGET_BATCH_BYTES / 3, "{}: {largest} bytes", table.name());
        }
    }
}

/// The largest valid model: 100 plans with long names, over ten years.
#[test]
fn batches_of_the_largest_model_have_the_target_size() {
    let plans: String = (0..96)
        .map(|plan| {
            let name = format!("{plan:064}");
            format!("[plans.{name}]\nshare = 0.0\nprice = 1\nactive_share = 1.0\nsessions = 1000\nminutes = 700\n")
        })
        .collect();
    let overlay = format!("window.months = 120\nbilling.interval_days = 5\nretention.decay_days = 1e6\n{plans}");
    let data_set = crate::support::data_set_of(&overlay, 42, 40);
    for table in saas_v1::TABLES {
        let batches = Batches::new(Scan::whole(&data_set, table));
        let mut rows = 0;
        for batch in batches.iter() {
            let batch = batch.unwrap();
            let bytes: usize = batch
                .columns()
                .iter()
                .map(|column| column.to_data().buffers().iter().map(|buffer| buffer.len()).sum::<usize>())
                .sum();
            assert!(bytes <= TARGET_BATCH_BYTES, "{}: {bytes} bytes", table.name());
            rows += batch.num_rows();
        }
        assert!(table != saas_v1::RETENTION_CURVES || rows == 100 * 3_653, "{rows} rows");
    }
}

#[test]
fn the_content_hash_depends_only_on_values() {
    for table in all_tables() {
        let data_set = data_set_with(table, 42, CUSTOMERS);
        let whole = whole(&data_set, table);
        let expected = hash(&whole);
        let mut in_parts = ContentHash::new();
        for start in (0..whole.num_rows()).rev().step_by(777) {
            let mut part = ContentHash::new();
            part.update(&whole.slice(start, 777.min(whole.num_rows() - start))).unwrap();
            in_parts.merge(&part);
        }
        // The slices start every 777 rows, from the last row backwards. The rows before the first slice are left.
        let covered = in_parts.rows() as usize;
        in_parts.update(&whole.slice(0, whole.num_rows() - covered)).unwrap();
        assert_eq!(in_parts.to_string(), expected, "{}", table.name());
        let dictionary = rows(scan(&data_set, &format!("{}?strings=dictionary", table.name())));
        assert_eq!(hash(&dictionary), expected, "{}", table.name());
        assert_ne!(hash(&whole.slice(0, whole.num_rows() - 1)), expected);
        let mut swapped: Vec<usize> = (0..whole.num_columns()).collect();
        swapped.swap(0, 1);
        assert_ne!(hash(&whole.project(&swapped).unwrap()), expected);
    }
}

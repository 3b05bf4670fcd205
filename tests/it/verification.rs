//! Correct data sets hold: `verify` rejects them at the stated rate, whatever the seed.

use crate::support::{data_set, whole};
use crate::tables_in_memory::{MemoryTable, with_ids};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Schema;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::{ParquetMetaDataReader, ParquetMetaDataWriter};
use saasgen::batches::{ScanSource, TableSource};
use saasgen::models::{DataSet, Model, Table, saas_v1};
use saasgen::parquet_files::{Compression, ParquetTable, WriteOptions, write_table};
use saasgen::scan::Scan;
use saasgen::verify::{Claim, ERROR_RATE, Evidence, ReadOptions, STRIPE_ROWS, Subject, Verdict, Verification, verify};
use saasgen::workers::run_in_order;
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Verifies `sources` against the model of `data_set`. The share `error_rate` of correct data sets fails a test.
pub fn verified(
    data_set: &DataSet,
    sources: &[&dyn TableSource],
    claim: Option<Claim>,
    error_rate: f64,
) -> saasgen::error::Result<Verification> {
    let options =
        ReadOptions { threads: 2, stripe_rows: STRIPE_ROWS, stop: &AtomicBool::new(false), progress: &|_| () };
    verify(&Subject { model: data_set.model(), sources, claim, error_rate }, options)
}

/// Verifies generated tables without a claim.
fn verified_tables(data_set: &DataSet, tables: &[Table], error_rate: f64) -> Verification {
    let sources: Vec<ScanSource> = tables.iter().map(|&table| ScanSource::new(Scan::whole(data_set, table))).collect();
    let sources: Vec<&dyn TableSource> = sources.iter().map(|source| source as &dyn TableSource).collect();
    verified(data_set, &sources, None, error_rate).unwrap()
}

/// Returns the p-value of the distance between an empirical distribution of `count` values and the true one
/// (Kolmogorov, with M. A. Stephens's correction for small samples).
fn kolmogorov(distance: f64, count: f64) -> f64 {
    let root = count.sqrt();
    let x = distance * (root + 0.12 + 0.11 / root);
    (1..=100).map(f64::from).map(|k| 2.0 * (-1.0_f64).powf(k - 1.0) * (-2.0 * k * k * x * x).exp()).sum()
}

const SEEDS: u64 = 200;
const CUSTOMERS: u64 = 4_000;

/// The share of correct data sets that is rejected in the tests below.
const TEST_RATE: f64 = 0.1;

/// Returns whether Holm's method rejects any test. `usage_truth` is left out, because most of its rows are also in
/// `usage_daily`.
fn is_rejected(verification: &Verification) -> bool {
    let laws = verification.checks.iter().filter(|check| check.table != saas_v1::USAGE_TRUTH.name());
    let p_values: Vec<f64> = laws
        .filter_map(|check| match check.evidence {
            Evidence::Law(measured) => Some(measured.p),
            _ => None,
        })
        .collect();
    p_values.iter().any(|&p| p <= TEST_RATE / p_values.len() as f64)
}

/// The p-values of each test over many seeds, and the number of rejected data sets.
struct ManySeeds {
    p_values: BTreeMap<(&'static str, String), Vec<f64>>,
    rejected: u32,
}

impl ManySeeds {
    /// Verifies the tables of `data_set(seed)` for the seeds 1 to `seeds`. All of them are correct.
    fn verified(seeds: u64, tables: &[Table], data_set: impl Fn(u64) -> DataSet + Sync) -> Self {
        let mut found = Self { p_values: BTreeMap::new(), rejected: 0 };
        let seeds: Vec<u64> = (1..=seeds).collect();
        let verified = |seed| Ok(verified_tables(&data_set(seed), tables, TEST_RATE));
        run_in_order(&seeds, 2, verified, |_, verification| {
            found.rejected += u32::from(is_rejected(&verification));
            for check in verification.checks {
                match check.evidence {
                    Evidence::Structure { violations, examples } => {
                        assert!(violations == 0 || check.name == "columns are there", "{}: {examples:?}", check.name);
                    }
                    Evidence::Law(measured) => {
                        found.p_values.entry((check.table, check.name)).or_default().push(measured.p);
                    }
                    Evidence::Exact { .. } => panic!("there is no claim"),
                    Evidence::NotRun { .. } => {}
                }
            }
            Ok(())
        })
        .unwrap();
        found
    }

    /// Panics if the p-values of a test are not uniform at a significance of 1e-5 (Kolmogorov).
    fn assert_uniform(&self, seeds: u64) {
        for ((table, name), values) in &self.p_values {
            assert_eq!(values.len() as u64, seeds, "{table} {name} was not run for every seed");
            let mut values = values.clone();
            values.sort_by(f64::total_cmp);
            let count = values.len() as f64;
            let distances =
                values.iter().enumerate().map(|(i, p)| (p - i as f64 / count).max((i + 1) as f64 / count - p));
            let significance = kolmogorov(distances.fold(0.0, f64::max), count);
            assert!(significance > 1e-5, "{table} {name}: p-values are not uniform, {significance:e}; {values:.3?}");
        }
    }
}

/// The p-values of each of 100 tests are uniform over many seeds, so no test is too weak or too strict. Data sets are
/// rejected as often as stated, within 4 standard deviations.
#[test]
fn p_values_are_uniform_and_the_error_rate_is_as_stated() {
    let found = ManySeeds::verified(SEEDS, &saas_v1::TABLES, |seed| data_set(seed, CUSTOMERS));
    assert!(found.p_values.len() >= 100, "{} tests", found.p_values.len());
    found.assert_uniform(SEEDS);
    let rejected = found.rejected;
    let (expected, sd) = (SEEDS as f64 * TEST_RATE, (SEEDS as f64 * TEST_RATE * (1.0 - TEST_RATE)).sqrt());
    assert!((f64::from(rejected) - expected).abs() <= 4.0 * sd, "{rejected} rejected, {expected} ± {sd} expected");
}

/// Small data sets hold too. Their counts are small and can equal their expected values exactly. With other seeds, this
/// test would fail once in a thousand runs.
#[test]
fn small_data_sets_hold() {
    let model = |overlay: &str| Model::from_overlay(overlay).unwrap();
    let two_halves = model(
        "regions = { NA = 0.5, EU = 0.5, APAC = 0.0, LATAM = 0.0 }\nplans.Free.share = 0.5\nplans.Basic.share = 0.5\nplans.Pro.share = 0.0\nplans.Enterprise.share = 0.0\n",
    );
    let extreme = model(
        "logs = { loss_min = 0.0, loss_max = 0.4 }\nwindow.months = 2\nplans.Pro.active_share = 0.999\nretention.decay_days = 1e6\nusage.events_per_session = 0.001\n",
    );
    let models = [model(""), two_halves, extreme];
    let seeds: Vec<u64> = (1..=900).collect();
    let verified = |seed: u64| {
        let customers = [1, 2, 3, 5, 8, 13, 20, 34, 55, 89, 150, 240, 400][seed as usize % 13];
        let data_set = DataSet::new(models[seed as usize % 3].clone(), seed, customers)?;
        let sources = saas_v1::TABLES.map(|table| ScanSource::new(Scan::whole(&data_set, table)));
        let sources: Vec<&dyn TableSource> = sources.iter().map(|source| source as &dyn TableSource).collect();
        verified(&data_set, &sources, None, ERROR_RATE)
    };
    run_in_order(&seeds, 2, verified, |seed, verification| {
        let fails: Vec<_> = verification.checks.iter().filter(|check| check.verdict == Verdict::Fails).collect();
        assert!(fails.is_empty(), "seed {seed}: {fails:?}");
        Ok(())
    })
    .unwrap();
}

/// P-values are also uniform if most of the variance comes from the loss rates of the days, which all rows of a day
/// share.
#[test]
fn p_values_are_uniform_if_loss_rates_dominate_the_variance() {
    let overlay = "logs = { loss_min = 0.2, loss_max = 0.8 }\nwindow.months = 8\nretention.decay_days = 120.0\n";
    let model = Model::from_overlay(overlay).unwrap();
    let tables = [saas_v1::CUSTOMERS, saas_v1::USAGE_DAILY, saas_v1::USAGE_TRUTH];
    let found = ManySeeds::verified(SEEDS, &tables, |seed| DataSet::new(model.clone(), seed, CUSTOMERS).unwrap());
    assert!(found.p_values.len() >= 60, "{} tests", found.p_values.len());
    found.assert_uniform(SEEDS);
}

/// The verdict is the same to the last digit, however the rows are split, ordered and read.
#[test]
fn verdicts_do_not_depend_on_splits_order_or_threads() {
    let data_set = data_set(11, 9_000);
    let judged = |sources: &[&dyn TableSource], threads: usize, stripe_rows: u64| {
        let scans = saas_v1::TABLES.map(|table| Scan::whole(&data_set, table));
        let claim = Some(Claim::of_rows(scans.into()));
        let options = ReadOptions { threads, stripe_rows, stop: &AtomicBool::new(false), progress: &|_| () };
        let subject = Subject { model: data_set.model(), sources, claim, error_rate: ERROR_RATE };
        verify(&subject, options).unwrap()
    };
    let generated = saas_v1::TABLES.map(|table| ScanSource::new(Scan::whole(&data_set, table)));
    let generated: Vec<&dyn TableSource> = generated.iter().map(|source| source as &dyn TableSource).collect();
    let whole_stripes = judged(&generated, 1, STRIPE_ROWS);
    assert!(whole_stripes.holds);
    for (threads, stripe_rows) in [(2, STRIPE_ROWS), (3, 150_000), (1, 1)] {
        assert_eq!(judged(&generated, threads, stripe_rows).checks, whole_stripes.checks);
    }
    let cut = saas_v1::TABLES.map(|table| shuffled(&data_set, table, 7));
    let cut: Vec<&dyn TableSource> = cut.iter().map(|source| source as &dyn TableSource).collect();
    for (threads, stripe_rows) in [(2, STRIPE_ROWS), (2, 150_000), (1, 1)] {
        let verification = judged(&cut, threads, stripe_rows);
        for (check, same) in verification.checks.iter().zip(&whole_stripes.checks) {
            if check.name == "rows in order" {
                assert_eq!(check.verdict, Verdict::NotRun);
            } else {
                assert_eq!(check, same);
            }
        }
    }
}

/// Returns the rows of a table in a pseudo-random order, in `row_groups` row groups.
fn shuffled(data_set: &DataSet, table: Table, row_groups: usize) -> MemoryTable {
    let rows = whole(data_set, table);
    let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
    order.sort_by_key(|row| row.wrapping_mul(0x9E37_79B1));
    let groups = order.chunks(order.len().div_ceil(row_groups));
    let taken =
        groups.map(|rows_of_group| take_record_batch(&rows, &UInt32Array::from(rows_of_group.to_vec())).unwrap());
    MemoryTable::with_row_groups(table, taken.collect())
}

/// Rows of unknown customers are found in row groups before and after all others.
#[test]
fn rows_of_unknown_customers_in_separate_row_groups_are_found() {
    let data_set = data_set(3, 500);
    let support = whole(&data_set, saas_v1::SUPPORT);
    let unknown = |ids: &[i64]| {
        let rows = with_ids(&support.slice(0, ids.len()), "customer_id", |own| own.copy_from_slice(ids));
        with_ids(&rows, "ticket_id", |own| own.iter_mut().zip(ids).for_each(|(own, id)| *own = id * 1_000 + 1))
    };
    let before = unknown(&[-7, 0]);
    let after = unknown(&[501, 9_000_000]);
    let own = with_ids(&support, "customer_id", |_| ());
    // In the order of customers and out of it. Out of order, row groups are chosen by the ids that they state.
    for groups in [vec![before.clone(), own.clone(), after.clone()], vec![after, own, before]] {
        let support = MemoryTable::with_row_groups(saas_v1::SUPPORT, groups);
        let rest = [saas_v1::CUSTOMERS, saas_v1::USAGE_DAILY, saas_v1::BILLING];
        let rest = rest.map(|table| ScanSource::new(Scan::whole(&data_set, table)));
        let sources = rest.iter().map(|source| source as &dyn TableSource).chain([&support as &dyn TableSource]);
        let verification = verified(&data_set, &sources.collect::<Vec<_>>(), None, ERROR_RATE).unwrap();
        let check = verification.check(saas_v1::SUPPORT, "customer_id is a customer").unwrap();
        let Evidence::Structure { violations, examples } = &check.evidence else { panic!("{check:?}") };
        assert_eq!((*violations, examples.len()), (4, 4), "{examples:?}");
        for id in [-7, 0, 501, 9_000_000] {
            assert!(examples.iter().any(|row| row.contains(&format!("customer_id {id},"))), "{id}: {examples:?}");
        }
    }
}

/// Rows without ids are found in any stripe, whether their row group is the first or the last.
#[test]
fn row_groups_without_ids_are_read_at_any_position() {
    let data_set = data_set(42, 9_000);
    let rows = whole(&data_set, saas_v1::USAGE_DAILY);
    let without_ids = {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![None; 1_000]));
        let columns = [vec![ids], rows.slice(0, 1_000).columns()[1..].to_vec()].concat();
        let fields = rows.schema_ref().fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, batch: &RecordBatch| {
        let path = folder.path().join(name);
        let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        path
    };
    let (rows, first, last) =
        (write("m.parquet", &rows), write("a.parquet", &without_ids), write("z.parquet", &without_ids));
    for paths in [[first, rows.clone()], [rows, last]] {
        let usage = ParquetTable::open(saas_v1::USAGE_DAILY, paths.to_vec()).unwrap();
        let customers = ScanSource::new(Scan::whole(&data_set, saas_v1::CUSTOMERS));
        let sources: [&dyn TableSource; 2] = [&customers, &usage];
        let options = ReadOptions { threads: 2, stripe_rows: 20_000, stop: &AtomicBool::new(false), progress: &|_| () };
        let subject = Subject { model: data_set.model(), sources: &sources, claim: None, error_rate: ERROR_RATE };
        let verification = verify(&subject, options).unwrap();
        let unread = verification
            .checks
            .iter()
            .find(|check| check.name.starts_with("values can be read") && check.table == "usage_daily");
        let Evidence::Structure { violations, .. } = &unread.unwrap().evidence else {
            panic!("not a check of structure")
        };
        assert_eq!(*violations, 1_000, "{paths:?}");
    }
}

/// A footer that states too few rows would hide rows from readers.
#[test]
fn footers_with_wrong_row_counts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("customers.parquet");
    let source = ScanSource::new(Scan::whole(&data_set(42, 600), saas_v1::CUSTOMERS));
    let options = WriteOptions { threads: 1, stop: &AtomicBool::new(false), progress: &|_| () };
    let mut file = Vec::new();
    write_table(&source, Compression::None, &mut file, options).unwrap();
    std::fs::write(&path, &file).unwrap();
    assert!(ParquetTable::open(saas_v1::CUSTOMERS, vec![path.clone()]).is_ok());
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(file.clone())).unwrap();
    for rows in [0, 7, 1 << 40] {
        let group = metadata.row_group(0).clone().into_builder().set_num_rows(rows).build().unwrap();
        let lying = metadata.clone().into_builder().set_row_groups(vec![group]).build();
        let mut altered = file.clone();
        ParquetMetaDataWriter::new(&mut altered, &lying).finish().unwrap();
        std::fs::write(&path, &altered).unwrap();
        let error = ParquetTable::open(saas_v1::CUSTOMERS, vec![path.clone()]).unwrap_err().to_string();
        let message = format!("a row group claims {rows} rows, but its column \"customer_id\" has 600 values");
        assert!(error.contains(&message) && error.contains("customers.parquet"), "{error}");
    }
}

/// A file of one kilobyte whose first page states 2 GiB. The parquet crate would allocate them.
#[test]
fn pages_larger_than_their_rows_are_refused_without_allocating_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("customers.parquet");
    // The first byte is for the fuzz target.
    std::fs::write(&path, &include_bytes!("../../fuzz/seeds/parquet/huge-page")[1..]).unwrap();
    let mut opened = None;
    let used = allocation_counter::measure(|| opened = Some(ParquetTable::open(saas_v1::CUSTOMERS, vec![path])));
    let error = opened.unwrap().unwrap_err().to_string();
    assert!(error.contains("a page's header says it has 2147483647 bytes"), "{error}");
    assert!(error.contains("at most 1052672") && error.contains("customers.parquet"), "{error}");
    assert!(used.bytes_max < 1 << 20, "{} bytes", used.bytes_max);
}

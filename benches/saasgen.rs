//! Benchmarks of rows, record batches, Flight messages, a complete DoGet, and Parquet files.
//!
//! `cargo bench` runs all benchmarks, `cargo bench -- batches/usage_daily` runs one. Rates are in rows.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark may panic, and has no public items")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::StreamExt;
use saasgen::batches::{Batches, ScanSource, TableSource};
use saasgen::flight::server::{do_get, message};
use saasgen::models::{DataSet, Model, Table, saas_v1, saas_v2};
use saasgen::parquet_files::{Compression, WriteOptions, write_table};
use saasgen::scan::Scan;
use std::hint::black_box;
use std::sync::atomic::AtomicBool;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Returns the whole table of the model that it belongs to.
fn scan(table: Table) -> Scan {
    let model = Model::built_in(table.model().name).unwrap();
    Scan::whole(&DataSet::new(model, DataSet::DEFAULT_SEED, DataSet::DEFAULT_CUSTOMERS).unwrap(), table)
}

fn rows_of(batches: &Batches) -> u64 {
    batches.iter().map(|batch| batch.unwrap().num_rows() as u64).sum()
}

/// Measures `work` for each table of each model. Rates are in rows of the table.
fn each_table(criterion: &mut Criterion, name: &str, work: impl Fn(&Scan) -> u64) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20);
    for table in saas_v1::TABLES.into_iter().chain(saas_v2::TABLES) {
        let scan = scan(table);
        group.throughput(Throughput::Elements(rows_of(&Batches::new(scan.clone()))));
        group.bench_with_input(BenchmarkId::new(table.model().name, table.name()), &scan, |bencher, scan| {
            bencher.iter(|| black_box(work(scan)));
        });
    }
    group.finish();
}

/// Plain columns, on one core.
fn rows(criterion: &mut Criterion) {
    each_table(criterion, "rows", |scan| {
        let generator = scan.generator();
        scan.blocks().map(|ids| generator.rows(ids)[0].len() as u64).sum()
    });
}

/// Arrow record batches, on one core.
fn batches(criterion: &mut Criterion) {
    each_table(criterion, "batches", |scan| rows_of(&Batches::new(scan.clone())));
}

/// Flight messages from existing record batches, on one core.
fn encoding(criterion: &mut Criterion) {
    let scan = scan(saas_v1::USAGE_DAILY);
    let all: Vec<_> = Batches::new(scan.clone()).iter().map(|batch| batch.unwrap()).collect();
    let mut group = criterion.benchmark_group("encoding");
    group.throughput(Throughput::Elements(all.iter().map(|batch| batch.num_rows() as u64).sum()));
    group.bench_function("usage_daily", |bencher| {
        bencher.iter(|| all.iter().map(|batch| message(&scan, batch, 1).unwrap().len()).sum::<usize>());
    });
    group.finish();
}

/// A complete DoGet without a socket, on all cores.
fn do_get_whole(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    each_table(criterion, "do_get", |scan| {
        runtime.block_on(async {
            let messages = do_get(scan.clone()).unwrap();
            messages.fold(0, |sum, message| async move { sum + message.unwrap().len() as u64 }).await
        })
    });
}

/// A Parquet file in memory from generated batches, on one core.
fn parquet(criterion: &mut Criterion) {
    each_table(criterion, "parquet", |scan| {
        let source = ScanSource::new(scan.clone());
        let stop = AtomicBool::new(false);
        let options = WriteOptions { threads: 1, stop: &stop, progress: &|_| () };
        let mut file = Vec::new();
        write_table(&source as &dyn TableSource, Compression::default(), &mut file, options).unwrap();
        file.len() as u64
    });
}

criterion_group!(all, rows, batches, encoding, do_get_whole, parquet);
criterion_main!(all);

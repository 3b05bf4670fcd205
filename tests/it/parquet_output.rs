//! The Parquet files and the manifest that `generate` and `pull` write.

use crate::file_tree::{all_files, leftovers};
use crate::program::{Serve, contents, names, run_in, succeed_in};
use crate::support::{concat, data_set, data_set_with, hash, whole};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding};
use parquet::file::reader::{FileReader, SerializedFileReader};
use saasgen::batches::Batches;
use saasgen::models::{Table, saas_v1, saas_v2};
use saasgen::parquet_files::Manifest;
use saasgen::scan::Scan;
use std::fs::{self, File};
use std::path::Path;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The files of a run without `--tables`.
pub const DEFAULT_FILES: [&str; 5] =
    ["billing.parquet", "customers.parquet", "manifest.json", "support.parquet", "usage_daily.parquet"];

#[test]
fn generate_writes_and_prints_the_four_default_tables() {
    let folder = folder();
    let ran = succeed_in(folder.path(), &["generate", "--customers", "2000"]);
    let raw = folder.path().join("data/raw");
    assert_eq!(names(&raw), DEFAULT_FILES);
    assert_eq!(ran.stderr, "", "no progress bar because stderr is no terminal");
    let manifest = Manifest::read(&raw, None).unwrap().unwrap();
    for (name, entry) in &manifest.tables {
        let line = ran.stdout.lines().find(|line| line.starts_with(name.as_str())).unwrap();
        let words: Vec<String> = line.split_whitespace().skip(1).map(|word| word.replace(',', "")).collect();
        assert_eq!(words, [entry.rows.to_string(), entry.bytes.to_string()]);
        assert_eq!(entry.bytes, fs::metadata(raw.join(&entry.file)).unwrap().len());
    }
    assert!(ran.stdout.lines().last().unwrap().starts_with("run time "), "{}", ran.stdout);
}

#[test]
fn files_hold_the_rows_that_the_library_generates() {
    for tables in [&saas_v1::TABLES[..], &saas_v2::TABLES] {
        check_files(tables);
    }
}

fn check_files(tables: &[Table]) {
    let folder = folder();
    let model = ["generate", "--model", tables[0].model().name];
    let args = ["--customers", "3000", "--seed", "7", "--tables", "all", "--out", "."];
    succeed_in(folder.path(), &[&model[..], &args].concat());
    let manifest = Manifest::read(folder.path(), None).unwrap().unwrap();
    let data_set = data_set_with(tables[0], 7, 3_000);
    assert_eq!(manifest.identity.fingerprint, data_set.model().fingerprint());
    assert_eq!((manifest.identity.seed, manifest.identity.customers), (7, 3_000));
    assert_eq!(manifest.identity.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (manifest.identity.window.first.as_str(), manifest.identity.window.last.as_str()),
        ("2023-07-01", "2024-12-31")
    );
    assert!(manifest.tables.keys().eq(tables.iter().map(|table| table.name())));
    for &table in tables {
        let entry = &manifest.tables[table.name()];
        let file = File::open(folder.path().join(&entry.file)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let expected = whole(&data_set, table);
        assert_eq!(reader.schema().fields(), expected.schema().fields());
        let batches = Batches::new(Scan::whole(&data_set, table));
        let read = concat(
            &batches,
            reader.build().unwrap().map(|batch| {
                // The schema of the reader has the metadata of the file. The fields are compared above.
                batch.unwrap().with_schema(batches.schema()).unwrap()
            }),
        );
        assert_eq!(read, expected, "{}", table.name());
        assert_eq!((entry.rows, &entry.content_hash), (expected.num_rows() as u64, &hash(&expected)));
    }
}

#[test]
fn files_have_metadata_sorted_row_groups_and_statistics() {
    let folder = folder();
    succeed_in(folder.path(), &["generate", "--customers", "60000", "--tables", "usage_daily,customers", "--out", "."]);
    let reader = SerializedFileReader::new(File::open(folder.path().join("usage_daily.parquet")).unwrap()).unwrap();
    let metadata = reader.metadata();
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone()).unwrap();
    assert_eq!(value("saasgen.fingerprint"), data_set(1, 1).model().fingerprint());
    assert_eq!((value("saasgen.seed"), value("saasgen.customers")), ("42".into(), "60000".into()));
    assert_eq!((value("saasgen.table"), value("saasgen.model")), ("usage_daily".into(), "saas-v1".into()));
    // parquet-java parses `NAME version VERSION (build BUILD)`, and the build is the same wherever the program is built.
    let created_by = format!("saasgen version {} (build values-2)", env!("CARGO_PKG_VERSION"));
    assert_eq!(metadata.file_metadata().created_by(), Some(created_by.as_str()));
    assert_eq!(metadata.num_row_groups(), 3);
    let mut ends = Vec::new();
    for row_group in metadata.row_groups() {
        if ends.len() < 2 {
            assert!((950_000..1_150_000).contains(&row_group.num_rows()));
        }
        let sorted: Vec<i32> = row_group.sorting_columns().unwrap().iter().map(|column| column.column_idx).collect();
        assert_eq!(sorted, [0, 1]);
        for column in row_group.columns() {
            assert!(column.statistics().unwrap().min_bytes_opt().is_some(), "{}", column.column_path());
            assert!(column.encodings().any(|encoding| encoding == Encoding::DELTA_BINARY_PACKED));
        }
        // Only customer ids are compressed, because the other columns don't shrink.
        let codecs: Vec<Compression> = row_group.columns().iter().map(|column| column.compression()).collect();
        assert_eq!((codecs[0], &codecs[1..]), (Compression::SNAPPY, &[Compression::UNCOMPRESSED; 4][..]));
        let ids = row_group.column(0).statistics().unwrap();
        let number = |bytes: Option<&[u8]>| i64::from_le_bytes(bytes.unwrap().try_into().unwrap());
        assert!(ends.last().is_none_or(|&end| number(ids.min_bytes_opt()) > end), "row groups overlap");
        ends.push(number(ids.max_bytes_opt()));
    }
}

#[test]
fn threads_and_the_server_do_not_change_the_bytes_of_files() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let generate = |out: &str, more: &[&str]| {
        let mut args = vec!["generate", "--customers", "60000", "--quiet", "--out", out];
        args.extend(more);
        assert_eq!(succeed_in(folder.path(), &args).stdout, "");
        contents(Path::new(out))
    };
    let one = generate(&path("one"), &["--threads", "1"]);
    assert!(generate(&path("eight"), &["--threads", "8"]) == one);
    assert!(generate(&path("eight"), &["--threads", "3"]) == one, "3 threads");
    for codec in ["zstd", "lz4", "none"] {
        let other = generate(&path(codec), &["--compression", codec]);
        assert!(other != one);
        let hashes = |files: &str| Manifest::read(Path::new(files), None).unwrap().unwrap().tables;
        for (ours, theirs) in hashes(&path("one")).values().zip(hashes(&path(codec)).values()) {
            assert_eq!(ours.content_hash, theirs.content_hash);
        }
    }

    let server = Serve::start(&["--customers", "60000"]);
    for threads in ["1", "8"] {
        let out = path(&format!("pull{threads}"));
        succeed_in(folder.path(), &["pull", "--server", &server.uri, "--threads", threads, "--quiet", "--out", &out]);
        assert!(contents(Path::new(&out)) == one, "pulled with {threads} threads");
    }
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn pull_has_an_option_for_every_scan_key() {
    let folder = folder();
    let server = Serve::start(&["--customers", "500", "--seed", "3"]);
    let out = folder.path().join("out");
    let args = [
        "pull",
        "--server",
        &server.uri,
        "--out",
        out.to_str().unwrap(),
        "--tables",
        "usage_daily",
        "--customers",
        "1000000000000",
        "--seed",
        "42",
        "--first-id",
        "5",
        "--last-id",
        "2000",
        "--from",
        "2024-01-01",
        "--to",
        "2024-01-31",
        "--columns",
        "date,customer_id",
        "--strings",
        "utf8",
        "--ipc-compression",
        "zstd",
        "--partitions",
        "3",
        "--json",
    ];
    let printed: serde_json::Value = serde_json::from_str(&succeed_in(folder.path(), &args).stdout).unwrap();
    let expected = crate::support::rows(crate::support::scan(
        &data_set(42, 1_000_000_000_000),
        "usage_daily?first_id=5&last_id=2000&from=2024-01-01&to=2024-01-31&columns=date,customer_id",
    ));
    assert_eq!(printed["tables"]["usage_daily"]["content_hash"], hash(&expected));
    assert_eq!(printed["rows"], expected.num_rows());
    assert_eq!(
        (&printed["identity"]["seed"], &printed["identity"]["customers"]),
        (&42.into(), &1_000_000_000_000_u64.into())
    );
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["scan"]["first_id"], 5);
    assert_eq!(manifest["scan"]["columns"], serde_json::json!(["date", "customer_id"]));
    let reader = SerializedFileReader::new(File::open(out.join("usage_daily.parquet")).unwrap()).unwrap();
    assert_eq!(reader.metadata().num_row_groups(), 3);

    let empty = run_in(folder.path(), &["pull", "--server", &server.uri, "--first-id", "501"]);
    assert_eq!(empty.code, Some(0), "the id after the last one asks for no rows");
    let refused = run_in(folder.path(), &["pull", "--server", &server.uri, "--first-id", "502", "--out", "no"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("`first_id` is 502"), "{}", refused.stderr);
    assert!(!folder.path().join("no").exists());
}

/// Every option that narrows or shapes the tables, for `generate` and `pull`.
const KEYS: [&[&str]; 10] = [
    &["--tables", "all"],
    &["--first-id", "1_001", "--last-id", "2k"],
    &["--first-id", "2001"],
    &["--from", "2024-01-01", "--to", "2024-01-31"],
    &["--from", "2024-12-31"],
    &["--to", "2023-06-30"],
    &["--columns", "plan,customer_id", "--tables", "customers", "--strings", "dictionary"],
    &["--columns", "date,customer_id", "--tables", "usage_truth,usage_daily", "--partitions", "3"],
    &["--first-id", "7", "--last-id", "9", "--partitions", "5", "--compression", "zstd", "--strings", "utf8"],
    &["--part", "2", "--parts", "3", "--from", "2024-02-01", "--last-id", "1000", "--partitions", "2"],
];

#[test]
fn generate_takes_the_keys_of_a_ticket_and_writes_the_files_of_pull() {
    let folder = folder();
    let path = folder.path();
    let server = Serve::start(&["--customers", "2000", "--seed", "3"]);
    for (number, keys) in KEYS.iter().enumerate() {
        let (generated, pulled) = (format!("generated{number}"), format!("pulled{number}"));
        let source = ["generate", "--customers", "2000", "--seed", "3", "--quiet", "--out", &generated];
        succeed_in(path, &[&source[..], keys].concat());
        succeed_in(path, &[&["pull", "--server", &server.uri, "--quiet", "--out", &pulled][..], keys].concat());
        let [generated, pulled] = [generated, pulled].map(|name| all_files(&path.join(name)));
        assert!(generated == pulled, "{keys:?}: {:?} and {:?}", generated.keys(), pulled.keys());
        assert!(generated.len() > 1 && leftovers(path).is_empty(), "{keys:?}");
    }
    for (keys, error) in [
        (&["--first-id", "2002"][..], "`first_id` is 2002"),
        (&["--last-id", "2001"], "`last_id` is 2001"),
        (&["--from", "2024-1-1"], "`from` is \"2024-1-1\""),
        (&["--to", "2025-01-01"], "`to` is \"2025-01-01\""),
        (&["--columns", "plan"], "`columns` has \"plan\"; it must list columns of usage_daily"),
        (&["--strings", "view"], "`strings` is \"view\""),
        (&["--partitions", "0"], "`partitions` is 0"),
        (&["--tables", "all", "--from", "2024-01-01"], "retention_curves has no dates"),
    ] {
        let source = ["generate", "--customers", "2000", "--out", "refused"];
        for source in [&source[..], &["pull", "--server", &server.uri, "--out", "refused"]] {
            let ran = run_in(path, &[source, keys].concat());
            assert_eq!(ran.code, Some(2), "{keys:?}: {}", ran.stderr);
            assert!(ran.stderr.contains(error), "{keys:?}: {}", ran.stderr);
        }
        assert!(!path.join("refused").exists());
    }
}

#[test]
fn pull_takes_more_partitions_than_a_table_has() {
    let folder = folder();
    let server = Serve::start(&["--customers", "5"]);
    let all = saas_v1::TABLES.map(Table::name).join(",");
    let args = ["pull", "--server", &server.uri, "--tables", &all, "--partitions", "10", "--quiet", "--out", "raw"];
    succeed_in(folder.path(), &args);
    let row_groups = |table: &str| {
        let file = File::open(folder.path().join(format!("raw/{table}.parquet"))).unwrap();
        SerializedFileReader::new(file).unwrap().metadata().num_row_groups()
    };
    assert_eq!((row_groups("customers"), row_groups("retention_curves")), (5, 1));
}

#[test]
fn a_table_without_rows_is_a_file_with_a_schema() {
    let folder = folder();
    let model = folder.path().join("free.toml");
    fs::write(&model, "plans.Basic.price = 0\nplans.Pro.price = 0\nplans.Enterprise.price = 0\n").unwrap();
    let model = model.to_str().unwrap();
    succeed_in(
        folder.path(),
        &["generate", "--customers", "100", "--tables", "billing", "--model", model, "--out", "."],
    );
    let reader = SerializedFileReader::new(File::open(folder.path().join("billing.parquet")).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    assert_eq!(reader.metadata().file_metadata().schema().get_fields().len(), 5);
}

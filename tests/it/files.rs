//! The files that generate and pull write, and what becomes of a folder when they can't.

use crate::program::{Ran, Serve, contents, names, run_in, saasgen, send_signal, start_in, succeed_in, wait_until};
use crate::support::{concat, data_set, hash, whole};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding};
use parquet::file::reader::{FileReader, SerializedFileReader};
use saasgen::batches::Batches;
use saasgen::parquet_files::Manifest;
use saasgen::scan::Scan;
use saasgen::tables::Table;
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

const DEFAULT_FILES: [&str; 5] =
    ["billing.parquet", "customers.parquet", "manifest.json", "support.parquet", "usage_daily.parquet"];

#[test]
fn generate_writes_the_four_tables_and_says_so() {
    let folder = folder();
    let ran = succeed_in(folder.path(), &["generate", "--customers", "2000"]);
    let raw = folder.path().join("data/raw");
    assert_eq!(names(&raw), DEFAULT_FILES);
    assert_eq!(ran.stderr, "", "no bar where stderr is no terminal");
    let manifest = Manifest::read(&raw).unwrap().unwrap();
    for (name, entry) in &manifest.tables {
        let line = ran.stdout.lines().find(|line| line.starts_with(name.as_str())).unwrap();
        let words: Vec<String> = line.split_whitespace().skip(1).map(|word| word.replace(',', "")).collect();
        assert_eq!(words, [entry.rows.to_string(), entry.bytes.to_string()]);
        assert_eq!(entry.bytes, fs::metadata(raw.join(&entry.file)).unwrap().len());
    }
    assert!(ran.stdout.lines().last().unwrap().starts_with("run time "), "{}", ran.stdout);
}

#[test]
fn files_hold_the_rows_of_the_library() {
    let folder = folder();
    let all = Table::ALL.map(Table::name).join(",");
    succeed_in(folder.path(), &["generate", "--customers", "3000", "--seed", "7", "--tables", &all, "--out", "."]);
    let manifest = Manifest::read(folder.path()).unwrap().unwrap();
    let data_set = data_set(7, 3_000);
    assert_eq!(manifest.identity.fingerprint, data_set.model().fingerprint());
    assert_eq!((manifest.identity.seed, manifest.identity.customers), (7, 3_000));
    assert_eq!(manifest.identity.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (manifest.identity.window.first.as_str(), manifest.identity.window.last.as_str()),
        ("2023-07-01", "2024-12-31")
    );
    assert_eq!(manifest.tables.len(), 6);
    for table in Table::ALL {
        let entry = &manifest.tables[table.name()];
        let file = File::open(folder.path().join(&entry.file)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let expected = whole(&data_set, table);
        assert_eq!(reader.schema().fields(), expected.schema().fields());
        let batches = Batches::new(Scan::whole(&data_set, table));
        let read = concat(
            &batches,
            reader.build().unwrap().map(|batch| {
                // The reader's schema carries the file's metadata; the fields are compared above.
                batch.unwrap().with_schema(batches.schema()).unwrap()
            }),
        );
        assert_eq!(read, expected, "{}", table.name());
        assert_eq!((entry.rows, &entry.content_hash), (expected.num_rows() as u64, &hash(&expected)));
    }
}

#[test]
fn row_groups_can_be_skipped_and_files_say_what_they_are() {
    let folder = folder();
    succeed_in(folder.path(), &["generate", "--customers", "60000", "--tables", "usage_daily,customers", "--out", "."]);
    let reader = SerializedFileReader::new(File::open(folder.path().join("usage_daily.parquet")).unwrap()).unwrap();
    let metadata = reader.metadata();
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone()).unwrap();
    assert_eq!(value("saasgen.fingerprint"), data_set(1, 1).model().fingerprint());
    assert_eq!((value("saasgen.seed"), value("saasgen.customers")), ("42".into(), "60000".into()));
    assert_eq!((value("saasgen.table"), value("saasgen.model")), ("usage_daily".into(), "saas-v1".into()));
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
            assert_eq!(column.compression(), Compression::SNAPPY);
        }
        let ids = row_group.column(0).statistics().unwrap();
        let number = |bytes: Option<&[u8]>| i64::from_le_bytes(bytes.unwrap().try_into().unwrap());
        assert!(ends.last().is_none_or(|&end| number(ids.min_bytes_opt()) > end), "row groups don't overlap");
        ends.push(number(ids.max_bytes_opt()));
    }
}

#[test]
fn bytes_follow_from_parameters_alone() {
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
    assert!(generate(&path("eight"), &["--threads", "3"]) == one, "files that a manifest lists are replaced");
    for codec in ["zstd", "lz4", "none"] {
        let other = generate(&path(codec), &["--compression", codec]);
        assert!(other != one);
        let hashes = |files: &str| Manifest::read(Path::new(files)).unwrap().unwrap().tables;
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
fn pull_takes_every_scan_key() {
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

    let refused = run_in(folder.path(), &["pull", "--server", &server.uri, "--first-id", "501"]);
    assert_eq!(refused.code, Some(0), "one after the last asks for no rows");
    let refused = run_in(folder.path(), &["pull", "--server", &server.uri, "--first-id", "502", "--out", "no"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("`first_id` is 502"), "{}", refused.stderr);
    assert!(!folder.path().join("no").exists());
}

#[test]
fn an_empty_table_is_a_file_with_a_schema() {
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

fn assert_refused(ran: &Ran, parts: &[&str]) {
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{}", ran.stderr);
}

#[test]
fn only_files_of_a_saasgen_manifest_are_replaced() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("billing.parquet"), "precious").unwrap();
    let before = contents(path);
    let refused = run_in(path, &["generate", "--customers", "10", "--out", "."]);
    assert_refused(&refused, &["billing.parquet", "--overwrite", "--out"]);
    assert_eq!(contents(path), before);

    fs::remove_file(path.join("billing.parquet")).unwrap();
    fs::write(path.join("manifest.json"), "{\"name\": \"a web app\"}").unwrap();
    let before = contents(path);
    assert_refused(&run_in(path, &["generate", "--customers", "10", "--out", "."]), &["manifest.json"]);
    assert_eq!(contents(path), before);

    succeed_in(path, &["generate", "--customers", "10", "--out", ".", "--overwrite"]);
    assert_eq!(names(path), DEFAULT_FILES);
    succeed_in(path, &["generate", "--customers", "20", "--out", "."]);
    assert_eq!(Manifest::read(path).unwrap().unwrap().identity.customers, 20);

    fs::create_dir(path.join("usage_truth.parquet")).unwrap();
    let refused =
        run_in(path, &["generate", "--customers", "20", "--tables", "usage_truth", "--out", ".", "--overwrite"]);
    assert_refused(&refused, &["usage_truth.parquet is a folder"]);
}

#[test]
fn a_folder_holds_one_data_set() {
    let folder = folder();
    let path = folder.path();
    let generate = |args: &[&str]| {
        let mut all = vec!["generate", "--customers", "50", "--out", "."];
        all.extend(args);
        run_in(path, &all)
    };
    assert_eq!(generate(&[]).code, Some(0));
    let before = contents(path);
    // Tables of the same data set come beside the others.
    assert_eq!(generate(&["--tables", "retention_curves"]).code, Some(0));
    let manifest = Manifest::read(path).unwrap().unwrap();
    let tables: Vec<&str> = manifest.tables.keys().map(String::as_str).collect();
    assert_eq!(tables, ["customers", "usage_daily", "billing", "support", "retention_curves"]);
    assert!(before.iter().filter(|file| file.0 != "manifest.json").all(|file| contents(path).contains(file)));
    // Tables of another one do not.
    let before = contents(path);
    assert_refused(
        &generate(&["--seed", "1", "--tables", "customers"]),
        &["another data set", "usage_daily", "--overwrite"],
    );
    assert_eq!(contents(path), before);
    assert_eq!(generate(&["--seed", "1", "--tables", "customers", "--overwrite"]).code, Some(0));
    assert_eq!(names(path), ["customers.parquet", "manifest.json"]);
    // A table that somebody removed is listed no more, and another version of the program is no other data set.
    assert_eq!(generate(&["--seed", "1", "--tables", "billing"]).code, Some(0));
    fs::remove_file(path.join("billing.parquet")).unwrap();
    let text = fs::read_to_string(path.join("manifest.json")).unwrap();
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    fs::write(path.join("manifest.json"), text.replace(&version, "\"version\": \"0.0.1\"")).unwrap();
    assert_eq!(generate(&["--seed", "1", "--tables", "support"]).code, Some(0));
    let tables: Vec<String> = Manifest::read(path).unwrap().unwrap().tables.into_keys().collect();
    assert_eq!(tables, ["customers", "support"]);
    fs::remove_file(path.join("support.parquet")).unwrap();
    assert_eq!(generate(&["--seed", "2", "--tables", "customers", "--overwrite"]).code, Some(0));
    // What a manifest says of other files is not acted on.
    let text = fs::read_to_string(path.join("manifest.json")).unwrap();
    fs::write(path.join("precious"), "").unwrap();
    fs::write(
        path.join("manifest.json"),
        text.replace("customers\": {", "precious\": {").replace("customers.parquet", "precious"),
    )
    .unwrap();
    assert_eq!(generate(&["--seed", "2", "--overwrite"]).code, Some(0));
    assert!(path.join("precious").exists());
}

/// A run that takes long enough to be hit, and a folder that it would replace.
const LONG_RUN: [&str; 7] = ["generate", "--customers", "3000000", "--out", ".", "--tables", "customers,usage_daily"];

#[test]
fn an_interrupt_leaves_the_old_files() {
    let folder = folder();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "100", "--out", ".", "--tables", "customers,usage_daily"]);
    let before = contents(path);
    let server = Serve::start(&["--customers", "3000000"]);
    let pull = ["pull", "--server", &server.uri, "--out", ".", "--tables", "customers,usage_daily"];
    for (args, signal) in [
        (&LONG_RUN[..], "INT"),
        (&LONG_RUN[..], "TERM"),
        (&LONG_RUN[..], "HUP"),
        (&pull[..], "INT"),
        (&pull[..], "TERM"),
        (&pull[..], "HUP"),
    ] {
        let child = start_in(path, args);
        let temporary = path.join("customers.parquet.inprogress");
        wait_until("a file begun", || fs::metadata(&temporary).is_ok_and(|file| file.len() > 100_000));
        // Impatience changes nothing.
        send_signal(&child, signal);
        send_signal(&child, signal);
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!(ran.code, Some(1), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: interrupted"), "{}", ran.stderr);
        assert_eq!(contents(path), before, "{args:?}");
    }
}

#[test]
fn a_server_that_goes_leaves_the_old_files() {
    let folder = folder();
    let path = folder.path();
    let server = Serve::start(&["--customers", "3000000"]);
    let child = start_in(path, &["pull", "--server", &server.uri, "--out", ".", "--tables", "customers,usage_daily"]);
    let temporary = path.join("customers.parquet.inprogress");
    wait_until("a file begun", || fs::metadata(&temporary).is_ok_and(|file| file.len() > 100_000));
    drop(server);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("grpc://127.0.0.1"), "{}", ran.stderr);
    assert_eq!(names(path), Vec::<String>::new());
}

/// A file size limit fails writes in the middle of a file, as a full disk does, and needs no privilege.
#[test]
fn a_write_that_fails_leaves_the_old_files() {
    let folder = folder();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "100", "--out", "."]);
    let before = contents(path);
    for out in [".", "new"] {
        let limited = format!("trap '' XFSZ; ulimit -f 400; exec \"$0\" generate --customers 50000 --out {out}");
        let ran: Ran = std::process::Command::new("sh")
            .args(["-c", &limited, env!("CARGO_BIN_EXE_saasgen")])
            .current_dir(path)
            .stdin(Stdio::null())
            .output()
            .unwrap()
            .into();
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.stderr.contains("usage_daily.parquet.inprogress"), "{}", ran.stderr);
        assert!(ran.stderr.contains("File too large"), "{}", ran.stderr);
    }
    assert!(!path.join("new").exists());
    assert_eq!(contents(path), before);
}

#[test]
fn two_writers_do_not_meet_in_a_folder() {
    let folder = folder();
    let path = folder.path();
    let mut first = start_in(path, &LONG_RUN);
    wait_until("a file begun", || path.join("customers.parquet.inprogress").exists());
    let second = run_in(path, &["generate", "--customers", "10", "--out", "."]);
    assert_refused(&second, &["another saasgen"]);
    send_signal(&first, "INT");
    assert_eq!(first.wait().unwrap().code(), Some(1));
    succeed_in(path, &["generate", "--customers", "10", "--out", "."]);
}

/// Many writers at once: each does its work whole or is told to wait, and the folder is whole in the end.
#[test]
fn writers_that_race_leave_a_whole_folder() {
    let folder = folder();
    let path = folder.path();
    for _ in 0..15 {
        let args = ["generate", "--customers", "5", "--out", ".", "--tables", "customers", "--quiet"];
        let writers: Vec<_> = (0..6).map(|_| start_in(path, &args)).collect();
        let ran = writers.into_iter().map(|writer| Ran::from(writer.wait_with_output().unwrap()));
        let codes: Vec<Option<i32>> = ran
            .map(|ran| {
                assert!(ran.code == Some(0) || ran.stderr.contains("another saasgen"), "{}", ran.stderr);
                ran.code
            })
            .collect();
        assert!(codes.contains(&Some(0)));
        assert_eq!(names(path), ["customers.parquet", "manifest.json"]);
        assert!(Manifest::read(path).unwrap().is_some());
    }
}

#[test]
fn leftovers_of_a_killed_run_are_removed() {
    let folder = folder();
    let path = folder.path();
    let mut child = start_in(path, &LONG_RUN);
    let temporary = path.join("customers.parquet.inprogress");
    wait_until("a file begun", || fs::metadata(&temporary).is_ok_and(|file| file.len() > 100_000));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(names(path).contains(&"customers.parquet.inprogress".to_string()));
    // Of other tables too, and whatever they are.
    fs::write(path.join("precious"), "old").unwrap();
    std::os::unix::fs::symlink("precious", path.join("support.parquet.inprogress")).unwrap();
    succeed_in(path, &["generate", "--customers", "10", "--out", ".", "--tables", "billing"]);
    assert_eq!(names(path), ["billing.parquet", "manifest.json", "precious"]);
    assert_eq!(fs::read(path.join("precious")).unwrap(), b"old");
    fs::remove_file(path.join("precious")).unwrap();
    succeed_in(path, &["generate", "--customers", "10", "--out", "."]);
    assert_eq!(names(path), DEFAULT_FILES);
    let fresh = tempfile::tempdir().unwrap();
    succeed_in(fresh.path(), &["generate", "--customers", "10", "--out", "."]);
    assert_eq!(contents(path), contents(fresh.path()));
}

#[test]
fn a_folder_that_can_not_be_had_is_named() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    let ran = run_in(folder.path(), &["generate", "--customers", "10", "--out", "file/raw"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("file/raw"), "{}", ran.stderr);
    let mut reader = saasgen(&["generate", "--customers", "10", "--out", "file"]);
    let ran: Ran =
        reader.current_dir(folder.path()).stderr(File::create("/dev/full").unwrap()).output().unwrap().into();
    assert_eq!(ran.code, Some(1), "the exit code tells where stderr can't");
    let mut reader = saasgen(&["generate", "--customers", "10", "--json", "--out"]);
    let name = std::os::unix::ffi::OsStrExt::from_bytes(b"not\xffUTF-8");
    let ran: Ran = reader.arg::<&std::ffi::OsStr>(name).current_dir(folder.path()).output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let mut reader = saasgen(&["generate", "--customers", "10", "--out", "raw"]);
    let ran: Ran =
        reader.current_dir(folder.path()).stdout(File::create("/dev/full").unwrap()).output().unwrap().into();
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("stdout"), "{}", ran.stderr);
}

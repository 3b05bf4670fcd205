//! Parts of a data set, which the jobs of a cluster write independently of each other.

use crate::file_tree::all_files;
use crate::program::{Ran, Serve, contents, names, run_in, send_signal, start_in, succeed_in, wait_until};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use libc::SIGINT;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use saasgen::models::{Table, saas_v1, saas_v2};
use saasgen::parquet_files::Manifest;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use tempfile::tempdir;

const ALL: &str = "customers,usage_daily,billing,support,retention_curves,usage_truth";
const CUSTOMERS: &str = "2003";

fn generate(folder: &Path, out: &str, more: &[&str]) -> Ran {
    run_in(folder, &[&["generate", "--customers", CUSTOMERS, "--quiet", "--out", out], more].concat())
}

fn generate_part(folder: &Path, out: &str, part: u64, parts: u64, more: &[&str]) -> Ran {
    let (part, parts) = (part.to_string(), parts.to_string());
    generate(folder, out, &[&["--part", &part, "--parts", &parts], more].concat())
}

fn read(path: &Path) -> Vec<RecordBatch> {
    ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap())
        .unwrap()
        .build()
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// Returns the rows of several files in order.
fn rows(paths: &[PathBuf]) -> RecordBatch {
    let batches: Vec<RecordBatch> = paths.iter().flat_map(|path| read(path)).collect();
    let schema = batches[0].schema().as_ref().clone().with_metadata(Default::default());
    let plain =
        batches.iter().map(|batch| RecordBatch::try_new(schema.clone().into(), batch.columns().to_vec()).unwrap());
    concat_batches(&schema.clone().into(), &plain.collect::<Vec<_>>()).unwrap()
}

fn part_files(folder: &Path, table: &str) -> Vec<PathBuf> {
    let folder = folder.join(table);
    names(&folder).into_iter().map(|name| folder.join(name)).collect()
}

#[test]
fn parts_written_at_the_same_time_make_the_whole_data_set() {
    for tables in [&saas_v1::TABLES[..], &saas_v2::TABLES] {
        check_parts(tables);
    }
}

fn check_parts(tables: &[Table]) {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let model = tables[0].model().name;
    assert_eq!(generate(path, "whole", &["--model", model, "--tables", "all"]).code, Some(0));
    let jobs = (1..=5).map(|part| {
        let part = part.to_string();
        let args =
            ["generate", "--customers", CUSTOMERS, "--out", "parts", "--tables", "all", "--parts", "5", "--part"];
        start_in(path, &[&args[..], &[part.as_str(), "--model", model]].concat())
    });
    for job in jobs.collect::<Vec<_>>() {
        let ran: Ran = job.wait_with_output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let (whole, parts) = (path.join("whole"), path.join("parts"));
    for &of_model in tables {
        let table = of_model.name();
        let files = part_files(&parts, table);
        assert_eq!(files.len(), if of_model.has_customers() { 5 } else { 1 }, "{table}");
        assert!(files[0].ends_with(format!("{table}/part-00001-of-00005.parquet")));
        assert_eq!(rows(&files), rows(&[whole.join(format!("{table}.parquet"))]), "{table}");
    }
    // The merged hash of the parts is the hash of the whole table.
    let (merged, of_whole) =
        (Manifest::read_merged(&parts).unwrap().unwrap(), Manifest::read_merged(&whole).unwrap().unwrap());
    for (name, entry) in &of_whole.tables {
        let part = &merged.tables[name];
        assert_eq!((part.rows, &part.content_hash), (entry.rows, &entry.content_hash), "{name}");
    }
    let verified = succeed_in(path, &["verify", "--data", "parts", "--exact"]).stdout;
    assert_eq!(
        verified.lines().last(),
        succeed_in(path, &["verify", "--data", "whole", "--exact"]).stdout.lines().last()
    );
}

#[test]
fn the_first_of_5_parts_is_the_first_10_of_50_parts() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    for part in 1..=10 {
        assert_eq!(generate_part(path, "fifty", part, 50, &[]).code, Some(0));
    }
    assert_eq!(generate_part(path, "five", 1, 5, &[]).code, Some(0));
    for table in ["customers", "usage_daily", "billing", "support"] {
        let (fifty, five) = (part_files(&path.join("fifty"), table), part_files(&path.join("five"), table));
        assert_eq!((fifty.len(), five.len()), (10, 1));
        assert_eq!(rows(&fifty), rows(&five), "{table}");
    }
}

/// Both models with the default window, the shortest and the longest.
#[test]
fn pull_and_generate_write_the_same_bytes_for_a_part_of_any_model_and_window() {
    for tables in [&saas_v1::TABLES[..], &saas_v2::TABLES] {
        for months in [18, 1, 120] {
            check_pulled_part(tables, months);
        }
    }
}

fn check_pulled_part(tables: &[Table], months: u32) {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let base = tables[0].model().name;
    let model = path.join("model.toml");
    fs::write(&model, format!("base = {base:?}\nwindow.months = {months}")).unwrap();
    let model = ["--model", model.to_str().unwrap()];
    let server = Serve::start(&[&["--customers", CUSTOMERS], &model[..]].concat());
    let split = ["--part", "2", "--parts", "4", "--tables", "all"];
    assert_eq!(generate(path, "generated", &[&model, &split[..]].concat()).code, Some(0));
    succeed_in(path, &[&["pull", "--server", &server.uri, "--quiet", "--out", "pulled"][..], &split].concat());
    for table in tables.iter().filter(|table| table.has_customers()) {
        let [generated, pulled] = ["generated", "pulled"].map(|out| contents(&path.join(out).join(table.name())));
        assert!(!generated.is_empty() && generated == pulled, "{} of {base}, {months} months", table.name());
    }
}

#[test]
fn pull_and_generate_write_the_same_bytes_for_a_part() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let server = Serve::start(&["--customers", CUSTOMERS]);
    for part in ["1", "4"] {
        let split = ["--part", part, "--parts", "4", "--tables", ALL];
        assert_eq!(generate(path, "generated", &split).code, Some(0));
        let pull = ["pull", "--server", &server.uri, "--quiet", "--out", "pulled"];
        succeed_in(path, &[&pull[..], &split].concat());
    }
    let (generated, pulled) = (path.join("generated"), path.join("pulled"));
    assert_eq!(names(&generated.join("usage_daily")).len(), 2);
    for table in saas_v1::TABLES.map(Table::name) {
        assert!(contents(&generated.join(table)) == contents(&pulled.join(table)), "{table}");
    }
    for manifest in ["manifest-part-00001-of-00004.json", "manifest-part-00004-of-00004.json"] {
        assert_eq!(fs::read(generated.join(manifest)).unwrap(), fs::read(pulled.join(manifest)).unwrap());
    }
    // Part 2 of the first thousand customers is customers 501 to 1000.
    let range = ["--last-id", "1000", "--part", "2", "--parts", "2", "--tables", "customers", "--out", "range"];
    succeed_in(path, &[&["pull", "--server", &server.uri][..], &range].concat());
    let range = Manifest::read_all(&path.join("range")).unwrap();
    assert_eq!((range[0].tables["customers"].rows, range[0].scan.last_id), (500, Some(1000)));
    let ids = rows(&[path.join("range/customers/part-00002-of-00002.parquet")]);
    assert_eq!(crate::support::int64(&ids, "customer_id")[0], 501);
    // An invalid range is refused as it is without parts, and nothing is written.
    let wrong = ["--first-id", "9", "--last-id", "5", "--part", "1", "--parts", "2", "--out", "wrong"];
    let refused = run_in(path, &[&["pull", "--server", &server.uri][..], &wrong].concat());
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("`first_id` is 9"), "{}", refused.stderr);
    assert!(!path.join("wrong").exists());
}

#[test]
fn verify_names_a_missing_part() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    for part in [1, 2, 4] {
        assert_eq!(generate_part(path, "out", part, 4, &[]).code, Some(0));
    }
    let ran = run_in(path, &["verify", "--data", "out"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("part 3 is missing") && ran.stderr.contains("--part 3 --parts 4"), "{}", ran.stderr);
    assert_eq!(generate_part(path, "out", 3, 4, &[]).code, Some(0));
    succeed_in(path, &["verify", "--data", "out"]);
    // Verify also finds a file with the rows of another part, and a manifest with the name of another part.
    let part = |number: u32| path.join(format!("out/customers/part-0000{number}-of-00004.parquet"));
    let kept = fs::read(part(3)).unwrap();
    fs::copy(part(2), part(3)).unwrap();
    assert_eq!(run_in(path, &["verify", "--data", "out"]).code, Some(1));
    fs::write(part(3), kept).unwrap();
    let manifest = |number: u32| path.join(format!("out/manifest-part-0000{number}-of-00004.json"));
    fs::copy(manifest(2), manifest(3)).unwrap();
    let ran = run_in(path, &["verify", "--data", "out"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("another part than its name"), "{}", ran.stderr);
}

#[test]
fn a_folder_holds_one_split_of_one_data_set() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let out = path.join("out");
    assert_eq!(generate_part(path, "out", 1, 2, &[]).code, Some(0));
    assert_eq!(generate_part(path, "out", 2, 2, &[]).code, Some(0));
    let files = || saas_v1::TABLES.map(|table| contents(&out.join(table.name())));
    let before = files();
    let refused = |ran: Ran, parts: &[&str]| {
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{}", ran.stderr);
        assert!(files() == before, "{parts:?}");
    };
    refused(generate_part(path, "out", 1, 3, &[]), &["in 2 parts; this run", "in 3 parts; choose", "--overwrite"]);
    refused(generate(path, "out", &[]), &["2003 customers, in 2 parts;", "2003 customers; choose", "--overwrite"]);
    refused(generate_part(path, "out", 1, 2, &["--seed", "1", "--tables", "customers"]), &["another data set"]);
    refused(generate_part(path, "out", 3, 2, &[]), &["`part` is 3", "from 1 to 2"]);
    refused(generate_part(path, "out", 0, 2, &[]), &["`part` is 0"]);
    refused(generate(path, "out", &["--part", "1"]), &["--parts"]);
    // A part may be written again, with other tables.
    assert_eq!(generate_part(path, "out", 1, 2, &["--tables", "customers,usage_truth"]).code, Some(0));
    let tables: Vec<String> = Manifest::read_all(&out).unwrap().swap_remove(0).tables.into_keys().collect();
    assert_eq!(tables, ["customers", "usage_daily", "billing", "support", "usage_truth"]);

    // Files of other writers among the parts or beside them would be read as rows of the table.
    fs::write(out.join("billing/part-0.parquet"), "precious").unwrap();
    let ran = generate_part(path, "out", 1, 2, &[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("billing/part-0.parquet exists and no saasgen manifest lists it"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("--overwrite"), "{}", ran.stderr);
    fs::remove_file(out.join("billing/part-0.parquet")).unwrap();
    fs::write(out.join("billing.parquet"), "precious").unwrap();
    let ran = generate_part(path, "out", 1, 2, &[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("billing.parquet exists and no saasgen manifest lists it"), "{}", ran.stderr);
    fs::remove_file(out.join("billing.parquet")).unwrap();

    // With --overwrite, a whole data set replaces its parts, and parts replace a whole data set.
    assert_eq!(generate(path, "out", &["--overwrite"]).code, Some(0));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 5, "four tables and their manifest");
    succeed_in(path, &["verify", "--data", "out", "--exact"]);
    for part in 1..=3 {
        assert_eq!(generate_part(path, "out", part, 3, &["--overwrite"]).code, Some(0));
    }
    assert_eq!(fs::read_dir(&out).unwrap().count(), 7, "four tables and three manifests");
    succeed_in(path, &["verify", "--data", "out", "--exact"]);
    // Without its manifest, a part counts as a file of another writer.
    fs::remove_file(out.join("manifest-part-00002-of-00003.json")).unwrap();
    assert_eq!(generate(path, "out", &[]).code, Some(2));
    assert_eq!(generate(path, "out", &["--overwrite"]).code, Some(0));
    succeed_in(path, &["verify", "--data", "out", "--exact"]);
}

#[test]
fn writers_of_one_part_exclude_each_other_and_writers_of_other_parts_continue() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let long =
        ["generate", "--customers", "3000000", "--out", "out", "--tables", "usage_daily", "--parts", "2", "--part"];
    let part = |number| [&long[..], &[number]].concat();
    let running = start_in(path, &part("1"));
    let staged = path.join("out/usage_daily/part-00001-of-00002.parquet.inprogress");
    wait_until("the first part", || fs::metadata(&staged).is_ok_and(|file| file.len() > 100_000));
    for other in [part("1"), long[..7].to_vec()] {
        let ran = run_in(path, &other);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("another saasgen is writing"), "{}", ran.stderr);
    }
    // Parts of different data sets or splits can't be written at the same time, although no manifest is there yet.
    for (other, what) in
        [(["--parts", "2", "--seed", "7"], "another data set"), (["--parts", "3", "--seed", "42"], "another split")]
    {
        let args = ["generate", "--customers", "3000000", "--out", "out", "--tables", "customers", "--part", "2"];
        let ran = run_in(path, &[&args[..], &other].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("another saasgen is writing") && ran.stderr.contains(what), "{}", ran.stderr);
    }
    let short = ["generate", "--customers", "3000000", "--out", "out", "--tables", "retention_curves", "--parts", "2"];
    succeed_in(path, &[&short[..], &["--part", "2"]].concat());
    send_signal(&running, "INT");
    assert_eq!(running.wait_with_output().unwrap().status.signal(), Some(SIGINT));
    assert_eq!(entry_names(&path.join("out")), ["manifest-part-00002-of-00002.json"]);
    // The next run removes the leftovers of a killed run.
    let mut killed = start_in(path, &part("1"));
    wait_until("the first part", || fs::metadata(&staged).is_ok_and(|file| file.len() > 100_000));
    send_signal(&killed, "KILL");
    killed.wait().unwrap();
    assert!(staged.exists());
    let ran = run_in(path, &["generate", "--customers", "30", "--out", "out", "--overwrite"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(fs::read_dir(path.join("out")).unwrap().count(), 5);
}

#[test]
fn files_of_others_in_the_folder_of_a_table_stay() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let out = path.join("out");
    fs::create_dir_all(out.join("billing")).unwrap();
    fs::create_dir_all(out.join("support")).unwrap();
    fs::write(out.join("billing/notes.inprogress"), "precious").unwrap();
    let ran = generate(path, "out", &["--tables", "billing", "--overwrite"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("billing is a folder"), "{}", ran.stderr);
    assert_eq!(generate(path, "out", &["--tables", "customers"]).code, Some(0));
    assert_eq!(generate_part(path, "parts", 1, 2, &["--tables", "billing"]).code, Some(0));
    assert_eq!(fs::read(out.join("billing/notes.inprogress")).unwrap(), b"precious");
    assert!(out.join("support").is_dir());
}

/// `--overwrite` removes old data sets, and no file of another program.
#[test]
fn overwrite_removes_only_files_of_saasgen() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let customers = ["--tables", "customers"];
    assert_eq!(generate(path, "own", &customers).code, Some(0));
    let own = fs::read(path.join("own/customers.parquet")).unwrap();
    let rows = rows(&[path.join("own/customers.parquet")]);
    let mut other = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
    other.write(&rows).unwrap();
    let other = other.into_inner().unwrap();
    let (whole, part) = (&[][..], &["--part", "1", "--parts", "2"][..]);
    for (old, new, file) in [
        (None, part, "customers/mine.parquet"),
        (None, part, "customers.parquet"),
        (None, whole, "customers/part-00001-of-00003.parquet"),
        (Some(part), part, "customers/mine.parquet"),
        (Some(part), part, "customers/part-00001-of-00003.parquet"),
        (Some(part), whole, "customers/mine.parquet"),
        (Some(part), whole, "customers/part-00001-of-00003.parquet"),
        (Some(whole), part, "customers/mine.parquet"),
    ] {
        for (content, is_own) in [(&b"precious"[..], false), (&other, false), (&own, true)] {
            let folder = tempdir().unwrap();
            let path = folder.path();
            let run = |split: &[&str], more: &[&str]| generate(path, "out", &[split, &customers, more].concat());
            if let Some(old) = old {
                assert_eq!(run(old, &[]).code, Some(0));
            }
            let file = path.join("out").join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, content).unwrap();
            let before = all_files(path);
            assert_eq!(run(new, &[]).code, Some(2), "{}", file.display());
            assert!(all_files(path) == before);
            let ran = run(new, &["--overwrite"]);
            if is_own && !file.ends_with("mine.parquet") {
                assert_eq!((ran.code, file.exists()), (Some(0), false), "{}: {}", file.display(), ran.stderr);
            } else {
                assert_eq!(ran.code, Some(2), "{}: {}", file.display(), ran.stderr);
                let name = file.strip_prefix(path).unwrap().display().to_string();
                assert!(ran.stderr.contains(&name) && ran.stderr.contains("move it away"), "{}", ran.stderr);
                assert!(all_files(path) == before, "{}", file.display());
            }
        }
    }
}

fn entry_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.collect()
}

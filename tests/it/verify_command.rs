//! `saasgen verify` on files, pulled files and servers, with correct, corrupt and missing data.

use crate::program::{Ran, Serve, contents, run_in, send_signal, start_in, succeed_in};
use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use tempfile::tempdir;

pub fn verify(folder: &Path, args: &[&str]) -> Ran {
    run_in(folder, &[&["verify"], args].concat())
}

/// Returns the checks with this verdict in the output of `--json`, as `table: check`.
pub fn checks(ran: &Ran, verdict: &str) -> Vec<String> {
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    let checks = answer["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == verdict);
    checks.map(|check| format!("{}: {}", check["table"].as_str().unwrap(), check["name"].as_str().unwrap())).collect()
}

#[test]
fn generated_files_hold_and_the_output_fits_a_terminal() {
    let folder = tempdir().unwrap();
    succeed_in(folder.path(), &["generate", "--customers", "20000", "--seed", "9"]);
    let before = contents(&folder.path().join("data/raw"));
    let ran = verify(folder.path(), &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    assert!(ran.stdout.starts_with("data/raw: model saas-v1, seed 9, 20,000 customers\n"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("The data set holds: 116 checks hold, none fails.\n"), "{}", ran.stdout);
    for line in ran.stdout.lines() {
        assert!(line.chars().count() <= 100 && line == line.trim_end(), "{line:?}");
    }
    let expected =
        ["customers", "usage_daily", "billing", "support", "every value as generated", "decay in days, fitted"];
    assert!(expected.iter().all(|name| ran.stdout.contains(name)), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\x1b'), "a pipe has no colours");
    assert_eq!(contents(&folder.path().join("data/raw")), before, "verify must not change the data set");
    assert_eq!(
        verify(folder.path(), &["--threads", "1"]).stdout,
        ran.stdout,
        "the number of threads must make no difference"
    );
}

#[test]
fn files_and_a_server_have_the_same_verdicts() {
    let folder = tempdir().unwrap();
    let tables = "customers,usage_daily,billing,support,retention_curves,usage_truth";
    succeed_in(folder.path(), &["generate", "--customers", "6000", "--tables", tables]);
    let files = verify(folder.path(), &["--json", "--exact"]);
    assert_eq!(files.code, Some(0), "{}", files.stdout);
    let exact = checks(&files, "holds").into_iter().filter(|check| check.ends_with("every value as generated"));
    assert_eq!(exact.count(), 6);

    let answer: Value = serde_json::from_str(&files.stdout).unwrap();
    let point = &answer["retention"]["Enterprise"][0];
    assert!((point["share"].as_f64().unwrap() - 0.68).abs() < 0.03 && point["age"] == 6.5, "{point}");
    assert_eq!(answer["retention"]["Free"].as_array().unwrap().len(), 40);

    let server = Serve::start(&["--customers", "6000"]);
    let served = verify(folder.path(), &["--server", &server.uri, "--json"]);
    assert_eq!(served.code, Some(0), "{}{}", served.stdout, served.stderr);
    let is_statement = |check: &String| {
        check.starts_with("manifest: ")
            || check.starts_with("server: ")
            || check.ends_with(": files as the manifest lists them")
    };
    let of_rows = |ran: &Ran| {
        let (statements, checks): (Vec<String>, Vec<String>) = checks(ran, "holds").into_iter().partition(is_statement);
        (statements.len(), checks)
    };
    let ((of_server, served), (of_manifest, files)) = (of_rows(&served), of_rows(&files));
    assert_eq!((of_server, of_manifest), (1, 7));
    assert_eq!(served, files);

    succeed_in(folder.path(), &["pull", "--server", &server.uri, "--out", "pulled"]);
    assert_eq!(verify(folder.path(), &["--data", "pulled", "--exact"]).code, Some(0));
}

#[test]
fn pulled_ranges_are_verified_as_ranges() {
    let folder = tempdir().unwrap();
    let server = Serve::start(&["--customers", "9000"]);
    let pull = |args: &[&str]| succeed_in(folder.path(), &[&["pull", "--server", &server.uri], args].concat());
    pull(&["--first-id", "2001", "--last-id", "7000", "--out", "ids"]);
    let ids = verify(folder.path(), &["--data", "ids", "--json"]);
    assert_eq!((ids.code, checks(&ids, "fails").len()), (Some(0), 0), "{}", ids.stdout);
    assert!(checks(&ids, "holds").contains(&"usage_daily: decay in days, fitted".to_string()));

    pull(&["--from", "2024-01-01", "--to", "2024-01-31", "--out", "january"]);
    let january = verify(folder.path(), &["--data", "january", "--json"]);
    assert_eq!((january.code, checks(&january, "fails").len()), (Some(0), 0), "{}", january.stdout);
    assert!(checks(&january, "holds").contains(&"billing: every value as generated".to_string()));
    assert!(checks(&january, "not_run").contains(&"usage_daily: laws".to_string()));

    pull(&["--tables", "usage_daily", "--out", "usage"]);
    assert_eq!(verify(folder.path(), &["--data", "usage"]).code, Some(0), "missing customers must be generated");

    pull(&["--tables", "usage_daily", "--columns", "date,sessions", "--out", "columns"]);
    let columns = verify(folder.path(), &["--data", "columns"]);
    assert_eq!(columns.code, Some(2));
    assert!(columns.stderr.contains("date, sessions") && columns.stderr.contains("--columns"), "{}", columns.stderr);
}

#[test]
fn unusable_data_sets_are_refused_with_a_reason() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    succeed_in(folder.path(), &["generate", "--customers", "300", "--out", "good"]);
    succeed_in(folder.path(), &["generate", "--customers", "300", "--tables", "usage_daily", "--out", "usage"]);
    fs::remove_file(folder.path().join("usage/manifest.json")).unwrap();
    let copy = |name: &str| {
        fs::create_dir(folder.path().join(name)).unwrap();
        for (file, bytes) in contents(&folder.path().join("good")) {
            fs::write(folder.path().join(name).join(file), bytes).unwrap();
        }
        folder.path().join(name)
    };
    let cut = copy("cut").join("billing.parquet");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(copy("text").join("support.parquet"), "ticket_id,customer_id\n1001,1\n").unwrap();
    fs::write(copy("nothing").join("support.parquet"), "").unwrap();
    let twice = copy("twice").join("support");
    fs::create_dir(&twice).unwrap();
    fs::copy(folder.path().join("good/support.parquet"), twice.join("0.parquet")).unwrap();
    let bytes = fs::read(folder.path().join("good/usage_daily.parquet")).unwrap();
    let mut damaged = bytes.clone();
    damaged[1_000..1_400].fill(0xA5);
    fs::write(copy("damaged").join("usage_daily.parquet"), damaged).unwrap();

    let claims = copy("claims").join("manifest.json");
    let text = fs::read_to_string(&claims).unwrap().replace("\"customers\": 300", "\"customers\": 1000000000000");
    fs::write(&claims, text).unwrap();

    let capitals = folder.path().join("capitals");
    fs::create_dir(&capitals).unwrap();
    for name in ["customers.PARQUET", "customers.parq"] {
        fs::copy(folder.path().join("good/customers.parquet"), capitals.join(name)).unwrap();
    }
    let nested = folder.path().join("nested/usage_daily/plan=Free");
    fs::create_dir_all(&nested).unwrap();
    fs::copy(folder.path().join("good/usage_daily.parquet"), nested.join("0.parquet")).unwrap();

    with_doubled_column(&copy("doubled").join("billing.parquet"), "amount");
    let hidden = copy("hidden");
    fs::remove_file(hidden.join("manifest.json")).unwrap();
    fs::create_dir(hidden.join("usage_daily")).unwrap();
    fs::rename(hidden.join("usage_daily.parquet"), hidden.join("usage_daily/a.parquet")).unwrap();
    fs::copy(hidden.join("usage_daily/a.parquet"), hidden.join("usage_daily/.b.parquet")).unwrap();
    let ran = verify(folder.path(), &["--data", "hidden"]);
    assert!(ran.stdout.contains("usage_daily/.b.parquet"), "{}{}", ran.stdout, ran.stderr);
    // An empty folder beside the file is no second form of the table.
    fs::create_dir(copy("beside").join("billing")).unwrap();
    assert_eq!(verify(folder.path(), &["--data", "beside"]).code, Some(0));

    let link = copy("link").join("manifest.json");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("moved.json", link).unwrap();
    drop(std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap());

    for (args, code, parts) in [
        (&["--data", "link"][..], 1, &["link/manifest.json: it is a link to moved.json, which does not exist"][..]),
        (&["--data", "socket"], 2, &["socket is a socket, but --data takes the folder"]),
        (&["--data", "/dev/null"], 2, &["/dev/null is a device"]),
        (&["--data", "nested"][..], 2, &["usage_daily", "nested", "partitions"][..]),
        (&["--data", "nested/usage_daily"], 2, &["name the folder above it: --data nested"]),
        (&["--data", "good/billing.parquet"], 2, &["good/billing.parquet is a plain file", "--data good"]),
        (&["--data", "good/manifest.json"], 2, &["good/manifest.json is a plain file", "--data good"]),
        (&["--data", "capitals"], 2, &["none of the tables", "customers.PARQUET, customers.parq", "*.parquet"]),
        (&["--data", "claims"][..], 2, &["1000000000000 customers", "300", "not the manifest of these files"]),
        (&["--data", "nowhere"], 2, &["nowhere", "saasgen generate", "--data"]),
        (&["--data", "empty"], 2, &["empty", "customers, usage_daily", ".parquet"]),
        (&["--data", "usage"], 2, &["no readable customers table (the table is missing)"]),
        (&["--data", "usage", "--exact"], 2, &["manifest.json", "--exact"]),
        (&["--data", "cut"], 1, &["cut/billing.parquet", "not a whole Parquet file"]),
        (&["--data", "text"], 1, &["text/support.parquet", "not a whole Parquet file"]),
        (&["--data", "nothing"], 1, &["nothing/support.parquet"]),
        (&["--data", "damaged"], 1, &["damaged/usage_daily.parquet"]),
        (&["--data", "doubled"], 1, &["doubled/billing.parquet", "several columns have the name amount"]),
        (&["--data", "twice"], 2, &["support is there twice", "twice/support.parquet"]),
        (&["--data", "good", "--server", "grpc://localhost:1"], 2, &["--data", "--server"]),
        (&["--server", "grpc://localhost:1"], 1, &["no server listens at grpc://localhost:1"]),
        (&["--data", "good", "--report", "no/such/r.html"], 2, &["no/such/r.html", "folder no/such does not exist"]),
        (&["--data", "good", "--report", "empty"], 2, &["--report empty: this is a folder"]),
    ] {
        let ran = verify(folder.path(), args);
        assert_eq!(ran.code, Some(code), "{args:?}: {}{}", ran.stdout, ran.stderr);
        assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn a_report_never_replaces_another_file() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "300"]);
    fs::write(path.join("precious.html"), "<html>mine</html>").unwrap();
    std::os::unix::fs::symlink("precious.html", path.join("link.html")).unwrap();
    let before = contents(path.join("data/raw").as_path());
    for report in
        ["precious.html", "link.html", "data/raw", "data/raw/billing.parquet", "data/raw/manifest.json", "/dev/null"]
    {
        let ran = verify(path, &["--report", report]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{report}: {}", ran.stderr);
        assert!(ran.stderr.contains(report), "{}", ran.stderr);
    }
    assert_eq!(fs::read_to_string(path.join("precious.html")).unwrap(), "<html>mine</html>");
    assert_eq!(contents(path.join("data/raw").as_path()), before);
    assert_eq!(verify(path, &["--report", "r.html"]).code, Some(0));
    assert_eq!(verify(path, &["--report", "r.html"]).code, Some(0), "a report can be replaced");
}

#[test]
fn files_that_are_not_read_are_named() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "300", "--out", "."]);
    fs::create_dir_all(path.join("billing/year=2024")).unwrap();
    fs::rename(path.join("billing.parquet"), path.join("billing/0.parquet")).unwrap();
    for name in ["1.PARQUET", "2.parq", "_SUCCESS", ".0.parquet.crc"] {
        fs::write(path.join("billing").join(name), "").unwrap();
    }
    fs::write(path.join("Support.parquet"), "").unwrap();
    fs::write(path.join("notes.txt"), "").unwrap();
    let names = ["Support.parquet", "billing/1.PARQUET", "billing/2.parq", "billing/year=2024"];
    let line = format!("not read, because only TABLE.parquet and TABLE/*.parquet are: {}", names.join(", "));
    let ran = verify(path, &["--data", ".", "--report", "r.html"]);
    assert_eq!(ran.stdout.lines().nth(1), Some(line.as_str()), "{}", ran.stdout);
    let report = fs::read_to_string(path.join("r.html")).unwrap();
    assert!(names.iter().all(|name| report.contains(name)));
    let answer: Value = serde_json::from_str(&verify(path, &["--data", ".", "--json"]).stdout).unwrap();
    assert_eq!(answer["not_read"], json!(names));
}

#[test]
fn damaged_files_are_refused_without_a_panic() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "200", "--out", "."]);
    let file = path.join("billing.parquet");
    let whole = fs::read(&file).unwrap();
    let (mut random, mut refused) = (7_u64, 0);
    for _ in 0..150 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Damage in the footer has the most effects.
            let at = if random >> 62 == 0 { 0 } else { bytes.len() - 1_500 } + (random >> 33) as usize % 1_500;
            bytes[at] = (random >> 24) as u8;
        }
        fs::write(&file, bytes).unwrap();
        let ran = verify(path, &["--data", "."]);
        assert!(matches!(ran.code, Some(0 | 1)), "{:?} {}", ran.code, ran.stderr);
        assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("internal error"), "{}", ran.stderr);
        refused += u32::from(ran.code == Some(1));
    }
    assert!(refused > 75, "{refused}");
}

#[test]
fn a_missing_table_fails_and_the_others_are_checked() {
    let folder = tempdir().unwrap();
    succeed_in(folder.path(), &["generate", "--customers", "3000", "--out", "."]);
    fs::remove_file(folder.path().join("billing.parquet")).unwrap();
    for _ in 0..2 {
        let ran = verify(folder.path(), &["--data", ".", "--json"]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert_eq!(checks(&ran, "fails"), ["billing: columns are there"]);
        assert!(ran.stdout.contains("the table is missing"));
        // The second run has no manifest that lists the table.
        let _ = fs::remove_file(folder.path().join("manifest.json"));
    }
}

#[test]
fn correct_data_sets_of_any_size_and_model_hold() {
    let folder = tempdir().unwrap();
    let model = "window = { start = 2024-02-01, months = 3 }\nlogs = { loss_min = 0.0, loss_max = 0.0 }\n\
                 plans.Team = { share = 0.05, price = 9.5, active_share = 1.0, sessions = 0.0, minutes = 700.0 }\n\
                 plans.Free.share = 0.35\nplans.Pro.active_share = 0.0\nbilling = { interval_days = 1, jitter_days = 0 }\n\
                 support.tickets_per_month = 0.0\nusage.events_per_session = 0.0\n";
    fs::write(folder.path().join("odd.toml"), model).unwrap();
    for customers in ["1", "2", "7", "40", "700", "5000"] {
        for model in [&[][..], &["--model", "odd.toml"]] {
            let out = format!("{customers}-{}", model.len());
            succeed_in(folder.path(), &[&["generate", "--customers", customers, "--out", &out], model].concat());
            for known in [true, false] {
                let ran = verify(folder.path(), &[&["--data", &out, "--report", "r.html"], model].concat());
                assert_eq!(ran.code, Some(0), "{out}, {known}: {}{}", ran.stdout, ran.stderr);
                let _ = fs::remove_file(folder.path().join(&out).join("manifest.json"));
            }
        }
    }
}

#[test]
fn the_report_is_one_file_without_external_resources() {
    let folder = tempdir().unwrap();
    succeed_in(folder.path(), &["generate", "--customers", "4000"]);
    assert_eq!(verify(folder.path(), &["--report", "report.html"]).code, Some(0));
    let report = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(report.starts_with("<!DOCTYPE html>") && report.ends_with("</html>"));
    assert!(report.contains("The data set holds: "));
    for outside in ["<script", "src=", "@import", "url("] {
        assert!(!report.contains(outside), "{outside}");
    }
    let links: Vec<&str> = report.split("http").skip(1).map(|rest| &rest[..20]).collect();
    assert!(links.iter().all(|link| link.starts_with("://www.w3.org/2000/s")), "only the namespace of SVG: {links:?}");
    let charts = report.matches("<svg ").count();
    assert!(charts >= 27, "{charts} charts");
    assert_eq!(
        report.matches("<svg role=\"img\" aria-label=\"").count(),
        charts,
        "each chart must have an alternative text"
    );
    // The page begins with the data set, and statistics are folded away.
    let begin = report.split("<svg").next().unwrap();
    for text in ["4,000", "2023-07-01 to 2024-12-31", "saasgen 0.1.0", "Enterprise", "usage_daily", "fingerprint"] {
        assert!(begin.contains(text), "{text}");
    }
    assert!(!report.contains("standard deviation"));
    assert_eq!(report.matches("<details>").count(), 5, "the manifest and four tables");
    assert!(report.contains("<summary>18 checks: 18 hold</summary>"));
    for text in [
        "Retention, Enterprise",
        "Share active per day, by cohort",
        "Missing logs by day",
        "Invoices by week",
        "Tickets by tenure",
    ] {
        assert!(report.contains(text), "{text}");
    }
    assert!(!report.contains("NaN") && !report.contains("inf\""));
    verify(folder.path(), &["--report", "second.html", "--json"]);
    assert_eq!(
        fs::read_to_string(folder.path().join("second.html")).unwrap(),
        report,
        "the same data set must have the same report"
    );

    // Names of a model are escaped.
    fs::write(folder.path().join("odd.toml"), "name = \"<b>&\\\"odd\"\nplans.'<i>Free'.share = 0.0\nplans.'<i>Free'.price = 0.0\nplans.'<i>Free'.active_share = 0.5\nplans.'<i>Free'.sessions = 1.0\nplans.'<i>Free'.minutes = 9.0\n").unwrap();
    succeed_in(folder.path(), &["generate", "--customers", "400", "--model", "odd.toml", "--out", "odd"]);
    assert_eq!(verify(folder.path(), &["--data", "odd", "--model", "odd.toml", "--report", "odd.html"]).code, Some(0));
    let report = fs::read_to_string(folder.path().join("odd.html")).unwrap();
    assert!(report.contains("&lt;i&gt;Free") && !report.contains("<i>Free") && !report.contains("<b>&"));
}

#[test]
fn a_signal_ends_the_program_without_a_report() {
    let folder = tempdir().unwrap();
    let server = Serve::start(&["--customers", "1000000000"]);
    let mut child = start_in(folder.path(), &["verify", "--server", &server.uri, "--report", "r.html"]);
    // The program may still be asking the server, or already be reading. The result is the same.
    send_signal_to_handler(&child);
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
    assert!(contents(folder.path()).is_empty());
}

/// Sends SIGTERM once the program has a handler for it. Before that, the signal would end it by default.
fn send_signal_to_handler(child: &std::process::Child) {
    crate::program::wait_until("a handler for signals", || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
        caught >> 14 & 1 == 1
    });
    send_signal(child, "TERM");
}

/// Writes the file at `path` again, with a second column of the name `column`.
fn with_doubled_column(path: &Path, column: &str) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().unwrap();
    let schema = batches[0].schema();
    let mut columns: Vec<usize> = (0..schema.fields().len()).collect();
    columns.push(schema.index_of(column).unwrap());
    let doubled = Arc::new(schema.project(&columns).unwrap());
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), Arc::clone(&doubled), None).unwrap();
    for batch in batches {
        let arrays = columns.iter().map(|&column| Arc::clone(batch.column(column))).collect();
        writer.write(&RecordBatch::try_new(Arc::clone(&doubled), arrays).unwrap()).unwrap();
    }
    writer.close().unwrap();
}

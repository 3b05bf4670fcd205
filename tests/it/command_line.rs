//! Options, help, refusals and output of the program.

use crate::access::write_credentials;
use crate::program::{Ran, Serve, run_in, saasgen, succeed_in};
use saasgen::models::{Table, saas_v1};
use saasgen::parquet_files::Manifest;
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;
use tempfile::tempdir;

#[test]
fn wrong_arguments_are_refused_and_the_error_names_the_allowed_values() {
    let folder = tempdir().unwrap();
    for (args, parts) in [
        (&["generate", "--customers", "0"][..], &["--customers", "0", "from 1 to 1000000000000"][..]),
        (&["generate", "--customers", "1000000000001"], &["--customers", "1000000000001"]),
        (&["generate", "--customers", "many"], &["--customers", "many"]),
        (&["generate", "--seed", "-1"], &["'-1' for '--seed <S>'", "from 0 to 18446744073709551615 (2^64-1)"]),
        (&["pull", "--seed", "18446744073709551616"], &["18446744073709551616", "--seed", "(2^64-1)"]),
        (&["generate", "--tables", "customers,invoices"], &["--tables", "invoices", "usage_daily"]),
        (&["generate", "--compression", "gzip"], &["--compression", "gzip", "snappy"]),
        (&["generate", "--threads", "0"], &["--threads", "from 1 to 1024"]),
        (&["generate", "--quiet", "--json"], &["--quiet", "--json"]),
        (&["generate", "--modle", "x"], &["--modle", "--model"]),
        (&["generate", "--model", "nowhere.toml"], &["nowhere.toml", "saas-v1, saas-v2"]),
        (&["describe", "invoices"], &["invoices", "usage_daily"]),
        (&["pull", "--server", "http://localhost:1"], &["http://localhost:1", "grpc://"]),
        (&["serve", "--listen", "nowhere"], &["nowhere", "HOST:PORT"]),
        (&["serve", "--listen", "127.0.0.1:99999"], &["127.0.0.1:99999", "HOST:PORT"]),
        (
            &["serve", "--listen", "127.0.0.1:0", "--customers", "10", "--max-customers", "5"],
            &["10", "--max-customers 5"],
        ),
        (&["serve", "--listen", "127.0.0.1:0", "--max-streams", "0"], &["--max-streams", "0"]),
        (
            &["serve", "--listen", "127.0.0.1:0", "--metrics", "0.0.0.0:0"],
            &["--metrics 0.0.0.0:0", "--tls-cert", "--insecure"],
        ),
        (&["serve", "--listen", "127.0.0.1:0", "--metrics", "[::]:9090"], &["--metrics [::]:9090", "--insecure"]),
        (&["health", "localhost:8815"], &["localhost:8815", "grpc://"]),
        (&["serve", "--listen", "127.0.0.1:0", "--metrics", "9090"], &["9090", "HOST:PORT"]),
        (&["serve", "--listen", "127.0.0.1:0", "--log", "xml"], &["xml", "text, json"]),
        (&["serve", "--listen", "127.0.0.1:0", "--log-level", "loud"], &["loud", "info, debug"]),
        (&["serve", "--listen", "127.0.0.1:0", "--drain-timeout", "86401"], &["86401", "0..=86400"]),
        (&["frobnicate"], &["frobnicate"]),
        (&[], &["Usage"]),
    ] {
        let ran = run_in(folder.path(), args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{args:?}");
        assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a refused command has written files");
}

/// Returns each option whose value has one of these names in the help, with its subcommand.
fn options_with(value_names: &[&str]) -> Vec<(&'static str, String)> {
    let mut options = Vec::new();
    for command in ["generate", "serve", "pull", "verify", "describe"] {
        let help: Ran = saasgen(&[command, "--help"]).output().unwrap().into();
        for line in help.stdout.lines().filter_map(|line| line.trim().strip_prefix("--")) {
            let named = line.split_once(" <").and_then(|(option, value)| Some((option, value.strip_suffix('>')?)));
            let wanted = named.filter(|(_, value)| value_names.contains(value));
            options.extend(wanted.map(|(option, _)| (command, format!("--{option}"))));
        }
    }
    options
}

#[test]
fn urls_and_a_dash_are_no_paths() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let folders = options_with(&["DIR"]);
    let options = options_with(&["FILE", "DIR", "MANIFEST"]);
    for known in [("generate", "--out"), ("generate", "--like"), ("verify", "--report"), ("serve", "--tls-key")] {
        assert!(options.iter().any(|(command, option)| (*command, option.as_str()) == known), "{options:?}");
    }
    for (command, option) in options {
        for value in ["s3://bucket/x", "file:///tmp/x", "-", ""] {
            let ran = run_in(path, &[command, &option, value]);
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{command} {option} {value}: {}", ran.stderr);
            let value = if value.is_empty() { "''" } else { value };
            let is_folder = folders.contains(&(command, option.clone()));
            let example = if is_folder { "such as data/raw or /tmp/raw" } else { "such as a/file or /tmp/file" };
            let parts = [value, &option, "it must be a path on this machine", example];
            assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{command} {option}: {}", ran.stderr);
        }
    }
    assert_eq!(fs::read_dir(path).unwrap().count(), 0);
}

#[test]
fn every_option_that_counts_says_what_a_number_is() {
    let options = options_with(&["N", "S", "ID", "PART", "PARTS"]);
    assert!(options.len() > 25, "{options:?}");
    for (command, option) in options {
        for value in ["many", "-1", "1.2345k"] {
            let ran: Ran = saasgen(&[command, &option, value]).output().unwrap().into();
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{command} {option} {value}: {}", ran.stderr);
            let error = format!("invalid value '{value}' for '{option} <");
            assert!(ran.stderr.contains(&error) && ran.stderr.contains("a whole number from "), "{}", ran.stderr);
        }
    }
}

#[test]
fn a_negative_time_is_a_value_and_no_option() {
    let options = options_with(&["SECONDS"]);
    assert!(options.len() > 5, "{options:?}");
    for (command, option) in options {
        let ran: Ran = saasgen(&[command, &option, "-1"]).output().unwrap().into();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{command} {option}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("invalid value '-1' for '{option} <")), "{}", ran.stderr);
    }
}

/// Numbers are written as people write them, wherever something is counted.
#[test]
fn counts_have_units_exponents_and_underscores() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let generate = |customers: &str| {
        let args = ["generate", "--customers", customers, "--seed", "1_0", "--tables", "customers", "--out", customers];
        succeed_in(path, &[&args[..], &["--threads", "1e0", "--part", "1_0", "--parts", "1e1", "--quiet"]].concat());
        fs::read(path.join(customers).join("customers/part-00010-of-00010.parquet")).unwrap()
    };
    let plain = generate("2000");
    for same in ["2_000", "2e3", "2E+03", "2k", "2K", "0.002M", "2000.0"] {
        assert!(generate(same) == plain, "{same}");
    }
    let server =
        Serve::start(&["--customers", "1.5k", "--max-customers", "1M", "--max-streams", "1k", "--max-calls", "1e2"]);
    let pull = ["pull", "--server", &server.uri, "--retries", "1e1", "--quiet", "--tables", "customers", "--out"];
    succeed_in(path, &[&pull[..], &["served"]].concat());
    let rows = |out: &str| Manifest::read(&path.join(out), None).unwrap().unwrap().tables["customers"].rows;
    assert_eq!(rows("served"), 1_500);
    let ids = [
        "named",
        "--customers",
        "1M",
        "--seed",
        "1e1",
        "--first-id",
        "1_001",
        "--last-id",
        "2k",
        "--partitions",
        "1e1",
    ];
    succeed_in(path, &[&pull[..], &ids].concat());
    assert_eq!(rows("named"), 1_000);
    succeed_in(path, &["verify", "--data", "served", "--threads", "1e0"]);
    for wrong in ["1.2345k", "1e-3", "1e30", "1,000", "1Ki", "-5", "-1e6", "0", "2T", "1e12e", "many"] {
        let ran = run_in(path, &["generate", "--customers", wrong]);
        assert_eq!(ran.code, Some(2), "{wrong}");
        let allowed = "it must be a whole number from 1 to 1000000000000, such as 5000, 1_000_000, 1e6 or 1M";
        assert!(ran.stderr.contains(&format!("'{wrong}' for '--customers <N>': {allowed}")), "{}", ran.stderr);
    }
}

#[test]
fn all_stands_for_all_tables() {
    let folder = tempdir().unwrap();
    let all = ["generate", "--customers", "50", "--quiet", "--tables", "all", "--out", "."];
    succeed_in(folder.path(), &all);
    let tables = Manifest::read(folder.path(), None).unwrap().unwrap().tables;
    assert!(tables.keys().eq(saas_v1::TABLES.iter().map(|table| table.name())), "{:?}", tables.keys());
    let ran = run_in(folder.path(), &["generate", "--tables", "every"]);
    assert!(
        ran.stderr.contains("no model has this table; saas-v1 has customers, usage_daily, billing"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("`all` stands for all of them"), "{}", ran.stderr);
    let ran = run_in(folder.path(), &["generate", "--tables", "customers,subscriptions"]);
    assert_eq!(ran.code, Some(2));
    let allowed = "there is no table `subscriptions`; the tables are customers, usage_daily";
    assert!(ran.stderr.contains(allowed), "{}", ran.stderr);
}

#[test]
fn wrong_models_are_refused_before_anything_is_written_or_bound() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("model.toml");
    for (text, parts) in [
        ("sed = 1", &["`sed`", "window, plans, regions"][..]),
        ("plans.Free.shar = 1", &["`plans.Free.shar`", "share, price"]),
        ("plans.Free.share = \"all\"", &["`plans.Free.share`", "\"all\" (text)", "a number"]),
        ("plans.Free.share = 0.5", &["`plans`", "1.1", "sum to 1"]),
        ("plans.Free.share = -0.1", &["`plans.Free.share`", "-0.1", "0 to 1"]),
        ("plans.Free.share = nan", &["`plans.Free.share`", "NaN"]),
        ("plans.Team.share = 0.0", &["`plans.Team`", "lacks the key `price`"]),
        ("plans.Pro.price = 9.999", &["`plans.Pro.price`", "9.999", "two decimals"]),
        ("plans.Pro.price = -1", &["`plans.Pro.price`", "-1"]),
        ("plans.Pro.active_share = 1.5", &["`plans.Pro.active_share`", "1.5", "0 to 1"]),
        ("plans.Pro.sessions = 1e9", &["`plans.Pro.sessions`", "0 to 1000"]),
        ("plans.Pro.minutes = 0", &["`plans.Pro.minutes`", "above 0"]),
        ("plans.Pro.minutes = 1000", &["`plans.Pro.minutes`", "1440"]),
        ("regions.NA = 0.4", &["`regions`", "sum to 1"]),
        ("window.months = 0", &["`window.months`", "0", "1 to 120"]),
        ("window.months = 121", &["`window.months`", "121", "1 to 120"]),
        ("window.months = 1.5", &["`window.months`", "1.5", "whole number"]),
        ("window.start = 2023-07-02", &["`window.start`", "2023-07-02", "first day of a month"]),
        ("window.start = \"soon\"", &["`window.start`", "soon", "date"]),
        ("retention.decay_days = 0", &["`retention.decay_days`", "above 0"]),
        ("usage.minutes_sd = 0", &["`usage.minutes_sd`", "above 0"]),
        ("usage.events_per_session = 11", &["`usage.events_per_session`", "0 to 10"]),
        ("logs.loss_min = 0.2", &["`logs.loss_max`", "0.18", "0.2 to 1"]),
        ("billing.interval_days = 0", &["`billing.interval_days`"]),
        ("billing.jitter_days = 7", &["`billing.jitter_days`", "7", "13"]),
        ("billing.jitter_days = 9223372036854775807", &["`billing.jitter_days`", "9223372036854775807"]),
        ("billing.interval_days = 9223372036854775807", &["`billing.interval_days`", "36500"]),
        ("regions = { \"N\\u001bA\" = 0.0 }", &["`regions`", "control"]),
        ("\"\\u001b\" = 1", &["unknown key `\\u{1b}`"]),
        ("billing = { interval_days = 1, jitter_days = 0 }\nwindow.months = 120", &["`billing.interval_days`", "999"]),
        ("support.tickets_per_month = 999", &["`support.tickets_per_month`", "999 tickets"]),
        ("support.months_min = 19", &["`support.months_max`", "18", "19"]),
        ("support.category.other = 0.5", &["`support.category`", "sum to 1"]),
        ("support = 1", &["`support`", "a table"]),
        ("name = \"\"", &["`name`"]),
        ("name = [1]", &["`name`", "a list"]),
        ("a = = b", &["TOML"]),
    ] {
        fs::write(&path, text).unwrap();
        for command in ["generate", "serve", "describe"] {
            let mut args = vec![command, "--model", "model.toml"];
            if command == "serve" {
                args.extend(["--listen", "127.0.0.1:0"]);
            }
            let ran = run_in(folder.path(), &args);
            assert_eq!(ran.code, Some(2), "{text}: {}", ran.stderr);
            assert_eq!(ran.stdout, "", "{text}");
            assert!(ran.stderr.contains("model model.toml"), "{text}: {}", ran.stderr);
            assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{text}: {}", ran.stderr);
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a refused command has written files");
}

#[test]
fn a_model_file_may_hold_some_of_the_keys() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("model.toml");
    let team = "plans.Free.share = 0.3\n\
        plans.Team = { share = 0.1, price = 49, active_share = 0.4, sessions = 9, minutes = 70 }\n";
    for text in [
        "",
        "window = { start = 2020-02-01, months = 1 }",
        "window.months = 120",
        team,
        "regions = { NA = 0.0, EU = 0.65 }",
    ] {
        fs::write(&path, text).unwrap();
        succeed_in(
            folder.path(),
            &["generate", "--customers", "50", "--model", "model.toml", "--out", "raw", "--overwrite"],
        );
        // The printed model, given as a model file, gives the same data set.
        let described = succeed_in(folder.path(), &["describe", "--model", "model.toml", "--json"]).stdout;
        let printed = succeed_in(folder.path(), &["describe", "--model", "model.toml"]).stdout;
        let toml = printed.split_once("Model, fingerprint ").unwrap().1.split_once('\n').unwrap().1;
        fs::write(folder.path().join("printed.toml"), toml).unwrap();
        assert_eq!(
            succeed_in(folder.path(), &["describe", "--model", "printed.toml", "--json"]).stdout,
            described,
            "{text}"
        );
    }
}

#[test]
fn describe_prints_tables_laws_and_expected_rows() {
    let folder = tempdir().unwrap();
    let all = succeed_in(folder.path(), &["describe"]).stdout;
    for part in [
        "4,103,345 rows expected",
        "1,239,382",
        "385,369",
        "Decimal128(10, 2)",
        "[plans.Enterprise]",
        "start = 2023-07-01",
    ] {
        assert!(all.contains(part), "{part} in {all}");
    }
    assert!(all.contains("\n  key invoice_id; customer_id refers to customers\n"), "{all}");
    assert!(all.contains(" bytes as Parquet\n"), "{all}");
    let one = succeed_in(folder.path(), &["describe", "support", "--customers", "1000000"]).stdout;
    assert!(one.starts_with("support: ") && one.contains("3,853,691") && !one.contains("usage_daily"), "{one}");
    let json: Value = serde_json::from_str(&succeed_in(folder.path(), &["describe", "--json"]).stdout).unwrap();
    assert_eq!(json["tables"]["billing"]["columns"][3]["type"], "Decimal128(10, 2)");
    assert_eq!(json["tables"]["billing"]["columns"][3]["nullable"], false);
    assert_eq!(json["model"]["retention"]["decay_days"], 220.0);
    assert_eq!(json["tables"]["billing"]["primary_key"], json!(["invoice_id"]));
    assert_eq!(
        json["tables"]["billing"]["foreign_keys"],
        json!([{"column": "customer_id", "references": {"table": "customers", "column": "customer_id"}}])
    );
    let column = |table: &str, index: usize| json["tables"][table]["columns"][index].clone();
    assert_eq!(column("customers", 2)["values"], json!(["Free", "Basic", "Pro", "Enterprise"]));
    assert_eq!(column("billing", 3)["values"], json!(["29.00", "99.00", "299.00"]));
    assert_eq!(column("usage_truth", 5)["values"], json!([false, true]));
    assert_eq!(column("customers", 0)["maximum"], 100_000);
    assert_eq!(
        (&column("usage_daily", 1)["minimum"], &column("usage_daily", 1)["maximum"]),
        (&json!("2023-07-01"), &json!("2024-12-31"))
    );
    assert_eq!(column("retention_curves", 2)["minimum"], 0.0);
}

/// Tables of up to 100,000 rows are encoded as a whole, so their size is exact.
#[test]
fn describe_knows_the_bytes_of_each_file_before_it_is_written() {
    let folder = tempdir().unwrap();
    let all = saas_v1::TABLES.map(Table::name).join(",");
    for (customers, out) in [("1", "one"), ("900", "few"), ("100000", "many")] {
        let json = |args: &[&str]| -> Value {
            let ran = succeed_in(folder.path(), &[args, &["--customers", customers, "--json"]].concat());
            serde_json::from_str(&ran.stdout).unwrap()
        };
        let written = json(&["generate", "--tables", &all, "--out", out]);
        let described = json(&["describe"]);
        for table in saas_v1::TABLES.map(Table::name) {
            let number = |value: &Value| value.as_f64().unwrap();
            let (written, described) = (&written["tables"][table], &described["tables"][table]);
            let (bytes, expected) = (number(&written["bytes"]), number(&described["expected_bytes"]));
            if number(&written["rows"]) <= 100_000.0 {
                assert_eq!(bytes, expected, "{table} of {customers} customers");
                continue;
            }
            // The number of rows is random. The bytes of the rows that were drawn are known to 1 %.
            let scaled = expected * number(&written["rows"]) / number(&described["expected_rows"]);
            assert!((bytes / scaled - 1.0).abs() < 0.01, "{table}: {bytes} bytes instead of {scaled}");
        }
    }
}

#[test]
fn the_environment_sets_options_and_the_command_line_has_precedence() {
    let folder = tempdir().unwrap();
    let run = |args: &[&str], variables: &[(&str, &str)]| -> Ran {
        let mut command = saasgen(args);
        command.current_dir(folder.path()).envs(variables.iter().copied());
        command.output().unwrap().into()
    };
    let given = [("SAASGEN_CUSTOMERS", "5"), ("SAASGEN_TABLES", "customers,support"), ("SAASGEN_JSON", "yes")];
    let rows = |ran: &Ran| -> (Value, usize) {
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        (json["tables"]["customers"]["rows"].clone(), json["tables"].as_object().unwrap().len())
    };
    assert_eq!(rows(&run(&["generate"], &given)), (json!(5), 2));
    assert_eq!(rows(&run(&["generate", "--customers", "7", "--out", "seven"], &given)), (json!(7), 2));
    // An empty variable is not set, and a flag that is off does not conflict with another one.
    let off = [("SAASGEN_CUSTOMERS", "5"), ("SAASGEN_JSON", "false"), ("SAASGEN_QUIET", "1"), ("SAASGEN_MODEL", "")];
    let ran = run(&["generate", "--overwrite"], &off);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);

    for (args, variable, value, parts) in [
        (&["generate"][..], "SAASGEN_CUSTOMERS", "many", &["--customers", "many"][..]),
        (&["generate"], "SAASGEN_QUIET", "maybe", &["--quiet", "maybe"]),
        (&["generate", "--quiet"], "SAASGEN_JSON", "1", &["--quiet", "--json"]),
        (&["serve"], "SAASGEN_MAX_STREAMS", "0", &["--max-streams", "1 to 1000000"]),
        (&["serve"], "SAASGEN_TLS_CERT", "x", &["required arguments", "--tls-key"]),
        (&["serve", "--seed", "1"], "SAASGEN_TLS_CLIENT_CA", "x", &["required arguments", "--tls-cert"]),
        (&["generate"], "SAASGEN_PART", "1", &["required arguments", "--parts"]),
    ] {
        let ran = run(args, &[(variable, value)]);
        let option = variable.trim_start_matches("SAASGEN_").to_lowercase().replace('_', "-");
        let tip = format!("the environment variable {variable} sets --{option}");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{variable}: {}", ran.stderr);
        assert!(parts.iter().all(|part| ran.stderr.contains(part)) && ran.stderr.contains(&tip), "{}", ran.stderr);
        let shown = run(&["generate", "--customers", "0"], &[("SAASGEN_CUSTOMERS", "5")]).stderr;
        assert!(!shown.contains("SAASGEN_"), "the value is from the command line: {shown}");
    }
    let shown = run(&["generate", "--part", "1"], &[("SAASGEN_PART", "2"), ("SAASGEN_SEED", "3")]).stderr;
    assert!(shown.contains("--parts") && !shown.contains("SAASGEN_"), "no variable misses --parts: {shown}");
    // Other subcommands have options of the same names.
    assert_eq!(run(&["describe", "customers"], &[("SAASGEN_CUSTOMERS", "many")]).code, Some(0));

    let mut command = saasgen(&["serve"]);
    command.envs([("SAASGEN_LISTEN", "127.0.0.1:0"), ("SAASGEN_CUSTOMERS", "5"), ("SAASGEN_LOG", "json")]);
    let mut server = Serve::of(command);
    assert!(server.wait_for("serving at").starts_with('{'));
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn a_mistyped_variable_is_warned_of_once() {
    let folder = tempdir().unwrap();
    let run = |args: &[&str], variables: &[(&str, &str)]| -> Ran {
        let mut command = saasgen(args);
        command.current_dir(folder.path()).envs(variables.iter().copied()).output().unwrap().into()
    };
    let generate = &["generate", "--customers", "5", "--out", "out"][..];
    for (mistyped, meant) in [
        ("SAASGEN_CUSTOMER", "SAASGEN_CUSTOMERS"),
        ("SAASGEN_SEEDS", "SAASGEN_SEED"),
        ("SAASGEN_TABEL", "SAASGEN_TABLES"),
    ] {
        let ran = run(generate, &[(mistyped, "secret")]);
        let warning = format!("the environment variable {mistyped} sets no option; did you mean {meant}?");
        assert_eq!(ran.stderr, format!("warning: {warning}\n"));
        assert_eq!(ran.code, Some(0));
    }
    // Variables of another subcommand, of clients and of Kubernetes are known, and an empty one is not set.
    let known = [
        ("SAASGEN_MAX_STREAMS", "1"),
        ("SAASGEN_TOKEN", "secret"),
        ("SAASGEN_PORT", "tcp://10.0.0.1:8815"),
        ("SAASGEN_PORT_8815_TCP_PORT", "8815"),
        ("SAASGEN_SERVICE_HOST", "10.0.0.1"),
        ("SAASGEN_CUSTOMER", ""),
        ("CUSTOMER", "5"),
    ];
    assert_eq!(run(generate, &known).stderr, "");
    // `--quiet` prints only errors, and other subcommands take no variables.
    let mistyped = [("SAASGEN_CUSTOMER", "5")];
    assert_eq!(run(&[generate, &["--quiet"]].concat(), &mistyped).stderr, "");
    assert_eq!(run(&["describe", "customers"], &mistyped).stderr, "");

    let mut command = saasgen(&["serve", "--listen", "127.0.0.1:0", "--customers", "5"]);
    let mut server = Serve::of({
        command.env("SAASGEN_MAX_STREAM", "1");
        command
    });
    server.wait_for("SAASGEN_MAX_STREAM sets no option; did you mean SAASGEN_MAX_STREAMS?");
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn help_lists_the_variables_and_never_their_values() {
    let folder = tempdir().unwrap();
    let help = |command: &str| -> String {
        let mut command = saasgen(&[command, "--help"]);
        command.env("SAASGEN_AUTH_TOKENS", "/a/secret").env("SAASGEN_SEED", "4711").current_dir(folder.path());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    for (command, variables) in [
        ("serve", &["LISTEN", "CUSTOMERS", "AUTH_TOKENS", "INSECURE", "MAX_STREAMS_PER_NAME", "LOG_LEVEL"][..]),
        ("generate", &["CUSTOMERS", "SEED", "MODEL", "OUT", "OVERWRITE", "QUIET"]),
    ] {
        let help = help(command);
        for variable in variables {
            assert!(help.contains(&format!("[env: SAASGEN_{variable}]")), "{variable} in {help}");
        }
        assert!(!help.contains("secret") && !help.contains("4711"), "{help}");
    }
    assert!(!help("pull").contains("[env: "));
}

#[test]
fn generate_prints_json() {
    let folder = tempdir().unwrap();
    let ran = succeed_in(folder.path(), &["generate", "--customers", "100", "--json", "--tables", "customers,support"]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["tables"]["customers"]["rows"], 100);
    assert_eq!(json["tables"]["customers"]["file"], "customers.parquet");
    assert_eq!(json["out"], "data/raw");
    assert!(json["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(json["tables"].as_object().unwrap().len(), 2);
}

/// Runs the examples at the end of each help text, except those of verify: their folders come from other commands.
#[test]
fn help_ends_with_examples_that_work() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    write_credentials(folder.path());
    for command in ["generate", "serve", "pull", "describe", "health"] {
        let help = succeed_in(folder.path(), &[command, "--help"]).stdout;
        let (_, examples) = help.split_once("Examples:\n").expect("examples at the end of the help");
        let examples: Vec<&str> = examples.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert!(examples.len() >= 2 && examples.iter().all(|line| line.starts_with(&format!("saasgen {command}"))));
        for example in examples {
            let mut args: Vec<String> = example.split_whitespace().skip(1).map(str::to_string).collect();
            match command {
                "serve" => {
                    // The port of the example may be in use, so the server listens on a free one.
                    if let Some(listen) = args.iter().position(|arg| arg == "--listen") {
                        args.drain(listen..listen + 2);
                    }
                    args.remove(0);
                    for arg in
                        args.iter_mut().filter(|arg| ["server.pem", "server.key", "tokens"].contains(&arg.as_str()))
                    {
                        *arg = path(arg);
                    }
                    let args: Vec<&str> = args.iter().map(String::as_str).collect();
                    assert_eq!(Serve::start(&args).stop("TERM"), Some(0), "{example}");
                    continue;
                }
                "pull" => {
                    let server = Serve::start(&["--customers", "2000"]);
                    args.retain(|arg| arg != "--server" && !arg.starts_with("grpc://"));
                    args.extend(["--server".to_string(), server.uri.clone(), "--overwrite".to_string()]);
                    let args: Vec<&str> = args.iter().map(String::as_str).collect();
                    succeed_in(folder.path(), &args);
                    continue;
                }
                "health" => {
                    let tls = ["--tls-cert", "server.pem", "--tls-key", "server.key"];
                    let tls = tls.map(|arg| if arg.starts_with("--") { arg.into() } else { path(arg) });
                    let has_tls = example.contains("grpc+tls://");
                    let tls: Vec<&str> = tls.iter().map(String::as_str).filter(|_| has_tls).collect();
                    let server = Serve::start(&[&["--customers", "10"][..], &tls].concat());
                    args.retain(|arg| !arg.starts_with("grpc"));
                    args.push(server.uri.clone());
                    // The test's certificates have an authority of their own.
                    for arg in args.iter_mut().filter(|arg| *arg == "server.pem") {
                        *arg = path("ca.pem");
                    }
                    let args: Vec<&str> = args.iter().map(String::as_str).collect();
                    succeed_in(folder.path(), &args);
                    continue;
                }
                "generate" => args.push("--overwrite".to_string()),
                _ => {}
            }
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            succeed_in(folder.path(), &args);
        }
    }
}

#[test]
fn serve_prints_its_address_and_stops_at_a_signal() {
    for signal in ["TERM", "INT"] {
        let server = Serve::start(&["--customers", "10"]);
        let port = server.uri.strip_prefix("grpc://127.0.0.1:").expect("an address on a line of its own");
        assert_ne!(port.parse::<u16>().unwrap(), 0);
        assert_eq!(server.stop(signal), Some(0), "{signal}");
    }
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let output = saasgen(&["serve", "--listen", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains(&address));
}

#[test]
fn pull_without_a_server_tells_how_to_start_one() {
    let folder = tempdir().unwrap();
    // The listener is dropped at once, so nobody listens at its address.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = run_in(folder.path(), &["pull", "--server", &format!("grpc://{address}")]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("saasgen serve") && ran.stderr.contains(&address.to_string()), "{}", ran.stderr);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

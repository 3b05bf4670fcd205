//! `saasgen verify` with manifests that are right, wrong, damaged, or of another model.

use crate::program::succeed_in;
use crate::verify_command::{checks, verify};
use serde_json::{Value, json};
use std::fs;
use tempfile::tempdir;

#[test]
fn damaged_manifests_are_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "300", "--out", "."]);
    let manifest = path.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    for damaged in [
        &text[..text.len() / 2],
        &text.replace("\"customers\": 300", "\"customers\": -5"),
        &text.replace("\"seed\"", "\"sed\""),
    ] {
        fs::write(&manifest, damaged).unwrap();
        let ran = verify(path, &["--data", "."]);
        assert_eq!(ran.code, Some(1), "{}", ran.stdout);
        assert!(ran.stderr.contains("damaged manifest"), "{}", ran.stderr);
    }
    let mut parsed: Value = serde_json::from_str(&text).unwrap();
    parsed["tables"].as_object_mut().unwrap().remove("billing");
    fs::write(&manifest, parsed.to_string()).unwrap();
    let exact = verify(path, &["--data", ".", "--exact"]);
    assert_eq!(exact.code, Some(2));
    assert!(exact.stderr.contains("doesn't list billing"), "{}", exact.stderr);
    let ran = verify(path, &["--data", ".", "--json"]);
    assert_eq!(ran.code, Some(0));
    assert!(checks(&ran, "not_run").contains(&"billing: every value as generated".to_string()), "{}", ran.stdout);
    // A file of this name from another program is ignored.
    fs::write(&manifest, "{\"name\": \"a web app\"}").unwrap();
    assert!(verify(path, &["--data", "."]).stdout.contains("of unknown origin"));
}

/// Every key of a manifest is a statement, and none may be wrong.
#[test]
fn wrong_statements_of_a_manifest_fail() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "300", "--out", "."]);
    let manifest = path.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let rows = serde_json::from_str::<Value>(&text).unwrap()["tables"]["billing"]["rows"].as_u64().unwrap();
    let billing = "billing: files as the manifest lists them";
    let data_set = "manifest: agrees with the model and the files";
    let values = "billing: every value as generated";
    let cases: [(&str, Value, &[&str], String); 17] = [
        (
            "/tables/billing/rows",
            json!(7),
            &[values, billing],
            format!("states 7 rows for billing.parquet, which has {rows}"),
        ),
        ("/tables/billing/bytes", json!(7), &[billing], "states 7 bytes for billing.parquet, which has".into()),
        ("/tables/billing/content_hash", json!("0".repeat(32)), &[values], "states the content hash 0000".into()),
        (
            "/tables/billing/file",
            json!("other.parquet"),
            &[billing],
            "lists the file other.parquet, which is not there".into(),
        ),
        (
            "/tables/more",
            json!({"file": "more.parquet", "rows": 1, "bytes": 1, "content_hash": ""}),
            &[data_set],
            "lists the table more".into(),
        ),
        ("/version", json!("9.9.9"), &[data_set], "states the version 9.9.9, but the files state 0.1.0".into()),
        (
            "/model",
            json!("other"),
            &[data_set],
            "states the model other, but its fingerprint belongs to a model with".into(),
        ),
        ("/window/first", json!("2023-06-30"), &[data_set], "states the first day 2023-06-30, but".into()),
        ("/window/last", json!("2025-01-01"), &[data_set], "states the last day 2025-01-01, but".into()),
        (
            "/seed",
            json!(43),
            &[data_set, values],
            "billing.parquet states seed 42, but manifest.json states seed 43".into(),
        ),
        (
            "/customers",
            json!(301),
            &[data_set, values],
            "states customers 300, but manifest.json states customers 301".into(),
        ),
        (
            "/scan",
            json!({"first_id": 2}),
            &["customers: every value as generated"],
            "states 300 rows, but the model generates 299".into(),
        ),
        ("/scan", json!({"from": "2024-01-01"}), &[values], "the model does not generate this row".into()),
        (
            "/tables/billing/compression",
            json!("zstd"),
            &[billing],
            "states the compression zstd for billing.parquet, which has another one".into(),
        ),
        (
            "/tables/billing/strings",
            json!("dictionary"),
            &[billing],
            "states the type of texts dictionary for billing".into(),
        ),
        (
            "/tables/billing/partitions",
            json!(0),
            &[billing],
            "states at most 0 row groups for billing.parquet, which has 1".into(),
        ),
        (
            "/tables/billing/colour",
            json!("red"),
            &[data_set],
            "has the key tables.billing.colour, which this version".into(),
        ),
    ];
    for (key, value, fails, message) in cases {
        let mut changed: Value = serde_json::from_str(&text).unwrap();
        let (parent, key_in_parent) = key.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[key_in_parent] = value.clone();
        fs::write(&manifest, changed.to_string()).unwrap();
        let ran = verify(path, &["--data", ".", "--exact", "--json"]);
        let found = checks(&ran, "fails");
        assert_eq!(ran.code, Some(1), "{key} {value}: {}", ran.stderr);
        assert!(fails.iter().all(|check| found.contains(&check.to_string())), "{key} {value}: {found:?}");
        let shown = verify(path, &["--data", "."]).stdout;
        assert!(shown.contains(&message), "{key} {value}: {shown}");
    }
    // If a model is given, the stated parameters are not needed, but they may not be wrong.
    let mut changed: Value = serde_json::from_str(&text).unwrap();
    changed["parameters"]["retention"]["decay_days"] = json!(1.0);
    fs::write(&manifest, changed.to_string()).unwrap();
    fs::write(path.join("default.toml"), "").unwrap();
    let ran = verify(path, &["--data", ".", "--model", "default.toml"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("manifest.json states parameters that do not have its fingerprint"), "{}", ran.stdout);
    for (key, value, code, message) in [
        ("fingerprint", json!("0".repeat(32)), 1, "but it states 00000000"),
        ("scan", json!({"columns": ["amount"]}), 2, "states only the columns amount"),
        ("scan", json!({"last_id": 500}), 2, "the manifest of .: `last_id` is 500"),
        ("part", json!({"part": 1, "parts": 2}), 1, "its content is of another part than its name"),
    ] {
        let mut changed: Value = serde_json::from_str(&text).unwrap();
        changed[key] = value;
        fs::write(&manifest, changed.to_string()).unwrap();
        let ran = verify(path, &["--data", "."]);
        assert_eq!(ran.code, Some(code), "{key}: {}", ran.stdout);
        assert!(ran.stderr.contains(message), "{key}: {}", ran.stderr);
    }
}

/// There are at most as many row groups as `--partitions` says, and fewer for few customers or rows.
#[test]
fn files_with_fewer_row_groups_than_partitions_hold() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    for (number, options) in [
        &["--customers", "2000", "--partitions", "8"][..],
        &["--customers", "5", "--partitions", "10"],
        &["--customers", "100", "--partitions", "10", "--first-id", "5", "--last-id", "4"],
    ]
    .into_iter()
    .enumerate()
    {
        let out = number.to_string();
        let tables = if number == 2 { "customers,billing" } else { "all" };
        succeed_in(path, &[&["generate", "--tables", tables, "--out", &out], options].concat());
        let ran = verify(path, &["--data", &out, "--json"]);
        assert_eq!((ran.code, checks(&ran, "fails")), (Some(0), Vec::new()), "{options:?}: {}", ran.stderr);
    }
}

/// Statements of parts that are wrong but have the right sum.
#[test]
fn wrong_statements_of_parts_fail() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    for part in ["1", "2"] {
        succeed_in(path, &["generate", "--customers", "300", "--out", ".", "--part", part, "--parts", "2"]);
    }
    assert_eq!(verify(path, &["--data", ".", "--exact"]).code, Some(0));
    let manifests =
        ["manifest-part-00001-of-00002.json", "manifest-part-00002-of-00002.json"].map(|name| path.join(name));
    let [first, second] =
        manifests.each_ref().map(|path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap());
    for (key, fails, message) in [
        ("rows", "files as the manifest lists them", "manifest-part-00001-of-00002.json states "),
        ("content_hash", "every value as generated", "the content hash"),
    ] {
        let (mut one, mut two) = (first.clone(), second.clone());
        one["tables"]["billing"][key] = second["tables"]["billing"][key].clone();
        two["tables"]["billing"][key] = first["tables"]["billing"][key].clone();
        fs::write(&manifests[0], one.to_string()).unwrap();
        fs::write(&manifests[1], two.to_string()).unwrap();
        let ran = verify(path, &["--data", "."]);
        assert_eq!(ran.code, Some(1), "{key}: {}", ran.stdout);
        assert!(ran.stdout.contains(&format!("billing: {fails} FAILS")), "{key}: {}", ran.stdout);
        assert!(ran.stdout.contains(message), "{key}: {}", ran.stdout);
    }
    fs::write(&manifests[0], first.to_string()).unwrap();
    fs::write(&manifests[1], second.to_string()).unwrap();
    fs::copy(path.join("billing/part-00001-of-00002.parquet"), path.join("billing/more.parquet")).unwrap();
    let ran = verify(path, &["--data", "."]);
    assert!(ran.stdout.contains("no manifest lists the file billing/more.parquet"), "{}", ran.stdout);
}

#[test]
fn a_model_other_than_that_of_the_manifest_is_refused() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("fast.toml"), "retention.decay_days = 90.0\nname = \"fast\"\n").unwrap();
    succeed_in(folder.path(), &["generate", "--customers", "2000", "--model", "fast.toml"]);
    fs::write(folder.path().join("default.toml"), "").unwrap();
    let refused = verify(folder.path(), &["--model", "default.toml"]);
    assert_eq!(refused.code, Some(2));
    assert!(["fast", "saas-v1", "--model"].iter().all(|part| refused.stderr.contains(part)), "{}", refused.stderr);
    assert_eq!(verify(folder.path(), &["--model", "fast.toml"]).code, Some(0));

    fs::remove_file(folder.path().join("data/raw/manifest.json")).unwrap();
    let ran = verify(folder.path(), &[]);
    assert_eq!(ran.code, Some(1), "files of unknown origin must be verified against the given model");
    assert!(ran.stdout.contains("of unknown origin") && ran.stdout.contains("FAILS"), "{}", ran.stdout);
}

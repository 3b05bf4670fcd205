//! The manifest: it holds all that a data set needs to be verified and made again.

use crate::file_tree::all_files;
use crate::program::{Ran, Serve, run_in, succeed_in};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::tempdir;

/// A model with names in an order of its own, a changed window, and numbers that take all 17 digits. A parser of JSON
/// that rounds twice reads the decay as another number.
const ODD_MODEL: &str = "window = { start = 2024-02-01, months = 3 }\nretention.decay_days = 51.248178375505404\n\
    usage.events_per_session = 0.30000000000000004\nsupport.tickets_per_month = 5e-324\n\
    plans.Team = { share = 0.05, price = 9.5, active_share = 0.1234567890123456, sessions = 3, minutes = 70 }\n\
    plans.Alone = { share = 0.0, price = 0, active_share = 1.0, sessions = 0.0, minutes = 700.0 }\n\
    plans.Free.share = 0.35\nregions.Antarctica = 0.0\n";

fn write_models(path: &Path) {
    fs::write(path.join("odd.toml"), ODD_MODEL).unwrap();
    fs::write(path.join("named.toml"), "name = \"startup\"\nretention.decay_days = 90.0\n").unwrap();
    fs::write(path.join("same.toml"), "retention.decay_days = 220\nbilling.status.paid = 0.75\n").unwrap();
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Replaces a manifest by what `edit` makes of it.
fn edit(path: &Path, edit: impl FnOnce(&mut Value)) {
    let mut manifest = read_json(path);
    edit(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

/// Makes a manifest like that of a version which stated no parameters.
fn without_parameters(path: &Path) {
    edit(path, |manifest| {
        let manifest = manifest.as_object_mut().unwrap();
        assert!(manifest.remove("parameters").is_some() && manifest.remove("base").is_some());
        for (_, entry) in manifest["tables"].as_object_mut().unwrap() {
            assert!(entry.as_object_mut().unwrap().remove("compression").is_some());
        }
    });
}

fn assert_refused(ran: &Ran, code: i32, parts: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{}", ran.stderr);
}

#[test]
fn a_manifest_makes_the_same_files_again() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    write_models(path);
    for (number, options) in [
        &["--customers", "300"][..],
        &["--customers", "300", "--seed", "18446744073709551615", "--model", "odd.toml", "--tables", "all"],
        &["--customers", "300", "--model", "named.toml", "--compression", "zstd", "--tables", "support,customers"],
        &["--customers", "300", "--first-id", "3", "--last-id", "250", "--to", "2024-03-09", "--compression", "none"],
        &["--customers", "300", "--columns", "plan,customer_id", "--tables", "customers", "--strings", "dictionary"],
        &["--customers", "300", "--part", "2", "--parts", "3", "--partitions", "2", "--model", "odd.toml"],
        &["--customers", "1T", "--last-id", "100", "--tables", "usage_daily", "--compression", "lz4"],
    ]
    .into_iter()
    .enumerate()
    {
        let (first, again) = (format!("first{number}"), format!("again{number}"));
        succeed_in(path, &[&["generate", "--quiet", "--out", &first], options].concat());
        if number == 0 {
            // A run that adds a table writes it in another way.
            let add = ["--customers", "300", "--tables", "usage_truth", "--compression", "zstd", "--partitions", "2"];
            succeed_in(path, &[&["generate", "--quiet", "--out", &first], &add[..]].concat());
        }
        let name = if options.contains(&"--part") { "manifest-part-00002-of-00003.json" } else { "manifest.json" };
        let kept = path.join("kept.json");
        fs::copy(path.join(&first).join(name), &kept).unwrap();
        let first_files = all_files(&path.join(&first));
        fs::remove_dir_all(path.join(&first)).unwrap();
        succeed_in(path, &["generate", "--quiet", "--like", "kept.json", "--out", &again]);
        assert!(all_files(&path.join(&again)) == first_files, "{options:?}");
    }
}

#[test]
fn a_changed_model_is_verified_and_pulled_without_its_file() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    write_models(path);
    for (model, name) in [("odd.toml", "saas-v1 (changed)"), ("named.toml", "startup"), ("same.toml", "saas-v1")] {
        let (generated, pulled) = (format!("generated-{model}"), format!("pulled-{model}"));
        succeed_in(path, &["generate", "--customers", "400", "--model", model, "--quiet", "--out", &generated]);
        let server = Serve::start(&["--customers", "400", "--model", path.join(model).to_str().unwrap()]);
        succeed_in(path, &["pull", "--server", &server.uri, "--quiet", "--out", &pulled]);
        assert!(all_files(&path.join(&generated)) == all_files(&path.join(&pulled)), "{model}");
        let manifest = read_json(&path.join(&generated).join("manifest.json"));
        assert_eq!((&manifest["model"], &manifest["base"]), (&name.into(), &"saas-v1".into()));
        // The parameters are those that `describe` prints, in the same order.
        let described = succeed_in(path, &["describe", "--model", model, "--json"]).stdout;
        let described: Value = serde_json::from_str(&described).unwrap();
        assert_eq!(described["model"].to_string(), manifest["parameters"].to_string());

        for source in [["--data", &generated], ["--server", &server.uri]] {
            let report = ["--report", "r.html"];
            let ran = succeed_in(path, &[&["verify"], &source[..], &report[..]].concat());
            assert!(ran.stdout.contains(&format!("model {name}, seed 42")), "{}", ran.stdout);
            assert!(fs::read_to_string(path.join("r.html")).unwrap().contains(name));
            let ran = succeed_in(path, &[&["verify", "--json"], &source[..]].concat());
            assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["model"], name);
            succeed_in(path, &[&["verify", "--model", model], &source[..]].concat());
            // Another model is refused, and both names are in the error.
            let other = if name == "startup" { "odd.toml" } else { "named.toml" };
            let refused = run_in(path, &[&["verify", "--model", other], &source[..]].concat());
            assert_refused(&refused, 2, &[source[1], name, "fingerprint", "leave out --model"]);
        }
    }
    // Parts, too.
    for part in ["1", "2"] {
        let split = ["--part", part, "--parts", "2", "--out", "parts", "--quiet"];
        succeed_in(path, &[&["generate", "--customers", "90", "--model", "odd.toml"], &split[..]].concat());
    }
    succeed_in(path, &["verify", "--data", "parts", "--exact"]);
}

#[test]
fn manifests_without_parameters_are_read() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    write_models(path);
    succeed_in(path, &["generate", "--customers", "300", "--quiet", "--out", "plain"]);
    succeed_in(path, &["generate", "--customers", "300", "--model", "named.toml", "--quiet", "--out", "startup"]);
    let plain = all_files(&path.join("plain"));
    for out in ["plain", "startup"] {
        without_parameters(&path.join(out).join("manifest.json"));
    }
    succeed_in(path, &["verify", "--data", "plain", "--exact"]);
    succeed_in(path, &["generate", "--like", "plain/manifest.json", "--quiet", "--out", "again"]);
    assert!(all_files(&path.join("again")) == plain);
    succeed_in(path, &["generate", "--customers", "300", "--quiet", "--out", "plain"]);
    assert!(all_files(&path.join("plain")) == plain, "the same data set replaces the old files");

    let error = ["the model startup (fingerprint ", "not saas-v1 (fingerprint ", "the file of its model with --model"];
    let like = ["generate", "--like", "startup/manifest.json", "--quiet", "--out", "startup-again"];
    assert_refused(&run_in(path, &["verify", "--data", "startup"]), 2, &error);
    assert_refused(&run_in(path, &like), 2, &error);
    succeed_in(path, &["verify", "--data", "startup", "--exact", "--model", "named.toml"]);
    succeed_in(path, &[&like[..], &["--model", "named.toml"]].concat());
    succeed_in(path, &["verify", "--data", "startup-again", "--exact"]);
}

/// A change of a manifest.
type Edit = fn(&mut Value);

#[test]
fn wrong_manifests_are_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "300", "--quiet", "--out", "good"]);
    let manifest = path.join("good/manifest.json");
    let good = fs::read(&manifest).unwrap();
    let edits: [(Edit, &[&str]); 4] = [
        (
            |manifest| manifest["parameters"]["retention"]["decay_days"] = 90.into(),
            &["its model have the fingerprint", "they were changed, or this version of saasgen has other values"],
        ),
        (|manifest| manifest["parameters"]["retention"]["decay_days"] = 0.into(), &["`retention.decay_days` is 0"]),
        (|manifest| manifest["parameters"]["plans"]["Free"]["shares"] = 0.into(), &["`plans.Free.shares`"]),
        (|manifest| manifest["base"] = "saas-v9".into(), &["no built-in model \"saas-v9\"", "has saas-v1"]),
    ];
    for (change, parts) in edits {
        fs::write(&manifest, &good).unwrap();
        edit(&manifest, change);
        assert_refused(&run_in(path, &["verify", "--data", "good"]), 1, &[&["reading good: "], parts].concat());
        let like = ["generate", "--like", "good/manifest.json", "--out", "again"];
        assert_refused(&run_in(path, &like), 1, &[&["reading good/manifest.json: "], parts].concat());
    }
    // A manifest that states other values than its data set has.
    for change in [
        (|manifest| manifest["tables"]["billing"]["rows"] = 7.into()) as fn(&mut Value),
        |manifest| manifest["tables"]["billing"]["content_hash"] = "0".repeat(32).into(),
        |manifest| manifest["seed"] = 43.into(),
    ] {
        fs::write(&manifest, &good).unwrap();
        edit(&manifest, change);
        let like = ["generate", "--like", "good/manifest.json", "--out", "again"];
        let parts = ["reading good/manifest.json: ", "its model, seed and size give", "Nothing was written"];
        assert_refused(&run_in(path, &like), 1, &parts);
        assert!(!path.join("again").exists());
    }
    fs::write(&manifest, &good).unwrap();
    edit(&manifest, |manifest| manifest["program"] = "webpack".into());
    fs::copy(&manifest, path.join("foreign.json")).unwrap();
    fs::write(path.join("text.json"), "{\"name\": \"a web app\"}").unwrap();
    fs::write(&manifest, &good).unwrap();
    edit(&manifest, |manifest| manifest["tables"]["invoices"] = manifest["tables"]["billing"].clone());
    for (like, parts) in [
        ("nowhere.json", &["nowhere.json does not exist"][..]),
        ("good", &["good is a folder: name the manifest.json in it"]),
        ("text.json", &["text.json is not a manifest.json of saasgen: missing field"]),
        ("foreign.json", &["foreign.json is not a manifest.json of saasgen, but of webpack"]),
        ("good/manifest.json", &["no table `invoices`"]),
    ] {
        assert_refused(&run_in(path, &["generate", "--like", like, "--out", "again"]), 2, parts);
    }
    for option in [
        ["--customers", "300"],
        ["--seed", "42"],
        ["--tables", "all"],
        ["--first-id", "1"],
        ["--last-id", "9"],
        ["--from", "2024-01-01"],
        ["--to", "2024-01-01"],
        ["--columns", "plan"],
        ["--strings", "utf8"],
        ["--partitions", "2"],
        ["--compression", "snappy"],
    ] {
        let ran =
            run_in(path, &[&["generate", "--like", "good/manifest.json", "--out", "again"], &option[..]].concat());
        assert_refused(&ran, 2, &["--like <MANIFEST>", "cannot be used with", option[0]]);
    }
    let ran = run_in(path, &["generate", "--like", "good/manifest.json", "--part", "1", "--parts", "2"]);
    assert_refused(&ran, 2, &["--like <MANIFEST>", "cannot be used with", "--part"]);
    assert!(!path.join("again").exists());
}

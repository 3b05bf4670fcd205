//! The output folder: which files a run replaces, who may write to it at the same time, and what a failed run leaves.

use crate::parquet_output::DEFAULT_FILES;
use crate::program::{
    Ran, Serve, contents, names, run_after, run_in, saasgen, send_signal, start_in, succeed_in, wait_until,
};
use libc::{SIGHUP, SIGINT, SIGTERM};
use saasgen::parquet_files::Manifest;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use tempfile::tempdir;

fn assert_refused(ran: &Ran, parts: &[&str]) {
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{}", ran.stderr);
}

#[test]
fn only_files_that_a_saasgen_manifest_lists_are_replaced() {
    let folder = tempdir().unwrap();
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
    succeed_in(path, &["generate", "--customers", "20", "--out", ".", "--overwrite"]);
    assert_eq!(Manifest::read(path, None).unwrap().unwrap().identity.customers, 20);

    // A file that was rewritten after its manifest is no longer the one that the manifest lists.
    fs::write(path.join("billing.parquet"), "precious").unwrap();
    let before = contents(path);
    let again = ["generate", "--customers", "20", "--out", "."];
    assert_refused(&run_in(path, &again), &["billing.parquet", "--overwrite", "--out"]);
    assert_eq!(contents(path), before);
    succeed_in(path, &[&again[..], &["--overwrite"]].concat());

    fs::create_dir(path.join("usage_truth.parquet")).unwrap();
    let refused =
        run_in(path, &["generate", "--customers", "20", "--tables", "usage_truth", "--out", ".", "--overwrite"]);
    assert_refused(&refused, &["usage_truth.parquet is a folder"]);
}

#[test]
fn a_folder_holds_one_data_set() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let generate = |args: &[&str]| {
        let mut all = vec!["generate", "--customers", "50", "--out", "."];
        all.extend(args);
        run_in(path, &all)
    };
    assert_eq!(generate(&[]).code, Some(0));
    let before = contents(path);
    // Other tables of the same data set are added.
    assert_eq!(generate(&["--tables", "retention_curves"]).code, Some(0));
    let manifest = Manifest::read(path, None).unwrap().unwrap();
    let tables: Vec<&str> = manifest.tables.keys().map(String::as_str).collect();
    assert_eq!(tables, ["customers", "usage_daily", "billing", "support", "retention_curves"]);
    assert!(before.iter().filter(|file| file.0 != "manifest.json").all(|file| contents(path).contains(file)));
    // Tables of another data set are not.
    let before = contents(path);
    assert_refused(&generate(&["--seed", "1", "--tables", "customers"]), &["another data set", "--overwrite"]);
    assert_eq!(contents(path), before);
    assert_eq!(generate(&["--seed", "1", "--tables", "customers", "--overwrite"]).code, Some(0));
    assert_eq!(names(path), ["customers.parquet", "manifest.json"]);
    // The new manifest does not list a table that somebody has removed. Another version of the program writes the same
    // data set.
    assert_eq!(generate(&["--seed", "1", "--tables", "billing"]).code, Some(0));
    fs::remove_file(path.join("billing.parquet")).unwrap();
    let text = fs::read_to_string(path.join("manifest.json")).unwrap();
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    fs::write(path.join("manifest.json"), text.replace(&version, "\"version\": \"0.0.1\"")).unwrap();
    assert_eq!(generate(&["--seed", "1", "--tables", "support"]).code, Some(0));
    let tables: Vec<String> = Manifest::read(path, None).unwrap().unwrap().tables.into_keys().collect();
    assert_eq!(tables, ["customers", "support"]);
    fs::remove_file(path.join("support.parquet")).unwrap();
    assert_eq!(generate(&["--seed", "2", "--tables", "customers", "--overwrite"]).code, Some(0));
    // A file that is no table stays, even if the manifest lists it.
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

/// A run that takes long enough to be interrupted.
const LONG_RUN: [&str; 8] =
    ["generate", "--customers", "3000000", "--overwrite", "--out", ".", "--tables", "customers,usage_daily"];

#[test]
fn an_interrupted_run_leaves_the_old_files() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed_in(path, &["generate", "--customers", "100", "--out", ".", "--tables", "customers,usage_daily"]);
    let before = contents(path);
    let server = Serve::start(&["--customers", "3000000"]);
    let pull = ["pull", "--server", &server.uri, "--overwrite", "--out", ".", "--tables", "customers,usage_daily"];
    for (args, (signal, number)) in [
        (&LONG_RUN[..], ("INT", SIGINT)),
        (&LONG_RUN[..], ("TERM", SIGTERM)),
        (&LONG_RUN[..], ("HUP", SIGHUP)),
        (&pull[..], ("INT", SIGINT)),
        (&pull[..], ("TERM", SIGTERM)),
        (&pull[..], ("HUP", SIGHUP)),
    ] {
        let child = start_in(path, args);
        let temporary = path.join("customers.parquet.inprogress");
        wait_until("the first table", || fs::metadata(&temporary).is_ok_and(|file| file.len() > 100_000));
        // A closing terminal sends the signal twice, and so does `timeout`.
        send_signal(&child, signal);
        send_signal(&child, signal);
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!(ran.signal, Some(number), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: interrupted"), "{}", ran.stderr);
        assert_eq!(contents(path), before, "{args:?}");
    }
}

#[test]
fn a_pull_from_a_server_that_stops_leaves_the_folder_as_it_was() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let server = Serve::start(&["--customers", "3000000"]);
    let pull = ["pull", "--server", &server.uri, "--out", ".", "--tables", "customers,usage_daily", "--retries", "1"];
    let child = start_in(path, &pull);
    let temporary = path.join("customers.parquet.inprogress");
    wait_until("the first table", || fs::metadata(&temporary).is_ok_and(|file| file.len() > 100_000));
    drop(server);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("grpc://127.0.0.1"), "{}", ran.stderr);
    assert_eq!(names(path), Vec::<String>::new());
}

#[test]
fn a_second_writer_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let mut first = start_in(path, &LONG_RUN);
    wait_until("the first table", || path.join("customers.parquet.inprogress").exists());
    let second = run_in(path, &["generate", "--customers", "10", "--out", "."]);
    assert_refused(&second, &["another saasgen"]);
    send_signal(&first, "INT");
    assert_eq!(first.wait().unwrap().signal(), Some(SIGINT));
    succeed_in(path, &["generate", "--customers", "10", "--out", "."]);
}

/// Each writer either completes its work or is refused. The folder is complete in the end.
#[test]
fn concurrent_writers_leave_a_complete_folder() {
    let folder = tempdir().unwrap();
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
        assert!(Manifest::read(path, None).unwrap().is_some());
    }
}

/// A program that starts during another writer's directory swap finds its working directory removed afterwards.
#[test]
fn a_removed_working_directory_is_refused() {
    let parent = tempdir().unwrap();
    let path = parent.path().join("data");
    fs::create_dir(&path).unwrap();
    let ran = run_after(r#"rmdir "$PWD""#, &path, &["generate", "--customers", "5", "--out", "."]);
    assert_refused(&ran, &[". was removed or replaced", "another saasgen", "--out"]);
    assert_eq!(names(parent.path()), Vec::<String>::new());
}

#[test]
fn leftovers_of_a_killed_run_are_removed() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let mut child = start_in(path, &LONG_RUN);
    let temporary = path.join("customers.parquet.inprogress");
    wait_until("the first table", || fs::metadata(&temporary).is_ok_and(|file| file.len() > 100_000));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(names(path).contains(&"customers.parquet.inprogress".to_string()));
    // Leftovers of other tables are removed too, and links are not followed.
    fs::write(path.join("precious"), "old").unwrap();
    symlink("precious", path.join("support.parquet.inprogress")).unwrap();
    succeed_in(path, &["generate", "--customers", "10", "--out", ".", "--tables", "billing"]);
    assert_eq!(names(path), ["billing.parquet", "manifest.json", "precious"]);
    assert_eq!(fs::read(path.join("precious")).unwrap(), b"old");
    fs::remove_file(path.join("precious")).unwrap();
    succeed_in(path, &["generate", "--customers", "10", "--out", "."]);
    assert_eq!(names(path), DEFAULT_FILES);
    let fresh = tempdir().unwrap();
    succeed_in(fresh.path(), &["generate", "--customers", "10", "--out", "."]);
    assert_eq!(contents(path), contents(fresh.path()));
}

#[test]
fn a_file_or_a_dangling_link_in_place_of_the_folder_is_named() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("file"), "precious").unwrap();
    symlink("nowhere", path.join("link")).unwrap();
    symlink("loop", path.join("loop")).unwrap();
    let ran = run_in(path, &["generate", "--customers", "10", "--out", "loop"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("opening the folder loop: Too many levels of symbolic links"), "{}", ran.stderr);
    fs::remove_file(path.join("loop")).unwrap();
    let is_file = "file is not a folder, so no files can be written to";
    let is_dangling = "link is a link to nowhere, which does not exist, so no files can be written to";
    for (out, error) in [("file", is_file), ("file/raw", is_file), ("link", is_dangling), ("link/raw", is_dangling)] {
        let ran = run_in(path, &["generate", "--customers", "10", "--out", out]);
        assert_refused(&ran, &[&format!("error: {error} {out}: "), "choose another --out"]);
    }
    // The folder of a table is a folder, too.
    fs::create_dir(path.join("raw")).unwrap();
    fs::write(path.join("raw/billing"), "precious").unwrap();
    let part = ["generate", "--customers", "10", "--out", "raw", "--part", "1", "--parts", "2"];
    assert_refused(&run_in(path, &part), &["raw/billing is not a folder"]);
    let mut all = fs::read_dir(path.join("raw")).unwrap();
    assert!(all.all(|entry| entry.unwrap().file_name() == "billing"));
    assert_eq!(fs::read_dir(path).unwrap().count(), 3);
    // A link to a folder is a folder.
    fs::create_dir(path.join("nowhere")).unwrap();
    succeed_in(path, &["generate", "--customers", "10", "--out", "link"]);
}

/// A run must not replace a data set that took hours by one day of it, or by a smaller one.
#[test]
fn another_data_set_is_replaced_only_with_overwrite() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("fast.toml"), "retention.decay_days = 90").unwrap();
    let server = Serve::start(&["--customers", "5000", "--seed", "7"]);
    let pull = |args: &[&str]| run_in(path, &[&["pull", "--server", &server.uri, "--quiet"], args].concat());
    let generate = |args: &[&str]| run_in(path, &[&["generate", "--quiet", "--customers"], args].concat());
    assert_eq!(pull(&[]).code, Some(0));
    let raw = path.join("data/raw");
    let before = contents(&raw);
    let there = "model saas-v1, seed 7, 5000 customers";
    let day = &["--from", "2024-01-05", "--to", "2024-01-05"][..];
    for (ran, new) in [
        (pull(day), format!("{there}, only 2024-01-05 to 2024-01-05")),
        (pull(&["--from", "2024-01-05"]), format!("{there}, only 2024-01-05 to 2024-12-31")),
        (pull(&["--last-id", "100"]), format!("{there}, only customers 1 to 100")),
        (pull(&["--columns", "customer_id"]), format!("{there}, only the columns customer_id")),
        (pull(&["--part", "2", "--parts", "3"]), format!("{there}, in 3 parts")),
        (generate(&["100", "--seed", "7"]), "model saas-v1, seed 7, 100 customers".into()),
        (generate(&["5000"]), "model saas-v1, seed 42, 5000 customers".into()),
        (
            generate(&["5000", "--seed", "7", "--model", "fast.toml"]),
            "model saas-v1 (changed), seed 7, 5000 customers".into(),
        ),
    ] {
        let there = format!("data/raw holds another data set: {there}");
        assert_refused(&ran, &[&there, &format!("replace all of it with: {new}"), "choose another --out to keep both"]);
        assert!(ran.stderr.find("--out") < ran.stderr.find("--overwrite"), "{}", ran.stderr);
        assert!(contents(&raw) == before, "{new}");
    }
    // The same data set is replaced, also in other words, and another one with the option.
    let window = ["--from", "2023-07-01", "--to", "2024-12-31"];
    let ids = ["--first-id", "1", "--last-id", "5000"];
    assert_eq!(generate(&[&["5000", "--seed", "7"], &window[..], &ids[..]].concat()).code, Some(0));
    assert!(contents(&raw) == before);
    assert_eq!(pull(&window).code, Some(0));
    assert!(contents(&raw) == before);
    assert_eq!(pull(&[day, &["--overwrite"]].concat()).code, Some(0));
    assert_eq!(names(&raw), DEFAULT_FILES);
    assert_refused(&generate(&["5000", "--seed", "7"]), &["5000 customers, only 2024-01-05", "this run would"]);
    // Only the fingerprint tells two changed models apart.
    let fast = &["5000", "--seed", "7", "--model", "fast.toml"][..];
    assert_eq!(generate(&[fast, &["--overwrite"]].concat()).code, Some(0));
    fs::write(path.join("fast.toml"), "retention.decay_days = 91").unwrap();
    assert_refused(
        &generate(fast),
        &["data set: model saas-v1 (changed) with fingerprint", "with: model saas-v1 (changed) with"],
    );
    // A manifest whose files are gone is no data set.
    names(&raw)
        .iter()
        .filter(|name| *name != "manifest.json")
        .for_each(|name| fs::remove_file(raw.join(name)).unwrap());
    assert_eq!(generate(&["10"]).code, Some(0));
    assert_eq!(names(&raw), DEFAULT_FILES);
}

#[test]
fn a_folder_name_need_not_be_utf8() {
    let folder = tempdir().unwrap();
    let mut command = saasgen(&["generate", "--customers", "10", "--json", "--out"]);
    let name = std::os::unix::ffi::OsStrExt::from_bytes(b"not\xffUTF-8");
    let ran: Ran = command.arg::<&std::ffi::OsStr>(name).current_dir(folder.path()).output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn full_stdout_and_stderr_give_exit_code_1() {
    let folder = tempdir().unwrap();
    let full = || File::create("/dev/full").unwrap();
    let mut command = saasgen(&["generate", "--customers", "10", "--out", "raw"]);
    let ran: Ran = command.current_dir(folder.path()).stdout(full()).stderr(full()).output().unwrap().into();
    assert_eq!(ran.code, Some(1));
    let mut command = saasgen(&["generate", "--customers", "10", "--out", "raw"]);
    let ran: Ran = command.current_dir(folder.path()).stdout(full()).output().unwrap().into();
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("stdout"), "{}", ran.stderr);
}

//! Files are synced before they get their names, and folders after it, so that a data set survives a crash of the
//! machine.

use crate::file_tree::{final_files, leftovers};
use crate::program::{Ran, succeed_in};
use crate::sync_log::{Sync, SyncLog};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tempfile::tempdir;

/// Finds syncs in their order: each [`Self::next`] begins after the one before.
struct Order<'a> {
    syncs: &'a [Sync],
    position: usize,
}

impl Order<'_> {
    fn next(&mut self, what: &str, is_it: impl Fn(&Sync) -> bool) {
        let rest = &self.syncs[self.position..];
        let found = rest.iter().position(is_it).unwrap_or_else(|| panic!("no sync of {what} in {rest:#?}"));
        self.position += found + 1;
    }

    /// Finds a sync of each of `files` under its staged name and with its final size. They may have any order.
    fn staged_files(&mut self, parent: &Path, files: &[&str]) {
        let end = files.iter().map(|file| {
            let staged = PathBuf::from(format!("{file}.inprogress"));
            let size = fs::metadata(parent.join(file)).unwrap().len();
            let mut order = Order { syncs: self.syncs, position: self.position };
            order.next(&format!("{file} of {size} bytes"), |sync| sync.path == staged && sync.size == Some(size));
            order.position
        });
        self.position = end.max().unwrap();
    }
}

const TABLES: [&str; 4] = ["customers.parquet", "usage_daily.parquet", "billing.parquet", "support.parquet"];

fn generate<'a>(seed: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["generate", "--customers", "300", "--quiet", "--overwrite", "--out", "out", "--seed", seed], more].concat()
}

#[test]
fn a_directory_swap_is_synced_step_by_step() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let log = SyncLog::new(path);
    succeed_in(path, &generate("1", &[]));
    fs::create_dir(path.join("out/mine")).unwrap();
    fs::write(path.join("out/mine/notes"), "precious").unwrap();
    let syncs = log.syncs_of(&generate("2", &[]));
    let original = fs::metadata(path.join("out")).unwrap().ino();
    let new = |name: &str| fs::metadata(path.join("out").join(name)).unwrap().ino();
    let has_new = |sync: &Sync| TABLES.iter().all(|name| sync.names.get(*name) == Some(&new(name)));
    let sibling = Path::new(".out.saasgen.inprogress");
    let is_out = |sync: &Sync, inode: u64| sync.path == Path::new("") && sync.names.get("out") == Some(&inode);

    let mut order = Order { syncs: &syncs, position: 0 };
    let files: Vec<String> = TABLES.iter().chain(&["manifest.json"]).map(|name| format!("out/{name}")).collect();
    order.staged_files(path, &files.iter().map(String::as_str).collect::<Vec<_>>());
    order.next("another folder in the new one", |sync| sync.path == sibling.join("mine") && sync.has("notes"));
    order.next("the new folder", |sync| sync.path == sibling && has_new(sync) && sync.has("mine"));
    let is_exchanged = |sync: &Sync| sync.path == Path::new("") && !is_out(sync, original) && sync.has("out");
    order.next("the exchange", is_exchanged);
    let is_original = |sync: &Sync| sync.path == sibling && has_new(sync) && !sync.has("customers.parquet.inprogress");
    order.next("the original folder with the new files", is_original);
    order.next("the exchange back", |sync| is_out(sync, original));
}

#[test]
fn renames_of_a_part_are_synced_before_and_after() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let log = SyncLog::new(path);
    let part = ["--part", "1", "--parts", "2", "--tables", "customers,usage_daily"];
    let customers = "customers/part-00001-of-00002.parquet";
    let usage = "usage_daily/part-00001-of-00002.parquet";
    let (name, manifest) = ("part-00001-of-00002.parquet", "manifest-part-00001-of-00002.json");
    let [staged, staged_manifest] = [name, manifest].map(|name| format!("{name}.inprogress"));
    let journal = "commit-part-00001-of-00002.inprogress";
    let syncs = log.syncs_of(&generate("1", &part));

    let mut order = Order { syncs: &syncs, position: 0 };
    order.next("the new folder's name", |sync| sync.path == Path::new("") && sync.has("out"));
    order.next("a table's folder", |sync| sync.path == Path::new("out") && sync.has("customers"));
    let files = [customers, usage, manifest].map(|name| format!("out/{name}"));
    order.staged_files(path, &files.each_ref().map(String::as_str));
    order.next("the journal", |sync| sync.path == Path::new("out").join(journal) && sync.size > Some(0));
    // The folders of tables come in any order, the folder of the manifest comes after them.
    for (what, is_done) in [("the staged files", false), ("the renamed files", true)] {
        let start = order.position;
        let ends = ["customers", "usage_daily"].map(|table| {
            let mut order = Order { syncs: &syncs, position: start };
            order.next(&format!("{what} of {table}"), |sync| {
                sync.path == Path::new("out").join(table) && sync.has(name) == is_done && sync.has(&staged) != is_done
            });
            order.position
        });
        order.position = ends[0].max(ends[1]);
        order.next(&format!("{what}, the manifest and the journal"), |sync| {
            let has_manifest = sync.has(manifest) == is_done && sync.has(&staged_manifest) != is_done;
            sync.path == Path::new("out") && has_manifest && sync.has(journal)
        });
    }
}

/// The commit was killed before its first rename.
#[test]
fn the_renames_of_a_killed_commit_are_synced_before_its_journal_is_removed() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let log = SyncLog::new(path);
    let part = ["--part", "1", "--parts", "2", "--tables", "customers"];
    succeed_in(path, &generate("1", &part));
    let out = path.join("out");
    let (table, manifest) = ("customers/part-00001-of-00002.parquet", "manifest-part-00001-of-00002.json");
    for name in [table, manifest] {
        fs::rename(out.join(name), out.join(format!("{name}.inprogress"))).unwrap();
    }
    let journal = "commit-part-00001-of-00002.inprogress";
    let steps = serde_json::json!({ "remove": [], "place": [table, manifest] });
    fs::write(out.join(journal), steps.to_string()).unwrap();

    let other = ["--part", "2", "--parts", "2", "--tables", "customers"];
    let syncs = log.syncs_of(&generate("1", &other));
    let mut order = Order { syncs: &syncs, position: 0 };
    let is_table = |sync: &Sync| sync.path == Path::new("out/customers") && sync.has("part-00001-of-00002.parquet");
    order.next("the table of the killed run", is_table);
    let is_manifest = |sync: &Sync| sync.path == Path::new("out") && sync.has(manifest) && sync.has(journal);
    order.next("its manifest", is_manifest);
}

#[test]
fn a_report_is_synced_before_and_after_its_rename() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let log = SyncLog::new(path);
    succeed_in(path, &generate("1", &[]));
    let syncs = log.syncs_of(&["verify", "--data", "out", "--report", "report.html"]);
    let mut order = Order { syncs: &syncs, position: 0 };
    order.staged_files(path, &["report.html"]);
    order.next("the folder", |sync| sync.path == Path::new("") && sync.has("report.html"));
}

/// A disk reports a failed write to the next sync of the file, and to no other.
#[test]
fn a_sync_that_fails_leaves_the_old_files() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let log = SyncLog::new(path);
    succeed_in(path, &generate("1", &[]));
    fs::create_dir(path.join("parts")).unwrap();
    let before = final_files(path);
    let part = vec!["generate", "--customers", "300", "--out", "parts", "--part", "1", "--parts", "2"];
    for (fails, args) in [
        ("customers.parquet", generate("2", &[])),
        ("support.parquet", generate("2", &[])),
        ("manifest.json", generate("2", &[])),
        ("commit-part", part),
        ("report.html", vec!["verify", "--data", "out", "--report", "report.html"]),
    ] {
        let ran: Ran = log.command(&args).env("SYNC_FAILS", fails).output().unwrap().into();
        assert_eq!(ran.code, Some(1), "{fails}: {}", ran.stderr);
        let message = ran.stderr.starts_with("error: writing to the disk") && ran.stderr.contains(fails);
        assert!(message && ran.stderr.contains("Input/output error"), "{}", ran.stderr);
        assert!(final_files(path) == before, "{fails}");
        assert_eq!(leftovers(path), Vec::<PathBuf>::new(), "{fails}");
    }
}

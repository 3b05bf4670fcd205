//! Pipes, sockets, devices and folders in the place of a file: they are refused by name, before they are opened.

use crate::access::write_credentials;
use crate::file_tree::all_files;
use crate::program::{Ran, Serve, run_without_hanging, saasgen, succeed_in};
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::tempdir;

/// Makes something at a path that is no plain file.
type Make = fn(&Path);

const KINDS: [(&str, Make); 4] = [
    ("a named pipe", pipe),
    ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
    ("a folder", |path| fs::create_dir(path).unwrap()),
    ("a device", |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap()),
];

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn run(folder: &Path, args: &[&str]) -> Ran {
    let mut command = saasgen(args);
    command.current_dir(folder);
    run_without_hanging(command)
}

fn assert_refused(folder: &Path, args: &[&str], path: &str, kind: &str) {
    let ran = run(folder, args);
    assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
    assert!(ran.stderr.contains(path) && ran.stderr.contains(kind), "{path}: {kind}: {args:?}: {}", ran.stderr);
}

#[test]
fn files_of_a_folder_must_be_plain_files() {
    let server = Serve::start(&["--customers", "100"]);
    let part = ["--parts", "2", "--part", "1"];
    let generate = ["generate", "--customers", "100", "--quiet", "--out", "out", "--overwrite"];
    let pull = ["pull", "--server", &server.uri, "--quiet", "--out", "out", "--overwrite"];
    let whole: [&[&str]; 3] = [&generate, &pull, &["verify", "--data", "out"]];
    let [generate_part, pull_part] = [&generate[..], &pull].map(|args| [args, &part].concat());
    let parts: [&[&str]; 3] = [&generate_part, &pull_part, &["verify", "--data", "out"]];
    for (kind, make) in KINDS {
        for (name, commands) in [
            ("manifest.json", whole),
            ("customers.parquet", whole),
            ("manifest-part-00001-of-00002.json", parts),
            ("customers/part-00001-of-00002.parquet", parts),
        ] {
            let folder = tempdir().unwrap();
            let path = folder.path();
            if commands == whole {
                succeed_in(path, &generate);
            } else {
                succeed_in(path, &generate_part);
                succeed_in(path, &[&generate[..], &["--parts", "2", "--part", "2"]].concat());
            }
            let file = path.join("out").join(name);
            fs::remove_file(&file).unwrap();
            make(&file);
            for args in commands {
                // A table is written under another name, which replaces a link and does not follow it. A table can be
                // a folder of files.
                let is_link = kind == "a device" && name.ends_with(".parquet") && args[0] != "verify";
                let is_folder = kind == "a folder" && name == "customers.parquet" && args[0] == "verify";
                if !is_link && !is_folder {
                    assert_refused(path, args, name, kind);
                }
            }
        }
    }
}

/// Writers of other parts look at each other's manifests.
#[test]
fn a_pipe_with_the_name_of_a_manifest_in_progress_blocks_nobody() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("out")).unwrap();
    pipe(&path.join("out/manifest-part-00001-of-00002.json.inprogress"));
    pipe(&path.join("out/customers.parquet.inprogress"));
    pipe(&path.join("out/commit.inprogress"));
    for part in ["2", "1"] {
        let args = ["generate", "--customers", "100", "--quiet", "--out", "out", "--parts", "2", "--part", part];
        let ran = run(path, &args);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    pipe(&path.join("report.html.inprogress"));
    let ran = run(path, &["verify", "--data", "out", "--report", "report.html"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn options_that_name_a_file_take_no_named_pipe() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    write_credentials(path);
    succeed_in(path, &["generate", "--customers", "100", "--quiet", "--out", "data"]);
    let before = all_files(path);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--customers", "10"];
    let pull = ["pull", "--server", "grpc+tls://localhost:1", "--retries", "0"];
    for (kind, make) in KINDS {
        make(&path.join("it"));
        let cases: [&[&[&str]]; 11] = [
            &[&["generate", "--out", "new"], &["--model", "it"]],
            &[&["generate", "--out", "new"], &["--like", "it"]],
            &[&["verify", "--data", "data"], &["--model", "it"]],
            &[&["verify", "--data", "data"], &["--report", "it"]],
            &[&serve, &["--model", "it"]],
            &[&serve, &["--auth-tokens", "it"]],
            &[&serve, &["--tls-cert", "it", "--tls-key", "server.key"]],
            &[&serve, &["--tls-cert", "server.pem", "--tls-key", "it"]],
            &[&serve, &["--tls-cert", "server.pem", "--tls-key", "server.key", "--tls-client-ca", "it"]],
            &[&pull, &["--token-file", "it"]],
            &[&pull, &["--tls-ca", "it"]],
        ];
        for args in cases {
            let is_report = args[1][0] == "--report";
            let kind = if is_report && kind != "a folder" { "not a regular file" } else { kind };
            assert_refused(path, &args.concat(), "it", kind);
        }
        let it = path.join("it");
        if it.is_dir() { fs::remove_dir(it).unwrap() } else { fs::remove_file(it).unwrap() }
    }
    assert!(all_files(path) == before);
}

/// The shell makes these pipes, and their other end has a writer.
#[test]
fn options_that_name_a_file_take_the_output_of_a_command() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    write_credentials(path);
    let script = "\"$0\" generate --quiet --customers 100 --out a --model <(echo 'retention.decay_days = 90.0') &&
        echo 'retention.decay_days = 90.0' | \"$0\" generate --quiet --customers 100 --out b --model /dev/stdin &&
        \"$0\" generate --quiet --customers 100 --out c &&
        (\"$0\" serve --listen 127.0.0.1:0 --customers 100 --auth-tokens <(cat tokens) > address & echo $! > server) &&
        until grep -q grpc address; do sleep 0.01; done &&
        \"$0\" pull --quiet --server $(cat address) --out d --token-file <(cat ann) &&
        kill $(cat server)";
    let mut shell = Command::new("bash");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_saasgen")]).current_dir(path).stdin(Stdio::null());
    let ran = run_without_hanging(shell);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let file = |folder: &str| fs::read(path.join(folder).join("customers.parquet")).unwrap();
    assert!(file("a") == file("b") && file("a") != file("c") && file("c") == file("d"));
}

//! The README's commands and snippets, run as they stand, in order, in one folder.

use crate::program::{Ran, Serve};
use crate::python_clients::venv;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The port in the README's snippets; the test's server has one of its own.
const ADDRESS: &str = "localhost:8815";

struct Block {
    language: String,
    code: String,
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block { language: language.to_string(), code: code.join("\n") });
        }
    }
    blocks
}

fn run(program: &Path, args: &[&str], folder: &Path) -> Ran {
    let venv = venv();
    let saasgen = Path::new(env!("CARGO_BIN_EXE_saasgen")).parent().unwrap();
    let path = format!("{}:{}:{}", saasgen.display(), venv.display(), std::env::var("PATH").unwrap());
    let output = Command::new(program).args(args).current_dir(folder).env("PATH", path).stdin(Stdio::null()).output();
    let ran: Ran = output.unwrap().into();
    assert_eq!(ran.code, Some(0), "{}\n{}", args.join(" "), ran.stderr);
    ran
}

/// Lines without the run time, which differs from run to run.
fn lasting(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with("run time ")).collect()
}

#[test]
fn every_command_and_snippet_runs() {
    let folder = tempfile::tempdir().unwrap();
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let server = Serve::start(&[]);
    let address = server.uri.strip_prefix("grpc://").unwrap();
    let (mut printed, mut ran, mut engines) = (String::new(), 0, 0);
    for block in blocks(&readme) {
        let code = block.code.replace(ADDRESS, address);
        match block.language.as_str() {
            // Run by whoever runs this test.
            "sh" if code == "cargo test" => {}
            // Needs an engine of 400 MB: `.ci/engines` runs it.
            "python" if code.contains("pyspark") => engines += 1,
            // Started above, on a port of its own.
            "sh" if code == "saasgen serve" => {}
            "sh" => {
                // The program is built already; pull's default server is the test's.
                let code = code.replace("cargo run --release --", "saasgen");
                let code =
                    code.replace("saasgen pull --tables", &format!("saasgen pull --server grpc://{address} --tables"));
                printed = run(Path::new("sh"), &["-euc", &code], folder.path()).stdout;
                ran += 1;
            }
            "python" => {
                printed = run(&venv().join("python"), &["-c", &code], folder.path()).stdout;
                assert!(!printed.is_empty());
                ran += 1;
            }
            "text" => assert_eq!(lasting(&printed), lasting(&code), "what the README says is printed"),
            other => panic!("the test does not know how to run {other:?}"),
        }
    }
    assert!(ran >= 10 && engines == 1, "only {ran} blocks, and {engines} for engines, were found");
    // The second half of the promise: pulled files are those of generate.
    for file in ["customers.parquet", "usage_daily.parquet", "billing.parquet", "support.parquet", "manifest.json"] {
        let [pulled, generated] =
            ["pulled", "data/raw"].map(|from| fs::read(folder.path().join(from).join(file)).unwrap());
        assert!(pulled == generated, "{file}");
    }
}

#[test]
fn the_data_dictionary_names_every_column_and_its_query_runs() {
    let folder = tempfile::tempdir().unwrap();
    let dictionary = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/README.md")).unwrap();
    for table in saasgen::tables::Table::ALL {
        let section = dictionary.split_once(&format!("\n### {}\n", table.name())).unwrap().1;
        let section = section.split("\n#").next().unwrap();
        if table == saasgen::tables::Table::UsageTruth {
            assert!(section.contains("`logged`"));
            continue;
        }
        let columns: Vec<&str> = section
            .lines()
            .filter(|line| line.starts_with("| "))
            .skip(1)
            .map(|line| line.split(' ').nth(1).unwrap())
            .collect();
        let expected: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
        assert_eq!(columns, expected, "{}", table.name());
    }
    run(Path::new(env!("CARGO_BIN_EXE_saasgen")), &["generate", "--customers", "500"], folder.path());
    for block in blocks(&dictionary).iter().filter(|block| block.language == "sql") {
        let query = format!("import duckdb; print(len(duckdb.sql(\"\"\"{}\"\"\").fetchall()))", block.code);
        let ran = run(&venv().join("python"), &["-c", &query], folder.path());
        assert!(ran.stdout.trim().parse::<u32>().unwrap() > 1_000);
    }
}

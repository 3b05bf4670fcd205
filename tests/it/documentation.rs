//! The documentation keeps its word: every command and snippet of every page runs and prints what the page says.
//!
//! Each page has a folder of its own, in which its blocks run from top to bottom:
//!
//! | block | treatment |
//! |---|---|
//! | `sh` | run by bash; `saasgen serve` alone starts a server for the blocks that follow |
//! | `python` | run by the Python of [`venv`] |
//! | `sql` | run by DuckDB |
//! | `text` | compared with the output of the block before it, times in seconds aside |
//! | `diagram` | only shown |
//!
//! Any other block fails its page.

use crate::program::{Ran, Serve, saasgen, without_variables};
use crate::python_clients::venv;
use saasgen::models::{Table, saas_v1, saas_v2};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The server's address in the pages. The test's servers listen on ports of their own.
const ADDRESS: &str = "localhost:8815";

/// Commands that do not run here, each the whole of its block, and where they run.
const RUN_ELSEWHERE: [(&str, &str); 9] = [
    ("cargo install --path .", "`.ci/run` installs the program"),
    ("cargo test", "it runs this test"),
    ("cargo test --test it documentation", "it runs this test"),
    ("cargo build --release", "`.ci/run` builds the release"),
    (".ci/run", "it runs this test"),
    (".ci/fuzz 60", "`.ci/run` runs it"),
    ("UPDATE_GOLDEN=1 cargo test golden", "it changes files of the project"),
    ("cargo test --test it -- --ignored at_length --nocapture", "`.ci/run` runs it"),
    (
        "attach 'saas' (type airport, location 'grpc://localhost:8815');\n\
         from saas.saasgen.usage_daily where date >= '2024-12-01';",
        "no package index has the extension; tests/clients/test_airport.py makes the same calls",
    ),
];

/// Words of the blocks that need an engine of some 400 MB. `.ci/engines` runs them with
/// tests/engines/test_documentation.py, which has the same list.
const ENGINES: [&str; 3] = ["pyspark", "examples/dask_", "examples/ray_"];

macro_rules! pages {
    ($($test:ident: $page:literal,)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(
            #[test]
            fn $test() {
                run_page($page);
            }
        )*
    };
}

pages! {
    the_readme_runs: "README.md",
    contributing_runs: "CONTRIBUTING.md",
    the_changelog_runs: "CHANGELOG.md",
    the_data_dictionary_runs: "data/README.md",
    the_data_dictionary_of_saas_v2_runs: "data/saas-v2.md",
    clients_runs: "docs/clients.md",
    clusters_runs: "docs/clusters.md",
    design_runs: "docs/design.md",
    determinism_runs: "docs/determinism.md",
    files_runs: "docs/files.md",
    models_runs: "docs/models.md",
    operating_runs: "docs/operating.md",
    performance_runs: "docs/performance.md",
    saas_v2_runs: "docs/saas-v2.md",
    serving_runs: "docs/serving.md",
    tickets_runs: "docs/tickets.md",
    verifying_runs: "docs/verifying.md",
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    fs::read_to_string(project().join(page)).unwrap()
}

/// A fenced block of a page.
#[derive(Debug)]
struct Block {
    /// The line of the page that the block begins at.
    line: usize,
    language: String,
    code: String,
    /// The output that the page shows for the block.
    output: Option<String>,
}

/// The blocks of a page, each with the output that follows it.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = (1..).zip(markdown.lines());
    while let Some((line, text)) = lines.next() {
        let Some(language) = text.trim_start().strip_prefix("```") else { continue };
        let code: Vec<&str> = lines.by_ref().map(|(_, text)| text).take_while(|text| *text != "```").collect();
        let code = code.join("\n");
        if language == "text" {
            let before = blocks.last_mut().filter(|block| block.output.is_none());
            let before = before.unwrap_or_else(|| panic!("line {line}: output without a command before it"));
            before.output = Some(code);
        } else {
            blocks.push(Block { line, language: language.to_string(), code, output: None });
        }
    }
    blocks
}

/// A page's folder, and the server that its snippets read from.
struct Page {
    folder: tempfile::TempDir,
    server: Option<Serve>,
}

impl Page {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(project().join("examples"), folder.path().join("examples")).unwrap();
        Self { folder, server: None }
    }

    /// Runs a block and returns what it printed.
    fn run(&mut self, block: &Block) -> String {
        if let ("sh", Some(args)) = (block.language.as_str(), served(&block.code)) {
            let mut command = saasgen(&["serve", "--listen", "127.0.0.1:0"]);
            command.args(args).current_dir(self.folder.path());
            self.server = Some(Serve::of(command));
            return String::new();
        }
        let code = self.with_address(&block.code);
        match block.language.as_str() {
            "sh" => {
                // Programs that the block has started in the background end with it.
                let script = format!("trap 'jobs -p | xargs -r kill || true' EXIT\n{code}");
                self.succeed(Command::new("bash").args(["-euo", "pipefail", "-c", &script]))
            }
            "python" => {
                let printed = self.succeed(Command::new(venv().join("python")).args(["-c", &code]));
                assert!(!printed.is_empty(), "the snippet prints nothing");
                printed
            }
            "sql" => {
                let query = "import duckdb, sys; print(duckdb.sql(sys.argv[1]))";
                self.succeed(Command::new(venv().join("python")).args(["-c", query, &code]))
            }
            other => panic!("the test does not know how to run {other:?}"),
        }
    }

    /// `code` with the address of this page's server in place of the one in the documentation.
    fn with_address(&self, code: &str) -> String {
        let pulls = code.lines().filter(|line| line.contains("saasgen pull"));
        for line in pulls {
            assert!(line.contains("--server"), "without --server, pull reads from port 8815 of this machine");
        }
        if !code.contains(ADDRESS) {
            return code.to_string();
        }
        let server = self.server.as_ref().expect("the page starts no server before this block");
        code.replace(ADDRESS, server.uri.split_once("://").unwrap().1)
    }

    /// Runs a command in the page's folder, with the program and the Python packages on the path.
    fn succeed(&self, command: &mut Command) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_saasgen")).parent().unwrap();
        let path = format!("{}:{}:{}", program.display(), venv().display(), std::env::var("PATH").unwrap());
        command.current_dir(self.folder.path()).env("PATH", path).env("PYTHONDONTWRITEBYTECODE", "1");
        let ran: Ran = without_variables(command.stdin(Stdio::null())).output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
        ran.stdout
    }
}

/// The options of `saasgen serve`, where that is all that a block runs.
fn served(code: &str) -> Option<Vec<&str>> {
    let args = code.strip_prefix("saasgen serve")?;
    (!args.contains(['&', '\n'])).then(|| args.split_whitespace().collect())
}

fn needs_engine(block: &Block) -> bool {
    ENGINES.iter().any(|engine| block.code.contains(engine))
}

fn run_page(page: &str) {
    let mut place = Page::new();
    for block in blocks(&read(page)) {
        if needs_engine(&block) {
            continue;
        }
        if ["diagram", "mermaid"].contains(&block.language.as_str())
            || RUN_ELSEWHERE.iter().any(|(code, _)| *code == block.code)
        {
            assert!(block.output.is_none(), "{page}, line {}: nothing compares this output", block.line);
            continue;
        }
        eprintln!("{page}, line {}:\n{}", block.line, block.code);
        let printed = place.run(&block);
        if let Some(output) = &block.output {
            assert_eq!(comparable(&printed), comparable(output), "the page shows other output:\n{printed}");
        }
    }
}

/// The words of each line, with a mark in place of times in seconds, which differ from run to run.
fn comparable(text: &str) -> Vec<Vec<&str>> {
    text.trim_end()
        .lines()
        .map(|line| {
            let mut words: Vec<&str> = line.split_whitespace().collect();
            for index in 1..words.len() {
                if matches!(words[index], "s" | "s,") && words[index - 1].parse::<f64>().is_ok() {
                    words[index - 1] = "…";
                }
            }
            words
        })
        .collect()
}

fn pages_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(project().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".md")).map(|name| Path::new(folder).join(name).display().to_string()).collect()
}

#[test]
fn every_page_is_run() {
    let written: Vec<String> = ["", "docs", "data"].into_iter().flat_map(pages_in).collect();
    // Generated by `.ci/third_party`; third_party.rs holds it.
    for page in written.iter().filter(|page| *page != "THIRD_PARTY.md") {
        assert!(PAGES.contains(&page.as_str()), "{page} is not in the list of pages");
    }
}

#[test]
fn commands_that_run_elsewhere_are_in_a_page() {
    let all: Vec<Block> = PAGES.iter().flat_map(|page| blocks(&read(page))).collect();
    for (code, _) in RUN_ELSEWHERE {
        assert!(all.iter().any(|block| block.code == code), "no page has {code:?}");
    }
    for engine in ENGINES {
        assert!(all.iter().any(|block| block.code.contains(engine)), "no page has a snippet with {engine:?}");
    }
}

#[test]
fn the_readme_is_short_and_links_every_page() {
    let readme = read("README.md");
    assert!(readme.lines().count() <= 180, "{} lines", readme.lines().count());
    for page in PAGES.iter().filter(|page| **page != "README.md") {
        assert!(readme.contains(&format!("]({page})")), "no link to {page}");
    }
}

/// The targets of a page's links.
fn links(markdown: &str) -> Vec<&str> {
    markdown.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect()
}

/// The anchors that a forge gives the headings of a page.
fn anchors(markdown: &str) -> Vec<String> {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    for page in PAGES {
        let text = read(page);
        for link in links(&text).into_iter().filter(|link| !link.starts_with("https://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target: PathBuf = match path {
                "" => project().join(page),
                _ => project().join(page).parent().unwrap().join(path),
            };
            assert!(target.exists(), "{page}: {link}");
            let is_there =
                anchor.is_empty() || anchors(&fs::read_to_string(target).unwrap()).iter().any(|a| a == anchor);
            assert!(is_there, "{page}: {link}");
        }
    }
}

#[test]
fn paths_in_the_text_exist() {
    for page in PAGES {
        // Every second piece is code.
        for code in read(page).split('`').skip(1).step_by(2) {
            if ["src/", "tests/", "benches/"].iter().any(|folder| code.starts_with(folder)) && !code.contains(' ') {
                assert!(project().join(code).exists(), "{page}: {code}");
            }
        }
    }
}

#[test]
fn the_data_dictionaries_have_the_descriptions_the_keys_and_the_expected_rows() {
    assert_dictionary("data/README.md", "saas-v1", &saas_v1::TABLES);
    assert_dictionary("data/saas-v2.md", "saas-v2", &saas_v2::TABLES);
}

fn assert_dictionary(page: &str, model: &str, tables: &[Table]) {
    let dictionary = read(page);
    let described = saasgen(&["describe", "--json", "--model", model]).output().unwrap().stdout;
    let described: serde_json::Value = serde_json::from_slice(&described).unwrap();
    let usage = tables.iter().find(|table| table.name() == "usage_daily").unwrap();
    for table in tables {
        let section = dictionary.split_once(&format!("\n### {}\n", table.name())).unwrap().1;
        let section = section.split("\n#").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
        let columns: Vec<Vec<&str>> = rows.map(|line| line.trim_matches(['|', ' ']).split(" | ").collect()).collect();
        let types = described["tables"][table.name()]["columns"].as_array().unwrap();
        assert_eq!(columns.len(), table.columns().len(), "{}", table.name());
        for ((row, column), described) in columns.iter().zip(table.columns()).zip(types) {
            assert_eq!((row[0], Some(row[1])), (column.name, described["type"].as_str()), "{}", table.name());
            // The page adds figures of the model in parentheses.
            let is_described = row[2] == column.law || row[2].starts_with(&format!("{} (", column.law));
            let is_as_before = row[2] == "as in usage_daily" && usage.columns().contains(column);
            assert!(is_described || is_as_before, "{}: {row:?} instead of {:?}", table.name(), column.law);
        }

        let row = dictionary.lines().find(|line| line.starts_with(&format!("| {} |", table.name()))).unwrap();
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        assert_eq!(cells[1..3], [table.summary(), &table.primary_key().join(", ")], "{}", table.name());
        let rows = row.rsplit('|').nth(1).unwrap().split('±').next().unwrap().trim().replace(',', "");
        let expected = &described["tables"][table.name()]["expected_rows"];
        assert_eq!(rows.parse::<f64>().unwrap(), expected.as_f64().unwrap().round(), "{}", table.name());
    }
}

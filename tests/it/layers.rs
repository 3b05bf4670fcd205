//! A module uses only what stands to its left.

use std::path::{Path, PathBuf};

/// Each layer, with the layers that it may use besides `error` and itself.
const LAYERS: [(&str, &[&str]); 11] = [
    ("workers", &[]),
    ("error", &[]),
    ("model", &[]),
    ("random", &["model"]),
    ("tables", &["model", "random"]),
    ("scan", &["model", "random", "tables"]),
    ("batches", &["model", "random", "tables", "scan"]),
    ("flight", &["model", "random", "tables", "scan", "batches"]),
    ("parquet_files", &["model", "random", "tables", "scan", "batches", "workers"]),
    ("verify", &["model", "random", "tables", "scan", "batches", "workers"]),
    ("cli", &["model", "random", "tables", "scan", "batches", "flight", "parquet_files", "verify"]),
];

/// Crates that no layer up to `tables` may know.
const OUTER_CRATES: [&str; 7] = ["arrow", "arrow_flight", "arrow_ipc", "parquet", "tonic", "tokio", "clap"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The words that follow `prefix` in the code of `text`, comments left out.
fn names_after<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.match_indices(prefix).map(move |(at, _)| &line[at + prefix.len()..]))
        .map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap())
        .collect()
}

#[test]
fn no_module_uses_what_stands_to_its_right() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut looked_at = 0;
    for path in sources(&source) {
        let layer = path.strip_prefix(&source).unwrap().components().next().unwrap();
        let layer = Path::new(layer.as_os_str()).file_stem().unwrap().to_str().unwrap();
        if ["lib", "main"].contains(&layer) {
            continue;
        }
        let (_, allowed) = LAYERS.iter().find(|(name, _)| *name == layer).unwrap_or_else(|| panic!("{layer} is new"));
        let text = std::fs::read_to_string(&path).unwrap();
        // Tests may use anything: they stand at the end of a file.
        let code = text.split("#[cfg(test)]").next().unwrap();
        for name in names_after(code, "crate::") {
            looked_at += 1;
            let is_layer = LAYERS.iter().any(|(layer, _)| *layer == name);
            assert!(is_layer, "{}: crate::{name} is no layer", path.display());
            let is_left = name == "error" || name == layer || allowed.contains(&name);
            assert!(is_left, "{}: {layer} may not use {name}", path.display());
        }
        if ["error", "model", "random", "tables", "scan"].contains(&layer) {
            for outer in OUTER_CRATES {
                let is_name = |c: char| c.is_alphanumeric() || c == '_';
                let uses = code.match_indices(&format!("{outer}::")).any(|(at, _)| !code[..at].ends_with(is_name));
                assert!(!uses, "{}: {layer} may not know {outer}", path.display());
            }
        }
    }
    assert!(looked_at > 50, "only {looked_at} uses found: the test reads the sources no more");
}

#[test]
fn braced_imports_do_not_hide_layers() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&source) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("use crate::{"), "{}: write one `use crate::layer` a layer", path.display());
        assert!(!text.contains("super::super"), "{}: write `crate::layer`, which the test reads", path.display());
    }
}

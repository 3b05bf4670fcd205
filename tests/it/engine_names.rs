//! The engine names no table of any model, so that a new model needs no change of the engine.

use crate::layers::{end_of_item, source_files, tokens};
use saasgen::models::table_names;

/// The folders of the engine.
const ENGINE: [&str; 6] = ["src/scan/", "src/batches/", "src/flight/", "src/parquet_files/", "src/verify/", "src/cli/"];

/// The folders in them that belong to one model, and the file that chooses among these folders.
const OF_MODELS: [&str; 3] = ["src/verify/saas_v1/", "src/verify/saas_v2/", "src/verify/mod.rs"];

#[test]
fn the_engine_names_no_table() {
    let is_in = |file: &str, folders: &[&str]| folders.iter().any(|folder| file.starts_with(folder));
    let files = source_files();
    let engine: Vec<_> = files.iter().filter(|(file, _)| is_in(file, &ENGINE) && !is_in(file, &OF_MODELS)).collect();
    for folder in ENGINE {
        assert!(engine.iter().any(|(file, _)| file.starts_with(folder)), "there are no files in {folder}");
    }
    let found = engine.iter().flat_map(|(file, text)| named_tables(text).map(move |name| format!("{file}: {name}")));
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "the engine names tables of a model:\n{}", found.join("\n"));
}

#[test]
fn tables_are_found_by_their_models_and_by_their_names() {
    for (text, expected) in [
        ("let table = saas_v1::BILLING;", "saas_v1"),
        ("use crate::models::saas_v1::{CUSTOMERS, SUPPORT};", "saas_v1"),
        ("use crate::models::{Table, saas_v1};", "saas_v1"),
        ("fn name() -> &str { \"billing\" }", "\"billing\""),
        ("const TRUTH: &str = r\"usage_truth\";", "\"usage_truth\""),
        ("format!(\"rows of usage_daily: {rows}\")", "\"rows of usage_daily: {rows}\""),
        ("#[cfg(test)] mod tests { fn t() { saas_v1::SUPPORT; } } fn f() { saas_v1::SUPPORT }", "saas_v1"),
    ] {
        assert_eq!(named_tables(text).collect::<Vec<_>>(), [expected], "{text}");
    }
    for text in [
        "model.tables().iter().map(|table| table.name())",
        "/// A row of `usage_daily`. // \"usage_truth\"\nfn rows() {}",
        "(\"customers\", \"does not support this\")",
        "#[cfg(test)] mod tests { fn t() { saas_v1::BILLING; \"usage_daily\"; } }",
    ] {
        assert_eq!(named_tables(text).next(), None, "{text}");
    }
}

/// The places in the code `text`, without tests and comments, that name a model's module, or a table in a string.
fn named_tables(text: &str) -> impl Iterator<Item = String> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].starts_with(&["#", "[", "cfg", "(", "test", ")", "]"]) {
            at = end_of_item(&tokens, at);
        } else if tokens[at].starts_with("saas_v") || tokens[at].contains('"') && names_a_table(tokens[at]) {
            found.push(tokens[at].to_string());
        }
        at += 1;
    }
    found.into_iter()
}

/// Returns whether a string names a table. Every model has customers, so this name is allowed. A name that is a common
/// word counts only if it is the whole string.
fn names_a_table(string: &str) -> bool {
    let names = table_names();
    let others = names.iter().filter(|name| **name != "customers");
    let text = string.trim_matches(['"', '#']);
    others.into_iter().any(|name| text == *name || name.contains('_') && text.contains(name))
}

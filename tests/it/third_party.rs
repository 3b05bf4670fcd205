//! `THIRD_PARTY.md` lists the crates of `Cargo.lock`, and the licence of each permits its use in this program.

use std::path::Path;
use std::process::Command;

/// Licences that only require their text to be kept. None of them applies to the code of this program.
const ALLOWED: [&str; 10] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Returns whether an SPDX expression permits a choice with allowed licences only. `/` is an older form of OR.
fn is_allowed(expression: &str) -> bool {
    let is_known = |licence: &str| ALLOWED.contains(&licence.trim_matches(|c: char| c == '(' || c == ')' || c == ' '));
    expression.replace('/', " OR ").split(" AND ").all(|part| part.split(" OR ").any(is_known))
}

fn listed() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("THIRD_PARTY.md")).unwrap()
}

#[test]
fn the_list_is_current() {
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/third_party")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let current = String::from_utf8(output.stdout).unwrap();
    assert_eq!(current, listed(), "update it with .ci/third_party > THIRD_PARTY.md");
}

#[test]
fn every_licence_is_allowed() {
    let text = listed();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| crate "))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 100, "{} crates", rows.len());
    for row in rows {
        assert!(is_allowed(row[3]), "{} {} has the licence {:?}", row[1], row[2], row[3]);
    }
}

#[test]
fn expressions_without_an_allowed_choice_are_refused() {
    for allowed in ["MIT", "MIT/GPL-3.0", "(GPL-3.0 OR MIT) AND ISC", "Apache-2.0 WITH LLVM-exception OR X"] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in ["GPL-3.0", "MIT AND GPL-3.0", "", "LGPL-2.1-or-later", "(MIT OR X) AND GPL-3.0"] {
        assert!(!is_allowed(refused), "{refused}");
    }
}

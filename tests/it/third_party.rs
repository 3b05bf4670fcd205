//! The list of the crates in the program is that of its Cargo.lock, and each may be used under Apache-2.0's terms.

use std::path::Path;
use std::process::Command;

/// Licences that ask for no more than their texts to be kept; none of them reaches the program's own code.
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

/// Whether one of the choices of an SPDX expression is of allowed licences alone. `/` is an older way to write OR.
fn is_allowed(expression: &str) -> bool {
    let is_known = |licence: &str| ALLOWED.contains(&licence.trim_matches(|c: char| c == '(' || c == ')' || c == ' '));
    expression.replace('/', " OR ").split(" AND ").all(|part| part.split(" OR ").any(is_known))
}

fn listed() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("THIRD_PARTY.md")).unwrap()
}

#[test]
fn third_party_is_current() {
    let made = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/third_party")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made = String::from_utf8(made.stdout).unwrap();
    assert_eq!(made, listed(), "renew it: .ci/third_party > THIRD_PARTY.md");
}

#[test]
fn licences_are_allowed() {
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
fn what_no_choice_allows_is_found() {
    for allowed in ["MIT", "MIT/GPL-3.0", "(GPL-3.0 OR MIT) AND ISC", "Apache-2.0 WITH LLVM-exception OR X"] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in ["GPL-3.0", "MIT AND GPL-3.0", "", "LGPL-2.1-or-later", "(MIT OR X) AND GPL-3.0"] {
        assert!(!is_allowed(refused), "{refused}");
    }
}

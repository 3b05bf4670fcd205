//! The result of `verify` as a table for the terminal.

use crate::verify::{EXPLANATION, Verdict, Verification};
use comfy_table::{CellAlignment, ContentArrangement, presets};
use std::fmt;

/// A table of all checks, followed by the details of each failed check and the reason for each check that did not run.
pub(super) struct VerificationTable<'a> {
    pub verification: &'a Verification,
    /// The first line: the place of the data set, and its identity.
    pub subject: &'a str,
}

/// The width of the table in characters.
const TABLE_WIDTH: u16 = 100;

impl fmt::Display for VerificationTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verification, subject } = self;
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_width(TABLE_WIDTH);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(["check", "expected", "observed", "99 % interval", "p", "verdict"]);
        let mut previous = "";
        for check in &verification.checks {
            if check.table != previous {
                table.add_row([""]).add_row([check.table]);
                previous = check.table;
            }
            let [expected, observed, interval, p] = check.evidence.figures();
            table.add_row([format!("  {}", check.name), expected, observed, interval, p, check.verdict.to_string()]);
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            let is_last = index == 5;
            column.set_padding((u16::from(index > 0 && !is_last), 1 - u16::from(is_last)));
            if (1..=4).contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(f, "{subject}\n\n{}", table.trim_fmt())?;
        let with = |verdict| verification.checks.iter().filter(move |check| check.verdict == verdict);
        for check in with(Verdict::Fails) {
            let details = check.evidence.details();
            if !details.is_empty() {
                writeln!(f, "\n{}: {} {}", check.table, check.name, check.verdict)?;
                details.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
            }
        }
        for (index, check) in with(Verdict::NotRun).enumerate() {
            let heading = if index == 0 { "\nnot run\n" } else { "" };
            writeln!(f, "{heading}  {}: {}: {}", check.table, check.name, check.evidence.details().join("; "))?;
        }
        writeln!(f, "\n{}", EXPLANATION)?;
        writeln!(f, "\n{}", verification.summary())
    }
}

//! What commands print to stdout.

use crate::error::{Error, Result};
use crate::parquet_files::Manifest;
use crate::tables::Table;
pub(super) use crate::verify::grouped;
use crate::verify::{Verdict, Verification};
use comfy_table::{CellAlignment, ContentArrangement, presets};
use serde::Serialize;
use serde_json::json;
use std::fmt::{self, Write as _};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::time::Duration;

/// Prints `text`; a reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("writing to", "stdout")(error)),
        _ => Ok(()),
    }
}

/// Prints `value` as indented JSON.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    print(&(text + "\n"))
}

/// What was written, and how long it took.
pub(super) struct Report<'a> {
    pub out: &'a Path,
    pub manifest: &'a Manifest,
    /// The tables written now; the manifest may list others.
    pub tables: &'a [Table],
    pub elapsed: Duration,
}

impl Report<'_> {
    pub fn print(&self, quiet: bool, as_json: bool) -> Result<()> {
        let entries = self.tables.iter().filter_map(|table| self.manifest.tables.get_key_value(table.name()));
        let entries: Vec<_> = entries.collect();
        let seconds = self.elapsed.as_secs_f64();
        if as_json {
            let written: serde_json::Map<_, _> =
                entries.iter().map(|(name, entry)| (name.to_string(), json!(entry))).collect();
            return print_json(&json!({
                "out": self.out.display().to_string(),
                "identity": self.manifest.identity,
                "tables": written,
                "rows": entries.iter().map(|(_, entry)| entry.rows).sum::<u64>(),
                "bytes": entries.iter().map(|(_, entry)| entry.bytes).sum::<u64>(),
                "seconds": seconds,
            }));
        }
        if quiet {
            return Ok(());
        }
        let mut text = String::new();
        let mut line = |name: &str, rows: &str, bytes: &str| {
            // Writing to a String can't fail.
            let _ = writeln!(text, "{name:<16} {rows:>15} {bytes:>17}");
        };
        line("table", "rows", "bytes");
        for (name, entry) in &entries {
            line(name, &grouped(entry.rows), &grouped(entry.bytes));
        }
        line(
            "total",
            &grouped(entries.iter().map(|(_, entry)| entry.rows).sum()),
            &grouped(entries.iter().map(|(_, entry)| entry.bytes).sum()),
        );
        print(&format!("{text}run time {seconds:.2} s, in {}\n", self.out.display()))
    }
}

/// What was verified, as a table for terminals of 100 columns.
pub(super) struct VerificationTable<'a> {
    pub verification: &'a Verification,
    /// Where the data set is, and what it says it is.
    pub subject: &'a str,
}

/// Columns of a terminal that the table fits.
const TABLE_WIDTH: u16 = 100;

impl fmt::Display for VerificationTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verification, subject } = self;
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_width(TABLE_WIDTH);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(["check", "expected", "observed", "99 % interval", "p", "verdict"]);
        let mut before = "";
        for check in &verification.checks {
            if check.table != before {
                table.add_row([""]).add_row([check.table]);
                before = check.table;
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
        writeln!(f, "\n{}", crate::verify::EXPLANATION)?;
        writeln!(f, "\n{}", verification.summary())
    }
}

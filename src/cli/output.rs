//! What commands print to stdout.

use crate::error::{Error, Result};
use crate::parquet_files::Manifest;
use crate::tables::Table;
use serde::Serialize;
use serde_json::json;
use std::fmt::Write as _;
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

/// `number` with a comma before every three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!([0, 999, 1_000, 12_345, 1_234_567].map(grouped), ["0", "999", "1,000", "12,345", "1,234,567"]);
    }
}

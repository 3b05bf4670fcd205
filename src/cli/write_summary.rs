//! The summary that a subcommand prints after it has written files.

use super::stdout::{print, print_json};
use crate::error::Result;
use crate::models::Table;
use crate::parquet_files::{Manifest, TableEntry};
use crate::verify::grouped;
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

pub(super) struct WriteSummary<'a> {
    /// The folder.
    pub out: &'a Path,
    /// The manifest of the folder, which can also list tables of earlier runs.
    pub manifest: &'a Manifest,
    /// The tables of this run.
    pub tables: &'a [Table],
    /// The duration of this run.
    pub elapsed: Duration,
}

impl WriteSummary<'_> {
    /// Prints the rows and bytes of each table.
    pub fn print(&self) -> Result<()> {
        let mut text = String::new();
        let mut line = |name: &str, rows: &str, bytes: &str| {
            // Writing to a String can't fail.
            let _ = writeln!(text, "{name:<16} {rows:>15} {bytes:>17}");
        };
        line("table", "rows", "bytes");
        for (name, entry) in self.entries() {
            line(name, &grouped(entry.rows), &grouped(entry.bytes));
        }
        line("total", &grouped(self.rows()), &grouped(self.bytes()));
        print(&format!("{text}run time {:.2} s, in {}\n", self.elapsed.as_secs_f64(), self.out.display()))
    }

    /// Prints one JSON object.
    pub fn print_json(&self) -> Result<()> {
        let tables: serde_json::Map<_, _> =
            self.entries().map(|(name, entry)| (name.to_string(), json!(entry))).collect();
        print_json(&json!({
            "out": self.out.display().to_string(),
            "identity": self.manifest.identity,
            "tables": tables,
            "rows": self.rows(),
            "bytes": self.bytes(),
            "seconds": self.elapsed.as_secs_f64(),
        }))
    }

    fn entries(&self) -> impl Iterator<Item = (&String, &TableEntry)> {
        self.tables.iter().filter_map(|table| self.manifest.tables.get_key_value(table.name()))
    }

    fn rows(&self) -> u64 {
        self.entries().map(|(_, entry)| entry.rows).sum()
    }

    fn bytes(&self) -> u64 {
        self.entries().map(|(_, entry)| entry.bytes).sum()
    }
}

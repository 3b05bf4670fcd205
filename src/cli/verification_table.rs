//! The result of `verify` as a table for the terminal.

use super::terminal::{columns, width, wrapped};
use crate::verify::{Check, Origin, Verdict, Verification};
use comfy_table::{CellAlignment, presets};
use std::fmt::{self, Write as _};

/// A table of all checks, followed by the details of each failed check and the reason for each check that did not run.
pub(super) struct VerificationTable<'a> {
    pub verification: &'a Verification,
    pub origin: &'a Origin,
    pub layout: Layout,
}

/// The width and the colours of the output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    width: usize,
    /// Whether long lines are wrapped. In a file or a pipe, a line stays whole, so that it can be searched.
    wraps: bool,
    has_colors: bool,
}

/// The width in a file or a pipe, and the largest width in a terminal, in characters.
const MAX_WIDTH: usize = 100;

/// The smallest width of the names of checks. In a terminal that is too narrow for it, the terminal wraps the lines.
const MIN_NAME_WIDTH: usize = 20;

/// The largest width of an interval that stays on one line if the terminal is too narrow for the table.
const MAX_INTERVAL_WIDTH: usize = 16;

impl Layout {
    /// Returns the layout for stdout. It has colours in a terminal, unless the environment variable `NO_COLOR` is set.
    pub fn of_stdout() -> Self {
        let Some(columns) = columns(std::io::stdout()) else {
            return Self { width: MAX_WIDTH, wraps: false, has_colors: false };
        };
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        Self { width: columns.min(MAX_WIDTH), wraps: true, has_colors: !is_set("NO_COLOR") && !is_dumb }
    }

    /// Wraps a line that is not part of the table, if lines are wrapped.
    fn line(self, text: &str, indent: usize) -> String {
        wrapped(text, if self.wraps { self.width } else { usize::MAX }, indent)
    }

    /// Colours verdicts at the ends of lines, and the last line.
    fn colored(self, text: &str) -> String {
        if !self.has_colors {
            return text.to_string();
        }
        let (red, green, yellow, end) = ("\x1b[1;31m", "\x1b[1;32m", "\x1b[33m", "\x1b[0m");
        let mut colored = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            let (line, newline) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
            let verdicts = [(Verdict::Fails, red), (Verdict::NotRun, yellow)];
            let mut verdicts = verdicts.into_iter().map(|(verdict, color)| (verdict.to_string(), color));
            colored += &match verdicts.find(|(verdict, _)| line.ends_with(verdict)) {
                Some((verdict, color)) => {
                    format!("{}{color}{verdict}{end}", line.strip_suffix(&verdict).unwrap_or_default())
                }
                None if line.starts_with("The data set FAILS") => format!("{red}{line}{end}"),
                None if line.starts_with("The data set holds") => format!("{green}{line}{end}"),
                None => line.to_string(),
            };
            colored += newline;
        }
        colored
    }
}

impl fmt::Display for VerificationTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verification, origin, layout } = self;
        let mut text = String::new();
        writeln!(text, "{}", layout.line(&origin.to_string(), 0))?;
        if let Some((reason, files)) = origin.skipped_files() {
            writeln!(text, "{}", layout.line(&format!("{reason}: {files}"), 2))?;
        }
        writeln!(text, "\n{}", self.table())?;
        let with = |verdict| verification.checks.iter().filter(move |check| check.verdict == verdict);
        for check in with(Verdict::Fails) {
            writeln!(text, "\n{}: {} {}", check.table, check.name, check.verdict)?;
            for detail in check.evidence.details() {
                writeln!(text, "{}", layout.line(&format!("  {detail}"), 4))?;
            }
        }
        for (index, check) in with(Verdict::NotRun).enumerate() {
            let heading = if index == 0 { "\nnot run\n" } else { "" };
            let reason = check.evidence.details().join("; ");
            writeln!(text, "{heading}{}", layout.line(&format!("  {}: {}: {reason}", check.table, check.name), 4))?;
        }
        for paragraph in verification.explanation() {
            writeln!(text, "\n{}", wrapped(&paragraph, layout.width, 0))?;
        }
        writeln!(text, "\n{}", verification.summary())?;
        f.write_str(&layout.colored(&text))
    }
}

impl VerificationTable<'_> {
    fn table(&self) -> String {
        const HEADER: [&str; 5] = ["expected", "observed", "99 % interval", "p", "verdict"];
        let checks = &self.verification.checks;
        let name = |check: &Check| format!("  {}", check.name);
        let mut rows: Vec<[String; 5]> = checks.iter().map(cells).collect();
        let width_of = |rows: &[[String; 5]], column: usize| {
            rows.iter().flat_map(|row| row[column].lines()).chain([HEADER[column]]).map(width).max().unwrap_or(0)
        };
        let name_width = |rows: &[[String; 5]]| {
            // A space stands between columns.
            let others = (0..HEADER.len()).map(|column| width_of(rows, column) + 1).sum();
            self.layout.width.saturating_sub(others)
        };
        if name_width(&rows) < checks.iter().map(|check| width(&name(check))).max().unwrap_or(0) {
            for [_, _, interval, ..] in &mut rows {
                if width(interval) > MAX_INTERVAL_WIDTH {
                    *interval = interval.replace(" .. ", " ..\n");
                }
            }
        }
        let name_width = name_width(&rows).max(MIN_NAME_WIDTH);
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_header(["check"].into_iter().chain(HEADER));
        let mut previous = "";
        for (check, cells) in checks.iter().zip(rows) {
            if check.table != previous {
                table.add_row([""]).add_row([check.table]);
                previous = check.table;
            }
            table.add_row([wrapped(&name(check), name_width, 4)].into_iter().chain(cells));
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((u16::from(index > 0), 0));
            if (1..=4).contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt()
    }
}

/// Returns the figures of a check and its verdict.
fn cells(check: &Check) -> [String; 5] {
    let [expected, observed, interval, p] = check.evidence.figures();
    [expected, observed, interval, p, check.verdict.to_string()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_coloured_at_the_ends_of_lines() {
        let plain = Layout { width: 80, wraps: true, has_colors: false };
        let text = "rows  1.0 FAILS\nrows FAILS often\nx not run\n\nThe data set FAILS: 1 of 2.\n";
        assert_eq!(plain.colored(text), text);
        let expected = "rows  1.0 \x1b[1;31mFAILS\x1b[0m\nrows FAILS often\nx \x1b[33mnot run\x1b[0m\n\n\
                        \x1b[1;31mThe data set FAILS: 1 of 2.\x1b[0m\n";
        assert_eq!(Layout { has_colors: true, ..plain }.colored(text), expected);
    }
}

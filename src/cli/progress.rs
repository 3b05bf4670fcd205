//! The progress bar on stderr.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal;

/// Rows so far, rows a second, time left; nothing where stderr is no terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar towards `rows`, which need not be exact.
    pub fn new(rows: f64, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(rows as u64), ProgressDrawTarget::stderr());
        let template = "{bar:30} {human_pos} of about {human_len} rows, {per_sec}, {eta} left";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        // indicatif's own rate has no unit and all its decimals.
        let rate = |state: &ProgressState, text: &mut dyn Write| {
            let _ = write!(text, "{} rows/s", HumanCount(state.per_sec() as u64));
        };
        bar.set_style(style.with_key("per_sec", rate));
        Self(bar)
    }

    pub fn add(&self, rows: u64) {
        self.0.inc(rows);
    }

    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Bar {
    /// An error's message then begins on a clean line.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

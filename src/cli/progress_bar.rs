//! The progress bar on stderr.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal;

/// Shows the rows so far, the rows per second and the time left. Shows nothing if stderr is not a terminal.
pub(super) struct RowProgressBar(ProgressBar);

impl RowProgressBar {
    /// Starts a bar that is full at about `rows` rows. Shows nothing if `quiet` is set.
    pub fn new(rows: f64, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(rows as u64), ProgressDrawTarget::stderr());
        let template = "{bar:30} {human_pos} of about {human_len} rows, {per_sec}, {eta} left";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        // indicatif's own rate has no unit, and prints every decimal.
        let rate = |state: &ProgressState, text: &mut dyn Write| {
            let _ = write!(text, "{} rows/s", HumanCount(state.per_sec() as u64));
        };
        bar.set_style(style.with_key("per_sec", rate));
        Self(bar)
    }

    /// Adds `rows` rows.
    pub fn add(&self, rows: u64) {
        self.0.inc(rows);
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for RowProgressBar {
    /// Removes the bar, so an error message starts on a clean line.
    fn drop(&mut self) {
        self.finish();
    }
}

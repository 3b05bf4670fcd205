//! The progress bar on stderr.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// Rows so far, rows a second, time left; nothing where stderr is no terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar towards `rows`; without them, it has no end to tell the time to.
    pub fn new(rows: Option<f64>, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let (length, template) = match rows {
            Some(rows) => {
                (Some(rows as u64), "{bar:30} {human_pos} of about {human_len} rows, {per_sec} rows, {eta} left")
            }
            None => (None, "{spinner} {human_pos} rows, {per_sec} rows, {elapsed}"),
        };
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
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

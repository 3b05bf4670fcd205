//! The progress of a run on stderr: a bar in a terminal, and a line every few seconds elsewhere.

use super::terminal::columns;
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal, Write as _, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// The time between two lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// Columns of the bar.
const MIN_BAR: usize = 5;
const MAX_BAR: usize = 30;

/// The form of the lines. Bars have one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProgressLines {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Shows the rows so far, the rows per second and the time left, until it is dropped.
pub(super) enum RowProgress {
    Hidden,
    Bar(ProgressBar),
    Lines {
        rows: Arc<AtomicU64>,
        /// Dropping it ends the thread that writes the lines.
        _end: mpsc::Sender<()>,
    },
}

impl RowProgress {
    /// Starts to show the progress towards about `rows` rows. Shows nothing if `lines` is `None`.
    pub fn new(rows: f64, lines: Option<ProgressLines>) -> Self {
        let expected = rows as u64;
        match lines {
            None => Self::Hidden,
            Some(_) if stderr().is_terminal() => Self::Bar(bar(expected)),
            Some(form) => {
                let (end, ended) = mpsc::channel();
                let rows = Arc::<AtomicU64>::default();
                let counter = Arc::clone(&rows);
                // A run needs no lines: without a thread for them there are none.
                let _ = thread::Builder::new().spawn(move || write_lines(&counter, expected, form, &ended));
                Self::Lines { rows, _end: end }
            }
        }
    }

    /// Adds `added` rows.
    pub fn add(&self, added: u64) {
        match self {
            Self::Hidden => {}
            Self::Bar(bar) => bar.inc(added),
            Self::Lines { rows, .. } => drop(rows.fetch_add(added, Ordering::Relaxed)),
        }
    }
}

impl Drop for RowProgress {
    /// Removes the bar, so the next line starts on a clean one.
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn bar(expected: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(expected), ProgressDrawTarget::stderr());
    let line = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        let progress = Progress {
            rows: state.pos(),
            expected_rows: state.len().unwrap_or(0),
            rows_per_second: state.per_sec() as u64,
            seconds_left: Some(state.eta().as_secs()),
        };
        let _ = text.write_str(&progress.fitting(columns(stderr()).unwrap_or(usize::MAX)));
    };
    // A line of indicatif's own fields would wrap in a narrow terminal.
    let style = ProgressStyle::with_template("{line}").unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.with_key("line", line));
    bar
}

/// Writes a line to stderr every [`INTERVAL`], until the sender of `ended` is gone.
fn write_lines(rows: &AtomicU64, expected: u64, form: ProgressLines, ended: &Receiver<()>) {
    let mut before = 0;
    while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let now = rows.load(Ordering::Relaxed);
        let progress = Progress::since(before, now, expected);
        before = now;
        let line = match form {
            ProgressLines::Text => format!("progress: {}", progress.text()),
            ProgressLines::Json => serde_json::json!({ "progress": progress }).to_string(),
        };
        // If nobody reads the lines, the run goes on.
        let _ = writeln!(stderr(), "{line}");
    }
}

/// The progress at one moment.
#[derive(Debug, Clone, Copy, Serialize)]
struct Progress {
    rows: u64,
    /// The estimate of all rows. The true number differs by a percent or so.
    expected_rows: u64,
    rows_per_second: u64,
    /// `None` if no row came lately.
    seconds_left: Option<u64>,
}

impl Progress {
    /// Returns the progress if there were `before` rows an [`INTERVAL`] ago, and there are `rows` now.
    fn since(before: u64, rows: u64, expected: u64) -> Self {
        let rows_per_second = (rows - before) / INTERVAL.as_secs();
        let seconds_left = expected.saturating_sub(rows).checked_div(rows_per_second);
        Self { rows, expected_rows: expected, rows_per_second, seconds_left }
    }

    fn text(&self) -> String {
        format!("{}, {} rows/s{}", self.counts(), HumanCount(self.rows_per_second), self.left())
    }

    fn counts(&self) -> String {
        format!("{} of about {} rows", HumanCount(self.rows), HumanCount(self.expected_rows))
    }

    fn left(&self) -> String {
        let left = self.seconds_left.map(|seconds| HumanDuration(Duration::from_secs(seconds)));
        left.map_or_else(String::new, |left| format!(", {left:#} left"))
    }

    /// Returns the fullest line that is shorter than `columns`, with a bar if there is room. The last column stays
    /// free, because some terminals wrap when it is written.
    fn fitting(&self, columns: usize) -> String {
        let share = (self.rows as f64 / self.expected_rows.max(1) as f64).clamp(0.0, 1.0);
        let percent = format!("{:.0} %", (share * 100.0).floor());
        let lines = [self.text(), self.counts() + &self.left(), percent.clone() + &self.left(), percent];
        let Some(line) = lines.into_iter().find(|line| line.len() < columns) else { return String::new() };
        // The bar, a space and the line.
        let bar = columns.saturating_sub(line.len() + 2).min(MAX_BAR);
        if bar < MIN_BAR {
            return line;
        }
        let done = (share * bar as f64) as usize;
        format!("{}{} {line}", "█".repeat(done), "░".repeat(bar - done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(rows: u64, expected: u64) -> Progress {
        Progress::since(rows / 2, rows, expected)
    }

    #[test]
    fn a_line_fits_any_width_and_cuts_no_word() {
        for (rows, expected) in [(0, 0), (0, 1_000), (700, 1_000), (1_500, 1_000), (1_234_567_890, 58_000_000_000)] {
            let progress = progress(rows, expected);
            for columns in 0..200 {
                let line = progress.fitting(columns);
                assert!(line.chars().count() < columns.max(1), "{columns}: {line}");
                let text = line.trim_start_matches(['█', '░', ' ']);
                let ends = ["rows/s", "rows", "left", "%"];
                assert!(text.is_empty() || ends.iter().any(|end| text.ends_with(end)), "{columns}: {line}");
            }
            assert!(progress.fitting(199).contains(&progress.text()));
        }
    }

    #[test]
    fn the_bar_and_the_fields_give_way_to_the_width() {
        let progress = Progress { rows: 500, expected_rows: 2_000, rows_per_second: 50, seconds_left: Some(30) };
        let line = "500 of about 2,000 rows, 50 rows/s, 30s left";
        assert_eq!(progress.fitting(120), format!("{}{} {line}", "█".repeat(7), "░".repeat(23)));
        assert_eq!(progress.fitting(54), format!("██░░░░░░ {line}"));
        assert_eq!(progress.fitting(48), line);
        assert_eq!(progress.fitting(44), "██░░░░░░░ 500 of about 2,000 rows, 30s left");
        assert_eq!(progress.fitting(21), "█░░░░ 25 %, 30s left");
        assert_eq!(progress.fitting(20), "25 %, 30s left");
        assert_eq!(progress.fitting(6), "25 %");
        assert_eq!(progress.fitting(3), "");
    }

    #[test]
    fn a_line_has_the_rate_since_the_last_one() {
        let line = |before, rows| Progress::since(before, rows, 4_000_000);
        assert_eq!(line(0, 1_000_000).text(), "1,000,000 of about 4,000,000 rows, 100,000 rows/s, 30s left");
        assert_eq!(line(1_000_000, 1_000_000).text(), "1,000,000 of about 4,000,000 rows, 0 rows/s");
        let json = serde_json::to_string(&line(1_000_000, 3_000_000)).unwrap();
        assert_eq!(json, "{\"rows\":3000000,\"expected_rows\":4000000,\"rows_per_second\":200000,\"seconds_left\":5}");
    }
}

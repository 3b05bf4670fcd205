//! Telemetry for operators: log lines and Prometheus metrics.

mod activity;
mod labels;
mod metrics;
mod refusal;
mod stream_log;

pub use activity::Activity;
pub(super) use labels::{Cause, Outcome};
pub(super) use refusal::Refusal;
pub(super) use stream_log::StreamRecord;

use std::borrow::Cow;

/// Characters of a client's text in a log line.
const MAX_TEXT_CHARS: usize = 300;

/// Cuts a client's text, of any length, for a log line.
fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

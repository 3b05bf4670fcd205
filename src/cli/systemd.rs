//! What systemd is told where it started the program (`Type=notify`); without it, nothing.

use sd_notify::{NotifyState, notify};
use std::time::Duration;

/// How long after the drain timeout the program may still take to end.
const LEEWAY: Duration = Duration::from_secs(15);

/// It answers, at `address`.
pub(super) fn ready(address: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&format!("serving at {address}"))]);
}

/// It rereads what it was configured with; [`reloaded`] follows.
pub(super) fn reloading() {
    // Type=notify-reload wants the time, too; without a clock the manager is told the rest.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// It goes by what it has reread.
pub(super) fn reloaded() {
    tell(&[NotifyState::Ready]);
}

/// It stops, which takes as long as streams run, `drain_timeout` at most.
pub(super) fn stopping(drain_timeout: Duration) {
    // The crate's own state for this ends at 71 minutes.
    let extension = format!("EXTEND_TIMEOUT_USEC={}", (drain_timeout + LEEWAY).as_micros());
    tell(&[
        NotifyState::Stopping,
        NotifyState::Custom(&extension),
        NotifyState::Status("stopping: running streams may end"),
    ]);
}

fn tell(states: &[NotifyState]) {
    if let Err(error) = notify(states) {
        tracing::warn!(%error, "systemd can't be told");
    }
}

//! Notifies systemd if it started the program (`Type=notify`). Does nothing otherwise.

use sd_notify::{NotifyState, notify};
use std::time::Duration;

/// The time that the program may take to end after the drain timeout.
const LEEWAY: Duration = Duration::from_secs(15);

/// Reports that the server answers at `address`.
pub(super) fn ready(address: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(&format!("serving at {address}"))]);
}

/// Reports that the server reloads its files. [`reloaded`] must follow.
pub(super) fn reloading() {
    // Type=notify-reload needs the time, too. Other types do not, so a machine without a clock can leave it out.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
}

/// Reports that the server has reloaded its files.
pub(super) fn reloaded() {
    send(&[NotifyState::Ready]);
}

/// Reports that the server stops once its streams have ended, after `drain_timeout` at most.
pub(super) fn stopping(drain_timeout: Duration) {
    // sd_notify's own state for this holds microseconds as u32, which ends at 71 minutes.
    let extension = format!("EXTEND_TIMEOUT_USEC={}", (drain_timeout + LEEWAY).as_micros());
    send(&[
        NotifyState::Stopping,
        NotifyState::Custom(&extension),
        NotifyState::Status("stopping: waiting for open streams to end"),
    ]);
}

fn send(states: &[NotifyState]) {
    if let Err(error) = notify(states) {
        tracing::warn!(%error, "could not notify systemd");
    }
}

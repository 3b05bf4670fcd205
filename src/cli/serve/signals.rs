//! The signals of a server.

use crate::cli::stop_signal::{REPEATS, is_ignored};
use crate::error::{Error, Result};
use std::future::pending;
use std::io::{IsTerminal, stderr, stdin, stdout};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

/// The signals that stop the server, and the one that makes it read its files again. A signal that the process was
/// started to ignore does not stop it.
pub(super) struct Signals {
    pub stop: StopSignals,
    pub reload: ReloadSignal,
}

/// Ctrl-C, SIGTERM, and SIGHUP if it does not mean to reload.
pub(super) struct StopSignals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

/// SIGHUP, if it means to reload.
pub(super) struct ReloadSignal(Option<Signal>);

impl Signals {
    /// Handles the signals from now on.
    ///
    /// SIGHUP means to reload if the server `has_files` to read again, or if systemd started it. In a terminal it means
    /// that the terminal was closed.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the system refuses the handlers.
    pub fn listen(has_files: bool) -> Result<Self> {
        let reloads = !has_terminal() && (has_files || std::env::var_os("NOTIFY_SOCKET").is_some());
        let stop = StopSignals {
            interrupt: unless_ignored(SignalKind::interrupt())?,
            terminate: unless_ignored(SignalKind::terminate())?,
            hangup: if reloads { None } else { unless_ignored(SignalKind::hangup())? },
        };
        // `nohup` has the signal ignored, and a server that reloads survives it just as well.
        let reload = if reloads { Some(listen_for(SignalKind::hangup())?) } else { None };
        Ok(Self { stop, reload: ReloadSignal(reload) })
    }
}

impl StopSignals {
    /// Skips the signals that only repeat the last one.
    pub async fn skip_repeats(&mut self) {
        let repeats = async {
            loop {
                self.next().await;
            }
        };
        let _: Result<(), _> = timeout(REPEATS, repeats).await;
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        tokio::select! {
            () = received(&mut self.interrupt) => {}
            () = received(&mut self.terminate) => {}
            () = received(&mut self.hangup) => {}
        }
    }
}

impl ReloadSignal {
    /// Waits for the next signal.
    pub async fn next(&mut self) {
        received(&mut self.0).await;
    }
}

/// Waits for `signal`. Waits for ever if it is not handled.
async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => pending().await,
    }
}

fn has_terminal() -> bool {
    stdin().is_terminal() || stdout().is_terminal() || stderr().is_terminal()
}

fn unless_ignored(kind: SignalKind) -> Result<Option<Signal>> {
    if is_ignored(kind.as_raw_value()) { Ok(None) } else { listen_for(kind).map(Some) }
}

fn listen_for(kind: SignalKind) -> Result<Signal> {
    signal(kind).map_err(Error::io("listening for signals to", "the process"))
}

//! The signals that stop a subcommand which writes files.

use crate::error::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tokio_util::sync::CancellationToken;

/// Is set by the first Ctrl-C, SIGTERM or SIGHUP (a closed terminal). The subcommand then ends within the time that a
/// block takes.
///
/// Further signals do nothing: a second Ctrl-C must not leave half-written files.
#[derive(Debug)]
pub(super) struct StopSignal {
    flag: Arc<AtomicBool>,
    token: CancellationToken,
}

impl StopSignal {
    /// Handles the signals from now on. Also catches SIGXFSZ: a write beyond the limit of file sizes then fails like a
    /// write to a full disk.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the system refuses the handlers.
    pub fn listen() -> Result<Self> {
        let failed = || Error::io("listening for signals to", "the process");
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(failed())?;
        flag::register(SIGXFSZ, Arc::default()).map_err(failed())?;
        let stop = Self { flag: Arc::default(), token: CancellationToken::new() };
        let (flag, token) = (Arc::clone(&stop.flag), stop.token.clone());
        thread::spawn(move || {
            for _ in signals.forever() {
                flag.store(true, Ordering::Relaxed);
                token.cancel();
            }
        });
        Ok(stop)
    }

    /// Returns the flag that the signal sets, for threads.
    pub fn flag(&self) -> &AtomicBool {
        &self.flag
    }

    /// Returns a token that the signal cancels, for async tasks.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Waits for the signal.
    pub async fn received(&self) {
        self.token.cancelled().await;
    }
}

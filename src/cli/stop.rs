//! Ctrl-C, SIGTERM, a closed terminal and a limit on file sizes, for commands that write files.

use crate::error::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tokio_util::sync::CancellationToken;

/// Set by the first signal, whereupon the command ends within a block's time; later ones change nothing, so that no
/// impatient second Ctrl-C leaves half-written files.
#[derive(Debug)]
pub(super) struct Stop {
    flag: Arc<AtomicBool>,
    token: CancellationToken,
}

impl Stop {
    pub fn on_signals() -> Result<Self> {
        let failed = || Error::io("listening for signals to", "the process");
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(failed())?;
        // Where somebody takes it, it kills nobody, and the write that met the limit fails as on a full disk.
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

    pub fn flag(&self) -> &AtomicBool {
        &self.flag
    }

    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    pub async fn stopped(&self) {
        self.token.cancelled().await;
    }
}

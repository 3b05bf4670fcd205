//! The signals that stop a subcommand which writes files.

use crate::error::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use signal_hook::{flag, low_level};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Signals within this time after the first one repeat it. A terminal that closes sends SIGHUP twice to most programs,
/// and `timeout` sends SIGTERM to the program and to its group.
pub(super) const REPEATS: Duration = Duration::from_millis(200);

/// A run ends within the time that a block takes. If it has not ended after this time, the system does not answer: a
/// disk or a mount hangs, or a pipe has no reader.
const PATIENCE: Duration = Duration::from_secs(5);

/// The signal that stopped this process, or 0.
static RECEIVED: AtomicI32 = AtomicI32::new(0);

/// Is set by the first Ctrl-C, SIGTERM or SIGHUP (a closed terminal). The subcommand then cleans up and ends, and
/// [`end_by_stop_signal`] gives the process the end that the signal asked for.
///
/// A second signal ends the process at once. So does the first one after a few seconds, if the run is still blocked in
/// the system then.
#[derive(Debug)]
pub(super) struct StopSignal {
    flag: Arc<AtomicBool>,
    token: CancellationToken,
}

impl StopSignal {
    /// Handles the signals from now on, except those that the process was started to ignore. Also catches SIGXFSZ: a
    /// write beyond the limit of file sizes then fails like a write to a full disk.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the system refuses the handlers or their thread.
    pub fn listen() -> Result<Self> {
        let failed = || Error::io("listening for signals to", "the process");
        let handled: Vec<i32> = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|&signal| !is_ignored(signal)).collect();
        let ends_at_once = Arc::new(AtomicBool::new(false));
        for &signal in &handled {
            flag::register_conditional_default(signal, Arc::clone(&ends_at_once)).map_err(failed())?;
        }
        let mut signals = Signals::new(handled).map_err(failed())?;
        flag::register(SIGXFSZ, Arc::default()).map_err(failed())?;
        let stop = Self { flag: Arc::default(), token: CancellationToken::new() };
        let (flag, token) = (Arc::clone(&stop.flag), stop.token.clone());
        let handle = move || {
            let Some(signal) = signals.forever().next() else { return };
            RECEIVED.store(signal, Ordering::Relaxed);
            flag.store(true, Ordering::Relaxed);
            token.cancel();
            thread::sleep(REPEATS);
            ends_at_once.store(true, Ordering::Relaxed);
            thread::sleep(PATIENCE - REPEATS);
            end_by_stop_signal();
        };
        thread::Builder::new().name("signals".into()).spawn(handle).map_err(Error::no_thread)?;
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

/// Returns whether a signal has stopped a subcommand.
pub fn is_stopped() -> bool {
    RECEIVED.load(Ordering::Relaxed) != 0
}

/// Ends the process by the signal that stopped a subcommand. Does nothing if there was none.
///
/// A shell that runs the program in a loop, or a `make`, ends at Ctrl-C only if the program dies by the signal.
pub fn end_by_stop_signal() {
    let signal = RECEIVED.load(Ordering::Relaxed);
    if signal != 0 {
        // Fails only for a signal without a default action. The exit code then reports the failure.
        let _ = low_level::emulate_default_handler(signal);
    }
}

/// Returns whether the process was started to ignore `signal`, as `nohup` and the background jobs of a script are. Must
/// be asked before a handler is installed.
#[expect(unsafe_code, reason = "no crate has a safe function for it")]
pub(super) fn is_ignored(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action, the function only writes the present one to `action`, which is read if it succeeds.
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

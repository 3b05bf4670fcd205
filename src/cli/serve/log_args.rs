//! The log of `serve` on stderr, one line per event.

use crate::error::{Error, Result};
use clap::{Args, ValueEnum};
use std::panic::PanicHookInfo;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// The environment variable with the level or filter of the log, unless `--log-level` is given.
const VARIABLE: &str = "RUST_LOG";

#[derive(Debug, Args)]
#[command(next_help_heading = "Log (on stderr, one line per stream)")]
pub(super) struct LogArgs {
    /// Format of the log
    #[arg(long = "log", value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    format: LogFormat,

    /// Least severe level to log [default: the variable RUST_LOG, or else info]
    #[arg(long = "log-level", value_enum, value_name = "LEVEL")]
    level: Option<LogLevel>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// Text for people
    Text,
    /// One JSON object per line
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    fn filter(self) -> Targets {
        let own = match self {
            Self::Off => LevelFilter::OFF,
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        };
        // The HTTP crates log every frame below this level.
        Targets::new().with_default(own.min(LevelFilter::from_level(Level::WARN))).with_target("saasgen", own)
    }
}

impl LogArgs {
    /// Starts the log, which also records panics. Dropping the guard writes the last lines.
    ///
    /// A separate thread writes the lines, so a slow reader of stderr delays no stream. Lines are lost if 128,000 of
    /// them wait.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if RUST_LOG is not a valid filter.
    pub fn start(&self) -> Result<WorkerGuard> {
        let filter = self.filter()?;
        let (stderr, guard) = tracing_appender::non_blocking(std::io::stderr());
        tracing_subscriber::registry()
            .with(self.format.layer(stderr).with_filter(filter))
            .try_init()
            .map_err(|error| Error::Internal(format!("starting the log: {error}")))?;
        std::panic::set_hook(Box::new(log_panic));
        Ok(guard)
    }

    fn filter(&self) -> Result<Targets> {
        match (self.level, std::env::var(VARIABLE)) {
            (Some(level), _) => Ok(level.filter()),
            (None, Ok(text)) if !text.is_empty() => text.parse().map_err(|error| {
                Error::Misuse(format!(
                    "{VARIABLE} is {text:?}: {error}; it must be a level, such as info, or targets with levels, such \
                     as warn,saasgen=debug"
                ))
            }),
            _ => Ok(LogLevel::Info.filter()),
        }
    }
}

impl LogFormat {
    fn layer<S>(self, writer: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    {
        let layer = fmt::layer().with_writer(writer).with_ansi(false).with_target(false);
        match self {
            Self::Text => layer.boxed(),
            Self::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        }
    }
}

/// Logs where a panic happened. The code that catches the panic logs its consequence.
fn log_panic(panic: &PanicHookInfo) {
    let at = panic.location().map(tracing::field::display);
    let message = panic.payload_as_str().unwrap_or("no message");
    tracing::error!(at, panic = message, "a thread panicked");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_crates_log_warnings_only() {
        let filter = LogLevel::Debug.filter();
        assert!(filter.would_enable("saasgen::flight", &Level::DEBUG));
        assert!(!filter.would_enable("saasgen::flight", &Level::TRACE));
        assert!(filter.would_enable("h2", &Level::WARN) && !filter.would_enable("h2", &Level::INFO));
        assert!(!LogLevel::Off.filter().would_enable("h2", &Level::ERROR));
    }
}

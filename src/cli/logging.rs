//! What `serve` says of itself, on stderr: one line an event.

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

/// The variable that says what is logged where no option does.
const VARIABLE: &str = "RUST_LOG";

/// How and how much is logged.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// Form of the log, which goes to stderr, one line a stream
    #[arg(long = "log", value_enum, value_name = "FORM", default_value_t = Form::Text)]
    form: Form,

    /// What is logged: this and what is graver [default: what RUST_LOG says, else info]
    #[arg(long = "log-level", value_enum, value_name = "LEVEL")]
    level: Option<LogLevel>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For programs: an object a line
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
        // The HTTP layers below tell of every frame when asked for more.
        Targets::new().with_default(own.min(LevelFilter::from_level(Level::WARN))).with_target("saasgen", own)
    }
}

impl LogArgs {
    /// Logs from now on, panics too, until what is returned is dropped. Lines are written by a thread of their own: a
    /// reader of stderr who waits keeps no stream waiting, and loses lines when 128,000 are behind.
    ///
    /// # Errors
    /// [`Error::Misuse`] where RUST_LOG can't be read.
    pub fn start(&self) -> Result<WorkerGuard> {
        let filter = self.filter()?;
        let (stderr, guard) = tracing_appender::non_blocking(std::io::stderr());
        tracing_subscriber::registry()
            .with(self.form.layer(stderr).with_filter(filter))
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

impl Form {
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

/// Where a panic was raised. Whoever catches it logs what became of it.
fn log_panic(panic: &PanicHookInfo) {
    let at = panic.location().map(tracing::field::display);
    let words = panic.payload_as_str().unwrap_or("without words");
    tracing::error!(at, panic = words, "a thread panicked");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_below_are_quiet_unless_they_warn() {
        let filter = LogLevel::Debug.filter();
        assert!(filter.would_enable("saasgen::flight", &Level::DEBUG));
        assert!(!filter.would_enable("saasgen::flight", &Level::TRACE));
        assert!(filter.would_enable("h2", &Level::WARN) && !filter.would_enable("h2", &Level::INFO));
        assert!(!LogLevel::Off.filter().would_enable("h2", &Level::ERROR));
    }
}

//! The log: to standard output, as JSON lines or for people. Lines are handed to a thread of its
//! own, so a sink that blocks or has gone away costs lines, never requests; lost lines are counted.
//! How a JSON line looks is in `logs/json.rs`.

mod json;
mod names;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::Duration;

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter, SubscriberExt as _};
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer as _, Registry, fmt};

use crate::settings::{Format, Logging};
use crate::traces::{Recorder, Steps};

/// Lines that may wait for the sink before lines are dropped: a few MiB.
const WAITING_LINES: usize = 8_192;

/// Libraries that talk about themselves at `info`; their warnings are enough.
const CHATTY: &[&str] = &[
    "actix_http",
    "actix_server",
    "actix_web",
    "bb8",
    "diesel",
    "diesel_async",
    "hyper",
    "mio",
    "mysql_async",
    "tokio_postgres",
];

/// Whose log it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a> {
    /// The name of the service.
    pub(crate) service: &'a str,
    /// Which of its instances.
    pub(crate) instance: &'a str,
}

/// The running log. Lines that wait are written when it is dropped, unless the sink blocks.
pub(crate) struct Log {
    levels: Levels,
    lost: ErrorCounter,
    _flush: WorkerGuard,
}

impl Log {
    /// Starts the log of the process, and beside it the recording of traces.
    ///
    /// # Errors
    /// When there is one already, or no standard output.
    pub(crate) fn start(
        settings: &Logging,
        who: Who<'_>,
        traces: Option<Recorder>,
    ) -> Result<Self, LogError> {
        // Around the line buffer of `std`, which would cost a system call for each line.
        let sink = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let (lines, flush) = NonBlockingBuilder::default()
            .buffered_lines_limit(WAITING_LINES)
            .thread_name("log")
            .finish(Sink(BufWriter::new(sink)));
        let lost = lines.error_counter();
        let levels = Levels::new(settings);
        let terminal = io::stdout().is_terminal();
        let pretty = settings.format.map_or(terminal, |format| format == Format::Pretty);
        if pretty {
            let layer = fmt::layer().with_writer(lines).with_ansi(terminal);
            let log = Registry::default().with(layer.with_filter(levels.clone()));
            log.with(traces.map(|recorder| recorder.with_filter(Steps))).try_init()?;
        } else {
            let names = names::Names::of(settings.format);
            let layer = json::Lines::<NonBlocking>::new(names, who, lines);
            let log = Registry::default().with(layer.with_filter(levels.clone()));
            log.with(traces.map(|recorder| recorder.with_filter(Steps))).try_init()?;
        }
        Ok(Self { levels, lost, _flush: flush })
    }

    /// The levels in force.
    pub(crate) fn levels(&self) -> Levels {
        self.levels.clone()
    }

    /// How many lines were dropped so far.
    pub(crate) fn lost(&self) -> ErrorCounter {
        self.lost.clone()
    }
}

/// How long the thread of the log rests when it has written whatever there was. To wake it for each
/// line would cost those who answer requests more than the line itself.
const REST: Duration = Duration::from_millis(2);

/// Standard output, whose errors end here: with an error the thread of the log would not end.
struct Sink(BufWriter<File>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    /// Called whenever there is no more to write.
    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        thread::sleep(REST);
        Ok(())
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("standard output cannot be used")]
    Output(#[from] io::Error),
    #[error("the log cannot be started")]
    Start(#[from] TryInitError),
}

/// The levels in force, which may change while the process runs. Whether a place in the code is
/// heard is decided once for each, and again after a change, so lines cost nothing for it.
#[derive(Debug, Clone)]
pub(crate) struct Levels(Arc<RwLock<Targets>>);

impl Levels {
    pub(crate) fn new(settings: &Logging) -> Self {
        Self(Arc::new(RwLock::new(targets(settings))))
    }

    /// Puts other levels in force.
    pub(crate) fn set(&self, settings: &Logging) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = targets(settings);
        tracing::callsite::rebuild_interest_cache();
    }

    /// The level of a target.
    #[cfg(test)]
    pub(crate) fn of(&self, target: &str) -> LevelFilter {
        use tracing::Level;
        let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
        let now = self.now();
        let heard = levels.into_iter().find(|level| now.would_enable(target, level));
        heard.map_or(LevelFilter::OFF, LevelFilter::from_level)
    }

    fn now(&self) -> RwLockReadGuard<'_, Targets> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Filter<S> for Levels {
    fn enabled(&self, of: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        Filter::<S>::enabled(&*self.now(), of, context)
    }

    fn callsite_enabled(&self, of: &'static Metadata<'static>) -> Interest {
        Filter::<S>::callsite_enabled(&*self.now(), of)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Filter::<S>::max_level_hint(&*self.now())
    }
}

fn targets(settings: &Logging) -> Targets {
    let quiet = settings.root.min(LevelFilter::WARN);
    let chatty = CHATTY.iter().map(|target| ((*target).to_owned(), quiet));
    let own = settings.targets.iter().map(|(target, level)| (target.clone(), *level));
    let all = Targets::new().with_default(settings.root).with_targets(chatty).with_targets(own);
    // The steps of traces are no lines of the log, nor fields of its lines.
    all.with_target(order_app::traces::TARGET, LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_target_s_own_level_wins_and_libraries_are_quiet() {
        let levels = targets(&Logging {
            root: LevelFilter::DEBUG,
            targets: [
                ("order_app::orders".to_owned(), LevelFilter::TRACE),
                ("diesel".to_owned(), LevelFilter::INFO),
            ]
            .into(),
            format: None,
        });
        for (target, level, expected) in [
            ("order_app", Level::DEBUG, true),
            ("order_app", Level::TRACE, false),
            ("order_app::orders::place", Level::TRACE, true),
            ("actix_server::builder", Level::INFO, false),
            ("actix_server::builder", Level::WARN, true),
            ("diesel", Level::INFO, true),
        ] {
            assert_eq!(levels.would_enable(target, &level), expected, "{target} {level}");
        }
    }
}

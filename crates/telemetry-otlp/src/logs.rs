//! The log: one line per event on standard output, as JSON or for people. A thread of its own
//! writes the lines. When standard output blocks or is closed, lines are dropped and counted, and
//! callers do not wait. `logs/lines.rs` gathers what is in a
//! line, `logs/json.rs` and `logs/pretty.rs` write it, `logs/levels.rs` and
//! `logs/repeats.rs` filter.

mod counts;
mod fields;
mod json;
mod levels;
mod lines;
mod names;
mod pretty;
mod repeats;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::thread;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer as _, Registry};

pub use counts::LogCounts;
use json::Json;
pub use levels::{Levels, Logger};
use lines::{Form, Lines};
use pretty::Pretty;
use repeats::Repeats;

use crate::ambient::{Ambient, Service};
use crate::traces::{Recorder, TraceSpans};

/// Lines that may wait for the sink before lines are dropped: a few MiB.
const WAITING_LINES: usize = 8_192;
/// How long the log's thread sleeps when its queue is empty. Waking it for each line would cost the
/// calling thread more than the line itself.
const IDLE_SLEEP: Duration = Duration::from_millis(2);

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The level of targets without one of their own.
    pub root: LevelFilter,
    /// Levels by target (a module path, such as `order_app::orders`).
    pub targets: BTreeMap<String, LevelFilter>,
    /// The form of a line; `None`: for people on a terminal, else our own JSON.
    pub format: Option<Format>,
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object, by our own names.
    Json,
    /// For people.
    Pretty,
    /// One JSON object, by the names of the Elastic Common Schema.
    Ecs,
    /// One JSON object, by the names of Logstash's encoder.
    Logstash,
}

/// The running log. When it is dropped, waiting lines are written, unless the sink blocks.
#[must_use = "the log ends when it is dropped"]
#[derive(Debug)]
pub struct Log {
    levels: Levels,
    counts: LogCounts,
    _flush: WorkerGuard,
}

impl Log {
    /// Starts the log of the process, and beside it the recording of traces. `quiet` names the
    /// targets that are heard from `warn` on unless the settings say otherwise, `brief` the libraries of which each
    /// place in the code is heard once a minute.
    ///
    /// # Errors
    /// When the process has a log already, or no standard output.
    pub fn start(
        settings: &LogSettings,
        (quiet, brief): (&'static [&'static str], &'static [&'static str]),
        service: &Service,
        ambient: Ambient,
        recorder: Option<Recorder>,
    ) -> Result<Self, LogError> {
        // Not `io::stdout()` itself: its line buffer makes a system call for each line.
        let sink = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let (lines, flush) = NonBlockingBuilder::default()
            .buffered_lines_limit(WAITING_LINES)
            .thread_name("log")
            .finish(Sink(BufWriter::new(sink)));
        let counts = LogCounts::of(Some(lines.error_counter()));
        let levels = Levels::new(settings, quiet, ambient.trace_target);
        let spans = TraceSpans(ambient.trace_target);
        let terminal = io::stdout().is_terminal();
        let pretty = settings.format.map_or(terminal, |format| format == Format::Pretty);
        let form = if pretty {
            Form::Pretty(Pretty { colours: terminal })
        } else {
            Form::Json(Json::new(names::Names::of(settings.format), service))
        };
        let layer = Lines::<NonBlocking>::new(form, ambient, lines, counts.clone());
        let heard = levels.clone().and(Repeats::of(brief));
        let log = Registry::default().with(layer.with_filter(heard));
        log.with(recorder.map(|recorder| recorder.with_filter(spans))).try_init()?;
        Ok(Self { levels, counts, _flush: flush })
    }

    /// The levels in force.
    #[must_use]
    pub fn levels(&self) -> Levels {
        self.levels.clone()
    }

    /// How many lines there were so far.
    #[must_use]
    pub fn counts(&self) -> LogCounts {
        self.counts.clone()
    }
}

/// Standard output. Its errors end here, because the log's thread would end with the first one.
struct Sink(BufWriter<File>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    /// The log's thread calls this whenever its queue is empty.
    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        thread::sleep(IDLE_SLEEP);
        Ok(())
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Standard output is closed.
    #[error("standard output cannot be used")]
    Output(#[from] io::Error),
    /// The process has a log already.
    #[error("the log cannot be started")]
    Start(#[from] TryInitError),
}

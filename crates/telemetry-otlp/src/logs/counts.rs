//! How many lines the log has had, by level, and how many of them were dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Level;
use tracing_appender::non_blocking::ErrorCounter;

/// Counts the lines of the log. Clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct LogCounts {
    lost: Option<ErrorCounter>,
    lines: Arc<Lines>,
}

/// The lines of each level.
#[derive(Debug, Default)]
struct Lines {
    error: AtomicU64,
    warn: AtomicU64,
    info: AtomicU64,
    debug: AtomicU64,
    trace: AtomicU64,
}

impl LogCounts {
    pub(super) fn of(lost: Option<ErrorCounter>) -> Self {
        Self { lost, lines: Arc::default() }
    }

    /// Counts a line.
    pub(super) fn count(&self, level: Level) {
        let lines = match level {
            Level::ERROR => &self.lines.error,
            Level::WARN => &self.lines.warn,
            Level::INFO => &self.lines.info,
            Level::DEBUG => &self.lines.debug,
            Level::TRACE => &self.lines.trace,
        };
        lines.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets the counters, by the names of Spring Boot where it has them.
    pub(crate) fn measure(&self) {
        let lost = self.lost.as_ref().map_or(0, ErrorCounter::dropped_lines);
        metrics::counter!("log_lines_lost_total").absolute(lost.try_into().unwrap_or(u64::MAX));
        let Lines { error, warn, info, debug, trace } = &*self.lines;
        let levels =
            [("error", error), ("warn", warn), ("info", info), ("debug", debug), ("trace", trace)];
        for (level, lines) in levels {
            let lines = lines.load(Ordering::Relaxed);
            metrics::counter!("logback_events_total", "level" => level).absolute(lines);
        }
    }
}

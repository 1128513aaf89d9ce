//! Which events become lines: a level for each target, which may change while the process runs.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter};

use super::LogSettings;

/// The levels in force. `tracing` asks once for each call site and again after a change, so a call
/// site below its level costs one look at a flag. Clones share the levels.
#[derive(Debug, Clone)]
pub struct Levels {
    targets: Arc<RwLock<Targets>>,
    quiet: &'static [&'static str],
    trace_target: &'static str,
}

impl Levels {
    /// Levels with these `quiet` targets, which are heard from `warn` on unless the settings say
    /// otherwise. Spans under `trace_target` are never part of a line.
    #[must_use]
    pub fn new(
        settings: &LogSettings,
        quiet: &'static [&'static str],
        trace_target: &'static str,
    ) -> Self {
        let levels = Self { targets: Arc::default(), quiet, trace_target };
        levels.set(settings);
        levels
    }

    /// Puts other levels in force.
    pub fn set(&self, settings: &LogSettings) {
        let of_quiet = settings.root.min(LevelFilter::WARN);
        let quiet = self.quiet.iter().map(|target| ((*target).to_owned(), of_quiet));
        let own = settings.targets.iter().map(|(target, level)| (target.clone(), *level));
        let all = Targets::new().with_default(settings.root).with_targets(quiet).with_targets(own);
        *self.targets.write().unwrap_or_else(PoisonError::into_inner) =
            all.with_target(self.trace_target, LevelFilter::OFF);
        tracing::callsite::rebuild_interest_cache();
    }

    /// The level of a target.
    #[must_use]
    pub fn of(&self, target: &str) -> LevelFilter {
        use tracing::Level;
        let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
        let now = self.now();
        let heard = levels.into_iter().find(|level| now.would_enable(target, level));
        heard.map_or(LevelFilter::OFF, LevelFilter::from_level)
    }

    fn now(&self) -> RwLockReadGuard<'_, Targets> {
        self.targets.read().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_s_own_level_wins_and_libraries_are_quiet() {
        let settings = LogSettings {
            root: LevelFilter::DEBUG,
            targets: [
                ("order_app::orders".to_owned(), LevelFilter::TRACE),
                ("diesel".to_owned(), LevelFilter::INFO),
            ]
            .into(),
            format: None,
        };
        let levels = Levels::new(&settings, &["actix_server", "diesel"], "traces");
        for (target, expected) in [
            ("order_app", LevelFilter::DEBUG),
            ("order_app::orders::place", LevelFilter::TRACE),
            ("actix_server::builder", LevelFilter::WARN),
            ("diesel", LevelFilter::INFO),
            ("traces", LevelFilter::OFF),
        ] {
            assert_eq!(levels.of(target), expected, "{target}");
        }
    }
}

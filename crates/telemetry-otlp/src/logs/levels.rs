//! Which events become lines: a level for each target, which may change while the process runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

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
    wanted: Arc<Mutex<Wanted>>,
    quiet: &'static [&'static str],
    trace_target: &'static str,
}

/// Where the levels in force come from.
#[derive(Debug, Default)]
struct Wanted {
    /// The settings: the level of the root, and those of targets.
    settings: Option<(LevelFilter, BTreeMap<String, LevelFilter>)>,
    /// What was changed since; `None`: the target has the level of the target around it.
    changes: BTreeMap<String, Option<LevelFilter>>,
    /// The targets of the call sites that were reached so far.
    seen: BTreeSet<&'static str>,
}

/// A target and its level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logger {
    /// The target, such as `order_app::orders`; [`Levels::ROOT`] for all others.
    pub target: String,
    /// The level that is set for it.
    pub configured: Option<LevelFilter>,
    /// The level that applies to it.
    pub effective: LevelFilter,
}

impl Levels {
    /// The name of the level of targets without one of their own.
    pub const ROOT: &'static str = "ROOT";

    /// Levels with these `quiet` targets, which are heard from `warn` on unless the settings say
    /// otherwise. Spans under `trace_target` are never part of a line.
    #[must_use]
    pub fn new(
        settings: &LogSettings,
        quiet: &'static [&'static str],
        trace_target: &'static str,
    ) -> Self {
        let (targets, wanted) = (Arc::default(), Arc::default());
        let levels = Self { targets, wanted, quiet, trace_target };
        levels.set(settings);
        levels
    }

    /// Puts the levels of other settings in force. Changes since are forgotten, unless these are the
    /// settings that applied before.
    pub fn set(&self, settings: &LogSettings) {
        let settings = Some((settings.root, settings.targets.clone()));
        let mut wanted = self.wanted();
        if wanted.settings == settings {
            return;
        }
        (wanted.settings, wanted.changes) = (settings, BTreeMap::new());
        self.put_in_force(wanted);
    }

    /// Changes the level of a target, and of the targets within it that have none of their own, until
    /// [`Self::restore`], other settings, or the end of the process. `None` gives it the level of the
    /// target around it; the root goes back to its setting. Dots may stand for `::`.
    pub fn change(&self, target: &str, level: Option<LevelFilter>) {
        let mut wanted = self.wanted();
        let target = name(target);
        if level.is_none() && target == Self::ROOT {
            wanted.changes.remove(&target);
        } else {
            wanted.changes.insert(target, level);
        }
        self.put_in_force(wanted);
    }

    /// Puts the levels of the settings back in force.
    pub fn restore(&self) {
        let mut wanted = self.wanted();
        wanted.changes.clear();
        self.put_in_force(wanted);
    }

    /// The root, and all targets that were reached so far or have a level, with the targets around
    /// them, by their names.
    #[must_use]
    pub fn all(&self) -> Vec<Logger> {
        let wanted = self.wanted();
        let configured = self.configured(&wanted);
        let named = configured.keys().map(String::as_str).chain(wanted.seen.iter().copied());
        let mut targets: BTreeSet<String> = BTreeSet::new();
        for target in named.filter(|target| *target != Self::ROOT && *target != self.trace_target) {
            let around = target.match_indices("::").filter_map(|(end, _)| target.get(..end));
            targets.extend(around.chain([target]).map(str::to_owned));
        }
        drop(wanted);
        let logger = |target: String| Logger {
            configured: configured.get(&target).copied(),
            effective: self.of(&target),
            target,
        };
        std::iter::once(Self::ROOT.to_owned()).chain(targets).map(logger).collect()
    }

    /// The level of a target.
    #[must_use]
    pub fn of(&self, target: &str) -> LevelFilter {
        use tracing::Level;
        let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
        let (now, target) = (self.now(), name(target));
        let heard = levels.into_iter().find(|level| now.would_enable(&target, level));
        heard.map_or(LevelFilter::OFF, LevelFilter::from_level)
    }

    /// The levels by target, the root's included.
    fn configured(&self, wanted: &Wanted) -> BTreeMap<String, LevelFilter> {
        let (root, targets) =
            wanted.settings.clone().unwrap_or((LevelFilter::INFO, BTreeMap::new()));
        let of_quiet = root.min(LevelFilter::WARN);
        let quiet = self.quiet.iter().map(|target| ((*target).to_owned(), of_quiet));
        let mut levels: BTreeMap<String, LevelFilter> = quiet.collect();
        levels.extend(targets);
        levels.insert(Self::ROOT.to_owned(), root);
        for (target, level) in &wanted.changes {
            match level {
                Some(level) => levels.insert(target.clone(), *level),
                None => levels.remove(target),
            };
        }
        levels
    }

    fn put_in_force(&self, wanted: MutexGuard<'_, Wanted>) {
        let mut levels = self.configured(&wanted);
        let root = levels.remove(Self::ROOT).unwrap_or(LevelFilter::INFO);
        let all = Targets::new().with_default(root).with_targets(levels);
        *self.targets.write().unwrap_or_else(PoisonError::into_inner) =
            all.with_target(self.trace_target, LevelFilter::OFF);
        // The call sites are asked now, and note themselves.
        drop(wanted);
        tracing::callsite::rebuild_interest_cache();
    }

    fn now(&self) -> RwLockReadGuard<'_, Targets> {
        self.targets.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A target as code names it.
fn name(target: &str) -> String {
    if target.eq_ignore_ascii_case(Levels::ROOT) {
        Levels::ROOT.to_owned()
    } else {
        target.replace('.', "::")
    }
}

impl<S> Filter<S> for Levels {
    fn enabled(&self, of: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        Filter::<S>::enabled(&*self.now(), of, context)
    }

    fn callsite_enabled(&self, of: &'static Metadata<'static>) -> Interest {
        self.wanted().seen.insert(of.target());
        Filter::<S>::callsite_enabled(&*self.now(), of)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Filter::<S>::max_level_hint(&*self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> LogSettings {
        LogSettings {
            root: LevelFilter::DEBUG,
            targets: [
                ("order_app::orders".to_owned(), LevelFilter::TRACE),
                ("diesel".to_owned(), LevelFilter::INFO),
            ]
            .into(),
            format: None,
        }
    }

    #[test]
    fn a_target_s_own_level_wins_and_libraries_are_quiet() {
        let levels = Levels::new(&settings(), &["actix_server", "diesel"], "traces");
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

    #[test]
    fn a_level_changes_at_run_time_until_it_is_restored() {
        let levels = Levels::new(&settings(), &["actix_server"], "traces");
        levels.change("order_app.orders", Some(LevelFilter::WARN));
        levels.change("diesel", None);
        levels.change("root", Some(LevelFilter::ERROR));
        let logger = |target: &str, configured, effective| Logger {
            target: target.to_owned(),
            configured,
            effective,
        };
        let changed = [
            logger("ROOT", Some(LevelFilter::ERROR), LevelFilter::ERROR),
            logger("actix_server", Some(LevelFilter::WARN), LevelFilter::WARN),
            logger("order_app", None, LevelFilter::ERROR),
            logger("order_app::orders", Some(LevelFilter::WARN), LevelFilter::WARN),
        ];
        assert_eq!(levels.all(), changed);
        // The same settings read again change nothing.
        levels.set(&settings());
        assert_eq!(levels.all(), changed);
        levels.change("ROOT", None);
        assert_eq!(levels.of("order_app"), LevelFilter::DEBUG);
        levels.restore();
        assert_eq!(levels.of("order_app::orders"), LevelFilter::TRACE);
        assert_eq!(levels.of("diesel"), LevelFilter::INFO);
    }

    #[test]
    fn other_settings_end_what_was_changed() {
        let levels = Levels::new(&settings(), &[], "traces");
        levels.change("order_app", Some(LevelFilter::OFF));
        levels.set(&LogSettings { root: LevelFilter::WARN, ..settings() });
        assert_eq!(levels.of("order_app"), LevelFilter::WARN);
    }

    #[test]
    fn targets_are_known_when_their_code_was_reached() {
        use tracing_subscriber::Layer as _;
        use tracing_subscriber::layer::SubscriberExt as _;
        let levels = Levels::new(&settings(), &[], "traces");
        let layer = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
        let log = tracing_subscriber::registry().with(layer.with_filter(levels.clone()));
        tracing::subscriber::with_default(log, || tracing::info!(target: "reached::code", "said"));
        let names: Vec<String> = levels.all().into_iter().map(|logger| logger.target).collect();
        for name in ["reached", "reached::code"] {
            assert!(names.iter().any(|known| known == name), "{names:?}");
        }
    }
}

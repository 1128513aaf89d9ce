//! Reading the settings again while the service runs: on an interval, and when somebody asks. What
//! is read is checked as a whole, as at the start. When anything is wrong with it, nothing changes;
//! else what can apply applies, and what needs a restart is named until there is one. An optional
//! import that nobody answers for stays as it was; it holds up neither the others nor the files.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use http_actix::{Component, Refresh, RefreshRefused, Refreshed, Status};
use order_app::live::Live;
use order_app::orders::Orders;
use order_app::ports::Entropy;
use serde_json::{Value, json};
use telemetry_otlp::Levels;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::settings::{
    self, ByKey, Change, Given, ImportedFrom, Inputs, Keep, LoadError, Loaded, Occasion, Settings,
    Stop, by_key, changes,
};
use crate::telemetry;

/// Who holds what can change.
pub(crate) struct Holders {
    pub(crate) levels: Levels,
    pub(crate) orders: Orders,
    pub(crate) max_in_flight: Live<usize>,
    pub(crate) body_deadline: Live<Duration>,
    pub(crate) stop: Live<Stop>,
}

/// Reads the settings again. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Refresher(Arc<Inner>);

struct Inner {
    inputs: Inputs,
    holders: Holders,
    /// One refresh at a time.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    interval: watch::Sender<Option<Duration>>,
}

struct State {
    /// What applies.
    applies: ByKey,
    /// What was read but needs a restart.
    waiting: BTreeMap<String, Change>,
    given: Vec<Given>,
    /// Since when it is given so.
    since: DateTime<Utc>,
    keep: Arc<Keep>,
    warnings: Vec<String>,
    /// Why the last refresh came to nothing.
    refused: Option<String>,
}

/// What a refresh has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    /// What applies from now on.
    applied: Vec<Change>,
    /// All that needs a restart.
    waiting: Vec<Change>,
    /// Those of them that did not before.
    newly_waiting: Vec<Change>,
    /// Why imports stayed as they were, of those that may be done without.
    not_answered: Vec<String>,
}

impl Holders {
    fn apply(&self, settings: &Settings) {
        self.levels.set(&telemetry::lines(&settings.logging));
        self.orders.adjust(settings.currencies.clone(), settings.requests.budget);
        self.max_in_flight.set(settings.requests.places());
        self.body_deadline.set(settings.requests.body_deadline);
        self.stop.set(settings.stop);
    }
}

impl Refresher {
    /// Begins with what the process has started with, and keeps it as the last good copy.
    pub(crate) fn new(inputs: Inputs, loaded: Loaded, holders: Holders) -> Self {
        let Loaded { settings, effective, warnings, given, keep } = loaded;
        let now = (inputs.now)();
        keep_copy(&keep);
        let state = State {
            applies: by_key(effective),
            waiting: BTreeMap::new(),
            given,
            since: now,
            keep: Arc::new(keep),
            warnings,
            refused: None,
        };
        measure(&state);
        let interval = watch::channel(settings.config_server.refresh_interval).0;
        let (turn, state) = (tokio::sync::Mutex::default(), Mutex::new(state));
        Self(Arc::new(Inner { inputs, holders, turn, state, interval }))
    }

    /// Refreshes on the interval of the settings, for ever.
    pub(crate) async fn run(self, entropy: Arc<dyn Entropy>) {
        let mut interval = self.0.interval.subscribe();
        loop {
            let every = *interval.borrow_and_update();
            let pause = async {
                match every {
                    Some(every) => sleep(scattered(every, entropy.bits())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = pause => {
                    let _turn = self.0.turn.lock().await;
                    // What went wrong has been said.
                    let _ = self.now().await;
                }
                changed = interval.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Refreshes now. An error says what is wrong, without secrets.
    async fn now(&self) -> Result<Outcome, LoadError> {
        let inputs = Inputs { tell: |how| tracing::warn!("{how}"), ..self.0.inputs.clone() };
        let kept = Arc::clone(&self.state().keep);
        let load = move || {
            let loaded = settings::load(&inputs, Occasion::Refresh { last: &kept })?;
            if loaded.keep.differs(&kept) {
                keep_copy(&loaded.keep);
            }
            Ok(loaded)
        };
        // It reads and writes files, and has a runtime of its own for the network.
        let loaded = tokio::task::spawn_blocking(load).await.unwrap_or(Err(LoadError::Panicked));
        match loaded {
            Ok(loaded) => Ok(self.take(loaded)),
            Err(error) => {
                self.refuse(&error);
                Err(error)
            }
        }
    }

    fn take(&self, loaded: Loaded) -> Outcome {
        let Loaded { settings, effective, warnings, given, keep } = loaded;
        let now = (self.0.inputs.now)();
        let mut state = self.state();
        let read = by_key(effective);
        let (applied, waiting): (Vec<_>, Vec<_>) =
            changes(&state.applies, &read).into_iter().partition(|change| change.live);
        if !applied.is_empty() {
            self.0.holders.apply(&settings);
        }
        for change in &applied {
            match read.get(&change.key) {
                Some(value) => state.applies.insert(change.key.clone(), value.clone()),
                None => state.applies.remove(&change.key),
            };
            let Change { key, old, new, .. } = change;
            tracing::info!(key, old, new, "a setting has changed");
        }
        let newly_waiting: Vec<_> =
            waiting.iter().filter(|c| state.waiting.get(&c.key) != Some(c)).cloned().collect();
        for change in &newly_waiting {
            let Change { key, old, new, .. } = change;
            tracing::warn!(key, old, new, "a changed setting needs a restart");
        }
        for warning in warnings.iter().filter(|warning| !state.warnings.contains(warning)) {
            tracing::warn!("{warning}");
        }
        if state.refused.take().is_some() {
            tracing::info!("the settings can be read again");
        }
        let outcome = if applied.is_empty() { "unchanged" } else { "applied" };
        metrics::counter!("order_config_refreshes_total", "outcome" => outcome).increment(1);
        let changed = u64::try_from(applied.len()).unwrap_or(u64::MAX);
        metrics::counter!("order_config_changes_total").increment(changed);
        let not_answered: Vec<_> = given.iter().filter_map(not_answered).collect();
        if not_answered.is_empty() && !state.given.iter().all(is_from_server) {
            tracing::info!("all config servers answer again");
        }
        if state.given != given {
            state.since = now;
        }
        state.waiting = waiting.iter().map(|c| (c.key.clone(), c.clone())).collect();
        (state.given, state.keep, state.warnings) = (given, Arc::new(keep), warnings);
        measure(&state);
        self.0.interval.send_if_modified(|interval| {
            let asked = settings.config_server.refresh_interval;
            std::mem::replace(interval, asked) != asked
        });
        Outcome { applied, waiting, newly_waiting, not_answered }
    }

    /// Nothing changes. What is wrong is logged when it is news.
    fn refuse(&self, error: &LoadError) {
        let (why, outcome) = match error {
            LoadError::Wrong(_) => (error.to_string(), "refused"),
            LoadError::Missing(_) | LoadError::Panicked => (error.to_string(), "failed"),
        };
        metrics::counter!("order_config_refreshes_total", "outcome" => outcome).increment(1);
        let mut state = self.state();
        if state.refused.as_ref() != Some(&why) {
            tracing::error!(
                cause = why,
                "the settings were not refreshed; what applied still does"
            );
            state.refused = Some(why);
        }
        measure(&state);
    }

    /// How it stands with the settings; `None` when they are local, and as they were read.
    pub(crate) fn component(&self) -> Option<Component> {
        let state = self.state();
        if state.given.is_empty() && state.waiting.is_empty() && state.refused.is_none() {
            return None;
        }
        let mut details = serde_json::Map::new();
        let imports: Vec<_> = state.given.iter().map(import).collect();
        details.insert("imports".to_owned(), Value::Array(imports));
        let since = state.since.to_rfc3339_opts(SecondsFormat::Secs, true);
        details.insert("since".to_owned(), since.into());
        if let Some(refused) = &state.refused {
            details.insert("notRefreshed".to_owned(), refused.as_str().into());
        }
        if !state.waiting.is_empty() {
            let keys: Vec<_> = state.waiting.keys().map(String::as_str).collect();
            details.insert("needsRestart".to_owned(), json!(keys));
        }
        let status = if is_current(&state) { Status::Up } else { Status::Down };
        Some(Component { name: "clientConfigServer", status, details: Value::Object(details) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Refresh for Refresher {
    async fn refresh(&self) -> Result<Refreshed, RefreshRefused> {
        let Ok(_turn) = self.0.turn.try_lock() else { return Err(RefreshRefused::Running) };
        let outcome = self.now().await.map_err(|error| match error {
            LoadError::Wrong(problems) => {
                RefreshRefused::Invalid(problems.0.iter().map(ToString::to_string).collect())
            }
            missing => RefreshRefused::Unavailable(missing.into()),
        })?;
        let keys = |changes: &[Change]| changes.iter().map(|c| c.key.clone()).collect::<Vec<_>>();
        let mut changed = keys(&outcome.applied);
        changed.extend(keys(&outcome.newly_waiting));
        changed.sort_unstable();
        let needs_restart = keys(&outcome.waiting);
        Ok(Refreshed { changed, needs_restart, not_answered: outcome.not_answered })
    }
}

/// Whether what was read is what the config servers say.
fn is_current(state: &State) -> bool {
    state.refused.is_none() && state.given.iter().all(is_from_server)
}

fn is_from_server(given: &Given) -> bool {
    matches!(given.from, ImportedFrom::Server { .. })
}

fn not_answered(given: &Given) -> Option<String> {
    match &given.from {
        ImportedFrom::Server { .. } => None,
        ImportedFrom::Copy { because, .. } | ImportedFrom::Nowhere { because } => {
            Some(because.clone())
        }
    }
}

fn import(given: &Given) -> Value {
    let asked = &given.question;
    match &given.from {
        ImportedFrom::Server { server, version } => {
            json!({"settings": asked, "from": "server", "server": server, "version": version})
        }
        ImportedFrom::Copy { kept_at, because } => {
            let kept_at = kept_at.to_rfc3339_opts(SecondsFormat::Secs, true);
            json!({"settings": asked, "from": "lastGoodCopy", "keptAt": kept_at, "because": because})
        }
        ImportedFrom::Nowhere { because } => {
            json!({"settings": asked, "from": "localOnly", "because": because})
        }
    }
}

fn measure(state: &State) {
    // It is there from the start, so that an increase from nothing is seen.
    metrics::counter!("order_config_changes_total").increment(0);
    metrics::gauge!("order_config_current").set(f64::from(u8::from(is_current(state))));
    let waiting = u32::try_from(state.waiting.len()).unwrap_or(u32::MAX);
    metrics::gauge!("order_config_restart_needed").set(f64::from(waiting));
}

fn keep_copy(keep: &Keep) {
    for cause in keep.write() {
        tracing::warn!(cause, "there will be no last good copy of the settings");
    }
}

/// Up to a tenth earlier, so that instances that were started together do not ask together.
fn scattered(every: Duration, random: u128) -> Duration {
    let earlier = u32::try_from(random % 101).unwrap_or(0);
    every.saturating_sub(every.checked_div(1_000).unwrap_or_default().saturating_mul(earlier))
}

#[cfg(test)]
mod tests;

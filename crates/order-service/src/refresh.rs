//! Reads the settings again while the service runs: on an interval, and when an operator asks. They
//! are checked as a whole, as at the start. If anything is wrong, nothing changes; else the live keys
//! apply at once, and the others are named until a restart. An optional import without an answer stays
//! as it was, and holds up neither the other imports nor the files.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use http_actix::{Component, HttpSettings, Refresh, RefreshRefused, Refreshed, Status};
use order_app::live::Live;
use order_app::orders::Orders;
use order_app::ports::Entropy;
use serde_json::{Value, json};
use settings_spring::{
    ByKey, Change, Copies, Imported, ImportedFrom, LoadError, Occasion, by_key, changes,
};
use telemetry_otlp::Levels;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::settings::{self, Inputs, Loaded, SERVICE, Settings, Stop};

/// The keys whose values apply to a running service: those of [`Holders::apply`]. Keys that are read
/// from local sources alone take effect whenever the settings are read, too.
pub(crate) const LIVE: &[&str] = &[
    "logging.level.*",
    "order.currencies",
    "order.default-currency",
    "order.request-budget",
    "order.max-in-flight",
    "order.body-deadline",
    "order.shutdown.delay",
    "spring.lifecycle.timeout-per-shutdown-phase",
];

/// How many characters of a message health shows: health is asked for often.
const LONGEST_REASON: usize = 2_000;

/// The parts of the service that hold a live setting.
pub(crate) struct Holders {
    pub(crate) levels: Levels,
    pub(crate) orders: Orders,
    pub(crate) max_in_flight: Live<usize>,
    pub(crate) body_deadline: Live<Duration>,
    pub(crate) stop: Live<Stop>,
}

impl Holders {
    /// Shares what the others hold.
    pub(crate) fn new(
        levels: Levels,
        orders: &Orders,
        limits: &HttpSettings,
        stop: &Live<Stop>,
    ) -> Self {
        Self {
            levels,
            orders: orders.clone(),
            max_in_flight: limits.max_in_flight.clone(),
            body_deadline: limits.body_deadline.clone(),
            stop: stop.clone(),
        }
    }
}

/// Reads the settings again. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Refresher(Arc<Inner>);

struct Inner {
    inputs: Inputs,
    holders: Holders,
    /// Held during a refresh: there is one at a time.
    running: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    interval: watch::Sender<Option<Duration>>,
}

struct State {
    /// The settings that apply.
    applies: ByKey,
    /// The changes that were read and need a restart.
    waiting: BTreeMap<String, Change>,
    imported: Vec<Imported>,
    /// When `imported` last changed.
    since: DateTime<Utc>,
    copies: Arc<Copies>,
    warnings: Vec<String>,
    /// Why the last refresh changed nothing.
    refused: Option<String>,
}

/// What a refresh has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    /// The changes that apply from now on.
    applied: Vec<Change>,
    /// All changes that need a restart.
    waiting: Vec<Change>,
    /// The changes that need a restart since this refresh.
    newly_waiting: Vec<Change>,
    /// Why optional imports stayed as they were.
    not_answered: Vec<String>,
}

/// Why a refresh changed nothing.
#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The panic was logged where it happened.
    #[error("reading the settings failed by a defect")]
    Panicked,
}

impl Holders {
    fn apply(&self, settings: &Settings) {
        self.levels.set(&settings.logging);
        self.orders.adjust(settings.currencies.clone(), settings.requests.budget);
        self.max_in_flight.set(settings.requests.permits());
        self.body_deadline.set(settings.requests.body_deadline);
        self.stop.set(settings.stop);
    }
}

impl Refresher {
    /// Takes the settings with which the process has started, and writes their last good copies.
    pub(crate) fn new(inputs: Inputs, loaded: Loaded, holders: Holders) -> Self {
        let Loaded { settings, effective, warnings, imported, copies } = loaded;
        write_copies(&copies);
        let state = State {
            applies: by_key(effective),
            waiting: BTreeMap::new(),
            imported,
            since: (inputs.now)(),
            copies: Arc::new(copies),
            warnings,
            refused: None,
        };
        measure(&state);
        let interval = watch::channel(settings.refresh_interval).0;
        let (running, state) = (tokio::sync::Mutex::default(), Mutex::new(state));
        Self(Arc::new(Inner { inputs, holders, running, state, interval }))
    }

    /// Refreshes on the interval of the settings, until the refresher is dropped.
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
                    let _running = self.0.running.lock().await;
                    // An error is logged already.
                    let _ = self.now().await;
                }
                changed = interval.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Refreshes now. An error says what is wrong, without secrets.
    async fn now(&self) -> Result<Outcome, RefreshError> {
        let inputs = Inputs { tell: |how| tracing::warn!("{how}"), ..self.0.inputs.clone() };
        let last = Arc::clone(&self.state().copies);
        let load = move || {
            let loaded = settings::load(&inputs, Occasion::Refresh { last: &last })?;
            if loaded.copies.differs(&last) {
                write_copies(&loaded.copies);
            }
            Ok(loaded)
        };
        // Loading blocks: it reads and writes files, and asks config servers.
        let loaded = tokio::task::spawn_blocking(load).await;
        match loaded.unwrap_or(Err(RefreshError::Panicked)) {
            Ok(loaded) => Ok(self.take(loaded)),
            Err(error) => {
                self.refuse(&error);
                Err(error)
            }
        }
    }

    fn take(&self, loaded: Loaded) -> Outcome {
        let Loaded { settings, effective, warnings, imported, copies } = loaded;
        let now = (self.0.inputs.now)();
        let mut state = self.state();
        let read = by_key(effective);
        let (applied, waiting): (Vec<_>, Vec<_>) =
            changes(&state.applies, &read).into_iter().partition(is_live);
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
        let not_answered: Vec<_> = imported.iter().filter_map(not_answered).collect();
        if not_answered.is_empty() && !state.imported.iter().all(is_from_server) {
            tracing::info!("all config servers answer again");
        }
        if state.imported != imported {
            state.since = now;
        }
        state.waiting = waiting.iter().map(|c| (c.key.clone(), c.clone())).collect();
        (state.imported, state.copies, state.warnings) = (imported, Arc::new(copies), warnings);
        measure(&state);
        self.0.interval.send_if_modified(|interval| {
            let set = settings.refresh_interval;
            std::mem::replace(interval, set) != set
        });
        Outcome { applied, waiting, newly_waiting, not_answered }
    }

    /// Leaves everything as it is. An error is logged once while it stays the same.
    fn refuse(&self, error: &RefreshError) {
        let outcome = match error {
            RefreshError::Load(LoadError::Wrong(_)) => "refused",
            RefreshError::Load(LoadError::Missing(_)) | RefreshError::Panicked => "failed",
        };
        let why = error.to_string();
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

    /// The state of the settings for health; `None` if they are local and apply as they were read.
    pub(crate) fn component(&self) -> Option<Component> {
        let state = self.state();
        if state.imported.is_empty() && state.waiting.is_empty() && state.refused.is_none() {
            return None;
        }
        let mut details = serde_json::Map::new();
        let imports: Vec<_> = state.imported.iter().map(import).collect();
        details.insert("imports".to_owned(), Value::Array(imports));
        let since = state.since.to_rfc3339_opts(SecondsFormat::Secs, true);
        details.insert("since".to_owned(), since.into());
        if let Some(refused) = &state.refused {
            let beginning: String = refused.chars().take(LONGEST_REASON).collect();
            details.insert("notRefreshed".to_owned(), beginning.into());
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
        let Ok(_running) = self.0.running.try_lock() else {
            return Err(RefreshRefused::Running);
        };
        let outcome = self.now().await.map_err(|error| match error {
            RefreshError::Load(LoadError::Wrong(problems)) => {
                RefreshRefused::Invalid(problems.0.iter().map(ToString::to_string).collect())
            }
            missing => RefreshRefused::Unavailable(missing.into()),
        })?;
        // Who asks for the settings wants their levels back, too.
        self.0.holders.levels.restore();
        let keys = |changes: &[Change]| changes.iter().map(|c| c.key.clone()).collect::<Vec<_>>();
        let mut changed = keys(&outcome.applied);
        changed.extend(keys(&outcome.newly_waiting));
        changed.sort_unstable();
        let needs_restart = keys(&outcome.waiting);
        Ok(Refreshed { changed, needs_restart, not_answered: outcome.not_answered })
    }
}

fn is_live(change: &Change) -> bool {
    LIVE.contains(&change.documented) || SERVICE.catalogue.is_local(change.documented)
}

/// Whether the settings are what the config servers said when they were last asked.
fn is_current(state: &State) -> bool {
    state.refused.is_none() && state.imported.iter().all(is_from_server)
}

fn is_from_server(imported: &Imported) -> bool {
    matches!(imported.from, ImportedFrom::Server { .. })
}

fn not_answered(imported: &Imported) -> Option<String> {
    match &imported.from {
        ImportedFrom::Server { .. } => None,
        ImportedFrom::Copy { because, .. } | ImportedFrom::Nowhere { because } => {
            Some(because.clone())
        }
    }
}

fn import(Imported { question, from }: &Imported) -> Value {
    match from {
        ImportedFrom::Server { server, version } => json!({
            "settings": question, "from": "server", "server": server, "version": version,
        }),
        ImportedFrom::Copy { kept_at, because } => {
            let kept_at = kept_at.to_rfc3339_opts(SecondsFormat::Secs, true);
            json!({
                "settings": question, "from": "lastGoodCopy", "keptAt": kept_at, "because": because,
            })
        }
        ImportedFrom::Nowhere { because } => {
            json!({"settings": question, "from": "localOnly", "because": because})
        }
    }
}

fn measure(state: &State) {
    // The counter exists from the start: its first increase is seen.
    metrics::counter!("order_config_changes_total").increment(0);
    metrics::gauge!("order_config_current").set(f64::from(u8::from(is_current(state))));
    let waiting = u32::try_from(state.waiting.len()).unwrap_or(u32::MAX);
    metrics::gauge!("order_config_restart_needed").set(f64::from(waiting));
}

fn write_copies(copies: &Copies) {
    for cause in copies.write() {
        tracing::warn!(cause, "there will be no last good copy of the settings");
    }
}

/// Up to a tenth earlier, so that instances that started together do not refresh together.
fn scattered(every: Duration, random: u128) -> Duration {
    let earlier = u32::try_from(random % 101).unwrap_or(0);
    every.saturating_sub(every.checked_div(1_000).unwrap_or_default().saturating_mul(earlier))
}

#[cfg(test)]
mod tests;

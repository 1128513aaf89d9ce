//! The settings: everything that may be set, from wherever it may come, checked before anything
//! starts. This is the only module that reads the environment or settings files. What each key
//! means is in `table.rs`; docs/settings.md is for operators.

mod catalogue;
mod command_line;
mod database;
mod durations;
mod environment;
mod files;
mod layers;
mod logging;
mod mask;
mod names;
mod peers;
mod placeholders;
mod problems;
mod reader;
mod set_aside;
mod table;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use order_app::currencies::Currencies;

pub use command_line::{NoValue, Setting, split};
pub use database::{Database, Server};
pub use environment::of_this_process;
pub use layers::Origin;
pub use logging::{Format, Logging};
pub use peers::{
    ConfigServer, Eureka, EurekaFetch, EurekaInstance, EurekaPage, EurekaPorts, Import, Kafka,
    Management, Protocol,
};
pub use problems::{Problem, Problems};
pub use reader::Effective;

use files::{Files, applying};
use layers::{Layer, Merged};
use reader::{Reader, World};

/// Where settings come from.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The options `--key=value`, in the order in which they were given.
    pub options: Vec<Setting>,
    /// The settings file to read instead of looking for some.
    pub config: Option<PathBuf>,
    /// The environment's variables.
    pub environment: BTreeMap<String, String>,
    /// The working folder.
    pub folder: PathBuf,
    /// Random bits, for `${random.uuid}`.
    pub random: fn() -> u128,
}

/// The settings, and what there is to say about them.
#[derive(Debug)]
pub struct Loaded {
    /// What applies.
    pub settings: Settings,
    /// The same for people, with sources and without secrets.
    pub effective: Vec<Effective>,
    /// What was set but is not honoured.
    pub warnings: Vec<String>,
}

/// Everything that is set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of this service.
    pub name: String,
    /// The active profiles.
    pub profiles: Vec<String>,
    /// Where requests are taken; port 0 is any free one.
    pub listen: SocketAddr,
    /// How requests are served.
    pub requests: Requests,
    /// Where orders are kept.
    pub storage: Storage,
    /// Which currencies are accepted.
    pub currencies: Currencies,
    /// The topic of the events; `{type}` stands for the event's type.
    pub events_topic: String,
    /// How the service stops.
    pub stop: Stop,
    /// What is logged, and how.
    pub logging: Logging,
    /// The brokers; used by a later issue.
    pub kafka: Kafka,
    /// The registry; used by a later issue.
    pub eureka: Eureka,
    /// The config server; used by a later issue.
    pub config_server: ConfigServer,
    /// The management port.
    pub management: Management,
}

/// How requests are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requests {
    /// How long one may take.
    pub budget: Duration,
    /// How many run at once.
    pub max_in_flight: u32,
    /// How long a body may take to arrive.
    pub body_deadline: Duration,
    /// How many may listen to events at once.
    pub max_streams: u32,
}

/// Where orders are kept.
#[derive(Debug, Clone)]
pub struct Storage {
    /// The database.
    pub database: Database,
    /// How many connections are open at most.
    pub pool_size: u32,
    /// How long to wait for one; never longer than a request may take.
    pub connection_timeout: Duration,
    /// Whether to bring the tables up to date at the start.
    pub migrate_at_start: bool,
    /// Whether changes are written together.
    pub group_commit: bool,
    /// How often to clear away what has expired.
    pub housekeeping_interval: Duration,
    /// How long published events are kept; for ever when `None`.
    pub retention: Option<Duration>,
}

/// How the service stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// How long readiness says no before requests are refused.
    pub delay: Duration,
    /// How long all of it may take.
    pub budget: Duration,
}

/// Reads and checks all settings.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(inputs: &Inputs) -> Result<Loaded, Problems> {
    let world =
        World { environment: &inputs.environment, folder: &inputs.folder, random: inputs.random };
    let mut problems = Vec::new();
    let merged = Merged::new(layers(inputs, world, &mut problems));
    let mut reader = Reader::new(&merged, world);
    let read = settings(&mut reader);
    problems.append(&mut reader.problems);
    problems.extend(reader::unknown_of_ours(&merged));
    let Some((settings, mut warnings)) = read.filter(|_| problems.is_empty()) else {
        return Err(Problems(problems));
    };
    warnings.extend(set_aside::warning(&merged));
    warnings.extend(reader::unknown_options(&merged));
    Ok(Loaded { settings, effective: reader.effective, warnings })
}

/// All layers, the lowest first.
fn layers(inputs: &Inputs, world: World<'_>, problems: &mut Vec<Problem>) -> Vec<Layer> {
    let files = Files { folder: &inputs.folder, only: inputs.config.as_deref() };
    let plain = files.read(None, problems);
    let active = active_profiles(inputs, world, &plain);
    let mut documents = plain;
    // As in Spring, no profile at all is a profile of its own.
    let default = ["default".to_owned()];
    let effective = if active.is_empty() { &default[..] } else { &active };
    for profile in effective {
        documents.extend(files.read(Some(profile), problems));
    }
    let mut layers = applying(documents, effective);
    // The documents of a config server belong here: above the files, below the environment.
    layers.push(environment::layer(&inputs.environment));
    layers.push(command_line::layer(&inputs.options));
    layers
}

/// The profiles that the command line, the environment or a plain file names. A wrong name is
/// reported when the settings are read as a whole.
fn active_profiles(inputs: &Inputs, world: World<'_>, plain: &[files::Document]) -> Vec<String> {
    let mut layers: Vec<Layer> = plain
        .iter()
        .filter(|document| document.applies(&[]))
        .map(|document| document.entries.clone())
        .collect();
    layers.push(environment::layer(&inputs.environment));
    layers.push(command_line::layer(&inputs.options));
    let merged = Merged::new(layers);
    let mut reader = Reader::new(&merged, world);
    reader.read(&table::PROFILES).unwrap_or_default()
}

/// Reads every key, so that everything wrong is found, and only then gives up.
fn settings(from: &mut Reader<'_>) -> Option<(Settings, Vec<String>)> {
    let address = from.read(&table::SERVER_ADDRESS);
    let port = from.read(&table::SERVER_PORT);
    let name = from.read(&table::APPLICATION_NAME);
    let profiles = from.read(&table::PROFILES);
    let stop = stop(from);
    let requests = requests(from);
    let storage = storage(from, requests);
    let currencies = currencies(from);
    let events_topic = from.read(&table::EVENTS_TOPIC);
    let logging = logging::read(from);
    let kafka = peers::kafka(from);
    let eureka = peers::eureka(from);
    let config_server = peers::config_server(from);
    let management = peers::management(from);
    let (storage, mut warnings) = storage?;
    let logging = logging?;
    warnings.extend(logging::warning(&logging));
    let settings = Settings {
        name: name?,
        profiles: profiles?,
        listen: SocketAddr::new(address?, port?),
        requests: requests?,
        storage,
        currencies: currencies?,
        events_topic: events_topic?,
        stop: stop?,
        logging,
        kafka: kafka?,
        eureka: eureka?,
        config_server: config_server?,
        management: management?,
    };
    Some((settings, warnings))
}

fn requests(from: &mut Reader<'_>) -> Option<Requests> {
    let budget = from.read(&table::REQUEST_BUDGET);
    let max_in_flight = from.read(&table::MAX_IN_FLIGHT);
    let body_deadline = from.read(&table::BODY_DEADLINE);
    let max_streams = from.read(&table::MAX_STREAMS);
    Some(Requests {
        budget: budget?,
        max_in_flight: max_in_flight?,
        body_deadline: body_deadline?,
        max_streams: max_streams?,
    })
}

fn storage(from: &mut Reader<'_>, requests: Option<Requests>) -> Option<(Storage, Vec<String>)> {
    let database = database::read(from);
    let pool_size = from.read(&table::POOL_SIZE);
    let connection_timeout = from.read(&table::CONNECTION_TIMEOUT);
    let migrate_at_start = from.read(&table::MIGRATE_AT_START);
    let group_commit = from.read(&table::GROUP_COMMIT);
    let housekeeping_interval = from.read(&table::HOUSEKEEPING_INTERVAL);
    let retention = from.read(&table::EVENTS_RETENTION);
    let (database, without_effect) = database?;
    let storage = Storage {
        database,
        pool_size: pool_size?,
        connection_timeout: connection_timeout?.min(requests?.budget),
        migrate_at_start: migrate_at_start?,
        group_commit: group_commit?,
        housekeeping_interval: housekeeping_interval?,
        retention: retention?,
    };
    let key = table::DATASOURCE_URL.row.name;
    let names = without_effect.join(", ");
    let warning = format!("{key}: these parameters are without effect: {names}");
    let warnings = (!names.is_empty()).then_some(warning);
    Some((storage, warnings.into_iter().collect()))
}

fn currencies(from: &mut Reader<'_>) -> Option<Currencies> {
    let enabled = from.read(&table::CURRENCIES);
    let default = from.read(&table::DEFAULT_CURRENCY);
    let (enabled, default) = (enabled?, default?);
    if !enabled.contains(&default) {
        from.refuse(&table::DEFAULT_CURRENCY, "is not enabled");
        return None;
    }
    Some(Currencies::new(default, enabled))
}

fn stop(from: &mut Reader<'_>) -> Option<Stop> {
    let budget = from.read(&table::STOP_BUDGET);
    let delay = from.read(&table::STOP_DELAY);
    let (budget, delay) = (budget?, delay?);
    if delay >= budget {
        from.refuse(&table::STOP_DELAY, "leaves no time to stop in");
        return None;
    }
    Some(Stop { delay, budget })
}

#[cfg(test)]
mod docs_tests;
#[cfg(test)]
mod tests;

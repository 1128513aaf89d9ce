//! The settings: everything that may be set, from wherever it may come, checked before anything
//! starts. This is the only module that reads the environment or settings files. What each key
//! means is in `table.rs`; docs/settings.md is for operators.

mod catalogue;
mod changes;
mod command_line;
mod database;
mod durations;
mod environment;
mod files;
mod kafka;
mod layers;
mod logging;
mod mask;
mod names;
mod peers;
mod placeholders;
mod problems;
mod reader;
mod remote;
mod set_aside;
mod table;
mod tracing;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use order_app::currencies::Currencies;

pub use changes::{ByKey, Change, by_key, changes};
pub use command_line::{NoValue, Setting, split};
pub use database::{Database, Server};
pub use environment::of_this_process;
pub use kafka::Kafka;
pub use layers::Origin;
pub use logging::{Format, Logging};
pub use peers::{Eureka, EurekaFetch, EurekaInstance, EurekaPage, EurekaPorts, Management};
pub use problems::{Problem, Problems};
pub use reader::Effective;
pub use remote::{ConfigServer, From as ImportedFrom, Given, Keep, Occasion};
pub use tracing::Tracing;

use files::{Files, applying};
use layers::{Layer, Merged};
use reader::{Reader, World};
use remote::Imported;

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
    /// What time it is.
    pub now: fn() -> DateTime<Utc>,
    /// Tells people how it goes while that takes a while.
    pub tell: fn(&str),
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
    /// How the imports from config servers went.
    pub given: Vec<Given>,
    /// What to keep of them for a start without a config server.
    pub keep: Keep,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Something is wrong with them.
    #[error(transparent)]
    Wrong(#[from] Problems),
    /// A config server gives none, and they are needed.
    #[error("settings are missing: {0}")]
    Missing(Problem),
    /// Reading them found a defect, which was reported where it is.
    #[error("reading the settings failed by a defect")]
    Panicked,
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
    /// The brokers.
    pub kafka: Kafka,
    /// The registry.
    pub eureka: Eureka,
    /// The config servers.
    pub config_server: ConfigServer,
    /// The management port.
    pub management: Management,
    /// Whether health tells more of a component than its status, on which port ever.
    pub health_details: Option<bool>,
    /// How traces are recorded.
    pub tracing: Tracing,
}

impl Settings {
    /// What this instance is called in logs and traces: as in the registry, where `machine` is the
    /// machine's name. Several that take any free port on one machine are told apart by the process.
    #[must_use]
    pub fn instance(&self, machine: &str, process: u32) -> String {
        let said = &self.eureka.instance;
        let host = said.hostname.as_deref().unwrap_or(machine);
        let port = match self.listen.port() {
            0 => process,
            port => port.into(),
        };
        said.id.clone().unwrap_or_else(|| format!("{host}:{}:{port}", self.name))
    }
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

impl Requests {
    /// How many run at once, for those who count them.
    #[must_use]
    pub fn places(&self) -> usize {
        usize::try_from(self.max_in_flight).unwrap_or(usize::MAX)
    }
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
/// Everything that is wrong, at once; or that a config server does not give what is needed.
pub fn load(inputs: &Inputs, occasion: Occasion<'_>) -> Result<Loaded, LoadError> {
    let world =
        World { environment: &inputs.environment, folder: &inputs.folder, random: inputs.random };
    let mut problems = Vec::new();
    let local = local(inputs, world, &mut problems);
    let merged = local.merged_with(Vec::new());
    let (mut own, mut beside) = (Reader::new(&merged, world), Reader::new(&merged, world));
    let config_server = remote::read(&mut own, &mut beside);
    problems.append(&mut own.problems);
    let imported = match &config_server {
        Some(source) if !source.imports.is_empty() && problems.is_empty() => {
            let Inputs { folder, random, now, tell, .. } = inputs;
            let around = remote::Around { folder, now: *now, random: *random, tell: *tell };
            remote::import(source, occasion, around).map_err(LoadError::Missing)?
        }
        None if own.is_set(&table::CONFIG_IMPORT) => {
            // What else is wrong, nobody can say without what a config server has to add.
            problems.append(&mut beside.problems);
            return Err(Problems(problems).into());
        }
        _ => Imported::default(),
    };
    // Before there was `spring.config.import`, this alone was enough.
    let idle = own.is_set(&table::CONFIG_URI) && !own.is_set(&table::CONFIG_IMPORT);
    let merged = local.merged_with(imported.layers);
    let mut reader = Reader::new(&merged, world);
    let read = settings(&mut reader, config_server, own.effective);
    problems.append(&mut reader.problems);
    problems.extend(reader::unknown_of_ours(&merged));
    problems.extend(reader::unreadable_of_ours(&merged));
    let Some((settings, mut warnings)) = read.filter(|_| problems.is_empty()) else {
        return Err(Problems(problems).into());
    };
    warnings.extend(imported.warnings);
    warnings.extend(idle.then(|| NOTHING_IMPORTED.to_owned()));
    warnings.extend(set_aside::warning(&merged));
    warnings.extend(reader::unknown_options(&merged));
    let Imported { given, keep, .. } = imported;
    Ok(Loaded { settings, effective: reader.effective, warnings, given, keep })
}

const NOTHING_IMPORTED: &str = "spring.cloud.config.uri is set, but nothing is imported: add \
                                spring.config.import=configserver: (or optional:configserver:)";

/// The layers of this machine.
struct Local {
    files: Vec<Layer>,
    environment: Layer,
    command_line: Layer,
}

impl Local {
    /// With the documents of config servers between the files and the environment.
    fn merged_with(&self, imported: Vec<Layer>) -> Merged {
        let above = [self.environment.clone(), self.command_line.clone()];
        Merged::new(self.files.iter().cloned().chain(imported).chain(above))
    }
}

fn local(inputs: &Inputs, world: World<'_>, problems: &mut Vec<Problem>) -> Local {
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
    Local {
        files: applying(documents, effective),
        environment: environment::layer(&inputs.environment),
        command_line: command_line::layer(&inputs.options),
    }
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

/// Reads every key, so that everything wrong is found, and only then gives up. What concerns the
/// config servers has been read before, from local sources alone.
fn settings(
    from: &mut Reader<'_>,
    config_server: Option<ConfigServer>,
    of_config_server: Vec<Effective>,
) -> Option<(Settings, Vec<String>)> {
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
    let kafka = kafka::read(from, events_topic.as_deref());
    let eureka = peers::eureka(from);
    from.effective.extend(of_config_server);
    let management = peers::management(from);
    let health_details = from.read(&table::HEALTH_DETAILS);
    let tracing = tracing::read(from);
    let (storage, mut warnings) = storage?;
    let logging = logging?;
    warnings.extend(logging::warning(&logging));
    let (kafka, of_kafka) = kafka?;
    warnings.extend(of_kafka);
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
        kafka,
        eureka: eureka?,
        config_server: config_server?,
        management: management?,
        health_details: health_details?,
        tracing: tracing?,
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
pub(crate) mod docs_tests;
#[cfg(test)]
pub(crate) mod stub;
#[cfg(test)]
mod tests;

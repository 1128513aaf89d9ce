//! Settings from Spring Cloud Config: fetched at the start and at each refresh, or taken from the
//! last good copy when that is allowed. What a config server may not set is taken out here. How its
//! documents rank among the other sources is in `settings.rs`.

mod copy;
mod document;
mod fetch;
mod registry;
mod server;
mod source;

use std::path::Path;

use chrono::{DateTime, Utc};
use tokio::runtime::Builder;
use tokio::time::sleep;

pub(crate) use server::Server;
pub use source::ConfigServer;
pub(crate) use source::Import;
pub(crate) use source::{header, imports, multiplier, read};

use super::layers::Layer;
use super::names::{canonical, folded};
use super::problems::Problem;
use super::table;
use copy::Place;
use document::Document;
use fetch::Fetcher;
use server::Failures;

/// Why settings are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The process starts: it may wait for a config server, or do without where that is allowed.
    Start,
    /// It runs: without a config server, everything stays as it is.
    Refresh,
}

/// What the client needs of its surroundings.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    /// The working folder.
    pub(crate) folder: &'a Path,
    /// What time it is.
    pub(crate) now: fn() -> DateTime<Utc>,
    /// Random bits.
    pub(crate) random: fn() -> u128,
    /// Tells people how it goes.
    pub(crate) tell: fn(&str),
}

/// What came of all imports.
#[derive(Default)]
pub(crate) struct Imported {
    /// The lowest first.
    pub(crate) layers: Vec<Layer>,
    /// What people should know.
    pub(crate) warnings: Vec<String>,
    /// How each went.
    pub(crate) given: Vec<Given>,
    /// What to keep once it has proved right.
    pub(crate) keep: Keep,
}

/// How an import went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// What was asked for.
    pub question: String,
    /// Where it came from.
    pub from: From,
}

/// Where settings came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// From a server, just now.
    Server {
        /// Which.
        server: String,
        /// The commit, where there is such a thing.
        version: Option<String>,
    },
    /// From the last good copy.
    Copy {
        /// When that was kept.
        kept_at: DateTime<Utc>,
        /// Why not from a server.
        because: String,
    },
    /// From nowhere: local settings alone apply.
    Nowhere {
        /// Why.
        because: String,
    },
}

/// Documents that were fetched, to be kept for a start without a server.
#[derive(Default)]
pub struct Keep(Vec<(Place, Document)>);

impl Keep {
    /// Writes them; answers with what went wrong.
    #[must_use]
    pub fn write(&self, now: DateTime<Utc>) -> Vec<String> {
        let write = |(place, document): &(Place, Document)| {
            let written = place.write(document, now);
            written.err().map(|error| format!("{place} cannot be kept: {error}"))
        };
        self.0.iter().filter_map(write).collect()
    }

    /// Whether there is anything else to keep than in another, or elsewhere.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        self.0 != other.0
    }
}

impl std::fmt::Debug for Keep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keep({})", self.0.len())
    }
}

/// Fetches everything that is to be imported.
///
/// # Errors
/// When something is missing that the service needs.
pub(crate) fn import(
    source: &ConfigServer,
    occasion: Occasion,
    around: Around<'_>,
) -> Result<Imported, Problem> {
    // Only here, lest a start without a config server pay for it.
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| missing(source, &error.to_string()))?;
    runtime.block_on(import_all(source, occasion, around))
}

async fn import_all(
    source: &ConfigServer,
    occasion: Occasion,
    around: Around<'_>,
) -> Result<Imported, Problem> {
    let mut imported = Imported::default();
    for (number, import) in source.imports.iter().enumerate() {
        let may_do_without = import.optional && !source.fail_fast && occasion == Occasion::Start;
        // An answer that the start does not depend on is not worth a wait.
        let patient = occasion == Occasion::Start && !may_do_without;
        let place = place(source, import, number, around.folder);
        match fetched(source, import, patient, around).await {
            Ok((document, server)) => imported.take(source, place, document, &server),
            Err(because) if may_do_without => imported.do_without(source, &place, &because),
            Err(because) => return Err(missing(source, &because)),
        }
    }
    Ok(imported)
}

/// Asks until somebody answers, or it is of no use any more; says in words why nobody did.
async fn fetched(
    source: &ConfigServer,
    import: &Import,
    patient: bool,
    around: Around<'_>,
) -> Result<(Document, Server), String> {
    let mut attempt = 1;
    loop {
        let failures = match once(source, import, around).await {
            Ok(given) => return Ok(given),
            Err(failures) => failures,
        };
        let pause = source.retry.pause(attempt).filter(|_| patient && failures.may_pass());
        let Some(pause) = pause else {
            let tries = if attempt == 1 { "1 try".to_owned() } else { format!("{attempt} tries") };
            let asked = &source.question;
            return Err(format!("no settings of {asked} after {tries}: {failures}"));
        };
        let most = source.retry.attempts;
        (around.tell)(&format!(
            "no settings from a config server (try {attempt} of {most}), again in {pause:?}: {failures}"
        ));
        sleep(pause).await;
        attempt = attempt.saturating_add(1);
    }
}

async fn once(
    source: &ConfigServer,
    import: &Import,
    around: Around<'_>,
) -> Result<(Document, Server), Failures> {
    let servers = match (&import.server, &source.discovery) {
        (Some(server), _) => vec![server.clone()],
        (None, Some(lookup)) => registry::servers(lookup, around).await?,
        (None, None) => source.servers.clone(),
    };
    let fetcher = Fetcher::new(source, &servers).map_err(Failures::Nobody)?;
    fetcher.ask(&servers).await
}

fn place(source: &ConfigServer, import: &Import, number: usize, folder: &Path) -> Place {
    let servers = match (&import.server, &source.discovery) {
        (Some(server), _) => server.to_string(),
        (None, Some(lookup)) => format!("service {}", lookup.service),
        (None, None) => {
            source.servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        }
    };
    Place::new(&folder.join(&source.cache), &source.question, &servers, number)
}

fn missing(source: &ConfigServer, because: &str) -> Problem {
    Problem {
        subject: table::CONFIG_IMPORT.row.name.to_owned(),
        value: None,
        origin: Some(source.origin.clone()),
        complaint: because.to_owned(),
    }
}

impl Imported {
    fn take(&mut self, source: &ConfigServer, place: Place, document: Document, server: &Server) {
        let asked = &source.question;
        if document.is_empty() {
            self.warnings.push(format!("the config server {server} has no settings of {asked}"));
        }
        let (server, version) = (server.to_string(), document.version.clone());
        self.add(source, From::Server { server, version }, document.layers(false));
        self.keep.0.push((place, document));
    }

    fn do_without(&mut self, source: &ConfigServer, place: &Place, because: &str) {
        match place.read() {
            Ok(Some(copy)) => {
                let kept_at = copy.kept_at();
                let kept = kept_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                self.warnings.push(format!(
                    "settings are taken from {place}, the last good copy, of {kept}: {because}"
                ));
                let because = because.to_owned();
                self.add(source, From::Copy { kept_at, because }, copy.document.layers(true));
            }
            other => {
                let no_copy = other.err().unwrap_or_else(|| "there is no copy of them".to_owned());
                let because = format!("{because}; {no_copy}");
                self.warnings.push(format!("only local settings apply: {because}"));
                self.add(source, From::Nowhere { because }, Vec::new());
            }
        }
    }

    fn add(&mut self, source: &ConfigServer, from: From, mut layers: Vec<Layer>) {
        let mut refused = Vec::new();
        for layer in &mut layers {
            layer.retain(|entry| {
                let verdict = verdict(&entry.name);
                if verdict == Verdict::Refused {
                    refused.push(format!("{} ({})", entry.name, entry.origin));
                }
                verdict == Verdict::Taken
            });
        }
        if !refused.is_empty() {
            let refused = refused.join(", ");
            self.warnings
                .push(format!("a config server cannot set these, only local settings: {refused}"));
        }
        self.layers.extend(layers);
        self.given.push(Given { question: source.question.to_string(), from });
    }
}

/// What becomes of a key of a config server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Taken,
    /// The server has acted on it already.
    Spent,
    /// It would send us to another server, or change what was asked for.
    Refused,
}

fn verdict(name: &str) -> Verdict {
    const OURS_TO_DECIDE: &[&str] =
        &["spring.config.", "spring.cloud.config.", "spring.profiles.", "order.config."];
    let name = folded(&canonical(name));
    if name.starts_with("spring.config.activate.") {
        Verdict::Spent
    } else if OURS_TO_DECIDE.iter().any(|prefix| name.starts_with(prefix)) {
        Verdict::Refused
    } else {
        Verdict::Taken
    }
}

#[cfg(test)]
mod tests;

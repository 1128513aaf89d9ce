//! Settings from Spring Cloud Config: fetched at the start and at each refresh; where an import is
//! optional and nobody answers, taken from the last good copy, or as they were given before. What a
//! config server may not set is taken out here. How its documents rank among the other sources is in
//! `settings.rs`.

mod copy;
mod document;
mod fetch;
mod registry;
mod server;
mod source;

use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
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
#[derive(Debug, Clone, Copy)]
pub enum Occasion<'a> {
    /// The process starts: it may wait for a config server, or do without where that is allowed.
    Start,
    /// It runs, and waits for nobody.
    Refresh {
        /// What an import that may be done without stays at when nobody answers. Not what is on the
        /// disk: that may have been lost, or could never be written.
        last: &'a Keep,
    },
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

/// What the imports gave: for a start without a server, and for a refresh without one.
#[derive(Default)]
pub struct Keep(Vec<Held>);

/// What one import gave.
struct Held {
    place: Place,
    /// Just now, and so worth keeping on the disk.
    fresh: bool,
    /// The document, and when a server gave it; `None` while local settings alone apply.
    given: Option<(Document, DateTime<Utc>)>,
}

impl Keep {
    /// Writes what is fresh; answers with what went wrong.
    #[must_use]
    pub fn write(&self) -> Vec<String> {
        let write = |Held { place, given, .. }: &Held| {
            let (document, at) = given.as_ref()?;
            let written = place.write(document, *at);
            written.err().map(|error| format!("{place} cannot be kept: {error}"))
        };
        self.0.iter().filter(|held| held.fresh).filter_map(write).collect()
    }

    /// Whether there is anything fresh to keep that is not in another.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        let document = |held: &Held| held.given.as_ref().map(|(document, _)| document.clone());
        let known = |held: &Held| other.of(&held.place).and_then(document) == document(held);
        self.0.iter().any(|held| held.fresh && !known(held))
    }

    fn of(&self, place: &Place) -> Option<&Held> {
        self.0.iter().find(|held| held.place == *place)
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
    occasion: Occasion<'_>,
    around: Around<'_>,
) -> Result<Imported, Problem> {
    // Only here, lest a start without a config server pay for it.
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| missing(source, &error.to_string()))?;
    runtime.block_on(import_all(source, occasion, around))
}

async fn import_all(
    source: &ConfigServer,
    occasion: Occasion<'_>,
    around: Around<'_>,
) -> Result<Imported, Problem> {
    let mut imported = Imported::default();
    for (number, import) in source.imports.iter().enumerate() {
        let may_do_without = import.optional && !source.fail_fast;
        // An answer that the start does not depend on is not worth a wait.
        let patient = matches!(occasion, Occasion::Start) && !may_do_without;
        let place = place(source, import, number, around.folder);
        match fetched(source, import, patient, around).await {
            Ok((document, server)) => {
                imported.take(source, place, (document, (around.now)()), &server);
            }
            Err(because) if may_do_without => {
                let done = imported.do_without(source, place, occasion, &because);
                done.map_err(|because| missing(source, &because))?;
            }
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

/// The copy on the disk, and when it was kept; in words why there is none that can be used.
fn copy(place: &Place) -> Result<Option<(Document, DateTime<Utc>)>, String> {
    let copy = place.read()?;
    Ok(copy.map(|copy| {
        let kept_at = copy.kept_at();
        (copy.document, kept_at)
    }))
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
    fn take(
        &mut self,
        source: &ConfigServer,
        place: Place,
        (document, at): (Document, DateTime<Utc>),
        server: &Server,
    ) {
        let asked = &source.question;
        if document.is_empty() {
            self.warnings.push(format!("the config server {server} has no settings of {asked}"));
        }
        let (server, version) = (server.to_string(), document.version.clone());
        self.add(source, From::Server { server, version }, document.layers(false));
        self.keep.0.push(Held { place, fresh: true, given: Some((document, at)) });
    }

    /// Makes do with what there is of an import that nobody answers for.
    ///
    /// # Errors
    /// In words, when a refresh would take away what applies and has nothing to put in its place.
    fn do_without(
        &mut self,
        source: &ConfigServer,
        place: Place,
        occasion: Occasion<'_>,
        because: &str,
    ) -> Result<(), String> {
        let known = match occasion {
            Occasion::Start => None,
            Occasion::Refresh { last } => last.of(&place).map(|held| held.given.clone()),
        };
        let at_start = matches!(occasion, Occasion::Start);
        let in_place = known.is_some();
        let (given, no_copy) = match known.map_or_else(|| copy(&place), Ok) {
            Ok(given) => (given, "there is no copy of them".to_owned()),
            Err(unusable) => (None, unusable),
        };
        if let Some((document, kept_at)) = &given {
            let at = kept_at.to_rfc3339_opts(SecondsFormat::Secs, true);
            self.warnings.push(if in_place {
                format!("settings stay as they were last given, at {at}: {because}")
            } else {
                format!("settings are taken from {place}, the last good copy, of {at}: {because}")
            });
            let from = From::Copy { kept_at: *kept_at, because: because.to_owned() };
            self.add(source, from, document.layers(true));
        } else {
            let because = format!("{because}; {no_copy}");
            if !at_start && !in_place {
                return Err(because);
            }
            self.warnings.push(format!("only local settings apply: {because}"));
            self.add(source, From::Nowhere { because }, Vec::new());
        }
        self.keep.0.push(Held { place, fresh: false, given });
        Ok(())
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

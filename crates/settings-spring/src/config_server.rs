//! Settings from Spring Cloud Config: imported at the start and at each refresh. If an optional import
//! gets no answer, its last good copy applies, or at a refresh what it gave before. Keys that a config
//! server may not set are taken out here. The rank of its documents among other sources is in
//! `load.rs`.

mod copies;
mod document;
mod fetch;
mod import;
mod retry;
mod server;
mod source;

use std::thread::sleep;

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::runtime::{Builder, Runtime};

pub use copies::Copies;
pub(crate) use import::unknown;
pub use server::Server;
pub use source::{ConfigServer, LookUp, ROWS};
pub(crate) use source::{Source, URI, Wanted};

use crate::bounds::listed;
use crate::catalogue::Catalogue;
use crate::files::Expression;
use crate::inputs::Inputs;
use crate::layers::{Layer, Merged};
use crate::locations::IMPORT;
use crate::problems::Problem;
use copies::{CopyFile, Kept};
use document::Document;
use fetch::Fetcher;
use import::Import;
use server::Failures;

/// What Boot 2 called `spring.config.activate.on-profile`.
const OLD_CONDITION: &str = "spring.profiles";

/// Why settings are loaded.
#[derive(Debug, Clone, Copy)]
pub enum Occasion<'a> {
    /// The process starts. It waits for a config server that it needs.
    Start,
    /// The process runs, and must not wait.
    Refresh {
        /// What the last loading imported. An optional import without an answer stays at that. The
        /// copy on the disk may be lost, or could never be written.
        last: &'a Copies,
    },
}

/// How one import went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What the config server was asked for: `application/profile` or `application/profile/label`.
    pub question: String,
    /// Where the settings came from.
    pub from: ImportedFrom,
}

/// Where imported settings came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportedFrom {
    /// A config server that answered now.
    Server {
        /// Its URL without credentials.
        server: String,
        /// The commit that the server read, if it has commits.
        version: Option<String>,
    },
    /// The last good copy, or at a refresh what the import gave before.
    Copy {
        /// When the server gave it.
        kept_at: DateTime<Utc>,
        /// Why no server answered.
        because: String,
    },
    /// Nowhere: local settings alone apply.
    Nowhere {
        /// Why no server answered, and why there is no copy.
        because: String,
    },
}

/// What all imports gave.
#[derive(Default)]
pub(crate) struct Imports {
    /// Those of each import; the lowest first.
    pub(crate) layers: Vec<Vec<Layer>>,
    pub(crate) warnings: Vec<String>,
    pub(crate) imported: Vec<Imported>,
    pub(crate) copies: Copies,
}

/// What importing needs.
#[derive(Clone, Copy)]
struct Importer<'a> {
    source: &'a Source,
    catalogue: &'a Catalogue,
    inputs: &'a Inputs,
    runtime: &'a Runtime,
}

/// Imports everything that is to be imported.
///
/// # Errors
/// A config server that the service needs gave no settings.
pub(crate) fn import(
    source: &Source,
    occasion: Occasion<'_>,
    catalogue: &Catalogue,
    inputs: &Inputs,
) -> Result<Imports, Problem> {
    let mut imports = Imports::default();
    if source.imports.is_empty() {
        return Ok(imports);
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Problem::new(IMPORT.row.name, None, error.to_string()))?;
    let importer = Importer { source, catalogue, inputs, runtime: &runtime };
    for (number, import) in source.imports.iter().enumerate() {
        importer.import(number, import, occasion, &mut imports).map_err(|because| {
            Problem::new(IMPORT.row.name, Some(import.origin.clone()), because)
        })?;
    }
    Ok(imports)
}

impl Importer<'_> {
    /// Imports one document. An error says in words why it is missing.
    fn import(
        self,
        number: usize,
        import: &Import,
        occasion: Occasion<'_>,
        imports: &mut Imports,
    ) -> Result<(), String> {
        let fails_fast = import.parameters.fail_fast.unwrap_or(self.source.fail_fast);
        let is_optional = import.optional && !fails_fast;
        // An optional answer is not worth a wait.
        let is_patient = matches!(occasion, Occasion::Start) && !is_optional;
        let file = self.copy_file(import, number);
        match self.fetched(import, is_patient) {
            Ok((document, server)) => {
                self.take(document, &server, file, imports);
                Ok(())
            }
            Err(because) if is_optional => self.fall_back(file, occasion, &because, imports),
            Err(because) => Err(because),
        }
    }

    /// Asks until a server answers, or asking again is of no use.
    fn fetched(self, import: &Import, is_patient: bool) -> Result<(Document, Server), String> {
        let retry = import.parameters.retry(self.source.retry);
        let mut attempt = 1;
        loop {
            let failures = match self.fetched_once(import) {
                Ok(answer) => return Ok(answer),
                Err(failures) => failures,
            };
            let pause = retry.pause(attempt).filter(|_| is_patient && failures.may_pass());
            let Some(pause) = pause else {
                let tries =
                    if attempt == 1 { "1 try".to_owned() } else { format!("{attempt} tries") };
                let asked = &self.source.question;
                return Err(format!("no settings of {asked} after {tries}: {failures}"));
            };
            let most = retry.attempts;
            (self.inputs.tell)(&format!(
                "no settings from a config server (try {attempt} of {most}), again in {pause:?}: {failures}"
            ));
            sleep(pause);
            attempt = attempt.saturating_add(1);
        }
    }

    fn fetched_once(self, import: &Import) -> Result<(Document, Server), Failures> {
        let servers = match (&import.server, &self.source.registry) {
            (Some(server), _) => vec![server.clone()],
            (None, Some((service, look_up))) => look_up(service).map_err(|reason| {
                Failures::NoServer(format!("the config server {service}: {reason}"))
            })?,
            (None, None) => self.source.servers.clone(),
        };
        let fetcher = Fetcher::new(self.source, &servers).map_err(Failures::NoServer)?;
        self.runtime.block_on(fetcher.ask(&servers))
    }

    fn copy_file(self, import: &Import, number: usize) -> CopyFile {
        let source = self.source;
        let servers = match (&import.server, &source.registry) {
            (Some(server), _) => server.to_string(),
            (None, Some((service, _))) => format!("service {service}"),
            (None, None) => {
                source.servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
            }
        };
        CopyFile::new(&self.inputs.folder.join(&source.copies), &source.question, &servers, number)
    }

    fn take(self, document: Document, server: &Server, file: CopyFile, imports: &mut Imports) {
        let asked = &self.source.question;
        if document.is_empty() {
            imports.warnings.push(format!("the config server {server} has no settings of {asked}"));
        }
        let (server, version) = (server.to_string(), document.version.clone());
        let layers = document.layers(false, self.catalogue);
        self.add(ImportedFrom::Server { server, version }, layers, imports);
        let given = Some((document, (self.inputs.now)()));
        imports.copies.push(Kept { file, is_fresh: true, given });
    }

    /// Uses what there is of an optional import that no server answers for.
    ///
    /// # Errors
    /// In words: a refresh would take away settings that apply, and there is nothing to replace them.
    fn fall_back(
        self,
        file: CopyFile,
        occasion: Occasion<'_>,
        because: &str,
        imports: &mut Imports,
    ) -> Result<(), String> {
        let (is_start, known) = match occasion {
            Occasion::Start => (true, None),
            Occasion::Refresh { last } => (false, last.of(&file).map(|kept| kept.given.clone())),
        };
        let is_known = known.is_some();
        let (given, no_copy) = match known.map_or_else(|| file.read(), Ok) {
            Ok(given) => (given, "there is no copy of them".to_owned()),
            Err(unusable) => (None, unusable),
        };
        if let Some((document, kept_at)) = &given {
            let at = kept_at.to_rfc3339_opts(SecondsFormat::Secs, true);
            imports.warnings.push(if is_known {
                format!("settings stay as they were last given, at {at}: {because}")
            } else {
                format!("settings are taken from {file}, the last good copy, of {at}: {because}")
            });
            let from = ImportedFrom::Copy { kept_at: *kept_at, because: because.to_owned() };
            self.add(from, document.layers(true, self.catalogue), imports);
        } else {
            let because = format!("{because}; {no_copy}");
            if !is_start && !is_known {
                return Err(because);
            }
            imports.warnings.push(format!("only local settings apply: {because}"));
            self.add(ImportedFrom::Nowhere { because }, Vec::new(), imports);
        }
        imports.copies.push(Kept { file, is_fresh: false, given });
        Ok(())
    }

    fn add(self, from: ImportedFrom, mut layers: Vec<Layer>, imports: &mut Imports) {
        let mut refused = Vec::new();
        layers.retain(|layer| self.is_for_us(layer, imports));
        for layer in &mut layers {
            layer.retain(|entry| {
                let name = self.catalogue.canonical(&entry.name);
                let is_local = self.catalogue.is_local(&name);
                // The server has already applied these conditions itself.
                if is_local && !name.starts_with("spring.config.activate.") {
                    refused.push((entry.name.clone(), entry.origin.clone()));
                }
                !is_local && name != OLD_CONDITION
            });
        }
        if !refused.is_empty() {
            let refused = listed(refused, |(name, origin)| format!("{name} ({origin})"));
            imports
                .warnings
                .push(format!("a config server cannot set these, only local settings: {refused}"));
        }
        imports.layers.push(layers);
        imports.imported.push(Imported { question: self.source.question.to_string(), from });
    }

    /// Whether a source applies to the profiles that were asked for. Servers apply conditions
    /// themselves, but those since Boot 3 do not know the old one, and give such a source to everybody.
    fn is_for_us(self, layer: &Layer, imports: &mut Imports) -> bool {
        let merged = Merged::new([layer.clone()], self.catalogue);
        let Some(condition) = merged.get(OLD_CONDITION).map(|ranked| &ranked.entry) else {
            return true;
        };
        let asked: Vec<_> =
            self.source.question.profile.split(',').map(|one| one.trim().to_owned()).collect();
        if Expression::any(&condition.value).is_some_and(|profiles| profiles.matches(&asked)) {
            return true;
        }
        imports.warnings.push(format!(
            "settings for other profiles are left out: {} ({})",
            condition.name, condition.origin
        ));
        false
    }
}

//! Loads the settings of a service: reads the sources, ranks them, and has the service read its keys.

use crate::catalogue::Catalogue;
use crate::command_line;
use crate::config_server::{
    self, ConfigServer, Copies, IMPORT, Imported, Imports, Occasion, Source, URI,
};
use crate::environment;
use crate::files::{Files, applying};
use crate::inputs::Inputs;
use crate::layers::{Layer, Merged};
use crate::leftovers;
use crate::problems::{Problem, Problems};
use crate::profiles::PROFILES;
use crate::reader::{Effective, Reader, Scope};

/// What the engine must know of a service whose settings are a `T`.
#[derive(Debug, Clone)]
pub struct Service<T> {
    /// All keys. Those of the engine itself ([`PROFILE`](crate::PROFILE),
    /// [`CONFIG_SERVER`](crate::CONFIG_SERVER)) belong in it, too.
    pub catalogue: Catalogue,
    /// How settings are imported from config servers; `None` if they are not.
    pub config_server: Option<ConfigServer>,
    /// Reads all keys, so that everything wrong is found; `None` if anything is wrong. The rules that
    /// several keys must fit together are here, too.
    pub read: fn(&mut Reader<'_>) -> Option<T>,
}

/// The settings, and what there is to say about them.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The settings that apply.
    pub settings: T,
    /// The same for people, with sources and without secrets, in the order in which they were read.
    /// The keys of the config servers stand where the catalogue has them.
    pub effective: Vec<Effective>,
    /// What was set but is not honoured.
    pub warnings: Vec<String>,
    /// How the imports from config servers went.
    pub imported: Vec<Imported>,
    /// What the imports gave, for a refresh and for a start without a config server.
    pub copies: Copies,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Settings are wrong.
    #[error(transparent)]
    Wrong(#[from] Problems),
    /// A config server that the service needs gave no settings.
    #[error("settings are missing: {0}")]
    Missing(Problem),
}

/// Reads and checks all settings. The command line wins over the environment, the environment over
/// config servers, they over files, and files over defaults.
///
/// It blocks while it reads files and asks config servers: an asynchronous program calls it on a
/// thread for blocking work.
///
/// # Errors
/// [`LoadError::Wrong`] with everything that is wrong, at once; [`LoadError::Missing`] if a config
/// server does not give what the service needs.
pub fn load<T>(
    service: &Service<T>,
    inputs: &Inputs,
    occasion: Occasion<'_>,
) -> Result<Loaded<T>, LoadError> {
    let catalogue = &service.catalogue;
    let mut problems = Vec::new();
    let layers = Layers::read(catalogue, inputs, &mut problems);
    let local = layers.merged(Vec::new(), catalogue);
    let scope = Scope { merged: &local, catalogue, inputs };
    let mut own = Reader::new(scope, &local);
    let imports = match &service.config_server {
        Some(with) => import(with, &mut own, scope, occasion, &mut problems)?,
        None => Imports::default(),
    };
    let is_idle = own.is_set(&URI) && !own.is_set(&IMPORT) && service.config_server.is_some();

    let merged = layers.merged(imports.layers, catalogue);
    let mut reader = Reader::new(Scope { merged: &merged, ..scope }, &local);
    let read = (service.read)(&mut reader);
    let Reader { problems: wrong, mut effective, mut warnings, .. } = reader;
    problems.extend(wrong);
    problems.extend(leftovers::unknown(&merged, catalogue));
    problems.extend(leftovers::unreadable(&merged, catalogue));
    let Some(settings) = read.filter(|_| problems.is_empty()) else {
        return Err(Problems(problems).into());
    };
    insert(&mut effective, own.effective, catalogue);
    warnings.extend(imports.warnings);
    warnings.extend(is_idle.then(|| NOTHING_IMPORTED.to_owned()));
    warnings.extend(leftovers::without_effect(&merged, catalogue));
    warnings.extend(leftovers::unknown_options(&merged, catalogue));
    let Imports { imported, copies, .. } = imports;
    Ok(Loaded { settings, effective, warnings, imported, copies })
}

const NOTHING_IMPORTED: &str = "spring.cloud.config.uri is set, but nothing is imported: add \
                                spring.config.import=configserver: (or optional:configserver:)";

/// Imports from config servers what the local settings say. Without an import, wrong settings of the
/// client alone are recorded as problems.
fn import(
    with: &ConfigServer,
    own: &mut Reader<'_>,
    local: Scope<'_>,
    occasion: Occasion<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Imports, LoadError> {
    let mut beside = Reader::new(local, local.merged);
    let source = Source::read(with, own, &mut beside, local.inputs);
    problems.append(&mut own.problems);
    match source {
        Some(source) if problems.is_empty() => {
            config_server::import(&source, occasion, local.catalogue, local.inputs)
                .map_err(LoadError::Missing)
        }
        None if own.is_set(&IMPORT) => {
            // The other settings cannot be judged without those of the config server.
            problems.append(&mut beside.problems);
            Err(Problems(std::mem::take(problems)).into())
        }
        _ => Ok(Imports::default()),
    }
}

/// The layers of this machine.
struct Layers {
    files: Vec<Layer>,
    environment: Layer,
    command_line: Layer,
}

impl Layers {
    fn read(catalogue: &Catalogue, inputs: &Inputs, problems: &mut Vec<Problem>) -> Self {
        let files = Files { folder: &inputs.folder, only: inputs.config.as_deref() };
        let mut documents = files.read(None, problems);
        let mut layers = Self {
            files: applying(&documents, &[]),
            environment: environment::layer(&inputs.environment, catalogue),
            command_line: command_line::layer(&inputs.options),
        };
        let mut active = layers.active_profiles(catalogue, inputs);
        if active.is_empty() {
            // As in Spring, no profile at all is a profile of its own.
            active.push("default".to_owned());
        }
        for profile in &active {
            documents.extend(files.read(Some(profile), problems));
        }
        layers.files = applying(&documents, &active);
        layers
    }

    /// The profiles that the command line, the environment or a plain file names. A wrong name is
    /// reported when the service reads its settings.
    fn active_profiles(&self, catalogue: &Catalogue, inputs: &Inputs) -> Vec<String> {
        let merged = self.merged(Vec::new(), catalogue);
        let scope = Scope { merged: &merged, catalogue, inputs };
        Reader::new(scope, &merged).read(&PROFILES).unwrap_or_default()
    }

    /// All layers as one; those of config servers stand between the files and the environment.
    fn merged(&self, imported: Vec<Layer>, catalogue: &Catalogue) -> Merged {
        let above = [self.environment.clone(), self.command_line.clone()];
        Merged::new(self.files.iter().cloned().chain(imported).chain(above), catalogue)
    }
}

/// Inserts the settings of the config servers where the catalogue has them.
fn insert(effective: &mut Vec<Effective>, own: Vec<Effective>, catalogue: &Catalogue) {
    let position =
        |setting: &Effective| catalogue.rows().iter().position(|row| row.name == setting.row.name);
    let Some(first) = own.first().map(position) else { return };
    let later = effective.iter().position(|setting| position(setting) > first);
    let at = later.unwrap_or(effective.len());
    effective.splice(at..at, own);
}

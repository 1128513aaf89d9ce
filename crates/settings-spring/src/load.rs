//! Loads the settings of a service: reads the sources, ranks them, and has the service read its keys.

use crate::bounds::Work;
use crate::catalogue::Catalogue;
use crate::config_server::{
    self, ConfigServer, Copies, Imported, Imports, Occasion, Source, URI, Wanted,
};
use crate::inputs::Inputs;
use crate::leftovers;
use crate::local::Local;
use crate::locations::{IMPORT, PLATFORM};
use crate::problems::{Problem, Problems};
use crate::profiles::{DEFAULT, GROUP, INCLUDE};
use crate::reader::{Effective, Reader};
use crate::remote::Remote;
use crate::scope::Scope;

/// What the engine must know of a service whose settings are a `T`.
#[derive(Debug, Clone)]
pub struct Service<T> {
    /// All keys. Those of the engine itself ([`PROFILE`](crate::PROFILE), [`FILES`](crate::FILES),
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

/// Reads and checks all settings. The command line wins over `spring.application.json`, that over the
/// environment, the environment over config servers, they over files, and files over defaults.
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
    let (work, nothing) = (Work::default(), Remote::default());
    let mut local = Local::read(catalogue, inputs, &mut problems);
    let of_machine = local.merged(&[], catalogue);
    let scope = Scope { merged: &of_machine, catalogue, inputs, remote: &nothing, work: &work };
    let mut own = Reader::new(scope, &of_machine);
    read_own(&mut own);
    let remote = service.config_server.as_ref().and_then(|with| with.remote(&mut own));
    let remote = remote.unwrap_or_default();
    problems.append(&mut own.problems);
    let imports = if let Some(with) = &service.config_server {
        import(with, &mut own, scope, &local, occasion, &mut problems)?
    } else {
        problems.extend(local.servers().iter().map(config_server::unknown));
        Imports::default()
    };
    let is_idle = own.is_set(&URI) && local.servers().is_empty() && service.config_server.is_some();

    let merged = local.merged(&imports.layers, catalogue);
    let all = Scope { merged: &merged, remote: &remote, ..scope };
    let mut reader = Reader::new(all, &of_machine);
    let read = (service.read)(&mut reader);
    let Reader { problems: wrong, mut effective, mut warnings, .. } = reader;
    problems.extend(wrong);
    problems.extend(leftovers::unknown(&merged, catalogue));
    problems.extend(leftovers::unreadable(&merged, catalogue));
    problems.extend(leftovers::refused(all));
    let Some(settings) = read.filter(|_| problems.is_empty()) else {
        return Err(Problems::listed(problems).into());
    };
    insert(&mut effective, local.effective.into_iter().chain(own.effective), catalogue);
    warnings.append(&mut local.warnings);
    warnings.extend(imports.warnings);
    warnings.extend(is_idle.then(|| NOTHING_IMPORTED.to_owned()));
    warnings.extend(leftovers::ignored(all));
    warnings.extend(leftovers::unknown_names(all));
    warnings.extend(leftovers::strange_variables(&merged, catalogue));
    let Imports { imported, copies, .. } = imports;
    Ok(Loaded { settings, effective, warnings, imported, copies })
}

const NOTHING_IMPORTED: &str = "spring.cloud.config.uri is set, but nothing is imported: add \
                                spring.config.import=configserver: (or optional:configserver:)";

/// Reads the engine's own keys that every source may set, so that wrong values are named.
fn read_own(own: &mut Reader<'_>) {
    own.read(&INCLUDE);
    own.family(&GROUP);
    own.read(&DEFAULT);
    own.read(&IMPORT);
    own.read(&PLATFORM);
}

/// Imports from config servers what the local settings say. Without an import, wrong settings of the
/// client alone are recorded as problems.
fn import(
    with: &ConfigServer,
    own: &mut Reader<'_>,
    scope: Scope<'_>,
    local: &Local,
    occasion: Occasion<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Imports, LoadError> {
    let mut beside = Reader::new(scope, scope.merged);
    let wanted = Wanted { servers: local.servers(), profiles: &local.profiles.accepted };
    let source = Source::read(with, wanted, own, &mut beside, scope);
    problems.append(&mut own.problems);
    match source {
        Some(source) if problems.is_empty() => {
            config_server::import(&source, occasion, scope.catalogue, scope.inputs)
                .map_err(LoadError::Missing)
        }
        None if !local.servers().is_empty() => {
            // The other settings cannot be judged without those of the config server.
            problems.append(&mut beside.problems);
            Err(Problems::listed(std::mem::take(problems)).into())
        }
        _ => Ok(Imports::default()),
    }
}

/// Inserts the engine's own settings where the catalogue has them.
fn insert(
    effective: &mut Vec<Effective>,
    own: impl IntoIterator<Item = Effective>,
    catalogue: &Catalogue,
) {
    let position =
        |setting: &Effective| catalogue.rows().iter().position(|row| row.name == setting.row.name);
    for setting in own {
        let Some(at) = position(&setting) else { continue };
        let later = effective.iter().position(|other| position(other) > Some(at));
        effective.insert(later.unwrap_or(effective.len()), setting);
    }
}

//! The settings of this machine: files and what they import, the environment, `spring.application.json`
//! and the command line, each with its rank. They are read twice: first without profiles, because they
//! themselves say which profiles are active. Files are found in `local/walk.rs`.

mod walk;

use crate::bounds::Work;
use crate::catalogue::Catalogue;
use crate::files::Circumstances;
use crate::inputs::Inputs;
use crate::layers::{Entry, Layer, Merged, Origin};
use crate::locations::{ADDITIONAL, IMPORT, LOCATION, NAME, ON_NOT_FOUND, PLATFORM, ServerImport};
use crate::names::folded;
use crate::problems::Problem;
use crate::profiles::{INCLUDE, PROFILES, Profiles};
use crate::reader::{Effective, Reader};
use crate::remote::Remote;
use crate::scope::Scope;
use crate::{command_line, environment, json, platform};
use walk::{Found, Places, Raised, Walk};

/// The sources of this machine.
#[derive(Default)]
pub(crate) struct Local {
    found: Found,
    environment: Layer,
    json: Layer,
    command_line: Layer,
    pub(crate) profiles: Profiles,
    /// The keys that say where files are, as they apply.
    pub(crate) effective: Vec<Effective>,
    pub(crate) warnings: Vec<String>,
}

impl Local {
    pub(crate) fn read(
        catalogue: &Catalogue,
        inputs: &Inputs,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let json = json::layer(inputs).map_err(|problem| problems.push(problem));
        let mut local = Self {
            environment: environment::layer(&inputs.environment, catalogue),
            json: json.unwrap_or_default(),
            command_line: command_line::layer(&inputs.options),
            ..Self::default()
        };
        let above = local.merged(&[], catalogue);
        let (work, remote) = (Work::default(), Remote::default());
        let scope = Scope { merged: &above, catalogue, inputs, remote: &remote, work: &work };
        let mut reader = Reader::new(scope, &above);
        let places = places(&mut reader, inputs);
        problems.append(&mut reader.problems);
        local.effective = reader.effective;

        // What is wrong is reported by the second walk, which finds everything that the first one does.
        let detected = platform::detected(&inputs.environment);
        let named = Reader::new(scope, &above).read(&PLATFORM).flatten();
        let mut now = Circumstances { profiles: None, platform: named.or(detected) };
        local.found = Walk::new(scope, &places, now).run(&mut Vec::new());
        let merged = local.merged(&[], catalogue);
        let mut reader = Reader::new(Scope { merged: &merged, ..scope }, &merged);
        local.profiles = Profiles::read(&mut reader);
        now.platform = reader.read(&PLATFORM).flatten().or(detected);
        now.profiles = Some(&local.profiles.accepted);
        local.found = Walk::new(scope, &places, now).run(problems);
        problems.extend(old_profiles(inputs));
        problems.extend(bootstrap_files(inputs));
        local.warnings.append(&mut local.found.warnings);
        local.warnings.extend(misplaced(&local.found));
        local
    }

    /// The config servers to import from; a later one wins.
    pub(crate) fn servers(&self) -> &[ServerImport] {
        &self.found.servers
    }

    /// All layers as one. What each config server has given stands above the files, and below the
    /// environment.
    pub(crate) fn merged(&self, given: &[Vec<Layer>], catalogue: &Catalogue) -> Merged {
        let raised = self.found.raised.iter().flat_map(|raised| match raised {
            Raised::Files(layers) => layers.as_slice(),
            Raised::Server(index) => given.get(*index).map_or(&[][..], Vec::as_slice),
        });
        let above = [&self.environment, &self.json, &self.command_line];
        let layers = self.found.files.iter().chain(raised).chain(above);
        let mut merged = Merged::new(layers.cloned(), catalogue);
        self.add_up(&mut merged, catalogue);
        merged
    }

    /// Sets the keys that every source adds to: imports and included profiles. The active profiles are
    /// those that apply in the end.
    fn add_up(&self, merged: &mut Merged, catalogue: &Catalogue) {
        let mut set = |name: &str, values: Vec<&str>, origin: Option<Origin>| {
            if let Some(origin) = origin {
                merged.set(name, Entry::new(name, values.join(","), origin));
            }
        };
        let imports = self.found.imports.iter();
        let origin = self.found.imports.last().map(|(_, origin)| origin.clone());
        set(IMPORT.row.name, imports.map(|(written, _)| written.as_str()).collect(), origin);
        let included = self.included(catalogue);
        let origin = included.first().map(|entry| entry.origin.clone());
        set(INCLUDE.row.name, included.iter().map(|e| e.value.as_str()).collect(), origin.clone());
        let active: Vec<_> = self.profiles.active.iter().map(String::as_str).collect();
        let known = merged.get(PROFILES.row.name).map(|ranked| ranked.entry.origin.clone());
        if let Some(origin) = known.or(origin).filter(|_| !active.is_empty()) {
            let name = PROFILES.row.name;
            merged.set(name, Entry::new(name, active.join(","), origin));
        }
    }

    /// What each source says of `spring.profiles.include`, the highest first.
    fn included(&self, catalogue: &Catalogue) -> Vec<Entry> {
        let raised = self.found.raised.iter().filter_map(|raised| match raised {
            Raised::Files(layers) => Some(layers),
            Raised::Server(_) => None,
        });
        let above = [&self.environment, &self.json, &self.command_line];
        let layers = self.found.files.iter().chain(raised.flatten()).chain(above);
        let one = |layer: &Layer| {
            let merged = Merged::new([layer.clone()], catalogue);
            merged.get(INCLUDE.row.name).map(|ranked| ranked.entry.clone())
        };
        layers.rev().filter_map(one).filter(|entry| !entry.value.trim().is_empty()).collect()
    }
}

/// What the environment and the command line say of where settings are.
fn places(reader: &mut Reader<'_>, inputs: &Inputs) -> Places {
    let locations = reader.read(&LOCATION).unwrap_or_default();
    if inputs.config.is_some() && !locations.is_empty() {
        reader.refuse(&LOCATION, "another file is named, and replaces all locations");
    }
    Places {
        only: inputs.config.clone(),
        origins: [reader.origin(&LOCATION), reader.origin(&ADDITIONAL)],
        locations,
        additional: reader.read(&ADDITIONAL).unwrap_or_default(),
        names: reader.read(&NAME).unwrap_or_default(),
        may_be_missing: reader.read(&ON_NOT_FOUND).unwrap_or_default(),
    }
}

/// One warning that names the keys in files that only the environment and the command line can set.
fn misplaced(found: &Found) -> Option<String> {
    let keys = [&LOCATION.row, &ADDITIONAL.row, &NAME.row, &ON_NOT_FOUND.row];
    let is_misplaced = |entry: &&Entry| {
        let name = folded(&entry.name);
        keys.iter().any(|row| folded(row.name) == name)
    };
    let misplaced = found.files.iter().flatten().filter(is_misplaced);
    let named: Vec<_> = misplaced.map(|e| format!("{} ({})", e.name, e.origin)).collect();
    let all = named.join(", ");
    (!named.is_empty())
        .then(|| format!("only the command line and the environment can set these: {all}"))
}

/// `spring.profiles` was a condition in files once; set from outside it looks like the active profiles.
fn old_profiles(inputs: &Inputs) -> Option<Problem> {
    let is_option = inputs.options.iter().any(|(name, _)| name == "spring.profiles");
    let variable = environment::variable(&inputs.environment, "spring.profiles");
    let origin = match variable {
        _ if is_option => Origin::CommandLine,
        Some((variable, _)) => Origin::Environment(variable.to_owned()),
        None => return None,
    };
    let complaint = "there is no such setting; did you mean spring.profiles.active?";
    Some(Problem::new("spring.profiles", Some(origin), complaint))
}

/// The files of Spring Cloud's old way to a config server. They say where settings come from and what the service is called, so
/// that a start without them would be one with other settings.
fn bootstrap_files(inputs: &Inputs) -> Vec<Problem> {
    if inputs.config.is_some() {
        return vec![];
    }
    let folders = ["", "config/"].into_iter();
    let kinds = ["properties", "yml", "yaml"];
    let files = folders.flat_map(|folder| kinds.map(|kind| format!("{folder}bootstrap.{kind}")));
    let complaint = "is not read: move what it says into application.yml, with \
                     spring.config.import=configserver: for a config server, and take it away";
    files
        .filter(|file| inputs.folder.join(file).exists())
        .map(|file| Problem::new(file, None, complaint))
        .collect()
}

//! The walk through the files of this machine and what they import. As in Spring, an import ranks just
//! above the document that names it, a later one above an earlier one, and the variants for profiles
//! (`x-prod.yml`) above all plain files of the place. A file is read once, so that imports in a circle
//! end.

mod sources;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::files::{Circumstances, Document, SettingsFile};
use crate::layers::{Layer, Merged, Origin};
use crate::locations::{self, At, DEFAULT, IMPORT, LOCATION, Part, ServerImport};
use crate::problems::Problem;
use crate::profiles;
use crate::scope::Scope;
use crate::values::Fault;

/// How many files may import one another in a chain: more than settings need, and little enough for the stack.
const MAX_DEPTH: u8 = 32;
/// What a file must be.
const KINDS: &str = "must be a .properties, .yml, .yaml or .toml file";

/// Where the walk begins.
#[derive(Debug)]
pub(super) struct Places {
    /// The one file that replaces the locations.
    pub(super) only: Option<PathBuf>,
    /// Empty for Spring's own.
    pub(super) locations: Vec<String>,
    pub(super) additional: Vec<String>,
    /// Where these two were set.
    pub(super) origins: [Origin; 2],
    /// The names of settings files in folders.
    pub(super) names: Vec<String>,
    /// Whether the start goes on where nothing is at a location without `optional:`.
    pub(super) may_be_missing: bool,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// The lowest first.
    pub(super) files: Vec<Layer>,
    /// What ranks above all files that are not imported; the lowest first.
    pub(super) raised: Vec<Raised>,
    pub(super) servers: Vec<ServerImport>,
    /// Each list of imports as written, and where it stands.
    pub(super) imports: Vec<(String, Origin)>,
    pub(super) warnings: Vec<String>,
}

/// An import that ranks above all files: a config server, what stands behind one in a list of imports,
/// and what the environment or the command line imports.
pub(super) enum Raised {
    Files(Vec<Layer>),
    /// The server with this number.
    Server(usize),
}

/// The layers of one place, the lowest first.
#[derive(Default)]
struct Layers {
    plain: Vec<Layer>,
    /// Those of variants for profiles.
    specific: Vec<Layer>,
}

/// The documents of a file, and the folder to which bare paths in it are relative.
struct Source {
    documents: Vec<Document>,
    folder: PathBuf,
}

/// Who asks for a location.
struct Asked<'a> {
    /// The key, and where it stands.
    key: &'static str,
    origin: &'a Origin,
    /// The location as it may be shown.
    shown: String,
}

/// Whose imports are read, and so how they rank.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// Those of a plain file: variants for profiles rank with those of the place.
    Plain,
    /// Those of a variant for a profile: each import is above the one before, with its own variants.
    Specific,
    /// Those of the environment and the command line.
    Raised,
}

pub(super) struct Walk<'a> {
    /// The layers above the files.
    scope: Scope<'a>,
    places: &'a Places,
    now: Circumstances<'a>,
    seen: BTreeSet<PathBuf>,
    /// All documents so far: placeholders in imports may name what stands in them.
    so_far: Vec<Layer>,
    found: Found,
    problems: Vec<Problem>,
    /// How many imports may still name one another.
    depth: u8,
}

impl<'a> Walk<'a> {
    /// A walk below the layers of `scope`.
    pub(super) fn new(scope: Scope<'a>, places: &'a Places, now: Circumstances<'a>) -> Self {
        let (seen, so_far) = (BTreeSet::new(), Vec::new());
        let (found, problems) = (Found::default(), Vec::new());
        Self { scope, places, now, seen, so_far, found, problems, depth: MAX_DEPTH }
    }

    pub(super) fn run(mut self, problems: &mut Vec<Problem>) -> Found {
        let Places { only, locations, additional, origins: [origin, additional_origin], .. } =
            self.places;
        if let Some(only) = only {
            self.only(only);
        } else if locations.is_empty() {
            self.named(DEFAULT, LOCATION.row.name, origin);
        }
        for location in locations.iter().filter(|_| only.is_none()) {
            self.named(location, LOCATION.row.name, origin);
        }
        for location in additional {
            self.named(location, locations::ADDITIONAL.row.name, additional_origin);
        }
        if let Some(import) = self.scope.merged.get(IMPORT.row.name) {
            let (written, origin) = (import.entry.value.clone(), import.entry.origin.clone());
            self.import_all(&written, &origin, Path::new(""), Rank::Raised);
        }
        problems.append(&mut self.problems);
        self.found
    }

    /// Reads the file that replaces all locations. It must exist; its variants need not.
    fn only(&mut self, path: &Path) {
        let wrong = |complaint: String| Problem::new(path.display().to_string(), None, complaint);
        if SettingsFile::at(path, None, None).is_none() {
            self.problems.push(wrong(KINDS.to_owned()));
        } else if let Err(error) = std::fs::metadata(self.scope.inputs.folder.join(path)) {
            self.problems.push(wrong(format!("cannot be read: {error}")));
        } else {
            let only = Part { optional: true, at: At::File(path.to_owned(), None) };
            self.place(&[only], LOCATION.row.name, &Origin::CommandLine, "");
        }
    }

    /// Reads a place that is searched.
    fn named(&mut self, location: &str, key: &'static str, origin: &Origin) {
        match locations::parse(location, Path::new("")) {
            Ok(parts) => self.place(&parts, key, origin, location),
            Err(Fault(reason)) => {
                let reason = reason.unwrap_or("is no location".into());
                self.problems.push(Problem::new(key, Some(origin.clone()), reason));
            }
        }
    }

    fn place(&mut self, parts: &[Part], key: &'static str, origin: &Origin, shown: &str) {
        let asked = Asked { key, origin, shown: self.scope.catalogue.masked(shown) };
        if let [Part { optional, at: At::Server(text) }] = parts {
            self.server(*optional, text, &asked);
            return;
        }
        let Layers { plain, specific } = self.location(parts, &asked);
        self.found.files.extend(plain.into_iter().chain(specific));
    }

    /// What is at a location: all plain files, then the variants for each profile.
    fn location(&mut self, parts: &[Part], asked: &Asked<'_>) -> Layers {
        let mut layers = Layers::default();
        let plain: Vec<_> = parts.iter().flat_map(|part| self.plain(part, asked)).collect();
        for source in plain {
            self.documents(source, Rank::Plain, &mut layers);
        }
        let of_imports = std::mem::take(&mut layers.specific);
        for profile in self.now.profiles.unwrap_or_default() {
            let variants: Vec<_> =
                parts.iter().flat_map(|part| self.variants(part, profile)).collect();
            for source in variants {
                let mut of_variant = Layers::default();
                self.documents(source, Rank::Specific, &mut of_variant);
                layers.specific.extend(of_variant.plain);
            }
        }
        layers.specific.extend(of_imports);
        layers
    }

    /// Adds the documents that apply, each with its imports above it.
    fn documents(&mut self, source: Source, rank: Rank, layers: &mut Layers) {
        for document in source.documents {
            if rank == Rank::Specific || document.is_profile_specific() {
                self.refuse_selection(&document);
            }
            if !document.applies(self.now) {
                continue;
            }
            let merged = Merged::new([document.entries.clone()], self.scope.catalogue);
            self.so_far.push(document.entries.clone());
            layers.plain.push(document.entries);
            let import = merged.get(IMPORT.row.name);
            if let Some(import) = import.filter(|import| !import.entry.value.trim().is_empty()) {
                let (written, origin) = (&import.entry.value, &import.entry.origin);
                let imported = self.import_all(written, origin, &source.folder, rank);
                layers.plain.extend(imported.plain);
                layers.specific.extend(imported.specific);
            }
        }
    }

    /// Profiles cannot depend on profiles.
    fn refuse_selection(&mut self, document: &Document) {
        let selecting = document.entries.iter().filter(|entry| profiles::selects(&entry.name));
        self.problems.extend(selecting.map(|entry| {
            let complaint = "cannot stand in what applies to some profiles alone";
            Problem::new(&entry.name, Some(entry.origin.clone()), complaint)
        }));
    }

    /// Reads a list of imports. `folder` is where bare paths begin.
    fn import_all(&mut self, written: &str, origin: &Origin, folder: &Path, rank: Rank) -> Layers {
        let mut layers = Layers::default();
        let key = IMPORT.row.name;
        let text = self.resolved(written, origin);
        // What is reported here is not read once more with the other keys.
        let listed = if text.is_some() { written } else { "" };
        self.found.imports.push((listed.to_owned(), origin.clone()));
        let text = text.unwrap_or_default();
        let mut is_raised = rank == Rank::Raised;
        for location in text.split(',').map(str::trim).filter(|location| !location.is_empty()) {
            let shown = if written.contains("${") { written } else { location };
            let asked = Asked { key, origin, shown: self.scope.catalogue.masked(shown) };
            let parts = match locations::parse(location, folder) {
                Ok(parts) => parts,
                Err(Fault(reason)) => {
                    self.wrong(&asked, &reason.unwrap_or(IMPORT.row.allowed.into()));
                    continue;
                }
            };
            if let [Part { optional, at: At::Server(text) }] = &parts[..] {
                self.server(*optional, text, &asked);
                is_raised = true;
                continue;
            }
            let Some(depth) = self.depth.checked_sub(1) else {
                self.wrong(&asked, "imports import one another too deeply");
                continue;
            };
            let before = std::mem::replace(&mut self.depth, depth);
            let Layers { plain, specific } = self.location(&parts, &asked);
            self.depth = before;
            if is_raised {
                let both = plain.into_iter().chain(specific).collect();
                self.found.raised.push(Raised::Files(both));
            } else if rank == Rank::Specific {
                layers.plain.extend(plain.into_iter().chain(specific));
            } else {
                layers.plain.extend(plain);
                layers.specific.extend(specific);
            }
        }
        layers
    }

    fn server(&mut self, optional: bool, text: &str, asked: &Asked<'_>) {
        let (text, shown) = (text.to_owned(), asked.shown.clone());
        self.found.raised.push(Raised::Server(self.found.servers.len()));
        self.found.servers.push(ServerImport {
            optional,
            text,
            shown,
            origin: asked.origin.clone(),
        });
    }

    /// The text of a list of imports, whose placeholders may name anything that was read before.
    fn resolved(&mut self, written: &str, origin: &Origin) -> Option<String> {
        if !written.contains("${") {
            return Some(written.to_owned());
        }
        let above = self.scope.merged.iter().map(|(_, entry)| entry.clone()).collect();
        let layers = self.so_far.iter().cloned().chain([above]);
        let merged = Merged::new(layers, self.scope.catalogue);
        match (Scope { merged: &merged, ..self.scope }).resolved(written, origin) {
            Ok(resolved) => Some(resolved.text),
            Err(error) => {
                let origin = Some(origin.clone());
                self.problems.push(Problem::new(IMPORT.row.name, origin, error.to_string()));
                None
            }
        }
    }
}

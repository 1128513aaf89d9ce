//! What is at a location: the files, folders, config trees and variables that exist, and what is said of
//! those that do not.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Asked, KINDS, Source, Walk};
use crate::files::{self, Document, Malformed, SettingsFile, Tree};
use crate::locations::{At, Folders, IMPORT, Part};
use crate::problems::Problem;

impl Walk<'_> {
    /// The plain files at a part of a location.
    pub(super) fn plain(&mut self, part: &Part, asked: &Asked<'_>) -> Vec<Source> {
        match &part.at {
            At::File(path, hint) => {
                let Some(file) = SettingsFile::at(path, hint.as_deref(), None) else {
                    self.wrong(asked, &format!("{KINDS}, or a folder with a / at the end"));
                    return Vec::new();
                };
                let is_there = self.scope.inputs.folder.join(path).exists();
                if !is_there && !part.optional {
                    self.missing(asked, "there is no such file");
                }
                self.read(&file).into_iter().collect()
            }
            At::Folder(folders) => {
                let folders = self.folders(folders, part.optional, asked);
                let names = &self.places.names;
                let files = folders.iter().flat_map(|f| SettingsFile::all_in(f, names, None));
                files.filter_map(|file| self.read(&file)).collect()
            }
            At::Tree(folders) => {
                let folders = self.folders(folders, part.optional, asked);
                folders.iter().filter_map(|folder| self.tree(folder)).collect()
            }
            At::Variable(name, kind) => {
                self.variable(name, kind.as_deref(), part.optional, asked).into_iter().collect()
            }
            At::Server(_) => {
                self.wrong(asked, "a config server stands by itself, without a ; beside it");
                Vec::new()
            }
            At::Unknown(kind) => {
                self.unknown(kind, part.optional, asked);
                Vec::new()
            }
        }
    }

    /// What is not known may hold what the service needs: it is left out only where that is allowed.
    fn unknown(&mut self, kind: &str, optional: bool, asked: &Asked<'_>) {
        let complaint = format!("nothing is imported from {kind} here");
        if optional {
            let Asked { key, origin, shown } = asked;
            let warning = format!("{key} = {shown:?} ({origin}) is left out: {complaint}");
            self.found.warnings.push(warning);
        } else {
            self.wrong(asked, &format!("{complaint}; must be {}", IMPORT.row.allowed));
        }
    }

    /// The files for a profile at a part of a location.
    pub(super) fn variants(&mut self, part: &Part, profile: &str) -> Vec<Source> {
        let profile = Some(profile);
        let files: Vec<_> = match &part.at {
            At::File(path, hint) => {
                SettingsFile::at(path, hint.as_deref(), profile).into_iter().collect()
            }
            At::Folder(folders) => {
                let folders = self.existing(folders).unwrap_or_default();
                let names = &self.places.names;
                folders.iter().flat_map(|f| SettingsFile::all_in(f, names, profile)).collect()
            }
            _ => Vec::new(),
        };
        files.iter().filter_map(|file| self.read(file)).collect()
    }

    /// The documents of a file that exists and was not read before.
    fn read(&mut self, file: &SettingsFile) -> Option<Source> {
        let root = &self.scope.inputs.folder;
        let full = root.join(&file.path);
        let is_new = self.seen.insert(full.canonicalize().unwrap_or(full));
        let documents = is_new.then(|| file.read(root))?;
        let documents = documents.map_err(|problem| self.problems.push(problem)).ok()??;
        Some(Source { documents, folder: file.path.parent()?.to_owned() })
    }

    fn tree(&mut self, folder: &Path) -> Option<Source> {
        let full = self.scope.inputs.folder.join(folder);
        let is_new = self.seen.insert(full.canonicalize().unwrap_or(full));
        is_new.then_some(())?;
        let tree = Tree::read(&self.scope.inputs.folder, folder);
        let documents = tree.and_then(|Tree { entries, too_large, .. }| {
            let left_out = too_large
                .iter()
                .map(|file| format!("{file} is too large for a value, and left out"));
            self.found.warnings.extend(left_out);
            let wrong = |malformed: Malformed| {
                Problem::new(folder.display().to_string(), None, malformed.reason)
            };
            Document::new(entries).map_err(wrong)
        });
        let document = documents.map_err(|problem| self.problems.push(problem)).ok()?;
        Some(Source { documents: vec![document], folder: folder.to_owned() })
    }

    fn variable(
        &mut self,
        name: &str,
        kind: Option<&str>,
        optional: bool,
        asked: &Asked<'_>,
    ) -> Option<Source> {
        let Some(text) = self.scope.inputs.environment.get(name) else {
            if !optional {
                self.missing(asked, "there is no such variable");
            }
            return None;
        };
        self.seen.insert(format!("env:{name}").into()).then_some(())?;
        let Some(documents) = files::in_text(text, &format!("variable {name}"), kind) else {
            self.wrong(asked, "a variable is written in [.properties], [.yml], [.yaml] or [.toml]");
            return None;
        };
        let documents = documents.map_err(|problem| self.problems.push(problem)).ok()?;
        Some(Source { documents, folder: PathBuf::new() })
    }

    /// The folders that exist.
    fn folders(&mut self, folders: &Folders, optional: bool, asked: &Asked<'_>) -> Vec<PathBuf> {
        let found = match self.existing(folders) {
            Ok(found) => found,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Vec::new()
            }
            Err(error) => {
                self.wrong(asked, &format!("cannot be read: {error}"));
                return Vec::new();
            }
        };
        if found.is_empty() && !optional {
            self.missing(asked, "there is no such folder");
        }
        found
    }

    fn existing(&self, folders: &Folders) -> std::io::Result<Vec<PathBuf>> {
        let root = &self.scope.inputs.folder;
        let full = root.join(&folders.path);
        // The empty path is the working folder.
        let full = if full.as_os_str().is_empty() { Path::new(".") } else { &full };
        if folders.each {
            return files::folders_in(full, &folders.path);
        }
        let is_there = std::fs::metadata(full)?.is_dir();
        Ok(if is_there { vec![folders.path.clone()] } else { Vec::new() })
    }

    fn missing(&mut self, asked: &Asked<'_>, what: &str) {
        if self.places.may_be_missing {
            let Asked { key, origin, shown } = asked;
            self.found.warnings.push(format!("{key} = {shown:?} ({origin}): {what}"));
        } else {
            self.wrong(
                asked,
                &format!("{what}; the start goes on without it if optional: stands before it"),
            );
        }
    }

    pub(super) fn wrong(&mut self, asked: &Asked<'_>, complaint: &str) {
        let Asked { key, origin, shown } = asked;
        // In a location that cannot be read, credentials may be anywhere.
        let value = Some(shown.clone()).filter(|shown| !shown.contains(['@', '=']));
        let origin = Some((*origin).clone());
        self.problems.push(Problem {
            subject: (*key).to_owned(),
            value,
            origin,
            complaint: complaint.to_owned(),
        });
    }
}

//! Settings files: which ones are read, and in which order they apply. Each kind of file is read in
//! `files/`. As in Spring, a profile's file wins over the plain one, `./config` over the working
//! folder, and `.properties` over `.yml` in the same folder; `.toml` is the weakest.

mod documents;
mod properties;
mod toml;
mod yaml;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::layers::Layer;
use crate::problems::Problem;
pub(crate) use documents::{Document, Malformed};

/// The kinds of files, the weakest first.
const KINDS: &[(&str, Parse)] = &[
    ("toml", toml::parse),
    ("yaml", yaml::parse),
    ("yml", yaml::parse),
    ("properties", properties::parse),
];

/// Reads the text of a file; the second argument is the file's path for origins.
type Parse = fn(&str, &str) -> Result<Vec<Document>, Malformed>;

/// Where settings files are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Files<'a> {
    /// The working folder.
    pub(crate) folder: &'a Path,
    /// The one file to read; `None` looks for `application.*`.
    pub(crate) only: Option<&'a Path>,
}

impl Files<'_> {
    /// The documents of the plain files, or of a profile's files; the weakest first.
    pub(crate) fn read(self, profile: Option<&str>, problems: &mut Vec<Problem>) -> Vec<Document> {
        let mut documents = Vec::new();
        for path in self.candidates(profile) {
            match self.read_one(&path, profile) {
                Ok(more) => documents.extend(more),
                Err(problem) => problems.push(problem),
            }
        }
        documents
    }

    fn candidates(self, profile: Option<&str>) -> Vec<PathBuf> {
        let suffix = profile.map(|p| format!("-{p}")).unwrap_or_default();
        if let Some(file) = self.only {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let kind = file.extension().unwrap_or_default().to_string_lossy();
            return vec![match profile {
                None => file.to_owned(),
                Some(_) => file.with_file_name(format!("{stem}{suffix}.{kind}")),
            }];
        }
        let in_folder = |folder: &Path| {
            let names = KINDS.iter().map(|(kind, _)| format!("application{suffix}.{kind}"));
            names.map(|name| folder.join(name)).collect::<Vec<_>>()
        };
        [Path::new(""), Path::new("config")].into_iter().flat_map(in_folder).collect()
    }

    fn read_one(self, path: &Path, profile: Option<&str>) -> Result<Vec<Document>, Problem> {
        let name = path.display().to_string();
        let wrong = |complaint: String| Problem::new(&name, None, complaint);
        let is_required = self.only.is_some() && profile.is_none();
        let bytes = match std::fs::read(self.folder.join(path)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound && !is_required => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
        };
        let kind = path.extension().unwrap_or_default().to_string_lossy();
        let Some((_, parse)) = KINDS.iter().find(|(known, _)| kind.eq_ignore_ascii_case(known))
        else {
            return Err(wrong("must be a .properties, .yml, .yaml or .toml file".into()));
        };
        parse(&text(&bytes), &name)
            .map_err(|malformed| wrong(format!("line {}: {}", malformed.line, malformed.reason)))
    }
}

/// The documents that apply under the active profiles, each as a layer.
pub(crate) fn applying(documents: &[Document], active: &[String]) -> Vec<Layer> {
    let applying = documents.iter().filter(|document| document.applies(active));
    applying.map(|document| document.entries.clone()).collect()
}

/// A file's text: UTF-8, or else the Latin-1 in which Java reads `.properties`.
fn text(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_apply_from_the_weakest_to_the_strongest() {
        let files = Files { folder: Path::new("."), only: None };
        let shown: Vec<_> =
            files.candidates(Some("prod")).iter().map(|path| path.display().to_string()).collect();
        assert_eq!(
            shown,
            [
                "application-prod.toml",
                "application-prod.yaml",
                "application-prod.yml",
                "application-prod.properties",
                "config/application-prod.toml",
                "config/application-prod.yaml",
                "config/application-prod.yml",
                "config/application-prod.properties",
            ]
        );
    }

    #[test]
    fn a_named_file_must_exist_and_its_profile_variant_need_not() {
        let folder = tempfile::tempdir().unwrap();
        let only = Some(Path::new("my.yml"));
        let files = Files { folder: folder.path(), only };
        let mut problems = Vec::new();
        files.read(None, &mut problems);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].to_string().starts_with("my.yml: cannot be read: "));
        assert_eq!(files.candidates(Some("p")), [Path::new("my-p.yml")]);
        problems.clear();
        assert!(files.read(Some("p"), &mut problems).is_empty());
        assert!(problems.is_empty());
    }

    #[test]
    fn text_is_utf_8_or_latin_1() {
        assert_eq!(text("\u{feff}é".as_bytes()), "é");
        assert_eq!(text(&[0xe9]), "é");
    }
}

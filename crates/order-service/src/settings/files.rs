//! Settings files: which ones there are, and in which order they apply. How each kind is written is
//! in `files/`. As in Spring: a profile's file wins over the plain one, `./config` over the working
//! folder, `.properties` over `.yml` in the same place; `.toml` comes last.

mod documents;
mod properties;
mod tables;
mod yaml;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::layers::Layer;
use super::problems::Problem;
pub(crate) use documents::{Document, Malformed};

/// The kinds of files, the weakest first.
const KINDS: &[(&str, Parse)] = &[
    ("toml", tables::parse),
    ("yaml", yaml::parse),
    ("yml", yaml::parse),
    ("properties", properties::parse),
];

/// Reads the text of a file that is called as given.
type Parse = fn(&str, &str) -> Result<Vec<Document>, Malformed>;

/// Where to look for settings files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Files<'a> {
    /// The working folder.
    pub(crate) folder: &'a Path,
    /// The one file to read instead of looking around.
    pub(crate) only: Option<&'a Path>,
}

impl Files<'_> {
    /// The documents that apply whatever the profile, or the further ones of a profile; the
    /// weakest first.
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
        let places = [Path::new(""), Path::new("config")];
        let in_place = |place: &Path| {
            let names = KINDS.iter().map(|(kind, _)| format!("application{suffix}.{kind}"));
            names.map(|name| place.join(name)).collect::<Vec<_>>()
        };
        places.into_iter().flat_map(in_place).collect()
    }

    fn read_one(self, path: &Path, profile: Option<&str>) -> Result<Vec<Document>, Problem> {
        let name = path.display().to_string();
        let wrong = |complaint: String| Problem {
            subject: name.clone(),
            value: None,
            origin: None,
            complaint,
        };
        let required = self.only.is_some() && profile.is_none();
        let bytes = match std::fs::read(self.folder.join(path)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound && !required => return Ok(Vec::new()),
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

/// The documents that apply under the active profiles, each a layer.
pub(crate) fn applying(documents: Vec<Document>, active: &[String]) -> Vec<Layer> {
    documents
        .into_iter()
        .filter(|document| document.applies(active))
        .map(|document| document.entries)
        .collect()
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

//! Settings files: what they are called, and the documents in them. Each kind of file is read in
//! `files/`. Which places are searched is decided in `local.rs`.

mod conditions;
mod documents;
mod properties;
mod toml;
mod tree;
mod yaml;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::bounds::LARGEST_FILE;
use crate::problems::Problem;
use crate::regular;
pub(crate) use conditions::Expression;
pub(crate) use documents::{Circumstances, Document, Malformed};
pub(crate) use tree::Tree;

/// The kinds of files, the weakest first.
const KINDS: &[(&str, Parse)] = &[
    ("toml", toml::parse),
    ("yaml", yaml::parse),
    ("yml", yaml::parse),
    ("properties", properties::parse),
];

/// Reads the text of a file; the second argument is the file's path for origins.
type Parse = fn(&str, &str) -> Result<Vec<Document>, Malformed>;

/// A file that may exist.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    /// The path, relative to the working folder.
    pub(crate) path: PathBuf,
    parse: Parse,
}

impl SettingsFile {
    /// The file at a path, or a profile's variant of it (`x-prod.yml` of `x.yml`). `hint` is what the
    /// file is written in, if its name does not say so. `None` if nothing says so.
    pub(crate) fn at(path: &Path, hint: Option<&str>, profile: Option<&str>) -> Option<Self> {
        let suffix = profile.map(|profile| format!("-{profile}")).unwrap_or_default();
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        let name = match hint {
            Some(_) => format!("{}{suffix}", path.file_name()?.to_string_lossy()),
            None => format!("{}{suffix}.{ending}", path.file_stem()?.to_string_lossy()),
        };
        let parse = parser(hint.unwrap_or(&ending))?;
        Some(Self { path: path.with_file_name(name), parse })
    }

    /// The files of these names in a folder, the weakest first.
    pub(crate) fn all_in(folder: &Path, names: &[String], profile: Option<&str>) -> Vec<Self> {
        let suffix = profile.map(|profile| format!("-{profile}")).unwrap_or_default();
        let of_name = |name: &String| {
            let paths = KINDS.iter().map(|(kind, _)| folder.join(format!("{name}{suffix}.{kind}")));
            let kinds = KINDS.iter().map(|(_, parse)| *parse);
            paths.zip(kinds).map(|(path, parse)| Self { path, parse }).collect::<Vec<_>>()
        };
        names.iter().flat_map(of_name).collect()
    }

    /// The documents in it, the weakest first; `None` if there is no such file.
    pub(crate) fn read(&self, root: &Path) -> Result<Option<Vec<Document>>, Problem> {
        let name = self.path.display().to_string();
        match regular::read(&root.join(&self.path), LARGEST_FILE) {
            Ok(bytes) => documents(&text(&bytes), &name, self.parse).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Problem::new(name, None, format!("cannot be read: {error}"))),
        }
    }
}

/// The documents in a text that is written in `kind`, unless that is `None`, in `.properties`. `None` if
/// the kind is not known.
pub(crate) fn in_text(
    text: &str,
    name: &str,
    kind: Option<&str>,
) -> Option<Result<Vec<Document>, Problem>> {
    parser(kind.unwrap_or("properties")).map(|parse| documents(text, name, parse))
}

/// The folders in the folder `full`, which is shown as `folder`, in the order of their names; those of
/// the platform (`..data`) left out.
pub(crate) fn folders_in(full: &Path, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(full)? {
        let entry = entry?;
        let is_own = entry.file_name().to_string_lossy().starts_with("..");
        // Kubernetes mounts folders as links.
        if !is_own && fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir()) {
            folders.push(folder.join(entry.file_name()));
        }
    }
    folders.sort();
    Ok(folders)
}

fn parser(kind: &str) -> Option<Parse> {
    let known = KINDS.iter().find(|(known, _)| kind.eq_ignore_ascii_case(known));
    known.map(|(_, parse)| *parse)
}

fn documents(text: &str, name: &str, parse: Parse) -> Result<Vec<Document>, Problem> {
    parse(text, name).map_err(|Malformed { line, reason }| {
        Problem::new(name, None, format!("line {line}: {reason}"))
    })
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
    fn files_of_a_folder_apply_from_the_weakest_to_the_strongest() {
        let names = ["a".to_owned(), "b".to_owned()];
        let files = SettingsFile::all_in(Path::new("config"), &names, Some("prod"));
        let shown: Vec<_> = files.iter().map(|file| file.path.display().to_string()).collect();
        let kinds = ["toml", "yaml", "yml", "properties"];
        let expected = ["a", "b"]
            .iter()
            .flat_map(|name| kinds.iter().map(move |kind| format!("config/{name}-prod.{kind}")));
        assert_eq!(shown, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_file_has_a_variant_for_each_profile() {
        let path = |path: &str, hint: Option<&str>| {
            let file = SettingsFile::at(Path::new(path), hint, Some("p"));
            file.map(|file| file.path.display().to_string())
        };
        assert_eq!(path("d/my.yml", None).as_deref(), Some("d/my-p.yml"));
        assert_eq!(path("d/my", Some("yaml")).as_deref(), Some("d/my-p"));
        assert_eq!((path("d/my", None), path("my.xml", None)), (None, None));
    }

    #[test]
    fn text_is_utf_8_or_latin_1() {
        assert_eq!(text("\u{feff}é".as_bytes()), "é");
        assert_eq!(text(&[0xe9]), "é");
    }
}

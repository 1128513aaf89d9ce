//! Where settings are, in Spring's words: the keys that say so, and how a location is written. What is
//! there is read in `local.rs`.

use std::path::{Path, PathBuf};

use crate::catalogue::keys;
use crate::layers::Origin;
use crate::platform::{self, Platform};
use crate::values::{self, Fault, Read, list, optional};

keys! {
    pub ROWS;
    pub(crate) LOCATION: Vec<String> = "spring.config.location", "", Plain,
        "locations with commas between them: file:./folder/ or file:./one.yml, each with or without \
         optional: before it",
        "Where settings files are looked for instead of the working folder, ./config and the folders \
         in it; only the command line and the environment can say so.",
        |text| list(text, values::text);
    pub(crate) ADDITIONAL: Vec<String> = "spring.config.additional-location", "", Plain,
        "locations with commas between them",
        "Where settings files are looked for as well; they win over the others. Only the command line \
         and the environment can say so.",
        |text| list(text, values::text);
    pub(crate) NAME: Vec<String> = "spring.config.name", "application", Plain,
        "names of files without their ending, with commas between them",
        "The names of the settings files; only the command line and the environment can say so.",
        |text| list(text, name);
    pub(crate) ON_NOT_FOUND: bool = "spring.config.on-not-found", "fail", Plain,
        "fail or ignore",
        "What a location without optional: does where nothing is; only the command line and the \
         environment can say so.",
        |text| values::one_of(text, &[("ignore", true), ("fail", false)]);
    pub(crate) IMPORT: Vec<String> = "spring.config.import", "", Url,
        "imports with commas between them: configserver: with or without an http:// or https:// URL, \
         file:, configtree: with a / at the end, or env:; each with or without optional: before it",
        "Where further settings come from: config servers, files, folders of values, variables.",
        |text| list(text, values::text);
    pub(crate) APPLICATION_JSON: String = "spring.application.json", "", Secret,
        "a JSON object",
        "Settings in one text; they win over all but the command line, and only that and the \
         environment can hold it.",
        values::any;
    pub(crate) PLATFORM: Option<Platform> = "spring.main.cloud-platform", "", Plain,
        "kubernetes, cloud-foundry, heroku, sap, nomad, azure-app-service or none",
        "The platform that spring.config.activate.on-cloud-platform is compared with; the one that \
         the environment shows unless set.",
        |text| optional(text, platform::named);
}

/// A part of a location. Several with `;` between them are read as one place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Whether the start goes on if nothing is there.
    pub(crate) optional: bool,
    pub(crate) at: At,
}

/// What is at a location. Paths are relative to the working folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// A settings file, and what it is written in if its name does not say so (`[.yaml]`).
    File(PathBuf, Option<String>),
    /// A folder of settings files.
    Folder(Folders),
    /// A folder of values.
    Tree(Folders),
    /// The text of a settings file in a variable, and what it is written in.
    Variable(String, Option<String>),
    /// A config server: what follows `configserver:`.
    Server(String),
    /// Something that is not known: the kind.
    Unknown(String),
}

/// A folder; or all folders in it (`folder/*/`), in the order of their names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Folders {
    pub(crate) path: PathBuf,
    pub(crate) each: bool,
}

/// A config server that a source asks to import from.
#[derive(Debug)]
pub(crate) struct ServerImport {
    /// Whether the start goes on without it.
    pub(crate) optional: bool,
    /// What follows `configserver:`.
    pub(crate) text: String,
    /// The same as it may be shown.
    pub(crate) shown: String,
    pub(crate) origin: Origin,
}

/// The places that are searched unless a setting names others.
pub(crate) const DEFAULT: &str =
    "optional:file:./;optional:file:./config/;optional:file:./config/*/";

/// Reads a location. `beside` is the folder of the file that names it: a path without `file:` is
/// relative to it.
pub(crate) fn parse(text: &str, beside: &Path) -> Read<Vec<Part>> {
    let (optional, location) = without_optional(text);
    if let Some(server) = location.strip_prefix("configserver:") {
        return Ok(vec![Part { optional, at: At::Server(server.to_owned()) }]);
    }
    text.split(';').map(|text| part(text.trim(), beside)).collect()
}

fn part(text: &str, beside: &Path) -> Read<Part> {
    let (optional, location) = without_optional(text);
    let at = match kind(location) {
        None => files(&beside.join(location).display().to_string())?,
        Some(("file", path)) => files(path)?,
        Some(("configtree", path)) if path.ends_with('/') => At::Tree(folders(path)?),
        Some(("configtree", _)) => {
            return Err(Fault::because("a config tree is a folder, and its path must end in /"));
        }
        Some(("env", name)) => {
            let (name, hint) = with_hint(name);
            At::Variable(name.to_owned(), hint)
        }
        Some((other, _)) => At::Unknown(format!("{other}:")),
    };
    Ok(Part { optional, at })
}

fn without_optional(text: &str) -> (bool, &str) {
    text.strip_prefix("optional:").map_or((false, text), |location| (true, location))
}

/// The kind of a location (`file`, `classpath`), and the rest; `None` for a bare path.
fn kind(location: &str) -> Option<(&str, &str)> {
    let (kind, rest) = location.split_once(':')?;
    let is_kind = kind.starts_with(|c: char| c.is_ascii_alphabetic())
        && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '*' || c == '-');
    is_kind.then_some((kind, rest))
}

fn files(path: &str) -> Read<At> {
    if path.ends_with('/') {
        return Ok(At::Folder(folders(path)?));
    }
    let (path, hint) = with_hint(path);
    let wrong = "a * can only stand for the last folder: config/*/";
    if path.contains('*') { Err(Fault::because(wrong)) } else { Ok(At::File(plain(path), hint)) }
}

fn folders(path: &str) -> Read<Folders> {
    let base = path.strip_suffix("*/");
    let Folders { path, each } =
        Folders { path: plain(base.unwrap_or(path)), each: base.is_some() };
    if path.to_string_lossy().contains('*') {
        return Err(Fault::because("a * can only stand for the last folder: config/*/"));
    }
    Ok(Folders { path, each })
}

/// A path as it is shown: without `//` of a URL and without `./` at its beginning.
fn plain(path: &str) -> PathBuf {
    let path = match path.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        _ => path,
    };
    Path::new(path).components().skip_while(|part| part.as_os_str() == ".").collect()
}

/// Splits off `[.yaml]`.
fn with_hint(path: &str) -> (&str, Option<String>) {
    let hinted = path.strip_suffix(']').and_then(|path| path.rsplit_once("[."));
    match hinted {
        Some((path, hint)) => (path, Some(hint.to_owned())),
        None => (path, None),
    }
}

/// The name of a file, which becomes a part of paths.
fn name(text: &str) -> Read<String> {
    if text.contains(['/', '*']) { Err(Fault::SHAPE) } else { values::text(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> At {
        let mut parts = parse(text, Path::new("sub")).unwrap();
        assert_eq!(parts.len(), 1, "{text}");
        parts.remove(0).at
    }

    fn folder(path: &str, each: bool) -> Folders {
        Folders { path: path.into(), each }
    }

    #[test]
    fn locations_are_read_as_spring_writes_them() {
        for (text, expected) in [
            ("file:./x.yml", At::File("x.yml".into(), None)),
            ("optional:file:/etc/x[.yaml]", At::File("/etc/x".into(), Some("yaml".into()))),
            ("file:///etc/x.toml", At::File("/etc/x.toml".into(), None)),
            ("x.yml", At::File("sub/x.yml".into(), None)),
            ("file:./", At::Folder(folder("", false))),
            ("file:config/*/", At::Folder(folder("config", true))),
            ("configtree:/run/secrets/", At::Tree(folder("/run/secrets", false))),
            ("optional:configtree:./trees/*/", At::Tree(folder("trees", true))),
            ("env:MORE", At::Variable("MORE".into(), None)),
            ("env:MORE[.yml]", At::Variable("MORE".into(), Some("yml".into()))),
            ("configserver:http://a;b", At::Server("http://a;b".into())),
            ("classpath:x.yml", At::Unknown("classpath:".into())),
            ("vault://secret/x", At::Unknown("vault:".into())),
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
        let default = parse(DEFAULT, Path::new("")).unwrap();
        assert_eq!((default.len(), default.iter().all(|part| part.optional)), (3, true));
    }

    #[test]
    fn what_cannot_be_a_location_is_refused() {
        for wrong in ["configtree:/run/secrets", "file:*/x/", "file:x*.yml", "file:a;configtree:b"]
        {
            assert!(parse(wrong, Path::new("")).is_err(), "{wrong}");
        }
    }
}

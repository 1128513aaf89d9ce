//! The last good copy: what a config server last gave that the service could start with, on disk.
//! It may hold secrets, so only its owner can read it. It counts only for the same question to the
//! same servers, and is replaced as a whole, so that a kill at any moment leaves the old or the new.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::document::Document;
use super::source::Question;

/// More than any copy of a document that was accepted.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Raised when an older copy can no longer be read.
const FORM: u32 = 1;

/// What was kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Copy {
    form: u32,
    /// Whose it is: the question and the servers, without credentials.
    of: String,
    /// RFC 3339.
    kept_at: String,
    pub(super) document: Document,
}

/// Where a copy is, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    folder: PathBuf,
    name: String,
    of: String,
}

impl Copy {
    /// When it was kept.
    pub(super) fn kept_at(&self) -> DateTime<Utc> {
        // What is no time is looked at when it is read.
        self.kept_at.parse().unwrap_or_default()
    }
}

/// For messages.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.folder.join(&self.name).display())
    }
}

impl Place {
    /// The place of the copy of an import; `servers` are those who are asked.
    pub(super) fn new(folder: &Path, question: &Question, servers: &str, import: usize) -> Self {
        let labels = question.labels.join(",");
        let Question { application, profile, .. } = question;
        let plain = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let parts = [plain(application), plain(profile), plain(&labels)];
        // The first is the usual one, and needs no number.
        let number = if import == 0 { String::new() } else { format!("-{import}") };
        Self {
            folder: folder.to_owned(),
            name: format!("{}{number}.json", parts.join("-")),
            of: format!("{application}/{profile}/{labels} of {servers}"),
        }
    }

    /// The copy; `None` when there is none, and in words why one cannot be used.
    pub(super) fn read(&self) -> Result<Option<Copy>, String> {
        let path = self.folder.join(&self.name);
        let unusable = |why: &str| format!("the copy {} cannot be used: {why}", path.display());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&error.to_string())),
        };
        let mut bytes = Vec::new();
        let read = file.take(LARGEST).read_to_end(&mut bytes);
        read.map_err(|error| unusable(&error.to_string()))?;
        // Without the reader's words, which may quote it.
        let copy: Copy = serde_json::from_slice(&bytes).map_err(|_| unusable("it is damaged"))?;
        if copy.kept_at.parse::<DateTime<Utc>>().is_err() {
            return Err(unusable("it is damaged"));
        }
        if copy.form != FORM {
            return Err(unusable("it is of another version"));
        }
        if copy.of != self.of {
            return Err(unusable("it is of other servers or another application"));
        }
        Ok(Some(copy))
    }

    /// Replaces the copy.
    pub(super) fn write(&self, document: &Document, kept_at: DateTime<Utc>) -> io::Result<()> {
        let kept_at = kept_at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let copy = Copy { form: FORM, of: self.of.clone(), kept_at, document: document.clone() };
        let bytes = serde_json::to_vec(&copy)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        // Of this process alone; what a killed one has left is overwritten by the next of its id.
        let draft = self.folder.join(format!(".{}.{}", self.name, std::process::id()));
        let written = write_whole(&draft, &bytes)
            .and_then(|()| fs::rename(&draft, self.folder.join(&self.name)))
            .and_then(|()| File::open(&self.folder)?.sync_all());
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Anew, because an existing file would keep its rights.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn question() -> Question {
        Question { application: "a".into(), profile: "p,q".into(), labels: vec!["f/x".into()] }
    }

    fn document(value: &str) -> Document {
        let text = format!(r#"{{"propertySources":[{{"name":"n","source":{{"k":"{value}"}}}}]}}"#);
        Document::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_copy_is_replaced_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("not/yet/there");
        let place = Place::new(&cache, &question(), "http://h", 0);
        assert!(place.read().unwrap().is_none());
        for value in ["1", "2"] {
            place.write(&document(value), DateTime::UNIX_EPOCH).unwrap();
            let copy = place.read().unwrap().unwrap();
            assert!(copy.document == document(value));
            assert_eq!(copy.kept_at(), DateTime::UNIX_EPOCH);
        }
        let names: Vec<_> = fs::read_dir(&cache).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["a-p%2Cq-f%2Fx.json"], "no draft is left");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&cache), 0o700);
        assert_eq!(mode(&cache.join(&names[0])), 0o600);
    }

    #[test]
    fn a_copy_counts_for_the_same_question_and_servers_only() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path(), &question(), "http://h", 0);
        place.write(&document("1"), DateTime::UNIX_EPOCH).unwrap();
        let other = Place::new(folder.path(), &question(), "http://test", 0);
        let Err(said) = other.read() else { panic!("it is of another server") };
        assert!(said.ends_with("it is of other servers or another application"), "{said}");
        assert!(Place::new(folder.path(), &question(), "http://h", 1).read().unwrap().is_none());
        fs::write(folder.path().join(&place.name), "{\"form\": 1, \"pl4nted").unwrap();
        let Err(said) = place.read() else { panic!("it is damaged") };
        assert!(said.ends_with("it is damaged") && !said.contains("pl4nted"), "{said}");
    }
}

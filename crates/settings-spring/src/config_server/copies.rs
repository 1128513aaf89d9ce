//! The last good copies: documents with which the service has started or refreshed, on disk. A copy may
//! hold secrets, so that only its owner can read it. It counts only for the same question to the same
//! servers. It is replaced as a whole: a kill at any moment leaves the old or the new copy.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::document::Document;
use super::source::Question;
use crate::regular;

/// The largest file that is read, in bytes: more than any copy of a document.
const LARGEST: u64 = 16 * 1024 * 1024;
/// The version of the file's form.
const FORM: u32 = 1;

/// What the imports gave: for a start without a config server, and for a refresh without one.
#[derive(Default)]
pub struct Copies(Vec<Kept>);

/// What one import gave.
pub(super) struct Kept {
    pub(super) file: CopyFile,
    /// Whether a server gave it now, so that it is worth writing.
    pub(super) is_fresh: bool,
    /// The document, and when a server gave it; `None` if local settings alone apply.
    pub(super) given: Option<(Document, DateTime<Utc>)>,
}

/// The file of a copy, and whose copy it may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CopyFile {
    folder: PathBuf,
    name: String,
    of: String,
}

/// The content of a file.
#[derive(Serialize, Deserialize)]
struct Content {
    form: u32,
    /// The question and the servers, without credentials.
    of: String,
    /// RFC 3339.
    kept_at: String,
    document: Document,
}

impl Copies {
    /// Writes the documents that config servers gave now to the disk. Returns in words what could not
    /// be written.
    #[must_use]
    pub fn write(&self) -> Vec<String> {
        let write = |Kept { file, given, .. }: &Kept| {
            let (document, at) = given.as_ref()?;
            let written = file.write(document, *at);
            written.err().map(|error| format!("{file} cannot be kept: {error}"))
        };
        self.0.iter().filter(|kept| kept.is_fresh).filter_map(write).collect()
    }

    /// Whether there is a document to write that the other copies do not have.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        let document = |kept: &Kept| kept.given.as_ref().map(|(document, _)| document.clone());
        let is_known = |kept: &Kept| other.of(&kept.file).and_then(document) == document(kept);
        self.0.iter().any(|kept| kept.is_fresh && !is_known(kept))
    }

    pub(super) fn push(&mut self, kept: Kept) {
        self.0.push(kept);
    }

    pub(super) fn of(&self, file: &CopyFile) -> Option<&Kept> {
        self.0.iter().find(|kept| kept.file == *file)
    }
}

/// Without the documents: they may hold secrets.
impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Copies({})", self.0.len())
    }
}

/// The path, for messages.
impl fmt::Display for CopyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path().display())
    }
}

impl CopyFile {
    /// The file of the import with this number, which asks these servers.
    pub(super) fn new(folder: &Path, question: &Question, servers: &str, import: usize) -> Self {
        let labels = question.labels.join(",");
        let Question { application, profile, .. } = question;
        let plain = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let parts = [plain(application), plain(profile), plain(&labels)];
        // In most cases there is one import.
        let number = if import == 0 { String::new() } else { format!("-{import}") };
        Self {
            folder: folder.to_owned(),
            name: format!("{}{number}.json", parts.join("-")),
            of: format!("{application}/{profile}/{labels} of {servers}"),
        }
    }

    /// The copy, and when it was kept; `None` if there is no file. An error says in words why the file
    /// cannot be used.
    pub(super) fn read(&self) -> Result<Option<(Document, DateTime<Utc>)>, String> {
        let unusable = |why: &str| format!("the copy {self} cannot be used: {why}");
        let file = match regular::open(&self.path()) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&error.to_string())),
        };
        let read = regular::content(&file, LARGEST);
        let bytes = read.map_err(|error| unusable(&error.to_string()))?;
        // Without the parser's words: they may repeat a secret.
        let damaged = || unusable("it is damaged");
        let content: Content = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let kept_at = content.kept_at.parse().map_err(|_| damaged())?;
        if content.form != FORM {
            return Err(unusable("it is of another version"));
        }
        if content.of != self.of {
            return Err(unusable("it is of other servers or another application"));
        }
        Ok(Some((content.document, kept_at)))
    }

    /// Replaces the copy.
    pub(super) fn write(&self, document: &Document, kept_at: DateTime<Utc>) -> io::Result<()> {
        let kept_at = kept_at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let (of, document) = (self.of.clone(), document.clone());
        let bytes = serde_json::to_vec(&Content { form: FORM, of, kept_at, document })?;
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        // The process's own file. The next process of the same id overwrites what a killed one left.
        let draft = self.folder.join(format!(".{}.{}", self.name, std::process::id()));
        let written = write_whole(&draft, &bytes)
            .and_then(|()| fs::rename(&draft, self.path()))
            .and_then(|()| File::open(&self.folder)?.sync_all());
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written
    }

    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A new file, because an existing one keeps its permissions.
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
        let file = CopyFile::new(&cache, &question(), "http://h", 0);
        assert!(file.read().unwrap().is_none());
        for value in ["1", "2"] {
            file.write(&document(value), DateTime::UNIX_EPOCH).unwrap();
            let (copy, kept_at) = file.read().unwrap().unwrap();
            assert!(copy == document(value));
            assert_eq!(kept_at, DateTime::UNIX_EPOCH);
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
        let file = CopyFile::new(folder.path(), &question(), "http://h", 0);
        file.write(&document("1"), DateTime::UNIX_EPOCH).unwrap();
        let other = CopyFile::new(folder.path(), &question(), "http://test", 0);
        let Err(said) = other.read() else { panic!("it is of another server") };
        assert!(said.ends_with("it is of other servers or another application"), "{said}");
        assert!(CopyFile::new(folder.path(), &question(), "http://h", 1).read().unwrap().is_none());
        fs::write(folder.path().join(&file.name), "{\"form\": 1, \"pl4nted").unwrap();
        let Err(said) = file.read() else { panic!("it is damaged") };
        assert!(said.ends_with("it is damaged") && !said.contains("pl4nted"), "{said}");
    }
}

//! Config trees: folders whose files are settings, as Kubernetes mounts secrets and config maps. The path
//! of a file below the folder is the name of a key, with dots for slashes; its content is the value, in
//! which `${` is plain text. Names that begin with a dot (`..data`) are the platform's own.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::bounds::Room;
use crate::layers::{Entry, Layer, Origin};
use crate::problems::Problem;
use crate::regular;

/// The largest file that is read, in bytes: what Kubernetes keeps in a secret at most. All of a tree have room for four
/// times as much.
const LARGEST: u64 = 1024 * 1024;
/// The deepest folders that are read: links may form a circle.
const MAX_DEPTH: u8 = 16;

/// A config tree.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) entries: Layer,
    /// The files that are too large for a value.
    pub(crate) too_large: Vec<String>,
    room: Room,
}

impl Tree {
    /// Reads the folder `path` below `root`. Origins show `path`.
    pub(crate) fn read(root: &Path, path: &Path) -> Result<Self, Problem> {
        let mut tree = Self::default();
        tree.folder(&root.join(path), path, "", MAX_DEPTH)?;
        Ok(tree)
    }

    fn folder(
        &mut self,
        full: &Path,
        shown: &Path,
        prefix: &str,
        depth: u8,
    ) -> Result<(), Problem> {
        let Some(depth) = depth.checked_sub(1) else {
            return Ok(());
        };
        let entries = fs::read_dir(full).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(|error| unreadable(shown, &error))?;
        let mut names: Vec<_> = entries.iter().map(fs::DirEntry::file_name).collect();
        names.sort();
        for name in names {
            let (full, shown) = (full.join(&name), shown.join(&name));
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let key = if prefix.is_empty() { name.into() } else { format!("{prefix}.{name}") };
            let metadata = match fs::metadata(&full) {
                Ok(metadata) => metadata,
                // The platform has just replaced it, or it is a link to nothing.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(unreadable(&shown, &error)),
            };
            if metadata.is_dir() {
                self.folder(&full, &shown, &key, depth)?;
            } else if metadata.is_file() {
                let bytes = match regular::read(&full, LARGEST) {
                    Ok(bytes) => bytes,
                    Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                        self.too_large.push(shown.display().to_string());
                        continue;
                    }
                    Err(error) => return Err(unreadable(&shown, &error)),
                };
                let value = without_line_end(super::text(&bytes)).replace("${", "\\${");
                let taken = self.room.take(&key, &value);
                taken.map_err(|why| Problem::new(shown.display().to_string(), None, why))?;
                let origin = Origin::File { path: shown.display().to_string(), line: 1 };
                self.entries.push(Entry { name: key, value, origin });
            }
        }
        Ok(())
    }
}

fn unreadable(shown: &Path, error: &io::Error) -> Problem {
    Problem::new(shown.display().to_string(), None, format!("cannot be read: {error}"))
}

/// As in Spring, the line end of a single line is not a part of the value.
fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') && text.matches('\n').count() == 1 {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

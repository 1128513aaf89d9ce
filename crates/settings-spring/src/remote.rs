//! What a document of a config server may do on this machine. The document says which settings apply; it must not read the
//! files of the machine, nor send what is set on it elsewhere. Two local settings of the service say otherwise.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::bounds::shortened;
use crate::catalogue::{Catalogue, Row};
use crate::mask::sounds_secret;
use crate::placeholders::Resolved;
use crate::regular;

/// What the local settings allow to documents of config servers.
#[derive(Debug, Default)]
pub(crate) struct Remote {
    /// Whether their placeholders may name what is set on this machine; unless set they may, but not in an address, a
    /// header or a place that others see.
    pub(crate) environment: Option<bool>,
    /// The folders whose files they may name.
    pub(crate) folders: Vec<PathBuf>,
    /// The names of these two keys.
    pub(crate) keys: [&'static str; 2],
}

impl Remote {
    /// Whether a setting may be made of this text. An error says in words why not.
    pub(crate) fn check(
        &self,
        row: &Row,
        name: &str,
        resolved: &Resolved,
        catalogue: &Catalogue,
    ) -> Result<(), String> {
        let Some(taken) = resolved.taken.first().map(|name| shortened(name)) else {
            return Ok(());
        };
        let [key, _] = self.keys;
        let is_told = resolved.names.iter().any(|name| catalogue.is_secret(name))
            && !may_be_secret(row, name);
        let into = match self.environment {
            Some(false) => {
                return Err(format!(
                    "takes ${{{taken}}} from this machine, which {key}=false forbids to config servers"
                ));
            }
            None if catalogue.is_address(row, name) => "an address or a header",
            None if is_told => "what others can see, and it is a secret",
            Some(true) | None => return Ok(()),
        };
        Err(format!(
            "takes ${{{taken}}} from this machine into {into}; a config server may do so only where \
             {key}=true is set on this machine"
        ))
    }

    /// Opens a file that a document names, which must be in one of the folders. An error says in words what is wrong.
    pub(crate) fn open(&self, root: &Path, path: &Path) -> Result<File, String> {
        let [_, key] = self.keys;
        let outside = || {
            format!(
                "is named by a config server, and in no folder that {key} names on this machine"
            )
        };
        let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
        let folders =
            self.folders.iter().filter_map(|folder| root.join(folder).canonicalize().ok());
        let folders: Vec<_> = folders.collect();
        let is_inside = |path: &Path| folders.iter().any(|folder| path.starts_with(folder));
        // Nothing outside is touched, and whether something is there is not told.
        let path = root.join(path).canonicalize().map_err(|_| outside())?;
        if !is_inside(&path) {
            return Err(outside());
        }
        let file = regular::open(&path).map_err(unreadable)?;
        // A link may have been put there since: the file that is open must still be found inside.
        let opened = file.metadata().map_err(unreadable)?;
        let path = path.canonicalize().map_err(|_| outside())?;
        let found = path.metadata().map_err(|_| outside())?;
        let is_same = (opened.dev(), opened.ino()) == (found.dev(), found.ino());
        if is_same && is_inside(&path) { Ok(file) } else { Err(outside()) }
    }
}

/// Whether a secret belongs into a key: it is a secret itself, or the user of one.
fn may_be_secret(row: &Row, name: &str) -> bool {
    row.may_be_in_file() || sounds_secret(name)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_files_that_really_are_in_a_folder_are_opened() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("secrets/..data")).unwrap();
        fs::create_dir_all(root.join("secrets-of-others")).unwrap();
        fs::write(root.join("secrets/..data/db"), "in").unwrap();
        fs::write(root.join("secrets-of-others/db"), "out").unwrap();
        symlink("..data/db", root.join("secrets/db")).unwrap();
        symlink("../secrets-of-others/db", root.join("secrets/out")).unwrap();
        symlink("../secrets-of-others", root.join("secrets/folder")).unwrap();
        symlink("secrets", root.join("mounted")).unwrap();
        let remote = |folders: &[&str]| Remote {
            folders: folders.iter().map(PathBuf::from).collect(),
            keys: ["environment", "files"],
            ..Remote::default()
        };
        let opened = |folders: &[&str], path: &str| remote(folders).open(root, Path::new(path));
        for folder in ["secrets", "./secrets/", "mounted"] {
            for path in ["secrets/db", "mounted/db", "secrets/../secrets/..data/db"] {
                assert!(opened(&["nowhere", folder], path).is_ok(), "{folder} {path}");
            }
        }
        for path in [
            "secrets-of-others/db",
            "secrets/../secrets-of-others/db",
            "secrets/out",
            "secrets/folder/db",
            "secrets/missing",
            "/etc/hostname",
            "/dev/zero",
            "",
        ] {
            let said = opened(&["secrets"], path).unwrap_err();
            assert!(said.contains("in no folder that files names"), "{path}: {said}");
        }
        assert!(opened(&[], "secrets/db").is_err(), "none is allowed unless one is named");
        assert!(opened(&["secrets"], "secrets").unwrap_err().ends_with("it is no regular file"));
    }
}

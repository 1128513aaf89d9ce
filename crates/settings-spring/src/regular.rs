//! Reads regular files, and no more than a number of bytes. A device or a pipe named as a file would be read for ever,
//! or wait for its other end.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Opens a file that must be a regular one. What was opened is looked at, not what the path names a moment before.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // A pipe without a writer opens at once, and a terminal does not become that of the process.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"))
}

/// The content of a regular file of this size at most, in bytes.
pub(crate) fn read(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    content(&open(path)?, largest)
}

/// The content of an open file.
pub(crate) fn content(file: &File, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // A file may grow while it is read, and those of /proc have no size.
    file.take(largest.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|size| size <= largest) {
        return Ok(bytes);
    }
    let complaint = format!("it has more than {largest} bytes");
    Err(io::Error::new(ErrorKind::FileTooLarge, complaint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read_and_only_up_to_their_bound() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RWXU, 0)
            .unwrap();
        for other in [pipe.as_path(), folder.path(), Path::new("/dev/zero"), Path::new("/dev/tty")]
        {
            let error = read(other, 8).unwrap_err();
            assert!(error.to_string() != "", "{}", other.display());
        }
        assert_eq!(read(&pipe, 8).unwrap_err().to_string(), "it is no regular file");
        let file = folder.path().join("file");
        std::fs::write(&file, "12345678").unwrap();
        assert_eq!(read(&file, 8).unwrap(), b"12345678");
        assert_eq!(read(&file, 7).unwrap_err().to_string(), "it has more than 7 bytes");
        assert_eq!(
            read(Path::new("/proc/self/environ"), 0).unwrap_err().kind(),
            ErrorKind::FileTooLarge,
            "it says that it is empty"
        );
    }
}

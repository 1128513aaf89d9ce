//! The files of a database are open to their owner alone, because they hold what clients sent and received.

use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Mutex, Once, PoisonError};

/// The rights of a new file: reading and writing, for its owner.
const OWN: u32 = 0o600;

/// The rights of the group and of all others.
const OF_OTHERS: u32 = 0o077;

/// What SQLite puts beside a database, with the rights that the database has then.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// One connection at a time makes the file.
static MAKING: Mutex<()> = Mutex::new(());

/// A file that stays open to others is named once.
static LEFT_OPEN: Once = Once::new();

/// Makes the file of a database that is not there, and takes the rights of others away from one that is. What cannot be done is
/// left to SQLite, which says why.
///
/// A file that is there is never opened here: at its closing, the kernel would drop the locks that SQLite holds on it for this process.
pub(super) fn close_to_others(path: &str) {
    let _alone = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(path);
    if !path.exists() {
        let _ = OpenOptions::new().write(true).create(true).truncate(false).mode(OWN).open(path);
    }
    // SQLite follows a link, and has the other files beside its target.
    let Ok(file) = fs::canonicalize(path) else { return };
    for ending in BESIDE {
        let mut name = OsString::from(&file);
        name.push(ending);
        tighten(Path::new(&name));
    }
}

fn tighten(file: &Path) {
    let Ok(found) = fs::metadata(file) else { return };
    let mode = found.permissions().mode() & 0o7777;
    if !found.is_file() || mode & OF_OTHERS == 0 {
        return;
    }
    let was = format!("{mode:04o}");
    match fs::set_permissions(file, Permissions::from_mode(mode & !OF_OTHERS)) {
        Ok(()) => tracing::warn!(
            file = %file.display(),
            was,
            "a file of the database was open to other users, and no longer is"
        ),
        Err(error) => LEFT_OPEN.call_once(|| {
            tracing::warn!(
                file = %file.display(),
                mode = was,
                cause = %error,
                "a file of the database is open to other users, and stays so"
            );
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::tempdir;

    use super::*;

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_its_owners_alone_and_an_old_one_becomes_it() {
        let folder = tempdir().unwrap();
        let folder = folder.path();
        let (file, wal) = (folder.join("orders.db"), folder.join("orders.db-wal"));
        close_to_others(file.to_str().unwrap());
        assert_eq!(mode(&file), 0o600);
        fs::write(&wal, "").unwrap();
        for (one, old, new) in [(&file, 0o644, 0o600), (&wal, 0o666, 0o600), (&file, 0o400, 0o400)]
        {
            fs::set_permissions(one, Permissions::from_mode(old)).unwrap();
            close_to_others(file.to_str().unwrap());
            assert_eq!(mode(one), new);
        }
    }

    #[test]
    fn the_target_of_a_link_is_closed_and_so_are_the_files_beside_it() {
        let folder = tempdir().unwrap();
        let folder = folder.path();
        let (link, target) = (folder.join("orders.db"), folder.join("elsewhere.db"));
        symlink(&target, &link).unwrap();
        close_to_others(link.to_str().unwrap());
        assert_eq!(mode(&target), 0o600, "a link to nothing");
        let wal = folder.join("elsewhere.db-wal");
        fs::write(&wal, "").unwrap();
        for file in [&target, &wal] {
            fs::set_permissions(file, Permissions::from_mode(0o664)).unwrap();
        }
        close_to_others(link.to_str().unwrap());
        assert_eq!((mode(&target), mode(&wal)), (0o600, 0o600));
    }

    #[test]
    fn what_is_no_file_stays_as_it_is() {
        let folder = tempdir().unwrap();
        let folder = folder.path();
        fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
        close_to_others(folder.to_str().unwrap());
        assert_eq!(mode(folder), 0o755);
        close_to_others(folder.join("missing/orders.db").to_str().unwrap());
    }
}

//! Other users of the machine: the files of a SQLite database are their owner's alone, those of an earlier release too.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use libtest_mimic::Trial;

use crate::support::{Service, fresh_folder};
use crate::trial;

const FILES: [&str; 3] = ["orders.db", "orders.db-wal", "orders.db-shm"];

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("sqlite::its_files_are_open_to_their_owner_alone", own)]
}

fn modes(folder: &Path) -> [u32; 3] {
    FILES.map(|file| fs::metadata(folder.join(file)).unwrap().permissions().mode() & 0o7777)
}

/// Starts the service, and answers with how often it has said that it closed a file.
fn started(folder: &Path) -> usize {
    let url = format!("--spring.datasource.url=sqlite:{}", folder.join(FILES[0]).display());
    let service = Service::start(&[&url]);
    service.wait_until_ready();
    let placed = service.placed(7);
    service.move_to(&placed, "CONFIRMED");
    let modes = modes(folder).map(|mode| format!("{mode:04o}"));
    println!("sqlite: {FILES:?} have {modes:?}");
    assert_eq!(modes, ["0600"; 3]);
    service.log().matches("was open to other users").count()
}

fn own() {
    let folder = fresh_folder();
    assert_eq!(started(&folder), 0);
    // The service was killed, so its files are all there. An earlier release has left them open.
    for file in FILES {
        fs::set_permissions(folder.join(file), Permissions::from_mode(0o644)).unwrap();
    }
    assert_eq!(started(&folder), 3, "each is named once");
    assert_eq!(started(&folder), 0);
    fs::remove_dir_all(folder).unwrap();
}

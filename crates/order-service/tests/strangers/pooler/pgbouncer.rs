//! A pgbouncer before the PostgreSQL server of the tests.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use order_testkit::databases::{Scratch, certificates};

use crate::support::{eventually, free_port, fresh_folder, send_signal};

/// For how long a client keeps a session of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Session,
    Transaction,
    Statement,
}

/// A running pgbouncer; ends when dropped.
pub(super) struct Pgbouncer {
    folder: PathBuf,
    port: u16,
    /// The server's own URL of the database.
    database: String,
    child: Child,
}

impl Pgbouncer {
    /// Starts one before a database, with a pool of this size.
    pub(super) fn before(scratch: &Scratch, mode: Mode, size: u32) -> Self {
        Self::start(fresh_folder(), free_port(), &scratch.url, mode, size)
    }

    /// Ends it, and starts it on the same port in another mode.
    pub(super) fn restarted(self, mode: Mode, size: u32) -> Self {
        let (folder, port, database) = (self.folder.clone(), self.port, self.database.clone());
        drop(self);
        fs::create_dir_all(&folder).expect("a folder");
        Self::start(folder, port, &database, mode, size)
    }

    fn start(folder: PathBuf, port: u16, database: &str, mode: Mode, size: u32) -> Self {
        // As root it changes to the account of the server, which must be let in.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("our folder");
        fs::write(folder.join("users.txt"), "\"postgres\" \"\"\n").expect("a file");
        write_settings(&folder, port, database, mode, size);
        let mut command = Command::new("pgbouncer");
        if fs::metadata("/proc/self").expect("ourselves").uid() == 0 {
            command.args(["-u", "postgres"]);
        }
        let log = File::create(folder.join("pgbouncer.log")).expect("a log");
        let child =
            command.arg(folder.join("pgbouncer.ini")).stdin(Stdio::null()).stderr(log).spawn();
        let child = child.expect("no pgbouncer; install it with `deploy/stack fetch postgres`");
        let pooler = Self { folder, port, database: database.to_owned(), child };
        let answers =
            || psql(&pooler.url()).args(["-c", "SELECT 1"]).status().is_ok_and(|s| s.success());
        assert!(eventually(answers), "pgbouncer does not answer:\n{}", pooler.log());
        pooler
    }

    /// Changes its mode while it runs.
    pub(super) fn switch(&self, mode: Mode, size: u32) {
        write_settings(&self.folder, self.port, &self.database, mode, size);
        send_signal("HUP", self.child.id());
    }

    /// The URL of the database behind it.
    pub(super) fn url(&self) -> String {
        let (server, name) = self.database.rsplit_once('/').expect("a URL with a database");
        let (user, _) = server.rsplit_once('@').expect("a URL with a user");
        format!("{user}@127.0.0.1:{}/{name}", self.port)
    }

    /// What this number of other users see who are in a transaction at the same time, each on another session: the limit of
    /// a statement, and whether tables are scanned.
    pub(super) fn settings_of_others(&self, users: u32) -> Vec<(String, String)> {
        let mut sessions: Vec<_> = (0..users)
            .map(|_| {
                let mut psql = psql(&self.url());
                let psql = psql.stdin(Stdio::piped()).stdout(Stdio::piped());
                Other(psql.spawn().expect("no psql; install it with `deploy/stack fetch postgres`"))
            })
            .collect();
        // Each keeps its transaction until all have been asked.
        sessions.iter_mut().map(Other::settings).collect()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("pgbouncer.log")).unwrap_or_default()
    }
}

impl Drop for Pgbouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Another user of the pool.
struct Other(Child);

impl Other {
    fn settings(&mut self) -> (String, String) {
        let input = self.0.stdin.as_mut().expect("a pipe");
        input
            .write_all(b"BEGIN;\nSHOW statement_timeout;\nSHOW enable_seqscan;\n\\echo\n")
            .and_then(|()| input.flush())
            .expect("psql reads");
        let mut lines = BufReader::new(self.0.stdout.as_mut().expect("a pipe")).lines();
        let mut line = || lines.next().expect("psql answers").expect("psql answers");
        (line(), line())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn psql(url: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.args(["--no-psqlrc", "--no-password", "--quiet", "--tuples-only", "--no-align", url])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    psql
}

fn write_settings(folder: &Path, port: u16, database: &str, mode: Mode, size: u32) {
    let (_, rest) = database.split_once('@').expect("a URL with a user");
    let (address, _) = rest.split_once('/').expect("a URL with a database");
    let (host, server_port) = address.split_once(':').expect("a URL with a port");
    let mode = format!("{mode:?}").to_lowercase();
    let users = folder.join("users.txt");
    let certificate = certificates().join("server");
    let certificate = certificate.display();
    let settings = format!(
        "[databases]\n* = host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\n\
         pool_mode = {mode}\ndefault_pool_size = {size}\nclient_tls_sslmode = allow\n\
         client_tls_cert_file = {certificate}.pem\nclient_tls_key_file = {certificate}.key\n",
        users.display(),
    );
    fs::write(folder.join("pgbouncer.ini"), settings).expect("a file");
}

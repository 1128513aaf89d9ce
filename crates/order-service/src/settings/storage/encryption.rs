//! What the parameters of a URL say about TLS, in the words of each Java driver and of each database's own clients, and what that
//! comes to. What is not understood is refused: a connection is never less safe than its URL says.

use std::path::PathBuf;

use settings_spring::values::{Fault, Read};

/// How connections are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// What is checked of the server.
    pub check: ServerCheck,
    /// The file of the authorities that are trusted; `None`: those that the machine trusts.
    pub authorities: Option<PathBuf>,
    /// The files of the certificate of this service and of its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// What is checked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerCheck {
    /// Nothing.
    Nothing,
    /// Who has signed its certificate.
    Authority,
    /// Who has signed its certificate, and for which host.
    Host,
}

/// Whose words the parameters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Dialect {
    /// A file, which is reached by no connection.
    #[default]
    Sqlite,
    Postgres,
    MySql,
    MariaDb,
}

/// How much the connection is to be protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Off,
    /// Encrypted if the server likes: `prefer`, `allow`.
    IfPossible,
    Check(ServerCheck),
}

/// What one parameter asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Mode(Mode),
    /// `ssl`, `useSSL`.
    On(bool),
    /// `requireSSL`.
    Required(bool),
    /// `verifyServerCertificate`.
    Verified(bool),
    /// `trustServerCertificate`.
    AnyCertificate(bool),
    /// `disableSslHostnameVerification`.
    AnyHost(bool),
    Authorities(PathBuf),
    /// `sslrootcert=system`.
    AuthoritiesOfTheMachine,
    Certificate(PathBuf),
    Key(PathBuf),
    /// `channelBinding=require`.
    Bound,
}

/// What all parameters ask for.
#[derive(Debug, Clone, Default)]
pub(super) struct Wishes(Vec<Wish>);

/// What it comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) encryption: Option<Encryption>,
    /// Whether the login must be bound to the encryption.
    pub(super) is_bound: bool,
    /// What operators are told at each start.
    pub(super) warning: Option<&'static str>,
}

const PLAIN: &str = "connections are not encrypted: its parameters leave that to the server, so an attacker on the way could \
     switch it off; ask for sslmode=verify-full (VERIFY_IDENTITY on MySQL), or for none by sslmode=disable";

const UNCHECKED: &str = "connections are encrypted, and nothing is checked of the server: an attacker on the way can answer in its \
     name; ask for sslmode=verify-full (VERIFY_IDENTITY on MySQL), and name its authority by order.database.ca-certificate";

impl Wishes {
    /// Adds one; two that disagree are a fault.
    pub(super) fn add(&mut self, wish: Wish) -> Read<()> {
        let same = |other: &&Wish| std::mem::discriminant(*other) == std::mem::discriminant(&wish);
        if self.0.iter().find(same).is_some_and(|other| *other != wish) {
            return Err(Fault::because("its parameters say different things about TLS"));
        }
        self.0.push(wish);
        Ok(())
    }

    /// The files that they name.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.iter().filter_map(|wish| match wish {
            Wish::Authorities(file) | Wish::Certificate(file) | Wish::Key(file) => Some(file),
            _ => None,
        })
    }

    fn has(&self, wish: &Wish) -> bool {
        self.0.contains(wish)
    }

    fn find<T>(&self, of: impl Fn(&Wish) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(of)
    }

    /// What they come to; `authorities` are those of another setting.
    pub(super) fn settle(&self, dialect: Dialect, authorities: Option<PathBuf>) -> Read<Settled> {
        let mode = self.mode(dialect)?;
        let named = self.find(|wish| match wish {
            Wish::Authorities(file) => Some(file.clone()),
            _ => None,
        });
        if let (Some(here), Some(there)) = (&named, &authorities)
            && here != there
        {
            return Err(Fault::because(
                "names other authorities than order.database.ca-certificate",
            ));
        }
        let authorities = named.or(authorities);
        let identity = self.identity()?;
        let is_bound = self.has(&Wish::Bound);
        let Mode::Check(check) = mode else {
            if authorities.is_some() || identity.is_some() || is_bound {
                return Err(Fault::because(
                    "certificates are named, or channelBinding, and no mode that uses them: add sslmode=verify-full \
                     (VERIFY_IDENTITY on MySQL), or leave them out",
                ));
            }
            let warning = (mode == Mode::IfPossible).then_some(PLAIN);
            return Ok(Settled { encryption: None, is_bound, warning });
        };
        if dialect == Dialect::Sqlite {
            return Err(Fault::because("asks for TLS, and SQLite is a file"));
        }
        let machine = self.has(&Wish::AuthoritiesOfTheMachine);
        if machine && (check != ServerCheck::Host || authorities.is_some()) {
            return Err(Fault::because(
                "sslrootcert=system needs sslmode=verify-full, and no other authority",
            ));
        }
        if check == ServerCheck::Nothing && authorities.is_some() {
            return Err(Fault::because(
                "an authority is named, and a mode that does not ask it (require, REQUIRED, trust): say verify-full, \
                 or verify-ca if the certificate is for another host",
            ));
        }
        let warning = (check == ServerCheck::Nothing).then_some(UNCHECKED);
        let encryption = Some(Encryption { check, authorities, identity });
        Ok(Settled { encryption, is_bound, warning })
    }

    /// The mode: as it is named, or as the flags of older drivers come to it.
    fn mode(&self, dialect: Dialect) -> Read<Mode> {
        let asks = self.has(&Wish::Required(true)) || self.has(&Wish::Verified(true));
        let on = self.find(|wish| match wish {
            Wish::On(on) => Some(*on),
            _ => None,
        });
        let named = self.find(|wish| match wish {
            Wish::Mode(mode) => Some(*mode),
            _ => None,
        });
        let contradicts = match named {
            Some(Mode::Off) => asks || on == Some(true),
            Some(Mode::Check(_)) => on == Some(false),
            Some(Mode::IfPossible) => asks,
            None => asks && on == Some(false),
        };
        if contradicts {
            return Err(Fault::because("its parameters ask for TLS and for none"));
        }
        Ok(named.unwrap_or_else(|| self.by_flags(dialect, on)))
    }

    fn by_flags(&self, dialect: Dialect, on: Option<bool>) -> Mode {
        if self.has(&Wish::Verified(true)) {
            return Mode::Check(ServerCheck::Authority);
        }
        if self.has(&Wish::Required(true)) {
            return Mode::Check(ServerCheck::Nothing);
        }
        match (on, dialect) {
            (Some(true), Dialect::MySql) => Mode::IfPossible,
            (Some(true), _) if self.has(&Wish::AnyCertificate(true)) => {
                Mode::Check(ServerCheck::Nothing)
            }
            (Some(true), _) if self.has(&Wish::AnyHost(true)) => {
                Mode::Check(ServerCheck::Authority)
            }
            (Some(true), _) => Mode::Check(ServerCheck::Host),
            (None, _) if self.has(&Wish::AuthoritiesOfTheMachine) => Mode::Check(ServerCheck::Host),
            _ => Mode::Off,
        }
    }

    fn identity(&self) -> Read<Option<(PathBuf, PathBuf)>> {
        let certificate = self.find(|wish| match wish {
            Wish::Certificate(file) => Some(file.clone()),
            _ => None,
        });
        let key = self.find(|wish| match wish {
            Wish::Key(file) => Some(file.clone()),
            _ => None,
        });
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            _ => Err(Fault::because(
                "sslcert and sslkey belong together: the certificate, and its key",
            )),
        }
    }
}

/// The path of a file in PEM, with or without `file:` before it.
pub(super) fn file(text: &str) -> Read<PathBuf> {
    let text = text.trim();
    if text.contains("-----BEGIN") {
        return Err(Fault::because("must name a file that holds the PEM, not the PEM itself"));
    }
    if text.starts_with("classpath") {
        return Err(Fault::because("there is no class path here: name a file"));
    }
    let path = text.strip_prefix("file:").unwrap_or(text);
    let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
    let path = PathBuf::from(path);
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    if matches!(ending.as_deref(), Some("jks" | "p12" | "pfx" | "keystore" | "pk8" | "der")) {
        return Err(Fault::because(
            "names a Java key store, PKCS #12 or DER, which are not read: keytool and openssl convert them to PEM",
        ));
    }
    if path.as_os_str().is_empty() { Err(Fault::because("names no file")) } else { Ok(path) }
}

#[cfg(test)]
mod tests;

//! Encrypted connections to a server: what is checked of it, the files that say so, and reading them again when they change.

mod files;
mod refusal;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use order_app::errors::chain;
use order_app::ports::BoxError;

pub use files::FileError;
pub(crate) use files::Material;
pub(crate) use refusal::{NotEncrypted, explained};

/// How connections to a server are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// What is checked of the server.
    pub check: Check,
    /// The file of the authorities that are trusted, in PEM; `None`: those that the machine trusts.
    pub authorities: Option<PathBuf>,
    /// By which certificate this service shows who it is, where servers ask for one.
    pub identity: Option<Identity>,
}

/// What is checked of a server. In each case it must have the key of the certificate that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Nothing: an attacker on the way may answer in the server's name.
    Nothing,
    /// That a trusted authority has signed its certificate, for whichever host.
    Authority,
    /// That a trusted authority has signed its certificate for the host that it is reached by.
    Host,
}

/// The files of a certificate and of its key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate; after it, those of authorities between it and the one that the server knows.
    pub certificates: PathBuf,
    /// The key, unencrypted.
    pub key: PathBuf,
}

impl Tls {
    /// Whether a server that passes the check is the one that is meant. An authority that the machine trusts signs for
    /// anybody, so there it takes the host, too.
    pub(crate) fn proves_the_server(&self) -> bool {
        match self.check {
            Check::Host => true,
            Check::Authority => self.authorities.is_some(),
            Check::Nothing => false,
        }
    }
}

/// Makes what a client takes from what the files hold.
type Make<C> = Box<dyn Fn(&Material) -> Result<C, BoxError> + Send + Sync>;

/// What a client takes to encrypt connections, kept until a file changes.
pub(crate) struct Connector<C> {
    tls: Tls,
    make: Make<C>,
    kept: Mutex<Kept<C>>,
}

struct Kept<C> {
    material: Material,
    made: C,
    /// Why what the files hold now was not taken; logged once.
    fault: Option<String>,
}

impl<C: Clone> Connector<C> {
    /// Reads the files.
    pub(crate) fn open(
        tls: &Tls,
        make: impl Fn(&Material) -> Result<C, BoxError> + Send + Sync + 'static,
    ) -> Result<Self, BoxError> {
        let material = Material::read(tls, None)?;
        let first = make(&material)?;
        let kept = Mutex::new(Kept { material, made: first, fault: None });
        Ok(Self { tls: tls.clone(), make: Box::new(make), kept })
    }

    /// What a new connection takes. Files that have changed are read; while they are no use, what they held before goes on.
    pub(crate) async fn current(&self) -> C {
        let (tls, before) = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            (self.tls.clone(), kept.material.clone())
        };
        let read = tokio::task::spawn_blocking(move || Material::read(&tls, Some(&before)));
        let now = match read.await {
            Ok(now) => now.map_err(BoxError::from),
            Err(stopped) => Err(stopped.into()),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let renewed = now.and_then(|now| {
            let made = if now == kept.material { None } else { Some((self.make)(&now)?) };
            Ok(made.map(|made| (now, made)))
        });
        match renewed {
            Ok(None) => kept.fault = None,
            Ok(Some((material, made))) => {
                tracing::info!("the certificates for the database have changed");
                *kept = Kept { material, made, fault: None };
            }
            Err(error) => {
                let fault = chain(&*error);
                if kept.fault.as_ref() != Some(&fault) {
                    let cause = fault.as_str();
                    tracing::warn!(cause, "the certificates for the database stay as they were");
                    kept.fault = Some(fault);
                }
            }
        }
        kept.made.clone()
    }
}

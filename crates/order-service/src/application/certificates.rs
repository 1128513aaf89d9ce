//! The certificates of the ports, from their files into the servers. The files are looked at while the service runs, by
//! their content, because orchestrators replace them by changing links. What is wrong leaves the old certificate in use.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http_actix::{Component, Identity, Status, Tls};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::time::sleep;

use crate::settings::{self, Pem};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The longest file.
const LONGEST: u64 = 1 << 20;
/// How long before its end a certificate is told of.
const SOON: TimeDelta = TimeDelta::days(14);

/// The certificate of one port. Cheap to clone.
#[derive(Clone)]
pub(super) struct Certificate(Arc<Inner>);

struct Inner {
    port: &'static str,
    settings: settings::Tls,
    tls: Tls,
    seen: Mutex<Seen>,
}

/// What was seen when it was last looked at.
struct Seen {
    texts: Result<Texts, String>,
    /// Why that is not in use.
    refused: Option<String>,
}

/// What the files hold.
struct Texts {
    certificate: String,
    private_key: SecretString,
    trusted: String,
}

impl Certificate {
    /// Reads and checks it. `port` is the port's name in metrics.
    pub(super) fn load(port: &'static str, settings: &settings::Tls) -> anyhow::Result<Self> {
        let wrong = || format!("no HTTPS on the {port} port: look at {}", settings.name);
        let texts = Texts::read(settings).map_err(anyhow::Error::msg).with_context(wrong)?;
        let identity = texts.identity(settings).map_err(anyhow::Error::msg).with_context(wrong)?;
        let tls = Tls::new(identity);
        let seen = Mutex::new(Seen { texts: Ok(texts), refused: None });
        let loaded = Self(Arc::new(Inner { port, settings: settings.clone(), tls, seen }));
        loaded.tell();
        for outcome in ["loaded", "refused"] {
            // A series that is missing until it grows has no rate when it does.
            loaded.count(outcome, 0);
        }
        Ok(loaded)
    }

    /// What the port speaks with it, now and after each change.
    pub(super) fn tls(&self) -> Tls {
        self.0.tls.clone()
    }

    /// Looks at the files of all for ever.
    pub(super) async fn watch(all: Vec<Self>) {
        let all: Vec<_> = all.into_iter().filter(|one| one.0.settings.reloads).collect();
        while !all.is_empty() {
            sleep(LOOK_EVERY).await;
            let all = all.clone();
            // A panic leaves everything as it is, and is logged where it happens.
            let _ = tokio::task::spawn_blocking(move || all.iter().for_each(Self::look)).await;
        }
    }

    fn look(&self) {
        let Inner { settings, tls, .. } = &*self.0;
        let texts = Texts::read(settings);
        let mut seen = self.seen();
        let is_same = match (&seen.texts, &texts) {
            (Ok(before), Ok(now)) => before.is_as(now),
            (Err(before), Err(now)) => before == now,
            _ => false,
        };
        if is_same {
            return;
        }
        let identity = match &texts {
            Ok(texts) => texts.identity(settings),
            Err(cause) => Err(cause.clone()),
        };
        seen.texts = texts;
        match identity {
            Ok(identity) => {
                seen.refused = None;
                tls.renew(identity);
                drop(seen);
                self.count("loaded", 1);
                self.tell();
            }
            Err(cause) => {
                let port = self.0.port;
                tracing::warn!(port, cause, "the certificate was not renewed; the old one is used");
                seen.refused = Some(cause);
                drop(seen);
                self.count("refused", 1);
            }
        }
    }

    fn tell(&self) {
        let expires = text(self.0.tls.expires());
        tracing::info!(port = self.0.port, expires, "a certificate was loaded");
    }

    fn count(&self, outcome: &'static str, times: u64) {
        let labels = [("port", self.0.port), ("outcome", outcome)];
        metrics::counter!("order_tls_certificate_loads_total", &labels).increment(times);
    }

    /// Sets how long it is still good for.
    pub(super) fn measure(&self, now: DateTime<Utc>) {
        let left = self.0.tls.expires().signed_duration_since(now).num_seconds();
        // In `f64` as it is: a gauge has no other type.
        let left = i32::try_from(left).unwrap_or(if left < 0 { i32::MIN } else { i32::MAX });
        let port = [("port", self.0.port)];
        metrics::gauge!("order_tls_certificate_expires_seconds", &port).set(f64::from(left));
    }

    /// For the health page: what there is to say of all of them; `None` without any.
    pub(super) fn component(all: &[Self], now: DateTime<Utc>) -> Option<Component> {
        let is_wrong = |one: &Self| one.0.tls.expires() <= now || one.seen().refused.is_some();
        let status = if all.iter().any(is_wrong) { Status::Down } else { Status::Up };
        let certificates: Vec<_> = all
            .iter()
            .map(|one| {
                let expires = one.0.tls.expires();
                let left = expires.signed_duration_since(now);
                let validity = match left {
                    left if left <= TimeDelta::zero() => "EXPIRED",
                    left if left < SOON => "WILL_EXPIRE_SOON",
                    _ => "VALID",
                };
                let refused = one.seen().refused.clone();
                json!({
                    "port": one.0.port,
                    "expires": text(expires),
                    "validity": validity,
                    "notRenewed": refused,
                })
            })
            .collect();
        let details = json!({ "certificates": certificates });
        (!all.is_empty()).then_some(Component { name: "ssl", status, details })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Texts {
    fn read(settings: &settings::Tls) -> Result<Self, String> {
        let certificate = content(&settings.certificate)?;
        let private_key = content(&settings.private_key)?;
        let trusted = settings.trusted.as_ref().map(content).transpose()?;
        let plain = |text: SecretString| text.expose_secret().to_owned();
        let trusted = trusted.map(plain).unwrap_or_default();
        Ok(Self { certificate: plain(certificate), private_key, trusted })
    }

    fn identity(&self, settings: &settings::Tls) -> Result<Identity, String> {
        let pem = http_actix::Pem {
            certificate: &self.certificate,
            private_key: self.private_key.expose_secret(),
            trusted: &self.trusted,
        };
        let identity = Identity::new(pem, settings.clients, &settings.versions);
        identity.map_err(|error| error.to_string())
    }

    fn is_as(&self, other: &Self) -> bool {
        self.certificate == other.certificate
            && self.trusted == other.trusted
            && self.private_key.expose_secret() == other.private_key.expose_secret()
    }
}

fn content(pem: &Pem) -> Result<SecretString, String> {
    match pem {
        Pem::Text(text) => Ok(text.clone()),
        Pem::File(path) => {
            file(path).map(SecretString::from).map_err(|why| format!("{}: {why}", path.display()))
        }
    }
}

/// A pipe is refused before it is opened: opening one waits for a writer.
fn file(path: &Path) -> Result<String, String> {
    let about = fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("is no file".to_owned());
    }
    if about.len() > LONGEST {
        return Err("is too long to be a certificate or a key".to_owned());
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use http_actix::{ClientAuth, TlsVersion};
    use order_testkit::SelfSigned;
    use tempfile::TempDir;

    use super::*;

    struct Files(TempDir);

    impl Files {
        /// As Kubernetes mounts a secret: links to a folder that is another one after each change.
        fn with(pair: &SelfSigned) -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            for name in ["tls.crt", "tls.key"] {
                let path = files.0.path().join(name);
                std::os::unix::fs::symlink(Path::new("now").join(name), path).unwrap();
            }
            files.hold(&pair.certificate, &pair.private_key);
            files
        }

        fn hold(&self, certificate: &str, private_key: &str) {
            let folder = self.0.path();
            let next = tempfile::tempdir_in(folder).unwrap().keep();
            fs::write(next.join("tls.crt"), certificate).unwrap();
            fs::write(next.join("tls.key"), private_key).unwrap();
            std::os::unix::fs::symlink(&next, folder.join("next")).unwrap();
            fs::rename(folder.join("next"), folder.join("now")).unwrap();
        }

        fn settings(&self) -> settings::Tls {
            let file = |name| Pem::File(self.0.path().join(name));
            settings::Tls {
                name: "server.ssl.certificate".to_owned(),
                certificate: file("tls.crt"),
                private_key: file("tls.key"),
                trusted: None,
                clients: ClientAuth::None,
                versions: vec![TlsVersion::V1_3],
                reloads: true,
            }
        }
    }

    fn details(of: &Certificate) -> (Status, serde_json::Value) {
        let component = Certificate::component(std::slice::from_ref(of), now()).unwrap();
        (component.status, component.details["certificates"][0].clone())
    }

    /// When the tests' certificates are made.
    fn now() -> DateTime<Utc> {
        use order_app::ports::Clock as _;
        crate::system::SystemClock.now()
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_pair_is_used_and_a_wrong_one_is_not() {
        let (first, second) = (SelfSigned::valid_for(5, "a"), SelfSigned::valid_for(30, "b"));
        let files = Files::with(&first);
        let certificate = Certificate::load("main", &files.settings()).unwrap();
        let watch = tokio::spawn(Certificate::watch(vec![certificate.clone()]));
        let looked = || sleep(LOOK_EVERY * 2);
        let (status, said) = details(&certificate);
        assert_eq!((status, &said["validity"]), (Status::Up, &json!("WILL_EXPIRE_SOON")));
        let ends = certificate.0.tls.expires();

        files.hold(&second.certificate, &first.private_key);
        looked().await;
        assert_eq!(certificate.0.tls.expires(), ends);
        let (status, said) = details(&certificate);
        assert_eq!(status, Status::Down);
        let cause = "the private key and the certificate: do not belong together";
        assert_eq!(said["notRenewed"], cause);

        files.hold(&second.certificate, &second.private_key);
        looked().await;
        assert!(certificate.0.tls.expires() > ends);
        let (status, said) = details(&certificate);
        assert_eq!((status, &said["validity"]), (Status::Up, &json!("VALID")));

        fs::remove_file(files.0.path().join("now")).unwrap();
        looked().await;
        assert!(details(&certificate).1["notRenewed"].as_str().unwrap().contains("tls.crt"));
        watch.abort();
    }

    #[test]
    fn what_cannot_be_used_is_named_at_the_start() {
        let pair = SelfSigned::valid_for(5, "a");
        let files = Files::with(&pair);
        let refused = || {
            let loaded = Certificate::load("main", &files.settings());
            format!("{:#}", loaded.err().unwrap())
        };
        files.hold(&pair.certificate, "");
        assert!(refused().contains("server.ssl.certificate: the private key: there is none"));
        files.hold("", &pair.private_key);
        assert!(refused().contains("the certificate: there is none"), "{}", refused());
        fs::remove_file(files.0.path().join("now")).unwrap();
        assert!(refused().contains("tls.crt: No such file"), "{}", refused());
    }

    #[test]
    fn an_expired_certificate_is_told_of() {
        let files = Files::with(&SelfSigned::valid_for(5, "a"));
        let certificate = Certificate::load("main", &files.settings()).unwrap();
        let later = now() + TimeDelta::days(6);
        let component = Certificate::component(&[certificate], later).unwrap();
        assert_eq!(component.status, Status::Down);
        assert_eq!(component.details["certificates"][0]["validity"], "EXPIRED");
        assert!(Certificate::component(&[], later).is_none());
    }
}

//! TLS of the two ports, by Spring's names: a certificate and its key in PEM, or a bundle that names them. Whether the files
//! belong together is seen when the ports are opened.

use std::collections::BTreeMap;
use std::path::PathBuf;

use http_actix::{ClientAuth, TlsVersion};
use secrecy::{ExposeSecret as _, SecretString};
use settings_spring::values::{self, Fault, Read, list, optional};
use settings_spring::{Key, Reader, complete, keys};

const BUNDLE: &str = "spring.ssl.bundle.pem.";

/// The keys of a port.
struct Keys {
    enabled: &'static Key<Option<bool>>,
    certificate: &'static Key<Option<Pem>>,
    private_key: &'static Key<Option<Pem>>,
    trusted: &'static Key<Option<Pem>>,
    clients: &'static Key<ClientAuth>,
    versions: &'static Key<Vec<TlsVersion>>,
    bundle: &'static Key<Option<String>>,
}

/// The keys of one port.
macro_rules! of_port {
    ($module:ident: $enabled:literal $about:literal, $certificate:literal, $private_key:literal, $trusted:literal,
        $clients:literal, $versions:literal, $bundle:literal) => {
        mod $module {
            use super::*;

            keys! {
                pub(in crate::settings) ROWS;
                ENABLED: Option<bool> = $enabled, "", Plain, "true or false", $about,
                    |text| optional(text, values::flag);
                CERTIFICATE: Option<Pem> = $certificate, "", Plain,
                    "the path of a file, with or without file: before it, or certificates in PEM",
                    "The certificate of the port, and those between it and its authority. A file is looked at every 10 s.",
                    |text| optional(text, pem);
                PRIVATE_KEY: Option<Pem> = $private_key, "", Secret,
                    "the path of a file, with or without file: before it, or a key in PEM that is not encrypted",
                    "The key of that certificate.", |text| optional(text, pem);
                TRUSTED: Option<Pem> = $trusted, "", Plain,
                    "the path of a file, with or without file: before it, or certificates in PEM",
                    "The authorities of clients' certificates.", |text| optional(text, pem);
                CLIENTS: ClientAuth = $clients, "none", Plain, "none, want or need",
                    "Whether clients show a certificate; what it says of them is not looked at.", clients;
                VERSIONS: Vec<TlsVersion> = $versions, "TLSv1.2,TLSv1.3", Plain,
                    "TLSv1.2, TLSv1.3 or both, with a comma between them",
                    "The versions of TLS that the port speaks.", versions;
                BUNDLE: Option<String> = $bundle, "", Plain,
                    "the NAME of a spring.ssl.bundle.pem.NAME, and not beside a certificate",
                    "The bundle that names certificate, key and authorities.",
                    |text| optional(text, values::text);
            }

            pub(super) static KEYS: Keys = Keys {
                enabled: &ENABLED,
                certificate: &CERTIFICATE,
                private_key: &PRIVATE_KEY,
                trusted: &TRUSTED,
                clients: &CLIENTS,
                versions: &VERSIONS,
                bundle: &BUNDLE,
            };
        }
    };
}

of_port! {
    main: "server.ssl.enabled"
        "Whether the main port speaks HTTPS and nothing else; as soon as any key of server.ssl is set, unless set itself.",
    "server.ssl.certificate", "server.ssl.certificate-private-key", "server.ssl.trust-certificate",
    "server.ssl.client-auth", "server.ssl.enabled-protocols", "server.ssl.bundle"
}

of_port! {
    management: "management.server.ssl.enabled"
        "The same for a management port of its own. As in Spring, one key of management.server.ssl replaces all of server.ssl there; without any, those hold there, too.",
    "management.server.ssl.certificate", "management.server.ssl.certificate-private-key",
    "management.server.ssl.trust-certificate", "management.server.ssl.client-auth",
    "management.server.ssl.enabled-protocols", "management.server.ssl.bundle"
}

keys! {
    pub(super) BUNDLES;
    MEMBERS: SecretString = "spring.ssl.bundle.pem.*", "", Secret,
        "what the key of server.ssl may be that means the same",
        "Certificates by a name of your own, for server.ssl.bundle and management.server.ssl.bundle: NAME.keystore.certificate, \
         NAME.keystore.private-key, NAME.truststore.certificate, NAME.options.enabled-protocols and NAME.reload-on-update, \
         without which the files are read at the start alone.",
        values::secret;
}

pub(super) use main::ROWS as MAIN;
pub(super) use management::ROWS as MANAGEMENT;

/// Something in PEM.
#[derive(Debug, Clone)]
pub enum Pem {
    /// In this file.
    File(PathBuf),
    /// As it was set.
    Text(SecretString),
}

/// What a port speaks TLS with.
#[derive(Debug, Clone)]
pub struct Tls {
    /// What the settings call it, for messages.
    pub name: String,
    /// The certificate, and those after it.
    pub certificate: Pem,
    /// The key of the certificate.
    pub private_key: Pem,
    /// The authorities of clients' certificates.
    pub trusted: Option<Pem>,
    /// Whether clients show a certificate.
    pub clients: ClientAuth,
    /// The versions that are spoken.
    pub versions: Vec<TlsVersion>,
    /// Whether files are read again when they have changed.
    pub reloads: bool,
}

/// TLS of the ports; `None`: nothing is encrypted there.
#[derive(Debug, Clone)]
pub struct PortTls {
    /// Of the main one.
    pub main: Option<Tls>,
    /// Of a management port of its own.
    pub management: Option<Tls>,
}

/// Something is wrong, and is recorded.
struct Wrong;

/// What the keys of a port say.
struct Stated {
    enabled: Option<bool>,
    own: Bundle,
    clients: ClientAuth,
    versions: Vec<TlsVersion>,
    bundle: Option<String>,
}

/// What a bundle says.
#[derive(Default)]
struct Bundle {
    certificate: Option<Pem>,
    private_key: Option<Pem>,
    trusted: Option<Pem>,
    versions: Option<Vec<TlsVersion>>,
    reloads: bool,
}

impl Bundle {
    fn is_any(&self) -> bool {
        self.certificate.is_some() || self.private_key.is_some() || self.trusted.is_some()
    }
}

/// `is_apart`: whether the management port is one of its own.
pub(super) fn read(from: &mut Reader<'_>, is_apart: bool) -> Option<PortTls> {
    let members = from.family(&MEMBERS);
    let both = complete!(PortTls {
        main: of_port(from, &main::KEYS, members.as_ref()).ok(),
        management: of_port(from, &management::KEYS, members.as_ref()).ok(),
    })?;
    if is_any_set(from, &management::KEYS) {
        if !is_apart && both.management.is_some() {
            let key = management::KEYS.enabled.row.name;
            from.complain(key.to_owned(), "there is no management port of its own".to_owned());
            return None;
        }
        return Some(both);
    }
    Some(PortTls { management: both.main.clone(), ..both })
}

/// Whether a key holds the path of a file, or PEM itself.
pub(super) fn is_path(name: &str) -> bool {
    let ends = ["certificate", "privatekey"];
    let roots = ["server.ssl.", "management.server.ssl.", "spring.ssl.bundle.pem."];
    let name = squashed(name);
    roots.iter().any(|root| name.starts_with(root)) && ends.iter().any(|end| name.ends_with(end))
}

fn squashed(name: &str) -> String {
    name.replace(['-', '_'], "").to_ascii_lowercase()
}

fn is_any_set(from: &Reader<'_>, keys: &Keys) -> bool {
    from.is_set(keys.enabled)
        || from.is_set(keys.certificate)
        || from.is_set(keys.private_key)
        || from.is_set(keys.trusted)
        || from.is_set(keys.clients)
        || from.is_set(keys.versions)
        || from.is_set(keys.bundle)
}

/// TLS of a port, if its keys ask for it.
fn of_port(
    from: &mut Reader<'_>,
    keys: &'static Keys,
    members: Option<&BTreeMap<String, SecretString>>,
) -> Result<Option<Tls>, Wrong> {
    let is_asked = is_any_set(from, keys);
    let stated = stated(from, keys).ok_or(Wrong)?;
    if !is_asked || stated.enabled == Some(false) {
        return Ok(None);
    }
    let bundle = stated.bundle.as_deref();
    let (name, told) = match bundle {
        None => (keys.certificate.row.name.to_owned(), stated.own),
        Some(_) if stated.own.is_any() => {
            from.refuse(keys.bundle, "is beside a certificate, a key or authorities of its port");
            return Err(Wrong);
        }
        Some(name) => {
            let Some(bundle) = read_bundle(from, name, members.ok_or(Wrong)?)? else {
                from.refuse(keys.bundle, "there is no such bundle");
                return Err(Wrong);
            };
            (format!("{BUNDLE}{name}"), bundle)
        }
    };
    let Some((certificate, private_key)) = told.certificate.zip(told.private_key) else {
        return missing(from, keys, bundle, "name a certificate and its private key, both in PEM");
    };
    if stated.clients != ClientAuth::None && told.trusted.is_none() {
        let what = "name the authorities of the clients' certificates, too";
        return missing(from, keys, bundle, what);
    }
    let versions = told.versions.filter(|_| !from.is_set(keys.versions));
    let (trusted, reloads, clients) = (told.trusted, told.reloads, stated.clients);
    let versions = versions.unwrap_or(stated.versions);
    Ok(Some(Tls { name, certificate, private_key, trusted, clients, versions, reloads }))
}

fn stated(from: &mut Reader<'_>, keys: &Keys) -> Option<Stated> {
    complete!(Stated {
        enabled: from.read(keys.enabled),
        own: complete!(Bundle {
            certificate: from.read(keys.certificate),
            private_key: from.read(keys.private_key),
            trusted: from.read(keys.trusted),
            versions: Some(None),
            reloads: Some(true),
        }),
        clients: from.read(keys.clients),
        versions: from.read(keys.versions),
        bundle: from.read(keys.bundle),
    })
}

fn missing(
    from: &mut Reader<'_>,
    keys: &Keys,
    bundle: Option<&str>,
    what: &str,
) -> Result<Option<Tls>, Wrong> {
    let place = match bundle {
        None => {
            let names =
                [keys.certificate.row.name, keys.private_key.row.name, keys.trusted.row.name];
            names.join(", ")
        }
        Some(name) => format!("{BUNDLE}{name}"),
    };
    from.complain(place, what.to_owned());
    Err(Wrong)
}

/// What a bundle says, if there is such a one.
fn read_bundle(
    from: &mut Reader<'_>,
    name: &str,
    members: &BTreeMap<String, SecretString>,
) -> Result<Option<Bundle>, Wrong> {
    let mut bundle = Bundle::default();
    let mut exists = false;
    for (member, value) in members {
        let Some(what) = member.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) else {
            continue;
        };
        let text = value.expose_secret();
        let taken = match squashed(what).as_str() {
            "keystore.certificate" => optional(text, pem).map(|pem| bundle.certificate = pem),
            "keystore.privatekey" => optional(text, pem).map(|pem| bundle.private_key = pem),
            "truststore.certificate" => optional(text, pem).map(|pem| bundle.trusted = pem),
            "options.enabledprotocols" => {
                optional(text, versions).map(|versions| bundle.versions = versions)
            }
            "reloadonupdate" => values::flag(text).map(|reloads| bundle.reloads = reloads),
            // A pair is always checked.
            "keystore.verifykeys" | "truststore.verifykeys" => Ok(()),
            "keystore.type" | "truststore.type" => values::one_of(text, &[("pem", ())]),
            "protocol" => values::one_of(text, &[("tls", ())]),
            _ if text.trim().is_empty() => Ok(()),
            _ => Err(Fault::because(
                "is not read; encrypted keys, aliases and ciphers are not taken",
            )),
        };
        if let Err(Fault(reason)) = taken {
            let reason = reason.unwrap_or("is no value of this key".into()).into_owned();
            from.complain(format!("{BUNDLE}{member}"), reason);
            return Err(Wrong);
        }
        exists = true;
    }
    Ok(exists.then_some(bundle))
}

/// PEM itself, or the path of a file as Spring names one.
fn pem(text: &str) -> Read<Pem> {
    let text = text.trim();
    if text.starts_with("-----BEGIN") {
        return Ok(Pem::Text(text.into()));
    }
    if text.starts_with("classpath") {
        return Err(Fault::because("there is no class path here"));
    }
    if [".jks", ".p12", ".pfx", ".keystore"].iter().any(|end| text.ends_with(end)) {
        return Err(Fault::because("key stores of Java are not read"));
    }
    let path = text.strip_prefix("file:").unwrap_or(text);
    let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
    let is_path = !path.is_empty() && !path.contains('\n') && !path.contains("://");
    if is_path { Ok(Pem::File(path.into())) } else { Err(Fault::SHAPE) }
}

fn clients(text: &str) -> Read<ClientAuth> {
    let words =
        [("none", ClientAuth::None), ("want", ClientAuth::Want), ("need", ClientAuth::Need)];
    values::one_of(text, &words)
}

fn versions(text: &str) -> Read<Vec<TlsVersion>> {
    let words = [("tlsv1.2", TlsVersion::V1_2), ("tlsv1.3", TlsVersion::V1_3)];
    let versions = list(text, |word| values::one_of(word, &words))?;
    if versions.is_empty() { Err(Fault::SHAPE) } else { Ok(versions) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::Case;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\npl4nted\n-----END PRIVATE KEY-----";

    fn read(options: &[(&str, &str)]) -> PortTls {
        case(options).loaded().settings.encryption
    }

    fn case(options: &[(&str, &str)]) -> Case {
        options.iter().fold(Case::new(), |case, (name, value)| case.option(name, value))
    }

    fn file(pem: &Pem) -> String {
        match pem {
            Pem::File(path) => path.display().to_string(),
            Pem::Text(_) => "text".to_owned(),
        }
    }

    const PAIR: [(&str, &str); 2] = [
        ("server.ssl.certificate", "file:/tls/tls.crt"),
        ("server.ssl.certificate-private-key", "file:///tls/tls.key"),
    ];

    #[test]
    fn a_certificate_and_a_key_are_enough() {
        assert!(read(&[]).main.is_none());
        let main = read(&PAIR).main.unwrap();
        assert_eq!(
            (file(&main.certificate), file(&main.private_key)),
            ("/tls/tls.crt".into(), "/tls/tls.key".into())
        );
        assert_eq!((main.clients, main.reloads), (ClientAuth::None, true));
        assert_eq!(main.versions, [TlsVersion::V1_2, TlsVersion::V1_3]);
        let off = [&PAIR[..], &[("server.ssl.enabled", "false")]].concat();
        assert!(read(&off).main.is_none());
    }

    #[test]
    fn what_lacks_a_part_is_refused_by_name() {
        for (options, said) in [
            (&[("server.ssl.enabled", "true")][..], "server.ssl.certificate, "),
            (&PAIR[..1], "server.ssl.certificate-private-key"),
            (
                &[PAIR[0], PAIR[1], ("server.ssl.client-auth", "need")],
                "authorities of the clients'",
            ),
            (
                &[PAIR[0], PAIR[1], ("server.ssl.enabled-protocols", "TLSv1.1")],
                "TLSv1.2, TLSv1.3 or",
            ),
            (&[PAIR[0], PAIR[1], ("server.ssl.bundle", "web")], "server.ssl.bundle"),
            (&[("server.ssl.bundle", "web")], "there is no such bundle"),
            (&[("server.ssl.key-store", "k.p12")], "server.ssl.certificate-private-key"),
            (&[("server.ssl.certificate-private-key-password", "x")], "encrypted keys"),
            (&[("server.ssl.certificate", "classpath:c.pem")], "no class path"),
            (&[("server.ssl.certificate", "k.jks")], "key stores of Java"),
            (&[PAIR[0], PAIR[1], ("management.server.ssl.enabled", "true")], "management"),
            (&[("spring.ssl.bundle.jks.web.keystore.location", "k")], "spring.ssl.bundle.pem"),
        ] {
            let refused = case(options).refused();
            assert!(refused.contains(said), "{said} is not in {refused}");
        }
    }

    #[test]
    fn the_management_port_has_all_of_its_own_or_all_of_the_main_ports() {
        let apart = ("management.server.port", "0");
        let same = read(&[PAIR[0], PAIR[1], apart]);
        assert!(same.main.is_some() && same.management.is_some());
        let off = read(&[PAIR[0], PAIR[1], apart, ("management.server.ssl.enabled", "false")]);
        assert!(off.main.is_some() && off.management.is_none());
        let own = read(&[
            apart,
            ("management.server.ssl.certificate", "m.crt"),
            ("management.server.ssl.certificate-private-key", "m.key"),
        ]);
        assert_eq!(file(&own.management.unwrap().certificate), "m.crt");
        assert!(own.main.is_none());
    }

    #[test]
    fn a_bundle_names_all_of_it_and_no_key_is_shown() {
        let bundle = "spring.ssl.bundle.pem.web";
        let case = Case::new().file(
            "application.yml",
            &format!(
                "server.ssl: {{bundle: web, client-auth: want}}\n{bundle}:\n  reload-on-update: true\n  keystore:\n    \
                 certificate: file:/tls/tls.crt\n    privateKey: |\n{}\n  \
                 truststore: {{certificate: /tls/ca.crt}}\n  options: {{enabled-protocols: TLSv1.3}}\n",
                KEY.replace("-----BEGIN", "      -----BEGIN").replace('\n', "\n      "),
            ),
        );
        let loaded = case.loaded();
        let main = loaded.settings.encryption.main.unwrap();
        assert_eq!(main.name, bundle);
        assert_eq!(file(&main.certificate), "/tls/tls.crt", "it stays the path of a file");
        assert_eq!(file(&main.private_key), "text");
        assert_eq!((main.clients, &main.versions[..]), (ClientAuth::Want, &[TlsVersion::V1_3][..]));
        assert!(main.reloads && main.trusted.is_some());
        assert!(loaded.effective.iter().all(|effective| !effective.value.contains("pl4nted")));
        let wrong = case.option(&format!("{bundle}.key.alias"), "a").refused();
        assert!(wrong.contains("spring.ssl.bundle.pem.web.key.alias"), "{wrong}");
        assert!(wrong.contains("is not read"), "{wrong}");
    }

    #[test]
    fn a_config_server_names_only_files_that_it_may() {
        for name in [
            "server.ssl.certificate",
            "management.server.ssl.trust-certificate",
            "server.ssl.certificatePrivateKey",
            "spring.ssl.bundle.pem.web.keystore.privateKey",
            "spring.ssl.bundle.pem.web.truststore.certificate",
        ] {
            assert!(is_path(name), "{name}");
        }
        assert!(!is_path("server.ssl.bundle") && !is_path("order.certificate"));
    }
}

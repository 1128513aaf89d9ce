//! What URLs come to, in the words of each driver.

use super::super::url::parse;
use super::*;

fn settled(url: &str) -> Result<Settled, String> {
    let reason = |Fault(reason)| reason.expect("a reason").into_owned();
    let asked = parse(url).map_err(reason)?.asked;
    asked.wishes.settle(asked.dialect, None).map_err(reason)
}

fn checked(url: &str) -> Option<ServerCheck> {
    let settled = settled(url).unwrap_or_else(|reason| panic!("{url}: {reason}"));
    settled.encryption.map(|encryption| encryption.check)
}

#[test]
fn each_driver_s_words_come_to_the_same_checks() {
    use ServerCheck::{Authority, Host, Nothing};
    for (url, expected) in [
        ("jdbc:postgresql://h/o", None),
        ("jdbc:postgresql://h/o?sslmode=disable", None),
        ("jdbc:postgresql://h/o?ssl=false", None),
        ("jdbc:postgresql://h/o?sslmode=prefer", None),
        ("postgres://h/o?sslmode=allow", None),
        ("postgres://h/o?sslmode=require", Some(Nothing)),
        ("postgres://h/o?sslmode=verify-ca", Some(Authority)),
        ("postgresql://h/o?sslmode=verify-full", Some(Host)),
        ("jdbc:postgresql://h/o?ssl=true", Some(Host)),
        ("jdbc:postgresql://h/o?ssl", Some(Host)),
        ("jdbc:postgresql://h/o?ssl=true&sslmode=require", Some(Nothing)),
        ("jdbc:postgresql://h/o?ssl=true&sslfactory=org.postgresql.ssl.LibPQFactory", Some(Host)),
        ("postgres://h/o?sslrootcert=system", Some(Host)),
        ("jdbc:mysql://h/o?useSSL=false", None),
        ("jdbc:mysql://h/o?useSSL=true", None),
        ("jdbc:mysql://h/o?useSSL=true&requireSSL=false&verifyServerCertificate=false", None),
        ("jdbc:mysql://h/o?useSSL=true&requireSSL=true", Some(Nothing)),
        ("jdbc:mysql://h/o?requireSSL=true&verifyServerCertificate=true", Some(Authority)),
        ("jdbc:mysql://h/o?sslMode=DISABLED", None),
        ("jdbc:mysql://h/o?sslMode=PREFERRED", None),
        ("jdbc:mysql://h/o?sslMode=REQUIRED", Some(Nothing)),
        ("jdbc:mysql://h/o?sslMode=VERIFY_CA", Some(Authority)),
        ("jdbc:mysql://h/o?sslMode=VERIFY_IDENTITY&useSSL=true", Some(Host)),
        ("mysql://h/o?ssl-mode=REQUIRED", Some(Nothing)),
        ("mysql://h/o?require_ssl=true", Some(Nothing)),
        ("mysql://h/o?ssl=true", None),
        ("jdbc:mariadb://h/o?sslMode=disable", None),
        ("jdbc:mariadb://h/o?sslMode=trust", Some(Nothing)),
        ("jdbc:mariadb://h/o?sslMode=verify-ca", Some(Authority)),
        ("jdbc:mariadb://h/o?sslMode=verify-full", Some(Host)),
        ("jdbc:mariadb://h/o?useSsl=true", Some(Host)),
        ("jdbc:mariadb://h/o?useSSL=true&trustServerCertificate=true", Some(Nothing)),
        ("jdbc:mariadb://h/o?useSSL=true&disableSslHostnameVerification=true", Some(Authority)),
        ("jdbc:mysql://h/o?sslMode=REQUIRED&enabledTLSProtocols=TLSv1.2,TLSv1.3", Some(Nothing)),
        ("sqlite:o.db?sslmode=disable", None),
    ] {
        assert_eq!(checked(url), expected, "{url}");
    }
}

#[test]
fn what_protects_less_than_it_seems_is_named_at_the_start() {
    for (url, warning) in [
        ("postgres://h/o?sslmode=prefer", Some(PLAIN)),
        ("jdbc:mysql://h/o?useSSL=true", Some(PLAIN)),
        ("mysql://h/o?sslMode=PREFERRED", Some(PLAIN)),
        ("postgres://h/o?sslmode=require", Some(UNCHECKED)),
        ("jdbc:mariadb://h/o?sslMode=trust", Some(UNCHECKED)),
        ("postgres://h/o", None),
        ("postgres://h/o?sslmode=disable", None),
        ("postgres://h/o?sslmode=verify-full", None),
        ("mysql://h/o?sslMode=VERIFY_CA", None),
    ] {
        assert_eq!(settled(url).unwrap().warning, warning, "{url}");
    }
}

#[test]
fn files_are_taken_by_each_name() {
    let path = |text: &str| PathBuf::from(text);
    for (url, authorities, identity) in [
        ("postgres://h/o?sslmode=verify-full&sslrootcert=/ca.pem", Some("/ca.pem"), None),
        ("mysql://h/o?ssl-mode=VERIFY_CA&ssl-ca=ca.pem", Some("ca.pem"), None),
        ("jdbc:mariadb://h/o?sslMode=verify-ca&serverSslCert=file:/ca.pem", Some("/ca.pem"), None),
        (
            "postgres://h/o?sslmode=require&sslcert=c.pem&sslkey=c.key",
            None,
            Some(("c.pem", "c.key")),
        ),
        ("mysql://h/o?sslMode=REQUIRED&ssl-cert=c&ssl-key=k", None, Some(("c", "k"))),
    ] {
        let encryption = settled(url).unwrap().encryption.unwrap();
        assert_eq!(encryption.authorities, authorities.map(path), "{url}");
        let identity = identity.map(|(certificate, key)| (path(certificate), path(key)));
        assert_eq!(encryption.identity, identity, "{url}");
    }
    let bound = settled("postgres://h/o?sslmode=verify-full&channelBinding=require").unwrap();
    assert!(bound.is_bound);
}

#[test]
fn what_cannot_be_honoured_is_refused_by_name() {
    for (url, part) in [
        ("postgres://h/o?sslmode=on", "sslMode is none of"),
        ("mysql://h/o?sslMode=", "sslMode is none of"),
        ("postgres://h/o?sslmode=disable&sslrootcert=/ca.pem", "no mode that uses them"),
        ("postgres://h/o?sslrootcert=/ca.pem", "no mode that uses them"),
        ("postgres://h/o?channel_binding=require", "no mode that uses them"),
        ("postgres://h/o?sslmode=require&sslrootcert=/ca.pem", "does not ask it"),
        ("postgres://h/o?sslmode=require&sslrootcert=system", "needs sslmode=verify-full"),
        ("postgres://h/o?sslmode=require&sslcert=/c.pem", "belong together"),
        ("postgres://h/o?sslmode=require&sslcert=c.pem&sslkey=c.pk8", "PEM"),
        ("postgres://h/o?sslmode=require&sslpassword=planted", "encrypted keys are not read"),
        ("postgres://h/o?sslfactory=org.postgresql.ssl.NonValidatingFactory", "sslmode=require"),
        ("postgres://h/o?sslmode=require&sslhostnameverifier=x", "is not known here"),
        ("postgres://h/o?sslmode=require&sslnegotiation=direct", "sslNegotiation"),
        ("postgres://h/o?gssEncMode=require", "Kerberos"),
        ("postgres://h/o?sslmode=require&ssl_min_protocol_version=TLSv1.3", "TLS 1.2 and 1.3"),
        ("postgres://h/o?sslmode=disable&ssl=true", "for TLS and for none"),
        ("mysql://h/o?useSSL=false&requireSSL=true", "for TLS and for none"),
        ("mysql://h/o?sslMode=PREFERRED&requireSSL=true", "for TLS and for none"),
        ("mysql://h/o?sslMode=VERIFY_CA&ssl-mode=REQUIRED", "different things"),
        ("mysql://h/o?trustCertificateKeyStoreUrl=file:/t.jks", "order.database.ca-certificate"),
        ("mysql://h/o?clientCertificateKeyStorePassword=planted", "PEM"),
        ("jdbc:mariadb://h/o?trustStore=t.jks", "order.database.ca-certificate"),
        (
            "jdbc:mariadb://h/o?serverSslCert=-----BEGIN%20CERTIFICATE-----planted",
            "not the PEM itself",
        ),
        ("jdbc:mariadb://h/o?serverSslCert=classpath:ca.pem", "no class path"),
        ("mysql://h/o?tlsCiphersuites=X", "ciphers"),
        ("mysql://h/o?sslaccept=strict", "is not known here"),
        ("mysql://h/o?ssl=%7B%22rejectUnauthorized%22:true%7D", "true or false"),
        ("sqlite:o.db?sslmode=require", "SQLite is a file"),
    ] {
        let reason = settled(url).expect_err(url);
        assert!(reason.contains(part), "{url}: {reason}");
        assert!(!reason.contains("planted"), "{reason}");
    }
}

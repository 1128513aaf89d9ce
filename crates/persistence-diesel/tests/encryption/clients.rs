//! What a server is shown of the client: certificates and passwords.

use persistence_diesel::{Check, Tls};

use crate::rig::{PASSWORD, Rig};

/// Keys of each kind and form are taken, where the server demands a certificate.
pub(crate) async fn a_server_that_demands_a_certificate_gets_it(rig: &Rig) {
    let url = || rig.url_of("certified", None);
    for name in ["client", "client-rsa"] {
        let tls = rig.identified(&format!("{name}.pem"), &format!("{name}.key"));
        rig.connect(url(), Some(tls)).await.expect(name);
    }
    let without = rig.connect(url(), Some(rig.checking(Check::Host))).await;
    let told = without.expect_err("the server demands a certificate");
    assert!(!told.contains(PASSWORD), "{told}");
    let forged = rig.connect(url(), Some(rig.identified("forged.pem", "forged.key"))).await;
    let told = forged.expect_err("the server knows its authority");
    assert!(told.contains("does not take the certificate of this service"), "{told}");
}

/// On PostgreSQL, whose server asks for it in clear text; MySQL does so on encrypted connections, too, for a user that it has not
/// seen before.
pub(crate) async fn a_password_goes_to_a_server_that_is_known(rig: &Rig) {
    let url = || rig.url_of("spoken", None);
    for check in [Check::Authority, Check::Host] {
        rig.connect(url(), Some(rig.checking(check))).await.expect("the server is known");
    }
    if rig.is_postgres() {
        for tls in [None, Some(rig.checking(Check::Nothing))] {
            let told = rig.connect(url(), tls).await.expect_err("it may be anybody");
            assert!(told.contains("order.database.allow-cleartext-password"), "{told}");
        }
    }
}

pub(crate) fn files_that_are_no_use_are_named(rig: &Rig) {
    let authority =
        |name: &str| Tls { authorities: Some(rig.file(name)), ..rig.checking(Check::Host) };
    for (tls, file, reason) in [
        (authority("nowhere.pem"), "nowhere.pem", "cannot be read"),
        (authority("client.p12"), "client.p12", "no certificate in PEM"),
        (authority("client.key"), "client.key", "no certificate in PEM"),
        (rig.identified("client.pem", "nowhere.key"), "nowhere.key", "cannot be read"),
        (rig.identified("client.p12", "client.key"), "client.p12", "no certificate in PEM"),
        (rig.identified("client.pem", "client.p12"), "client.p12", "no private key in PEM"),
        (rig.identified("client.pem", "client-encrypted.key"), "encrypted.key", "is encrypted"),
        (rig.identified("client.pem", "forged.key"), "forged.key", "does not fit"),
    ] {
        let told = Rig::open(rig.url_of("certified", None), Some(tls)).err();
        let told = told.expect("nothing is opened");
        assert!(told.contains(file) && told.contains(reason), "{told}");
        assert!(!told.contains(PASSWORD), "{told}");
    }
}

//! What is checked of a server, and what an attacker on the way gets.

use std::time::Duration;

use order_testkit::databases::Database;
use order_testkit::examples::{a_change_placing, a_new_order, soon, within};
use order_testkit::{Commit, Conduct, Proxy};
use persistence_diesel::{Check, Tls};

use crate::relay::{self, Deed};
use crate::rig::{PASSWORD, Rig, copied};

const UNKNOWN: &str = "signed by no authority that is trusted here";
const OTHER_HOST: &str = "is for another host";
const EXPIRED: &str = "has expired";

/// What each certificate of a server is refused for: by its authority, and by its host, too.
const CERTIFICATES: [(&str, Option<&str>, Option<&str>); 5] = [
    ("stranger", Some(UNKNOWN), Some(UNKNOWN)),
    ("expired", Some(EXPIRED), Some(EXPIRED)),
    ("elsewhere", None, Some(OTHER_HOST)),
    ("nameless", None, Some(OTHER_HOST)),
    ("server", None, None),
];

pub(crate) async fn each_check_takes_the_certificates_that_it_should(rig: &Rig) {
    for (certificate, by_authority, by_host) in CERTIFICATES {
        let address = rig.show(certificate).await;
        let url = || rig.url_of("sealed", address);
        for (check, refusal) in
            [(Check::Nothing, None), (Check::Authority, by_authority), (Check::Host, by_host)]
        {
            let about = format!("{certificate} for {check:?}");
            let tls = || Some(rig.checking(check));
            if let Some(reason) = refusal {
                let told = rig.connect(url(), tls()).await.expect_err(&about);
                let host = "no encrypted connection to 127.0.0.1: ";
                assert!(told.contains(host) && told.contains(reason), "{about}: {told}");
                assert!(!told.contains(PASSWORD), "{told}");
            } else {
                let stores = Rig::open(url(), tls()).expect("the files are good");
                stores.orders.ping(soon()).await.expect(&about);
                let (encrypted, plain) = rig.sessions("sealed").await;
                assert!(encrypted > 0 && plain == 0, "{about}: {encrypted}, {plain}");
            }
        }
    }
    // The server does tell them apart.
    let user = if rig.is_postgres() { "sealed" } else { "spoken" };
    let stores = Rig::open(rig.url_of(user, None), None).expect("no files");
    stores.orders.ping(soon()).await.expect("a plain connection");
    let (_, plain) = rig.sessions(user).await;
    assert!(plain > 0, "{plain}");
    if rig.database != Database::Postgres {
        let refused = rig.connect(rig.url_of("sealed", None), None).await;
        assert!(refused.is_err(), "the user may connect encrypted alone");
    }
}

/// Neither another authority nor a file that is half written needs a new start.
pub(crate) async fn files_that_change_serve_new_connections(rig: &Rig) {
    let folder = tempfile::tempdir().expect("a folder");
    let authorities = folder.path().join("ca.pem");
    copied(&rig.file("authority.pem"), &authorities);
    let tls = Tls { check: Check::Host, authorities: Some(authorities.clone()), identity: None };
    let server = rig.scratch.address().expect("a server");
    let proxy = Proxy::before(server, Commit::Spoken).await;
    let url = rig.url_of("sealed", Some(proxy.address));
    let stores = Rig::open(url, Some(tls)).expect("the files are good");
    // Each order by a new connection.
    let place = async |id, deadline| {
        proxy.behave(Conduct::Down);
        let cut = stores.orders.ping(within(Duration::from_millis(200))).await;
        assert!(cut.is_err(), "there is no connection left");
        proxy.behave(Conduct::Honest);
        stores.orders.commit(a_change_placing(a_new_order(id, 7)).into(), deadline).await
    };
    place(101, soon()).await.expect("the authority is known");
    std::fs::write(&authorities, "-----BEGIN CERTIFICATE-----\nhalf").expect("a file");
    place(102, soon()).await.expect("what the file held before goes on");
    copied(&rig.file("stranger-authority.pem"), &authorities);
    let refused = place(103, within(Duration::from_millis(500))).await;
    assert!(refused.is_err(), "the authority is not known");
    copied(&rig.file("authority.pem"), &authorities);
    place(104, soon()).await.expect("the authority is known again");
}

pub(crate) async fn an_attacker_who_strips_or_cuts_the_encryption_gets_nothing(rig: &Rig) {
    let server = rig.scratch.address().expect("a server");
    for check in [Check::Nothing, Check::Authority, Check::Host] {
        for (deed, reason) in [
            (Deed::Strips, "the server speaks no TLS, or an attacker on the way says so"),
            (Deed::Cuts, "the connection was cut while it was being encrypted"),
        ] {
            let (address, seen) = relay::before(server, rig.is_postgres(), deed).await;
            let url = rig.url_of("sealed", Some(address));
            let told = rig.connect(url, Some(rig.checking(check))).await;
            let told = told.expect_err("no connection without TLS");
            assert!(told.contains(reason), "{check:?} {deed:?}: {told}");
            assert_eq!(seen.texts(&["sealed", PASSWORD]), [""; 0], "{check:?} {deed:?}");
        }
    }
}

pub(crate) async fn nothing_is_read_on_the_way(rig: &Rig) {
    let server = rig.scratch.address().expect("a server");
    let texts = ["INSERT", "SELECT", "orders", "outbox", "order.created", "sealed"];
    for (tls, read) in [
        (None, &texts[..5]),
        (Some(rig.checking(Check::Nothing)), &[][..]),
        (Some(rig.checking(Check::Host)), &[][..]),
    ] {
        let (address, seen) = relay::before(server, rig.is_postgres(), Deed::Reads).await;
        let is_plain = tls.is_none();
        let url = if is_plain {
            let plain = rig.scratch.url.replace(&server.to_string(), &address.to_string());
            assert_ne!(plain, rig.scratch.url);
            plain
        } else {
            rig.url_of("sealed", Some(address))
        };
        let stores = Rig::open(url.clone(), tls).expect("the files are good");
        let before = seen.connections();
        stores.database.pending().await.expect("a connection");
        // A server that is no pooler is known at once, encrypted or not: no connection is compared with others.
        assert_eq!(seen.connections(), before + 1);
        let id = stores.orders.next_order_id(soon()).await.expect("an id");
        let change = a_change_placing(a_new_order(id.get(), 7));
        stores.orders.commit(change.into(), soon()).await.expect("an order is placed");
        assert_eq!(seen.texts(&texts), read);
    }
}

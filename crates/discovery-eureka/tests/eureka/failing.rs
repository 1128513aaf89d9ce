//! Servers that refuse, fail, hang or talk nonsense: the state tells why, the next server is asked,
//! and what was last read of the registry stays.

use std::time::Duration;

use discovery_eureka::{
    Condition, Discovery, EurekaSettings, Failure, Registry, Standing, StartError, State,
};
use serde_json::json;

use crate::stub::{Reply, Stub, everybody, willing};
use crate::support::{
    ambient, eventually, instance, registered, settings, start, start_registration, start_registry,
    until,
};

fn why(state: &State) -> Vec<Failure> {
    let Standing::NotRegistered { because } = &state.standing else { panic!("{state:?}") };
    because.0.iter().map(|(_, failure)| failure.clone()).collect()
}

async fn refused(reply: Reply) -> Vec<Failure> {
    let stub = Stub::that(move |_| reply.clone()).await;
    let registration = start_registration(settings(&[&stub.url], instance("a", 1)));
    registration.ready();
    why(&until(&registration, |s| matches!(s, Standing::NotRegistered { .. })).await)
}

#[tokio::test]
async fn each_way_of_refusing_a_registration_is_told_apart() {
    assert_eq!(refused(Reply::Status(401)).await, [Failure::Unauthorized]);
    assert_eq!(refused(Reply::Status(403)).await, [Failure::Forbidden]);
    assert_eq!(refused(Reply::Status(404)).await, [Failure::Status(404)]);
    assert_eq!(refused(Reply::Status(500)).await, [Failure::Status(500)]);
    assert_eq!(refused(Reply::Silence).await, [Failure::TimedOut(Duration::from_secs(5))]);
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect() {
    let thief = Stub::willing().await;
    let to = thief.url.clone();
    let stub = Stub::that(move |_| Reply::Redirect(to.clone())).await;
    let url = stub.url.replace("//", "//ann:s3cret@");
    let registration = start_registration(settings(&[&url], instance("a", 1)));
    registration.ready();
    let state = until(&registration, |s| matches!(s, Standing::NotRegistered { .. })).await;
    assert_eq!(why(&state), [Failure::Status(302)]);
    assert_eq!(thief.heard(), []);
    assert!(stub.heard().iter().all(|heard| heard.authorization.is_some()));
}

#[tokio::test]
async fn a_server_that_nobody_runs_is_out_of_reach() {
    let registration =
        start_registration(settings(&["http://127.0.0.1:9/eureka"], instance("a", 1)));
    registration.ready();
    let state = until(&registration, |s| matches!(s, Standing::NotRegistered { .. })).await;
    let [Failure::Unreachable(reason)] = &why(&state)[..] else { panic!("{state:?}") };
    assert!(reason.contains("refused"), "{reason}");
}

#[tokio::test]
async fn the_next_server_takes_what_the_first_ones_do_not() {
    let failing = Stub::that(|_| Reply::Status(503)).await;
    let hanging = Stub::that(|_| Reply::Silence).await;
    let good = Stub::willing().await;
    let servers = [&*failing.url, &hanging.url, &good.url];
    let (registration, registry) = start(settings(&servers, instance("a", 1)));
    registration.ready();
    let state = registered(&registration).await;
    let Standing::Registered { server, .. } = state.standing else { panic!("{state:?}") };
    assert_eq!(server.to_string(), good.url);
    registry.first_read().await;
    // It stays there.
    failing.forget();
    hanging.forget();
    good.until_asked("PUT /eureka/apps/A/box:a:1", 2).await;
    assert_eq!(failing.heard(), []);
    assert_eq!(hanging.heard(), []);
}

#[tokio::test]
async fn a_failing_server_is_tried_until_it_recovers() {
    let stub = Stub::that(|_| Reply::Status(500)).await;
    let registration = start_registration(settings(&[&stub.url], instance("a", 1)));
    registration.ready();
    let failing = until(&registration, |s| matches!(s, Standing::NotRegistered { .. })).await;
    stub.until_asked("POST /eureka/apps/A", 2).await;
    assert_eq!(registration.state(), failing, "since when it fails does not move");
    stub.behave(willing);
    let state = registered(&registration).await;
    assert!(state.since > failing.since);
}

fn ids(registry: &Registry) -> Vec<String> {
    registry.instances("stock").iter().map(|instance| instance.id.clone()).collect()
}

#[tokio::test]
async fn what_was_last_read_stays_whatever_a_server_answers_later() {
    let stock = json!({"app": "STOCK", "instanceId": "s1", "status": "UP"});
    let stub = Stub::that(move |_| everybody("UP_1_", std::slice::from_ref(&stock))).await;
    let registry = start_registry(settings(&[&stub.url], instance("a", 1)));
    registry.first_read().await;
    assert_eq!(ids(&registry), ["s1"]);

    let replies = [
        (Reply::Status(401), "it does not accept the credentials"),
        (Reply::Status(500), "it answered 500"),
        (Reply::Text("<html>".into()), "not that of a Eureka server"),
        (Reply::Json(json!({"applications": {"application": "x"}})), "not that of a Eureka server"),
        (Reply::Endless, "its answer has more than"),
        (Reply::Silence, "it did not answer within 5s"),
    ];
    for (reply, reason) in replies {
        stub.behave(move |_| reply.clone());
        eventually(reason, async || match registry.condition() {
            Condition::Failing { because, .. } if because.to_string().contains(reason) => Some(()),
            _ => None,
        })
        .await;
        assert_eq!(ids(&registry), ["s1"]);
    }

    stub.behave(|_| everybody("", &[]));
    eventually("the registry is read again", async || ids(&registry).is_empty().then_some(()))
        .await;
}

#[tokio::test]
async fn nonsense_is_not_repeated_in_the_failure() {
    let stub = Stub::that(|_| Reply::Text("{\"applications\": \"s3cret\"}".into())).await;
    let registry = start_registry(settings(&[&stub.url], instance("a", 1)));
    let because = eventually("a failure", async || match registry.condition() {
        Condition::Failing { because, .. } => Some(because),
        _ => None,
    })
    .await;
    assert!(!because.to_string().contains("s3cret"), "{because}");
}

#[tokio::test]
async fn without_a_server_there_is_no_discovery() {
    let settings: EurekaSettings = settings(&[], instance("a", 1));
    let refused = Discovery::start(settings, ambient());
    assert!(matches!(refused, Err(StartError::NoServers)));
}

//! Servers that refuse a registration, fail or hang: the state tells why, and the next server is
//! asked.

use std::time::Duration;

use discovery_eureka::{Failure, Standing, StartError, State};

use crate::stub::{Reply, Stub, willing};
use crate::support::{ambient, instance, registered, settings, start, until};

fn why(state: &State) -> Vec<Failure> {
    let Standing::NotRegistered { because } = &state.standing else { panic!("{state:?}") };
    because.0.iter().map(|(_, failure)| failure.clone()).collect()
}

async fn refused(reply: Reply) -> Vec<Failure> {
    let stub = Stub::that(move |_| reply.clone()).await;
    let registration = start(settings(&[&stub.url], instance("a", 1)));
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

/// What answers so is a portal or a proxy, not Eureka.
#[tokio::test]
async fn a_server_that_says_200_to_everything_has_registered_nothing() {
    let not_eureka =
        |why: &str| vec![Failure::Garbage(format!("{why} to a registration, not 204"))];
    assert_eq!(refused(Reply::Status(200)).await, not_eureka("200"));
    assert_eq!(refused(Reply::Status(201)).await, not_eureka("201"));
    assert_eq!(refused(Reply::Text("<html>welcome</html>".into())).await, not_eureka("200"));
    assert_eq!(refused(Reply::Json(serde_json::json!({}))).await, not_eureka("200"));
}

#[tokio::test]
async fn a_registration_ends_when_the_server_gives_way_to_another_kind() {
    for (beat, page) in [(204, Reply::Status(404)), (200, Reply::Text("<html>".into()))] {
        let stub = Stub::willing().await;
        let registration = start(settings(&[&stub.url], instance("a", 1)));
        registration.ready();
        registered(&registration).await;
        stub.behave(move |heard| match &*heard.what {
            what if what.starts_with("PUT ") => Reply::Status(beat),
            _ => page.clone(),
        });
        let state = until(&registration, |s| matches!(s, Standing::NotRegistered { .. })).await;
        assert!(matches!(&why(&state)[..], [Failure::Garbage(_)]), "{state:?}");
    }
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect() {
    let thief = Stub::willing().await;
    let to = thief.url.clone();
    let stub = Stub::that(move |_| Reply::Redirect(to.clone())).await;
    let url = stub.url.replace("//", "//ann:s3cret@");
    let registration = start(settings(&[&url], instance("a", 1)));
    registration.ready();
    let state = until(&registration, |s| matches!(s, Standing::NotRegistered { .. })).await;
    assert_eq!(why(&state), [Failure::Status(302)]);
    assert_eq!(thief.heard(), []);
    assert!(stub.heard().iter().all(|heard| heard.authorization.is_some()));
}

#[tokio::test]
async fn a_port_without_a_server_is_out_of_reach() {
    let registration = start(settings(&["http://127.0.0.1:9/eureka"], instance("a", 1)));
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
    let registration = start(settings(&servers, instance("a", 1)));
    registration.ready();
    let state = registered(&registration).await;
    let Standing::Registered { server, .. } = state.standing else { panic!("{state:?}") };
    assert_eq!(server.to_string(), good.url);
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
    let registration = start(settings(&[&stub.url], instance("a", 1)));
    registration.ready();
    let failing = until(&registration, |s| matches!(s, Standing::NotRegistered { .. })).await;
    stub.until_asked("POST /eureka/apps/A", 2).await;
    assert_eq!(registration.state(), failing, "since when it fails does not move");
    stub.behave(willing);
    let state = registered(&registration).await;
    assert!(state.since > failing.since);
}

#[tokio::test]
async fn without_a_server_there_is_no_registration() {
    let refused = discovery_eureka::start(settings(&[], instance("a", 1)), ambient());
    assert!(matches!(refused, Err(StartError::NoServers)));
}

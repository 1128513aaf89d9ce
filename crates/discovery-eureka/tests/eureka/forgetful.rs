//! What is said to a server, in which order, and again when it has forgotten. An instance is
//! registered only when it is ready; an operator's override survives a restart of the server; what
//! an earlier run of the instance left behind is cleared away.

use discovery_eureka::{InstanceSettings, Standing, Status};
use serde_json::{Value, json};

use crate::stub::{Heard, Reply, Stub, willing};
use crate::support::{instance, registered, settings, start, until};

const REGISTER: &str = "POST /eureka/apps/A";
const ME: &str = "/eureka/apps/A/box:a:1";

fn dirty(heard: &Heard) -> u64 {
    heard.body["instance"]["lastDirtyTimestamp"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn nothing_is_registered_before_the_instance_is_ready() {
    let stub = Stub::willing().await;
    let registration = start(settings(&[&stub.url], instance("a", 1)));
    // Another instance registers meanwhile, so there was time for this one, too.
    let other = start(settings(&[&stub.url], instance("b", 1)));
    other.ready();
    registered(&other).await;
    let of_this = |heard: &Heard| heard.what.contains("/apps/A");
    assert_eq!(stub.heard().into_iter().find(of_this), None);
    assert_eq!(registration.state().standing, Standing::Hidden);

    registration.ready();
    registered(&registration).await;
    let told = stub.until_asked(REGISTER, 1).await;
    assert_eq!(told.body["instance"]["status"], "UP");
    let beat = stub.until_asked(&format!("PUT {ME}"), 1).await;
    assert_eq!(beat.query, format!("status=UP&lastDirtyTimestamp={}", dirty(&told)));
    let all = stub.heard();
    assert!(all.iter().all(|heard| heard.accept.as_deref() == Some("application/json")), "{all:?}");
}

#[tokio::test]
async fn a_server_that_has_forgotten_the_instance_is_told_again_with_a_newer_stamp() {
    let stub = Stub::willing().await;
    let registration = start(settings(&[&stub.url], instance("a", 1)));
    registration.ready();
    let first = stub.until_asked(REGISTER, 1).await;
    let mut forgotten = false;
    stub.behave(move |heard| match &*heard.what {
        what if what.starts_with("PUT ") && !std::mem::replace(&mut forgotten, true) => {
            Reply::Status(404)
        }
        _ => willing(heard),
    });
    let second = stub.until_asked(REGISTER, 2).await;
    assert!(dirty(&second) > dirty(&first));
    stub.until_asked(&format!("PUT {ME}"), 3).await;
    assert!(matches!(registration.state().standing, Standing::Registered { .. }));
    let told = stub.heard().into_iter().filter(|heard| heard.what == REGISTER).count();
    assert_eq!(told, 2, "a heartbeat that is known again is enough");
}

/// What a server still knows of this instance.
fn left(status: &str, metadata: &Value) -> Value {
    json!({
        "app": "A", "instanceId": "box:a:1", "status": status, "overriddenStatus": status,
        "metadata": metadata, "lastDirtyTimestamp": "99999999999999",
    })
}

#[tokio::test]
async fn what_a_run_left_that_was_killed_while_stopping_does_not_shut_out_the_next() {
    let earlier = json!({"instance": left("OUT_OF_SERVICE", &json!({"stopping": "true"}))});
    let stub = Stub::that(move |heard| match &*heard.what {
        what if what == format!("GET {ME}") => Reply::Json(earlier.clone()),
        _ => willing(heard),
    })
    .await;
    let registration = start(settings(&[&stub.url], instance("a", 1)));
    registration.ready();
    let told = stub.until_asked(REGISTER, 1).await;
    let order: Vec<_> = stub.heard().into_iter().take(3).map(|heard| heard.what).collect();
    assert_eq!(order, [format!("GET {ME}"), format!("DELETE {ME}"), REGISTER.to_owned()]);
    assert_eq!(told.body["instance"]["overriddenStatus"], "UNKNOWN");
    assert_eq!(dirty(&told), 100_000_000_000_000, "a clock that went back is made up for");
    let state = registered(&registration).await;
    assert!(matches!(state.standing, Standing::Registered { overridden: None, .. }));
}

#[tokio::test]
async fn an_override_is_left_alone_and_told_to_a_server_that_has_forgotten_it() {
    let document = json!({"instance": left("OUT_OF_SERVICE", &json!({}))});
    let stub = Stub::that(move |heard| match &*heard.what {
        what if what == format!("GET {ME}") => Reply::Json(document.clone()),
        _ => willing(heard),
    })
    .await;
    let registration = start(settings(&[&stub.url], instance("a", 1)));
    registration.ready();
    let first = stub.until_asked(REGISTER, 1).await;
    assert_eq!(first.body["instance"]["overriddenStatus"], "OUT_OF_SERVICE");
    let overridden = Some(Status::OutOfService);
    let shut_out =
        |s: &Standing| matches!(s, Standing::Registered { overridden: o, .. } if *o == overridden);
    until(&registration, shut_out).await;
    assert!(!stub.heard().iter().any(|heard| heard.what.starts_with("DELETE")));

    // The server is restarted.
    let mut forgotten = false;
    stub.behave(move |heard| match &*heard.what {
        what if what.starts_with("PUT ") && !std::mem::replace(&mut forgotten, true) => {
            Reply::Status(404)
        }
        _ => willing(heard),
    });
    let second = stub.until_asked(REGISTER, 2).await;
    assert_eq!(second.body["instance"]["overriddenStatus"], "OUT_OF_SERVICE");
}

#[tokio::test]
async fn a_server_that_knows_the_instance_without_an_override_has_had_it_taken_back() {
    let stub = Stub::willing().await;
    let registration = start(settings(&[&stub.url], instance("a", 1)));
    let [shut_out, known] =
        ["OUT_OF_SERVICE", "UNKNOWN"].map(|status| json!({"instance": left(status, &json!({}))}));
    let mut beats = 0;
    stub.behave(move |heard| match &*heard.what {
        what if what.starts_with("PUT ") => {
            beats += 1;
            // After two of them, an operator has deleted the override.
            if beats == 3 { Reply::Status(404) } else { Reply::Status(200) }
        }
        what if what == format!("GET {ME}") => {
            Reply::Json(if beats < 3 { shut_out.clone() } else { known.clone() })
        }
        _ => willing(heard),
    });
    registration.ready();
    let second = stub.until_asked(REGISTER, 2).await;
    assert_eq!(second.body["instance"]["overriddenStatus"], "UNKNOWN");
}

#[tokio::test]
async fn names_that_need_it_are_escaped_in_paths() {
    let stub = Stub::willing().await;
    let id = Some("box/1 ?".to_owned());
    let instance = InstanceSettings { id, ..instance("my app", 1) };
    let registration = start(settings(&[&stub.url], instance));
    registration.ready();
    stub.until_asked("POST /eureka/apps/MY%20APP", 1).await;
    stub.until_asked("PUT /eureka/apps/MY%20APP/box%2F1%20%3F", 1).await;
}

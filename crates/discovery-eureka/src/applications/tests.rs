//! Whatever happens in a registry, deltas tell it, and what they leave out shows in the hash code.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::wire::AppsDocument;

/// A registry's own view: the status of each instance by application and id.
type Truth = BTreeMap<(u8, u8), Status>;

const STATUSES: [Status; 5] =
    [Status::Down, Status::OutOfService, Status::Starting, Status::Unknown, Status::Up];

/// An instance takes a status, or goes.
type Event = ((u8, u8), Option<Status>);

fn happen(truth: &mut Truth, events: &[Event]) {
    for (id, status) in events {
        match status {
            Some(status) => truth.insert(*id, *status),
            None => truth.remove(id),
        };
    }
}

fn after(events: &[Event]) -> Truth {
    let mut truth = Truth::new();
    happen(&mut truth, events);
    truth
}

fn event() -> impl Strategy<Value = Event> {
    let status = prop_oneof![
        3 => proptest::sample::select(&STATUSES[..]).prop_map(Some),
        1 => Just(None),
    ];
    ((0..3_u8, 0..4_u8), status)
}

fn body((app, id): (u8, u8), status: Status, action: &str) -> Value {
    json!({
        "app": format!("APP-{app}"), "instanceId": format!("{id}"), "hostName": "h",
        "status": status.name(), "actionType": action,
    })
}

/// The hash code by its definition: the names in order, each with its count.
fn hash_code(truth: &Truth) -> String {
    let mut names: Vec<_> = truth.values().map(|status| status.name()).collect();
    names.sort_unstable();
    let runs = names.chunk_by(|a, b| a == b);
    runs.map(|run| format!("{}_{}_", run[0], run.len())).collect::<Vec<_>>().concat()
}

fn apps(hash_code: &str, instances: &[Value]) -> Apps {
    let application: Vec<_> =
        instances.iter().map(|one| json!({"name": one["app"], "instance": one})).collect();
    let document = json!({"applications": {
        "apps__hashcode": hash_code, "versions__delta": "1", "application": application,
    }});
    serde_json::from_value::<AppsDocument>(document).unwrap().applications
}

fn in_full(truth: &Truth) -> Apps {
    let bodies: Vec<_> = truth.iter().map(|(id, status)| body(*id, *status, "ADDED")).collect();
    apps(&hash_code(truth), &bodies)
}

/// Events as a delta tells them, by a server that is then in the given state.
fn delta(events: &[Event], truth: &Truth) -> Apps {
    let bodies: Vec<_> = events
        .iter()
        .map(|(id, status)| match status {
            Some(status) => body(*id, *status, "MODIFIED"),
            None => body(*id, Status::Up, "DELETED"),
        })
        .collect();
    apps(&hash_code(truth), &bodies)
}

#[test]
fn the_hash_code_is_written_as_eureka_writes_it() {
    let up = |id| ((0, id), Status::Up);
    let truth: Truth = (0..8).map(up).chain([((1, 0), Status::Down)]).collect();
    assert_eq!(Applications::whole(in_full(&truth)).hash_code(), "DOWN_1_UP_8_");
    assert_eq!(Applications::default().hash_code(), "");
}

proptest! {
    #[test]
    fn a_registry_read_in_full_has_the_hash_code_of_the_server(events in vec(event(), 0..30)) {
        let truth = after(&events);
        prop_assert_eq!(Applications::whole(in_full(&truth)).hash_code(), hash_code(&truth));
    }

    #[test]
    fn deltas_lead_to_what_a_full_read_says(
        before in vec(event(), 0..20),
        deltas in vec(vec(event(), 0..6), 0..6),
    ) {
        let mut truth = after(&before);
        let mut ours = Applications::whole(in_full(&truth));
        for events in deltas {
            happen(&mut truth, &events);
            ours = ours.after(delta(&events, &truth)).expect("the delta adds up");
            prop_assert_eq!(&ours, &Applications::whole(in_full(&truth)));
        }
    }

    #[test]
    fn a_delta_may_tell_again_what_is_known(events in vec(event(), 0..20)) {
        let truth = after(&events);
        let ours = Applications::whole(in_full(&truth));
        prop_assert_eq!(ours.after(delta(&events, &truth)), Some(ours));
    }

    #[test]
    fn a_delta_that_leaves_out_something_that_counts_does_not_add_up(
        before in vec(event(), 0..20),
        lost in event(),
    ) {
        let mut truth = after(&before);
        let ours = Applications::whole(in_full(&truth));
        let known = hash_code(&truth);
        happen(&mut truth, &[lost]);
        prop_assert_eq!(ours.after(delta(&[], &truth)).is_some(), known == hash_code(&truth));
    }
}

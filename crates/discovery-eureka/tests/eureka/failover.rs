//! Real servers that end, start again, and ask for credentials.

use std::time::Duration;

use discovery_eureka::{EurekaSettings, Failure, LookUpError, Standing};

use crate::server::{Eureka, OwnEureka};
use crate::support::{app, instance, look_up, registered, settings, start, until};

fn is_at(server: &str) -> impl Fn(&Standing) -> bool {
    let at = server.to_owned();
    move |standing| matches!(standing, Standing::Registered { server, .. } if server.to_string() == at)
}

#[tokio::test]
async fn a_wrong_password_is_an_error_that_shows() {
    let own = OwnEureka::start("ann:s3cret").await;
    let app = app();
    let wrong = own.eureka.url.replace("s3cret", "guess");
    let refused = start(settings(&[&wrong], instance(&app, 1)));
    refused.ready();
    let state = until(&refused, |s| matches!(s, Standing::NotRegistered { .. })).await;
    let Standing::NotRegistered { because } = state.standing else { panic!() };
    assert_eq!(because.0[0].1, Failure::Unauthorized);
    let Err(LookUpError::Unanswered(because)) = look_up(&app, &[&wrong]).await else { panic!() };
    assert_eq!(because.0[0].1, Failure::Unauthorized);

    let registration = start(settings(&[&own.eureka.url], instance(&app, 2)));
    registration.ready();
    registered(&registration).await;
    own.eureka.until(&app, 2, "UP").await;
    assert!(look_up(&app, &[&own.eureka.url]).await.is_ok());
    assert_eq!(own.eureka.instance(&app, 1).await, None);
    registration.out_of_service().await;
    registration.stop().await;
    own.eureka.until_gone(&app, 2).await;
}

#[tokio::test]
async fn when_a_server_ends_the_next_one_serves_until_it_is_back() {
    let (own, shared) = (OwnEureka::start("").await, Eureka::shared().await);
    let app = app();
    let both = EurekaSettings {
        return_after: Duration::from_secs(5),
        ..settings(&[&own.eureka.url, &shared.url], instance(&app, 1))
    };
    let registration = start(both);
    registration.ready();
    until(&registration, is_at(&own.eureka.url)).await;
    own.eureka.until(&app, 1, "UP").await;
    // This one has no other server.
    let faithful = start(settings(&[&own.eureka.url], instance(&app, 2)));
    faithful.ready();
    own.eureka.until(&app, 2, "UP").await;

    own.kill().await;
    until(&registration, is_at(&shared.url)).await;
    shared.until(&app, 1, "UP").await;
    let state = until(&faithful, |s| matches!(s, Standing::NotRegistered { .. })).await;
    assert!(state.standing.to_string().contains("it cannot be reached"), "{}", state.standing);

    own.start_again().await;
    until(&registration, is_at(&own.eureka.url)).await;
    registered(&faithful).await;
    for port in [1, 2] {
        own.eureka.until(&app, port, "UP").await;
    }
    for registration in [registration, faithful] {
        registration.stop().await;
        assert_eq!(registration.state().standing, Standing::Gone { unheard: None });
    }
}

//! Leaving: out of service first, then gone, each within its time limit however servers behave.

use std::time::{Duration, Instant};

use discovery_eureka::{EurekaSettings, Failure, Standing};

use crate::stub::{Heard, Reply, Stub, willing};
use crate::support::{instance, registered, settings, start};

const ME: &str = "/eureka/apps/A/box:a:1";

fn hang_on(method: &'static str) -> impl FnMut(&Heard) -> Reply + Send + 'static {
    move |heard| if heard.what.starts_with(method) { Reply::Silence } else { willing(heard) }
}

#[tokio::test]
async fn an_instance_goes_out_of_service_before_it_goes() {
    let stub = Stub::willing().await;
    let registration = start(settings(&[&stub.url], instance("a", 1)));
    registration.ready();
    registered(&registration).await;
    stub.forget();

    registration.out_of_service().await;
    assert_eq!(registration.state().standing, Standing::OutOfService { unheard: None });
    let status = stub.until_asked(&format!("PUT {ME}/status"), 1).await;
    assert_eq!(status.query, "value=OUT_OF_SERVICE");
    let mark = stub.until_asked(&format!("PUT {ME}/metadata"), 1).await;
    assert_eq!(mark.query, "stopping=true");
    let beat = stub.until_asked(&format!("PUT {ME}"), 1).await;
    assert!(beat.query.starts_with("status=OUT_OF_SERVICE&"), "{}", beat.query);

    registration.stop().await;
    assert_eq!(registration.state().standing, Standing::Gone { unheard: None });
    let last = stub.heard().pop().unwrap();
    assert_eq!(last.what, format!("DELETE {ME}"));
    registration.stop().await;
    registration.out_of_service().await;
    assert_eq!(stub.heard().pop().unwrap(), last, "once is enough");
}

#[tokio::test]
async fn an_instance_that_was_never_registered_leaves_without_a_word() {
    let stub = Stub::willing().await;
    let registration = start(settings(&[&stub.url], instance("a", 1)));
    registration.out_of_service().await;
    registration.ready();
    registration.stop().await;
    registration.ready();
    assert_eq!(registration.state().standing, Standing::Gone { unheard: None });
    assert_eq!(stub.heard(), []);
}

#[tokio::test]
async fn a_server_that_has_forgotten_the_instance_needs_no_farewell() {
    let stub = Stub::willing().await;
    let registration = start(settings(&[&stub.url], instance("a", 1)));
    registration.ready();
    registered(&registration).await;
    stub.behave(|_| Reply::Status(404));
    registration.out_of_service().await;
    assert_eq!(registration.state().standing, Standing::OutOfService { unheard: None });
    registration.stop().await;
    assert_eq!(registration.state().standing, Standing::Gone { unheard: None });
    let posted = stub.heard().iter().filter(|heard| heard.what.starts_with("POST")).count();
    assert_eq!(posted, 1, "an instance that leaves does not register again");
}

#[tokio::test]
async fn a_server_that_hangs_does_not_hold_up_a_stop() {
    let stub = Stub::willing().await;
    let farewell = Duration::from_millis(300);
    let settings = EurekaSettings { farewell, ..settings(&[&stub.url], instance("a", 1)) };
    let registration = start(settings);
    registration.ready();
    registered(&registration).await;
    stub.behave(hang_on("PUT"));
    // A heartbeat hangs, too.
    stub.until_asked(&format!("PUT {ME}"), 1).await;

    let begun = Instant::now();
    registration.out_of_service().await;
    let Standing::OutOfService { unheard: Some(unheard) } = registration.state().standing else {
        panic!("{:?}", registration.state())
    };
    assert_eq!(unheard.0[0].1, Failure::TimedOut(farewell));
    stub.behave(hang_on("DELETE"));
    registration.stop().await;
    assert!(matches!(registration.state().standing, Standing::Gone { unheard: Some(_) }));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn when_the_first_server_hangs_the_second_is_still_told() {
    let (first, second) = (Stub::willing().await, Stub::willing().await);
    let settings = EurekaSettings {
        farewell: Duration::from_secs(1),
        ..settings(&[&first.url, &second.url], instance("a", 1))
    };
    let registration = start(settings);
    registration.ready();
    registered(&registration).await;
    first.behave(|_| Reply::Silence);
    registration.out_of_service().await;
    assert_eq!(registration.state().standing, Standing::OutOfService { unheard: None });
    second.until_asked(&format!("PUT {ME}/status"), 1).await;
    registration.stop().await;
    second.until_asked(&format!("DELETE {ME}"), 1).await;
}

//! Against the real server that all tests share: what others see of an instance, and what it sees of
//! them.

use discovery_eureka::{InstanceSettings, Registration, Standing, Status};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::Eureka;
use crate::support::{app, eventually, instance, look_up, registered, settings, start, until};

fn in_service(eureka: &Eureka, app: &str, port: u16) -> Registration {
    let registration = start(settings(&[&eureka.url], instance(app, port)));
    registration.ready();
    registration
}

#[tokio::test]
async fn a_registration_is_seen_with_all_that_it_says() {
    let (eureka, app) = (Eureka::shared().await, app());
    let metadata = [("zone".to_owned(), "a & b".to_owned())].into();
    let said = InstanceSettings { management_port: Some(9090), metadata, ..instance(&app, 8082) };
    let registration = start(settings(&[&eureka.url], said));
    assert_eq!(eureka.instance(&app, 8082).await, None);
    registration.ready();
    registered(&registration).await;

    let seen = eureka.until(&app, 8082, "UP").await;
    let expected = json!({
        "app": app.to_uppercase(),
        "hostName": "box",
        "ipAddr": "127.0.0.1",
        "vipAddress": app,
        "secureVipAddress": app,
        "overriddenStatus": "UNKNOWN",
        "port": {"$": 8082, "@enabled": "true"},
        "securePort": {"$": 443, "@enabled": "false"},
        "homePageUrl": "http://box:8082/",
        "statusPageUrl": "http://box:9090/actuator/info",
        "healthCheckUrl": "http://box:9090/actuator/health",
        "metadata": {"management.port": "9090", "zone": "a & b"},
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(seen[field], *value, "{field}");
    }
    assert_eq!(seen["leaseInfo"]["renewalIntervalInSecs"], 1);
    assert_eq!(seen["leaseInfo"]["durationInSecs"], 3);
    // Heartbeats renew the lease.
    let renewed = |instance: &Value| instance["leaseInfo"]["lastRenewalTimestamp"].as_i64();
    let first = renewed(&seen);
    eventually("a renewal", async || {
        eureka.instance(&app, 8082).await.filter(|now| renewed(now) > first)
    })
    .await;
    registration.stop().await;
    assert_eq!(eureka.instance(&app, 8082).await, None);
}

#[tokio::test]
async fn an_instance_that_falls_silent_is_forgotten() {
    let (eureka, app) = (Eureka::shared().await, app());
    let registration = in_service(&eureka, &app, 1);
    eureka.until(&app, 1, "UP").await;
    drop(registration);
    eureka.until_gone(&app, 1).await;
}

#[tokio::test]
async fn an_instance_that_was_forgotten_registers_again_by_itself() {
    let (eureka, app) = (Eureka::shared().await, app());
    // Its lease runs out long before each heartbeat.
    let late = InstanceSettings { renewal_seconds: 6, expiration_seconds: 1, ..instance(&app, 1) };
    let registration = start(settings(&[&eureka.url], late));
    registration.ready();
    let first = eureka.until(&app, 1, "UP").await;
    eureka.until_gone(&app, 1).await;
    let second = eureka.until(&app, 1, "UP").await;
    let stamp =
        |seen: &Value| -> u64 { seen["lastDirtyTimestamp"].as_str().unwrap().parse().unwrap() };
    assert!(stamp(&second) > stamp(&first));
    registration.stop().await;
}

#[tokio::test]
async fn an_operator_may_shut_an_instance_out_and_let_it_in_again() {
    let (eureka, app) = (Eureka::shared().await, app());
    let registration = start(settings(&[&eureka.url], instance(&app, 1)));
    registration.ready();
    eureka.until(&app, 1, "UP").await;
    let status = format!("apps/{}/box:{app}:1/status", app.to_uppercase());

    let (said, _) =
        eureka.ask(Method::PUT, &format!("{status}?value=OUT_OF_SERVICE")).await.unwrap();
    assert_eq!(said, StatusCode::OK);
    let overridden = |with: Option<Status>| move |s: &Standing| matches!(s, Standing::Registered { overridden, .. } if *overridden == with);
    until(&registration, overridden(Some(Status::OutOfService))).await;
    // Heartbeats do not undo it.
    let shut_out = eureka.until(&app, 1, "OUT_OF_SERVICE").await;
    let renewed = |instance: &Value| instance["leaseInfo"]["lastRenewalTimestamp"].as_i64();
    let later = eventually("a renewal", async || {
        eureka.instance(&app, 1).await.filter(|now| renewed(now) > renewed(&shut_out))
    })
    .await;
    assert_eq!(later["status"], "OUT_OF_SERVICE");

    let (said, _) = eureka.ask(Method::DELETE, &status).await.unwrap();
    assert_eq!(said, StatusCode::OK);
    eureka.until(&app, 1, "UP").await;
    until(&registration, overridden(None)).await;
    registration.stop().await;
}

#[tokio::test]
async fn an_instance_is_out_of_service_until_it_is_gone() {
    let (eureka, app) = (Eureka::shared().await, app());
    let registration = in_service(&eureka, &app, 1);
    registered(&registration).await;
    registration.out_of_service().await;
    assert_eq!(eureka.instance(&app, 1).await.unwrap()["status"], "OUT_OF_SERVICE");
    registration.stop().await;
    assert_eq!(registration.state().standing, Standing::Gone { unheard: None });
    assert_eq!(eureka.instance(&app, 1).await, None);
    // The next run is in service again.
    let next = in_service(&eureka, &app, 1);
    eureka.until(&app, 1, "UP").await;
    next.stop().await;
}

#[tokio::test]
async fn an_instance_that_was_killed_while_stopping_comes_back_into_service() {
    let (eureka, app) = (Eureka::shared().await, app());
    let lasting = InstanceSettings { expiration_seconds: 90, ..instance(&app, 1) };
    let start = || {
        let registration = start(settings(&[&eureka.url], lasting.clone()));
        registration.ready();
        registration
    };
    let killed = start();
    registered(&killed).await;
    killed.out_of_service().await;
    drop(killed);
    assert_eq!(eureka.instance(&app, 1).await.unwrap()["status"], "OUT_OF_SERVICE");
    let next = start();
    eureka.until(&app, 1, "UP").await;
    next.stop().await;
}

#[tokio::test]
async fn an_override_outlives_a_restart_of_the_instance() {
    let (eureka, app) = (Eureka::shared().await, app());
    let lasting = InstanceSettings { expiration_seconds: 90, ..instance(&app, 1) };
    let first = start(settings(&[&eureka.url], lasting.clone()));
    first.ready();
    registered(&first).await;
    let path = format!("apps/{}/box:{app}:1/status?value=OUT_OF_SERVICE", app.to_uppercase());
    eureka.ask(Method::PUT, &path).await.unwrap();
    drop(first);
    let next = start(settings(&[&eureka.url], lasting));
    next.ready();
    let state = registered(&next).await;
    let overridden = Some(Status::OutOfService);
    assert!(
        matches!(state.standing, Standing::Registered { overridden: o, .. } if o == overridden)
    );
    assert_eq!(eureka.instance(&app, 1).await.unwrap()["status"], "OUT_OF_SERVICE");
    next.stop().await;
}

/// Waits until the server's own cache of its registry shows these ports of an application.
async fn until_found(eureka: &Eureka, app: &str, expected: &[u16]) {
    eventually(&format!("the ports {expected:?}"), async || {
        let found = look_up(app, &[&eureka.url]).await.unwrap();
        found.iter().filter_map(|found| found.port).eq(expected.iter().copied()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_look_up_finds_the_instances_that_are_up() {
    let (eureka, app) = (Eureka::shared().await, app());
    let instances: Vec<_> = (1..=4).map(|port| in_service(&eureka, &app, port)).collect();
    until_found(&eureka, &app, &[1, 2, 3, 4]).await;
    instances[1].out_of_service().await;
    instances[3].stop().await;
    until_found(&eureka, &app, &[1, 3]).await;
    let found = look_up(&app.to_uppercase(), &[&eureka.url]).await.unwrap();
    assert_eq!(found[1].base_url(), "http://box:3");
    for instance in &instances {
        instance.stop().await;
    }
    until_found(&eureka, &app, &[]).await;
}

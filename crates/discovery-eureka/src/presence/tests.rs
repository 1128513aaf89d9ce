//! What a registration says.

use super::*;
use crate::settings::Scheme;

const WORDS: Words =
    Words { address: IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)), dirty_millis: 7, overridden: None };

fn settings() -> InstanceSettings {
    InstanceSettings {
        hostname: Some("box".into()),
        ..InstanceSettings::new("order-service", 8082)
    }
}

fn body(settings: &InstanceSettings) -> Value {
    Presence::new(settings).body(&WORDS)["instance"].clone()
}

#[test]
fn the_body_is_what_springs_own_client_sends() {
    assert_eq!(
        body(&settings()),
        json!({
            "instanceId": "box:order-service:8082",
            "app": "ORDER-SERVICE",
            "hostName": "box",
            "ipAddr": "10.1.2.3",
            "vipAddress": "order-service",
            "secureVipAddress": "order-service",
            "status": "UP",
            "overriddenStatus": "UNKNOWN",
            "port": {"$": 8082, "@enabled": "true"},
            "securePort": {"$": 443, "@enabled": "false"},
            "homePageUrl": "http://box:8082/",
            "statusPageUrl": "http://box:8082/actuator/info",
            "healthCheckUrl": "http://box:8082/actuator/health",
            "secureHealthCheckUrl": null,
            "dataCenterInfo": {
                "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
                "name": "MyOwn",
            },
            "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90},
            "lastDirtyTimestamp": "7",
            "lastUpdatedTimestamp": "7",
            "isCoordinatingDiscoveryServer": "false",
            "actionType": "ADDED",
            "metadata": {},
        })
    );
}

#[test]
fn an_address_is_given_as_host_name_where_preferred_but_the_id_keeps_the_name() {
    let body = body(&InstanceSettings { prefer_ip_address: true, ..settings() });
    assert_eq!(body["hostName"], "10.1.2.3");
    assert_eq!(body["instanceId"], "box:order-service:8082");
    assert_eq!(body["healthCheckUrl"], "http://10.1.2.3:8082/actuator/health");
}

#[test]
fn the_settings_address_holds_and_is_bracketed_where_it_must_be() {
    let ip_address = Some("fd00::1".parse().unwrap());
    let body = body(&InstanceSettings { prefer_ip_address: true, ip_address, ..settings() });
    assert_eq!(body["ipAddr"], "fd00::1");
    assert_eq!(body["hostName"], "fd00::1");
    assert_eq!(body["homePageUrl"], "http://[fd00::1]:8082/");
}

#[test]
fn pages_move_with_the_management_port_which_is_told_unless_the_settings_tell_it() {
    let mut settings = InstanceSettings { management_port: Some(9090), ..settings() };
    let told = body(&settings);
    assert_eq!(told["homePageUrl"], "http://box:8082/");
    assert_eq!(told["statusPageUrl"], "http://box:9090/actuator/info");
    assert_eq!(told["metadata"], json!({"management.port": "9090"}));
    settings.metadata.insert("management.port".into(), "19090".into());
    settings.home_page = Page::Url("https://shop.example/".into());
    settings.status_page = Page::Path("status".into());
    let told = body(&settings);
    assert_eq!(told["metadata"], json!({"management.port": "19090"}));
    assert_eq!(told["homePageUrl"], "https://shop.example/");
    assert_eq!(told["statusPageUrl"], "http://box:9090/status");
}

#[test]
fn an_instance_may_offer_https_alone() {
    let body = body(&InstanceSettings {
        port_enabled: false,
        secure_port: 8443,
        secure_port_enabled: true,
        secure_virtual_host_name: Some("orders".into()),
        ..settings()
    });
    assert_eq!(body["instanceId"], "box:order-service:8443");
    assert_eq!(body["port"], json!({"$": 8082, "@enabled": "false"}));
    assert_eq!(body["securePort"], json!({"$": 8443, "@enabled": "true"}));
    assert_eq!(body["secureVipAddress"], "orders");
    assert_eq!(body["secureHealthCheckUrl"], "https://box:8443/actuator/health");
}

#[test]
fn the_pages_of_a_management_port_have_its_scheme() {
    let at = |management_scheme| InstanceSettings {
        port_enabled: false,
        secure_port: 8443,
        secure_port_enabled: true,
        management_port: Some(9090),
        management_scheme,
        ..settings()
    };
    let plain = body(&at(Scheme::Http));
    assert_eq!(plain["homePageUrl"], "https://box:8443/");
    assert_eq!(plain["healthCheckUrl"], "http://box:9090/actuator/health");
    assert_eq!(plain["secureHealthCheckUrl"], Value::Null);
    let secure = body(&at(Scheme::Https));
    assert_eq!(secure["statusPageUrl"], "https://box:9090/actuator/info");
    assert_eq!(secure["secureHealthCheckUrl"], "https://box:9090/actuator/health");
}

#[test]
fn an_unnamed_instance_has_the_machines_name() {
    let presence = Presence::new(&InstanceSettings::new("a", 1));
    assert_eq!(presence.id, format!("{}:a:1", machine_name()));
    assert!(!machine_name().contains(char::is_whitespace));
}

#[tokio::test]
async fn the_address_that_faces_a_server_on_this_machine_is_loopback() {
    let server = "http://127.0.0.1:8761/eureka".parse().unwrap();
    assert_eq!(address_facing(&server).await.unwrap(), Ipv4Addr::LOCALHOST);
}

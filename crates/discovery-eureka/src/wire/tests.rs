//! The oddities of Eureka's JSON, as servers of several versions write it.

use serde_json::json;

use super::*;

fn instances(document: Value) -> Vec<Instance> {
    let document: AppsDocument = serde_json::from_value(document).unwrap();
    document.applications.into_instances().collect()
}

fn one(instance: &Value) -> Instance {
    let application = json!({"name": "A", "instance": instance});
    let [instance] = &instances(json!({"applications": {"application": application}}))[..] else {
        panic!("one instance")
    };
    instance.clone()
}

#[test]
fn an_instance_is_read_as_a_real_server_writes_it() {
    let read = one(&json!({
        "instanceId": "box:order-service:8082", "hostName": "box", "app": "ORDER-SERVICE",
        "ipAddr": "10.1.2.3", "status": "OUT_OF_SERVICE", "overriddenStatus": "OUT_OF_SERVICE",
        "port": {"$": 8082, "@enabled": "true"}, "securePort": {"$": 443, "@enabled": "false"},
        "countryId": 1, "dataCenterInfo": {"@class": "x", "name": "MyOwn"},
        "leaseInfo": {"renewalIntervalInSecs": 30, "evictionTimestamp": 0},
        "metadata": {"management.port": "9090", "weight": 3},
        "vipAddress": "order-service,orders", "secureVipAddress": "orders",
        "lastUpdatedTimestamp": "1", "lastDirtyTimestamp": "1795375864992", "actionType": "ADDED"
    }));
    let expected = Instance {
        app: "ORDER-SERVICE".into(),
        id: "box:order-service:8082".into(),
        host: "box".into(),
        virtual_host_names: vec!["order-service".into(), "orders".into()],
        status: Status::OutOfService,
        overridden: Some(Status::OutOfService),
        port: Some(8082),
        secure_port: None,
        metadata: [("management.port", "9090"), ("weight", "3")]
            .map(|(key, value)| (key.into(), value.into()))
            .into(),
        last_dirty_millis: Some(1_795_375_864_992),
    };
    assert_eq!(read, expected);
}

#[test]
fn a_list_may_be_one_thing_or_nothing() {
    let instance = json!({"app": "a", "instanceId": "1"});
    for (application, count) in [
        (json!([]), 0),
        (json!(null), 0),
        (json!({"name": "A", "instance": instance}), 1),
        (json!([{"name": "A", "instance": [instance, instance]}, {"name": "B"}]), 2),
    ] {
        let read = instances(json!({"applications": {"application": application}}));
        assert_eq!(read.len(), count, "{application}");
    }
    assert_eq!(instances(json!({"applications": {"versions__delta": 1}})), []);
}

#[test]
fn numbers_and_flags_may_be_texts_or_not() {
    for port in [json!({"$": "8082", "@enabled": true}), json!({"$": 8082, "@enabled": "true"})] {
        assert_eq!(one(&json!({"app": "a", "instanceId": 1, "port": port})).port, Some(8082));
    }
    for port in [json!({"$": 70_000, "@enabled": "true"}), json!(8082), json!({"$": 1}), json!("")]
    {
        assert_eq!(one(&json!({"app": "a", "instanceId": 1, "port": port})).port, None);
    }
}

#[test]
fn an_instance_without_an_id_goes_by_its_host_and_one_without_either_is_left_out() {
    assert_eq!(one(&json!({"app": "a", "hostName": "h"})).id, "h");
    let application = json!({"name": "A", "instance": [{"app": "a"}, {"instanceId": "x"}, {}]});
    assert_eq!(instances(json!({"applications": {"application": application}})), []);
}

#[test]
fn what_is_odd_in_an_instance_costs_no_more_than_that() {
    let read = one(&json!({
        "app": "a", "instanceId": "1", "status": "RESTING", "metadata": {"@class": "x", "deep": {}},
        "port": [], "lastDirtyTimestamp": "soon", "vipAddress": {}, "overriddenstatus": "DOWN",
    }));
    assert_eq!(read.status, Status::Unknown);
    assert_eq!(read.overridden, Some(Status::Down));
    assert!(read.metadata.is_empty() && read.virtual_host_names.is_empty());
    assert_eq!(read.last_dirty_millis, None);
}

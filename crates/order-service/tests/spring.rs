//! A shop's own files start this service: the `application.properties` of the Spring service as it
//! is, with the credentials in the environment; and `migrate` prepares a database ahead of time.

mod support;

use std::fs;
use std::process::Command;

use order_testkit::databases::{Database, count};

use crate::support::{Service, free_port, fresh_folder};

const PROPERTIES: &str = "\
server.port=8082
spring.application.name=order-service
eureka.client.service-url.defaultZone=http://localhost:8761/eureka
spring.datasource.url=jdbc:mysql://localhost:3306/ordersdb
";

#[test]
fn the_properties_of_the_spring_service_start_this_one_on_mysql() {
    for database in [Database::Mysql, Database::Mariadb] {
        let scratch = database.scratch();
        let (server, name) = scratch.url.rsplit_once('/').unwrap();
        let (user, address) = server.split_once("://").unwrap().1.split_once('@').unwrap();
        let (user, password) = user.split_once(':').unwrap();
        let folder = fresh_folder();
        // The address is the test server's, and the port a free one; all else is the shop's.
        let properties =
            PROPERTIES.replace("localhost:3306/ordersdb", &format!("{address}/{name}"));
        fs::write(folder.join("application.properties"), properties).unwrap();
        let credentials =
            [("SPRING_DATASOURCE_USERNAME", user), ("SPRING_DATASOURCE_PASSWORD", password)];
        let service = Service::start_in(&folder, &[], &credentials);
        service.wait_until_ready();
        let order = service.placed(42);
        assert_eq!(order["totalAmount"], "149.97");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(runtime.block_on(count(&scratch.url, "orders")).unwrap(), 1, "it is in MySQL");
        let log = service.log();
        assert!(!log.contains("without effect"), "all of it is honoured:\n{log}");
        assert!(!log.contains(&format!("{password}@")), "no credentials in the log:\n{log}");
    }
}

#[test]
fn several_hosts_of_postgres_are_tried_in_order() {
    let scratch = Database::Postgres.scratch();
    let (credentials, place) = scratch.url.split_once('@').unwrap();
    let down = free_port();
    let url = format!("{credentials}@127.0.0.1:{down},{place}?targetServerType=primary");
    let service = Service::start(&[&format!("--spring.datasource.url={url}")]);
    service.wait_until_ready();
    let _ = service.placed(42);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(count(&scratch.url, "orders")).unwrap(), 1);
}

#[test]
fn migrate_prepares_a_database_and_is_done_when_it_is_prepared() {
    for database in Database::ALL {
        let scratch = database.scratch();
        let migrate = || {
            let folder = fresh_folder();
            let done = Command::new(env!("CARGO_BIN_EXE_order-service"))
                .args(["migrate", &format!("--spring.datasource.url={}", scratch.url)])
                .current_dir(&folder)
                .output()
                .unwrap();
            fs::remove_dir_all(folder).unwrap();
            done
        };
        for _ in 0..2 {
            let done = migrate();
            let said = String::from_utf8_lossy(&done.stdout);
            assert!(done.status.success(), "{}: {said}", database.name());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(runtime.block_on(count(&scratch.url, "orders")).unwrap(), 0);
        let url = format!("--spring.datasource.url={}", scratch.url);
        let service = Service::start(&[&url, "--order.migrate-at-start=false"]);
        service.wait_until_ready();
        let _ = service.placed(42);
    }
}

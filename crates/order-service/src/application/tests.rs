//! The application in this process, as a whole: on a free port and a database of its own.

use std::collections::BTreeMap;
use std::fs;
use std::thread;

use chrono::DateTime;

use order_app::ports::Entropy as _;
use telemetry_otlp::{Levels, LogCounts, Metrics};
use tokio::sync::oneshot;

use super::*;
use crate::settings::{self, Occasion};
use crate::system::OsEntropy;
use crate::telemetry;

/// What the process begins with, by these settings.
fn begun(folder: &std::path::Path, settings: &str) -> Begun {
    fs::write(folder.join("application.properties"), settings).unwrap();
    let inputs = Inputs {
        options: Vec::new(),
        config: None,
        environment: BTreeMap::new(),
        offered: &[],
        folder: folder.to_owned(),
        random: || OsEntropy.bits(),
        now: || DateTime::UNIX_EPOCH,
        tell: |_| {},
    };
    // Settings are loaded without a runtime.
    let load = || settings::load(&inputs, Occasion::Start);
    let loaded = thread::scope(|scope| scope.spawn(load).join()).unwrap().unwrap();
    let levels = Levels::new(&loaded.settings.logging, &[], "traces");
    let metrics =
        Metrics::install(METRICS, &BTreeMap::new(), LogCounts::default(), telemetry::AMBIENT.now)
            .unwrap();
    let telemetry = Telemetry { levels, metrics, unsent: None };
    Begun { inputs, loaded, telemetry, descriptors: None, started: Instant::now() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_takes_a_free_port_and_serves_until_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("orders.db");
    let settings = format!("server.port=0\nspring.datasource.url=sqlite:{}", database.display());
    let begun = begun(folder.path(), &settings);
    let application = Application::build(begun, &Handle::current()).unwrap();
    let base = format!("http://{}", application.address());
    let (stop, stopped) = oneshot::channel();
    let mut stopped = Some(stopped);
    let running = application.run_until_stopped(async || match stopped.take() {
        Some(stopped) => stopped.await.unwrap(),
        None => std::future::pending().await,
    });
    let asking = async {
        let get = async |path: &str| reqwest::get(format!("{base}{path}")).await.unwrap();
        while get("/actuator/health/readiness").await.status() != 200 {
            tokio::task::yield_now().await;
        }
        let scraped = get("/actuator/prometheus").await.text().await.unwrap();
        assert!(scraped.contains("order_relay_shards"), "{scraped}");
        stop.send(Asked::Terminate).unwrap();
    };
    let (code, ()) = tokio::join!(running, asking);
    assert_eq!(code.unwrap(), 0);
    assert!(reqwest::get(base).await.is_err(), "the port is given back");
}

//! Refreshes with the holders of a real process: what applies, what waits, what is refused.

use std::collections::BTreeMap;
use std::fs;

use http_actix::Status;
use order_app::orders::Ports;
use order_app::saga::SagaPolicy;
use order_domain::Currency;
use order_testkit::{FixedClock, InMemoryStore, SentCommands, SequentialEntropy};
use tempfile::TempDir;
use tracing::level_filters::LevelFilter;

use self::stub::{Reply, Stub};
use super::*;

#[expect(dead_code, reason = "these tests use a part of it")]
#[path = "../../../settings-spring/tests/stub/mod.rs"]
mod stub;

struct Case {
    folder: TempDir,
    orders: Orders,
    levels: Levels,
    max_in_flight: Live<usize>,
    body_deadline: Live<Duration>,
    stop: Live<Stop>,
    refresher: Refresher,
}

impl Case {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("application.properties"), text).unwrap();
        let inputs = Inputs {
            options: Vec::new(),
            config: None,
            environment: BTreeMap::new(),
            offered: &[],
            folder: folder.path().to_owned(),
            random,
            now: || DateTime::UNIX_EPOCH,
            tell: |_| {},
        };
        // Settings are loaded without a runtime, as at a start.
        let read = inputs.clone();
        let load = std::thread::spawn(move || settings::load(&read, Occasion::Start));
        let loaded = load.join().unwrap().unwrap();
        let settings = &loaded.settings;
        let memory = Arc::new(InMemoryStore::default());
        let ports = Ports {
            store: memory.clone(),
            sagas: memory,
            commands: Arc::new(SentCommands::default()),
            clock: Arc::new(FixedClock::default()),
            entropy: Arc::new(SequentialEntropy::default()),
        };
        let (currencies, sagas) = (settings.currencies.clone(), SagaPolicy::default());
        let orders = Orders::new(ports, currencies, sagas, settings.requests.budget);
        let levels = Levels::new(&settings.logging, &[], "traces");
        let max_in_flight = Live::new(settings.requests.permits());
        let body_deadline = Live::new(settings.requests.body_deadline);
        let stop = Live::new(settings.stop);
        let holders = Holders {
            levels: levels.clone(),
            orders: orders.clone(),
            max_in_flight: max_in_flight.clone(),
            body_deadline: body_deadline.clone(),
            stop: stop.clone(),
        };
        let refresher = Refresher::new(inputs, loaded, holders);
        Self { folder, orders, levels, max_in_flight, body_deadline, stop, refresher }
    }

    fn file(&self, text: &str) {
        fs::write(self.folder.path().join("application.properties"), text).unwrap();
    }

    fn takes(&self, code: &str) -> bool {
        let currency = Currency::from_code(code).unwrap();
        self.orders.currencies().choose(Some(currency)).is_ok()
    }
}

/// Other bits each time, as in a process.
fn random() -> u128 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed).into()
}

fn told(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn imported_files_and_config_trees_are_read_again() {
    let case =
        Case::new("spring.config.import=optional:file:./more.yml,optional:configtree:./tree/\n");
    let write = |name: &str, text: &str| {
        let path = case.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("more.yml", "order.currencies: [USD, EUR]\n");
    write("tree/order.max-in-flight", "7\n");
    let done = case.refresher.now().await.unwrap();
    assert_eq!(
        told(&done.applied),
        [r#"order.currencies: "USD" -> "USD,EUR""#, r#"order.max-in-flight: "512" -> "7""#]
    );
    assert!(case.takes("EUR"));
    write("more.yml", "order.currencies: [USD, none]\n");
    let said = case.refresher.now().await.unwrap_err().to_string();
    assert!(said.contains("(more.yml:1)") && case.takes("EUR"), "{said}");
}

#[tokio::test]
async fn what_can_apply_applies_and_the_rest_waits_for_a_restart() {
    let start = "spring.datasource.url=sqlite:orders.db\nspring.datasource.password=one\n\
                 eureka.instance.instance-id=x:${random.uuid}\n";
    let case = Case::new(start);
    let nothing = case.refresher.now().await.unwrap();
    assert!(nothing.applied.is_empty() && nothing.waiting.is_empty(), "chance is no change");
    assert_eq!(case.refresher.component(), None);

    case.file(
        "spring.datasource.url=sqlite:orders.db\nspring.datasource.password=two\nserver.port=1\n\
         order.currencies=USD,EUR\n\
         order.max-in-flight=7\norder.body-deadline=3s\norder.shutdown.delay=2s\nlogging.level.order_app=debug\n\
         eureka.instance.instance-id=x:${random.uuid}\n",
    );
    let done = case.refresher.now().await.unwrap();
    assert_eq!(
        told(&done.applied),
        [
            r#"logging.level.order_app: - -> "debug""#,
            r#"order.body-deadline: "10s" -> "3s""#,
            r#"order.currencies: "USD" -> "USD,EUR""#,
            r#"order.max-in-flight: "512" -> "7""#,
            r#"order.shutdown.delay: "0s" -> "2s""#,
        ]
    );
    let waiting =
        [r#"server.port: "8082" -> "1""#, r#"spring.datasource.password: "******" -> "******""#];
    assert_eq!(told(&done.waiting), waiting);
    assert_eq!(done.newly_waiting, done.waiting);
    assert!(case.takes("EUR"));
    assert_eq!(*case.max_in_flight.get(), 7);
    assert_eq!(*case.body_deadline.get(), Duration::from_secs(3));
    assert_eq!(case.stop.get().delay, Duration::from_secs(2));
    assert_eq!(case.levels.of("order_app"), LevelFilter::DEBUG);

    // The waiting changes stay named until the file is as it was.
    let again = case.refresher.now().await.unwrap();
    assert_eq!(
        (told(&again.applied), told(&again.waiting)),
        (vec![], waiting.map(Into::into).into())
    );
    assert!(again.newly_waiting.is_empty());
    let component = case.refresher.component().unwrap();
    assert_eq!(component.status, Status::Up);
    let keys = json!(["server.port", "spring.datasource.password"]);
    assert_eq!(component.details["needsRestart"], keys);
    case.file(start);
    let back = case.refresher.now().await.unwrap();
    assert_eq!((back.applied.len(), back.waiting.len()), (5, 0));
    assert!(!case.takes("EUR"));
    assert_eq!(case.levels.of("order_app"), LevelFilter::INFO);
    assert_eq!(case.refresher.component(), None);
}

#[tokio::test]
async fn operators_learn_what_has_changed_and_what_waits() {
    let case = Case::new("");
    case.file("order.currencies=USD,EUR\nserver.port=1\n");
    let refreshed = case.refresher.refresh().await.unwrap();
    assert_eq!(refreshed.changed, ["order.currencies", "server.port"]);
    assert_eq!(refreshed.needs_restart, ["server.port"]);
    let refreshed = case.refresher.refresh().await.unwrap();
    assert_eq!((refreshed.changed.len(), refreshed.needs_restart.len()), (0, 1));
    case.file("server.port=x\norder.max-in-flight=x\n");
    let Err(RefreshRefused::Invalid(problems)) = case.refresher.refresh().await else { panic!() };
    assert_eq!(problems.len(), 2);
    let running = case.refresher.0.running.lock().await;
    assert!(matches!(case.refresher.refresh().await, Err(RefreshRefused::Running)));
    drop(running);
}

#[tokio::test]
async fn when_anything_is_wrong_nothing_changes() {
    let case = Case::new("");
    case.file("order.currencies=USD,EUR\nserver.port=many\n");
    let said = case.refresher.now().await.unwrap_err().to_string();
    assert!(said.contains("server.port = \"many\" (application.properties:2)"), "{said}");
    assert!(!case.takes("EUR"));
    let component = case.refresher.component().unwrap();
    assert_eq!(
        (component.status, component.details["notRefreshed"].as_str()),
        (Status::Down, Some(&*said))
    );
    case.file("order.currencies=USD,EUR\n");
    case.refresher.now().await.unwrap();
    assert!(case.takes("EUR"));
    assert_eq!(case.refresher.component(), None);
}

#[tokio::test]
async fn the_state_tells_where_the_settings_come_from() {
    let stub = Stub::that_answers(Reply::Status(500));
    let case = Case::new(&format!("spring.config.import=optional:configserver:{}", stub.url()));
    let import = || case.refresher.component().unwrap().details["imports"][0].clone();
    assert_eq!(import()["from"], "localOnly");
    assert_eq!(case.refresher.component().unwrap().status, Status::Down);
    stub.answers(Reply::Settings(r#""order.currencies": "USD,EUR""#));
    case.refresher.now().await.unwrap();
    assert!(case.takes("EUR"));
    assert_eq!(case.refresher.component().unwrap().status, Status::Up);
    assert_eq!(
        import(),
        json!({"settings": "order-service/default", "from": "server", "server": stub.url(), "version": "c0ffee"})
    );
    // The refresh has written the copy.
    stub.answers(Reply::Status(500));
    let inputs = case.refresher.0.inputs.clone();
    let restarted = tokio::task::spawn_blocking(move || settings::load(&inputs, Occasion::Start));
    let restarted = restarted.await.unwrap().unwrap();
    assert!(matches!(restarted.imported[0].from, ImportedFrom::Copy { .. }));
    assert_eq!(restarted.settings.currencies.choose(None).unwrap().code(), "USD");

    let done = case.refresher.refresh().await.unwrap();
    let [because] = &done.not_answered[..] else { panic!("{done:?}") };
    assert!(because.ends_with("it answered 500"), "{because}");
    let component = case.refresher.component().unwrap();
    assert_eq!((component.status, import()["from"].as_str()), (Status::Down, Some("lastGoodCopy")));
    assert_eq!(import()["because"], because.as_str());
    assert!(case.takes("EUR"), "what applied still does");
    stub.answers(Reply::Settings(""));
    assert_eq!(case.refresher.refresh().await.unwrap().changed, ["order.currencies"]);
    assert_eq!(case.refresher.component().unwrap().status, Status::Up);
}

#[tokio::test]
async fn a_needed_server_that_does_not_answer_changes_nothing() {
    let stub = Stub::that_answers(Reply::Settings(r#""order.currencies": "USD,EUR""#));
    let import = format!("spring.config.import=configserver:{}\n", stub.url());
    let case = Case::new(&import);
    stub.answers(Reply::Status(500));
    case.file(&format!("{import}order.max-in-flight=7\n"));
    let refused = case.refresher.refresh().await;
    assert!(matches!(refused, Err(RefreshRefused::Unavailable(_))), "{refused:?}");
    let component = case.refresher.component().unwrap();
    assert_eq!(component.details["imports"][0]["from"], "server");
    assert!(component.details["notRefreshed"].as_str().unwrap().ends_with("it answered 500"));
    assert_eq!(component.status, Status::Down);
    assert!(case.takes("EUR"), "what applied still does");
    assert_eq!(*case.max_in_flight.get(), 512);
}

#[tokio::test]
async fn an_interval_is_kept_and_may_itself_change() {
    let case = Case::new("order.config.refresh-interval=1s\n");
    let running = tokio::spawn(case.refresher.clone().run(Arc::new(SequentialEntropy::default())));
    case.file("order.config.refresh-interval=1d\norder.currencies=USD,EUR\n");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !case.takes("EUR") {
        assert!(tokio::time::Instant::now() < deadline, "it was not refreshed");
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(*case.refresher.0.interval.borrow(), Some(Duration::from_hours(24)));
    running.abort();
}

#[test]
fn instances_do_not_refresh_together() {
    let hour = Duration::from_hours(1);
    assert_eq!(scattered(hour, 0), hour);
    assert_eq!(scattered(hour, 100), Duration::from_mins(54));
}

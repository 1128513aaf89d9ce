//! The test of a use case that the README shows.

use std::sync::Arc;
use std::time::Duration;

use order_app::currencies::Currencies;
use order_app::orders::{Orders, Ports};
use order_app::ports::StoreError;
use order_app::saga::SagaPolicy;
use order_testkit::examples::{a_place_command, a_write_once, anyone};
use order_testkit::{FixedClock, InMemoryStore, Method, SentCommands, SequentialEntropy};

#[tokio::test]
async fn an_order_whose_answer_was_lost_is_found_again_by_its_key() {
    let store = Arc::new(InMemoryStore::default());
    let lost = || StoreError::OutcomeUnknown("the connection is gone".into());
    store.faults().after(Method::Commit).once().fails(lost);
    let ports = Ports {
        store: store.clone(),
        sagas: store,
        commands: Arc::new(SentCommands::default()),
        clock: Arc::new(FixedClock::default()),
        entropy: Arc::new(SequentialEntropy::default()),
    };
    let (sagas, budget) = (SagaPolicy::default(), Duration::from_secs(1));
    let orders = Orders::new(ports, Currencies::default(), sagas, budget);
    let place = || orders.place(anyone(), a_place_command(), a_write_once("cart-7", 1));
    assert!(place().await.is_err());
    assert!(place().await.unwrap().replayed);
}

#[test]
fn the_readme_shows_this_test() {
    let (_, code) = include_str!("use_case.rs").split_once("\n#[tokio::test]").unwrap();
    let (code, _) = code.split_once("\n}\n").unwrap();
    assert!(include_str!("../README.md").contains(code), "{code}");
}

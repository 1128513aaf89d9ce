//! The store keeps its law on every database: one trial for each case of the contract and each
//! database, on the real servers.

#![expect(clippy::expect_used, reason = "without a database there is nothing to test")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use order_app::ports::OrderStore;
use order_testkit::databases::{Database, Scratch};
use order_testkit::{RandomEntropy, contract};
use persistence_diesel::{StoreSettings, migrate, open};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = Runtime::new().expect("a runtime starts");
    // Dropped after the trials, when nothing is connected any more.
    let mut databases = Vec::new();
    let mut trials = Vec::new();
    for database in Database::ALL {
        let scratch = database.scratch();
        let store = runtime.block_on(store_on(&scratch));
        databases.push(scratch);
        trials.extend(contract::cases().into_iter().map(|case| {
            let (runtime, store) = (runtime.handle().clone(), Arc::clone(&store));
            Trial::test(format!("{}::{}", database.name(), case.name), move || {
                runtime.block_on((case.run)(store));
                Ok(())
            })
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(runtime);
    conclusion.exit_code()
}

async fn store_on(scratch: &Scratch) -> Arc<dyn OrderStore> {
    let settings = StoreSettings {
        url: scratch.url.clone(),
        pool_size: 10,
        connection_timeout: Duration::from_secs(2),
    };
    migrate(&settings).await.expect("the migrations run");
    open(&settings, Arc::new(RandomEntropy)).expect("a known kind of URL")
}

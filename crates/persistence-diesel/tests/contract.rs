//! The store and the journal keep their laws on every database: one trial for each case of the contract and
//! each database, on the real servers. The store keeps them also when it writes each change alone.

#![expect(clippy::expect_used, reason = "without a database there is nothing to test")]

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use order_app::ports::{Extent, Stores};
use order_testkit::RandomEntropy;
use order_testkit::contract::{self, Instance, Subject};
use order_testkit::databases::{Database, Scratch, certificates};
use persistence_diesel::{Check, StoreSettings, Tls, migrate, open};
use tokio::runtime::{Handle, Runtime};

/// A database that is made when the first trial needs it, so that a filter needs no other server.
type Shared = OnceLock<(Scratch, Subject)>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = Runtime::new().expect("a runtime starts");
    // Dropped after the trials, when nothing is connected any more.
    let mut databases: Vec<Arc<Shared>> = Vec::new();
    let mut trials = Vec::new();
    for database in Database::ALL {
        for (group_commit, encrypted, how) in
            [(true, false, ""), (false, false, "::each_alone"), (true, true, "::encrypted")]
        {
            if encrypted && database == Database::Sqlite {
                continue;
            }
            let shared = Arc::new(Shared::default());
            databases.push(Arc::clone(&shared));
            trials.extend(contract::cases().into_iter().map(|case| {
                let (runtime, shared) = (runtime.handle().clone(), Arc::clone(&shared));
                Trial::test(format!("{}{how}::{}", database.name(), case.name), move || {
                    let (_, subject) = shared
                        .get_or_init(|| migrated(&runtime, database, group_commit, encrypted));
                    runtime.block_on((case.run)(subject.clone()));
                    Ok(())
                })
            }));
        }
        trials.extend(contract::journal_cases().into_iter().map(|case| {
            let runtime = runtime.handle().clone();
            Trial::test(format!("{}::journal::{}", database.name(), case.name), move || {
                on_a_database_of_its_own(&runtime, database, case);
                Ok(())
            })
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(runtime);
    conclusion.exit_code()
}

fn migrated(
    runtime: &Handle,
    database: Database,
    group_commit: bool,
    encrypted: bool,
) -> (Scratch, Subject) {
    let scratch = database.scratch();
    let tls = encrypted.then(|| Tls {
        check: Check::Host,
        authorities: Some(certificates().join("authority.pem")),
        identity: None,
    });
    let settings = StoreSettings { group_commit, tls, ..settings(&scratch) };
    let subject = runtime.block_on(async {
        migrate(&settings, Extent::Quick).await.expect("the migrations run");
        let stores = opened(&settings);
        Subject { orders: stores.orders, sagas: stores.sagas }
    });
    (scratch, subject)
}

fn on_a_database_of_its_own(runtime: &Handle, database: Database, case: contract::JournalCase) {
    let scratch = database.scratch();
    runtime.block_on(async {
        let settings = settings(&scratch);
        migrate(&settings, Extent::Quick).await.expect("the migrations run");
        let case = (case.run)([instance(&settings), instance(&settings)]);
        tokio::spawn(case).await.expect("the law is kept");
    });
}

fn opened(settings: &StoreSettings) -> Stores {
    open(settings, Arc::new(RandomEntropy)).expect("a known kind of URL")
}

fn instance(settings: &StoreSettings) -> Instance {
    let stores = opened(settings);
    Instance { orders: stores.orders, journal: stores.journal, inspection: stores.inspection }
}

fn settings(scratch: &Scratch) -> StoreSettings {
    StoreSettings {
        url: scratch.url.clone(),
        pool_size: 10,
        connection_timeout: Duration::from_secs(2),
        group_commit: true,
        decimals: 2,
        schema: None,
        clear_text_password: false,
        tls: None,
        time_zone: None,
    }
}

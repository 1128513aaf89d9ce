//! The fake keeps the laws of store and journal: one trial for each case of the contracts. The adapters'
//! test binaries look the same.

#![expect(clippy::expect_used, reason = "without a runtime there is nothing to test")]

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use order_testkit::{BoxFuture, InMemoryStore, contract};

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let trial = |name: String, run: BoxFuture<()>| {
        let runtime = runtime.handle().clone();
        Trial::test(name, move || {
            runtime.block_on(run);
            Ok(())
        })
    };
    let store = Arc::new(InMemoryStore::default());
    let of_store = contract::cases().into_iter();
    let of_store =
        of_store.map(|case| trial(case.name.to_owned(), (case.run)(store.clone().into())));
    let of_journal = contract::journal_cases().into_iter().map(|case| {
        let memory = InMemoryStore::default();
        let instance = || {
            let memory = Arc::new(memory.another_instance());
            contract::Instance {
                orders: memory.clone(),
                journal: memory.clone(),
                inspection: memory,
            }
        };
        trial(format!("journal::{}", case.name), (case.run)([instance(), instance()]))
    });
    let trials = of_store.chain(of_journal).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

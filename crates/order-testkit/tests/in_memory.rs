//! The fake keeps the law of the store: one trial for each case of the contract. The adapters'
//! test binaries look the same.

#![expect(clippy::expect_used, reason = "without a runtime there is nothing to test")]

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use order_testkit::{InMemoryStore, contract};

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let store = Arc::new(InMemoryStore::default());
    let trial = |case: contract::Case| {
        let (runtime, store) = (runtime.handle().clone(), store.clone());
        Trial::test(case.name, move || {
            runtime.block_on((case.run)(store));
            Ok(())
        })
    };
    let journal_trial = |case: contract::JournalCase| {
        let runtime = runtime.handle().clone();
        Trial::test(format!("journal::{}", case.name), move || {
            let memory = Arc::new(InMemoryStore::default());
            let instance = || contract::Instance {
                orders: memory.clone(),
                journal: memory.clone(),
                inspection: memory.clone(),
            };
            runtime.block_on((case.run)([instance(), instance()]));
            Ok(())
        })
    };
    let mut trials: Vec<Trial> = contract::cases().into_iter().map(trial).collect();
    trials.extend(contract::journal_cases().into_iter().map(journal_trial));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

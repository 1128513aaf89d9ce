//! `order-service migrate`: brings the tables of the database up to date, or says with `--check` what stands in the way.

use std::process::ExitCode;

use order_app::errors::chain;
use order_app::ports::{CheckedOrders, Database, Extent, Remedy};

use super::output::{complain, print_line};
use crate::application::stores;
use crate::runtimes;
use crate::settings::Settings;

/// How many orders are read at a time.
const PAGE: u32 = 1_000;
/// After how many orders a check tells for the first time how far it is, and the least that it then waits.
const TOLD_AFTER: u64 = 10_000;

/// Answers with the exit code.
pub(super) fn run(settings: &Settings) -> anyhow::Result<u8> {
    let migrate = async {
        let stores = stores::open(settings)?;
        let done =
            stores.database.migrate(Extent::Whole).await.map_err(anyhow::Error::from_boxed)?;
        for caution in stores.database.cautions().await.map_err(anyhow::Error::from_boxed)? {
            tracing::warn!("{caution}");
        }
        Ok::<_, anyhow::Error>(done)
    };
    let done = runtimes::main()?.block_on(migrate)?;
    let database = &settings.storage.database;
    tracing::info!(%database, migrations = done.join(", "), "the database is up to date");
    Ok(0)
}

/// Prints what the service cannot use of an existing table of orders, and the orders that it cannot read. It changes nothing.
pub(super) fn check(settings: &Settings) -> anyhow::Result<ExitCode> {
    let checking = async {
        let stores = stores::open(settings)?;
        for caution in stores.database.cautions().await.map_err(anyhow::Error::from_boxed)? {
            print_line(&caution);
        }
        let found = stores.database.inspect().await.map_err(anyhow::Error::from_boxed)?;
        let Some(findings) = found else {
            print_line("there is no table orders yet; the migration makes it");
            return Ok(true);
        };
        for finding in &findings {
            print_line(&finding.to_string());
        }
        let is_usable = findings.iter().all(|finding| finding.remedy == Remedy::Quick);
        match check_orders(&*stores.database).await {
            Ok(unreadable) => Ok(is_usable && unreadable == 0),
            // The types of the columns may be in the way.
            Err(error) if !is_usable => {
                print_line(&format!("the orders could not be checked: {}", chain(&*error)));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    };
    let is_good = runtimes::main()?.block_on(checking)?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints each order that cannot be read, and answers how many there are.
async fn check_orders(database: &dyn Database) -> anyhow::Result<u64> {
    let (mut count, mut unreadable, mut next) = (0_u64, 0_u64, TOLD_AFTER);
    let mut tell = |page: CheckedOrders| {
        for order in page.unreadable {
            unreadable = unreadable.saturating_add(1);
            print_line(&order.to_string());
        }
        count = count.saturating_add(page.count.into());
        if count >= next {
            // The longer the table, the rarer.
            next = count.saturating_add(TOLD_AFTER.max(count.div_euclid(10)));
            complain(&format!("{count} orders checked, {unreadable} cannot be read"), 0);
        }
    };
    database.check_orders(PAGE, &mut tell).await.map_err(anyhow::Error::from_boxed)?;
    print_line(&format!("{count} orders checked, {unreadable} cannot be read"));
    Ok(unreadable)
}

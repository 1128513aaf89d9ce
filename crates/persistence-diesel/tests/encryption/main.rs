//! Encrypted connections on each database server: each check of the server against right and wrong certificates and against
//! an attacker on the way, the certificate of the client, and files that change. The server itself says which sessions are
//! encrypted.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod clients;
mod modes;
mod relay;
mod rig;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use order_testkit::databases::Database;
use tokio::runtime::Runtime;

use crate::rig::Rig;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = Arc::new(Runtime::new().expect("a runtime starts"));
    let mut trials = Vec::new();
    for database in [Database::Postgres, Database::Mariadb, Database::Mysql] {
        let runtime = Arc::clone(&runtime);
        // One after the other, because the server has one certificate at a time.
        let checks = move || {
            let rig = Rig::on(database);
            runtime.block_on(async {
                rig.prepare().await;
                modes::each_check_takes_the_certificates_that_it_should(&rig).await;
                modes::files_that_change_serve_new_connections(&rig).await;
                rig.show("server").await;
                modes::an_attacker_who_strips_or_cuts_the_encryption_gets_nothing(&rig).await;
                modes::nothing_is_read_on_the_way(&rig).await;
                clients::a_server_that_demands_a_certificate_gets_it(&rig).await;
                clients::a_password_goes_to_a_server_that_is_known(&rig).await;
                clients::files_that_are_no_use_are_named(&rig);
            });
            Ok(())
        };
        let name = format!("{}::connections_are_encrypted_as_the_settings_say", database.name());
        trials.push(Trial::test(name, checks));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

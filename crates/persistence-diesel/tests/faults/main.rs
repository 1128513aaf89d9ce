//! Faults between the store and a database server, made by a proxy in between and by the servers' own means,
//! and what the store owes its callers then.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod adoption;
mod commits;
mod connections;
mod counters;
mod journal;
mod moods;
mod newer;
mod releases;
mod rig;
mod schemas;
mod suitability;
mod times;
mod unreadable;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use order_testkit::databases::Database;

use crate::rig::{Check, Rig};

/// A check that needs no proxy.
type PlainCheck = fn(Database);

/// The checks without a proxy.
const ANYWHERE: &[(&str, PlainCheck)] = &[
    ("several_processes_migrate_at_once", adoption::several_processes_migrate_at_once),
    ("a_table_of_seven_columns_is_adopted", adoption::a_table_of_seven_columns_is_adopted),
    (
        "a_change_that_the_table_forbids_is_refused_for_good",
        suitability::a_change_that_the_table_forbids_is_refused_for_good,
    ),
    (
        "a_trigger_of_another_service_refuses_for_good",
        suitability::a_trigger_of_another_service_refuses_for_good,
    ),
    ("times_of_another_zone_are_refused_by_name", times::times_of_another_zone_are_refused_by_name),
    (
        "a_new_table_is_not_made_for_times_of_another_zone",
        times::a_new_table_is_not_made_for_times_of_another_zone,
    ),
    (
        "each_table_is_used_adapted_or_refused_by_name",
        suitability::each_table_is_used_adapted_or_refused_by_name,
    ),
    (
        "a_database_of_release_0_1_0_is_migrated_and_read",
        releases::a_database_of_release_0_1_0_is_migrated_and_read,
    ),
    ("another_service_goes_on_inserting", counters::another_service_goes_on_inserting),
    ("a_version_that_jpa_made_is_reused", adoption::a_version_that_jpa_made_is_reused),
    ("answers_beside_a_version_that_jpa_made", adoption::answers_beside_a_version_that_jpa_made),
    ("each_type_of_document_works", adoption::each_type_of_document_works),
    ("an_unreadable_row_is_set_aside", adoption::an_unreadable_row_is_set_aside),
    ("rows_with_one_clear_meaning_are_read", adoption::rows_with_one_clear_meaning_are_read),
    (
        "rows_without_a_clear_meaning_are_named_by_their_column",
        adoption::rows_without_a_clear_meaning_are_named_by_their_column,
    ),
    (
        "an_unreadable_row_does_not_affect_others_in_a_batch",
        adoption::an_unreadable_row_does_not_affect_others_in_a_batch,
    ),
    ("an_id_beyond_all_is_stepped_over", adoption::an_id_beyond_all_is_stepped_over),
    ("an_unreadable_event_is_named", unreadable::an_unreadable_event_is_named),
    ("an_unreadable_event_is_purged", unreadable::an_unreadable_event_is_purged),
    ("events_from_before_the_journal_get_positions", journal::events_from_before_the_journal),
    (
        "each_migration_says_whether_older_releases_may_serve",
        newer::each_migration_says_whether_older_releases_may_serve,
    ),
    (
        "a_newer_migration_is_told_or_refused_by_name",
        newer::a_newer_migration_is_told_or_refused_by_name,
    ),
    ("a_caller_on_one_thread_may_go_away", adoption::a_caller_on_one_thread_may_go_away),
];

/// The checks of what PostgreSQL alone has.
const ON_POSTGRES: &[(&str, PlainCheck)] = &[
    (
        "a_page_costs_no_more_when_many_events_follow",
        journal::a_page_costs_no_more_when_many_events_follow,
    ),
    (
        "a_sequence_that_may_not_be_used_is_named",
        counters::a_sequence_that_may_not_be_used_is_named,
    ),
    (
        "all_tables_are_in_the_schema_of_the_settings",
        schemas::all_tables_are_in_the_schema_of_the_settings,
    ),
    ("a_schema_that_is_not_granted_is_named", schemas::a_schema_that_is_not_granted_is_named),
    (
        "the_search_path_of_the_user_says_where_the_tables_are",
        schemas::the_search_path_of_the_user_says_where_the_tables_are,
    ),
    (
        "a_database_of_another_encoding_is_refused_by_name",
        moods::a_database_of_another_encoding_is_refused_by_name,
    ),
    ("settings_of_a_database_change_nothing", moods::settings_of_a_database_change_nothing),
    (
        "settings_of_a_database_are_refused_or_told",
        moods::settings_of_a_database_are_refused_or_told,
    ),
    ("marks_that_may_not_be_read_are_named", newer::marks_that_may_not_be_read_are_named),
    ("the_first_host_that_answers_is_used", schemas::the_first_host_that_answers_is_used),
];

/// The checks of what MySQL and MariaDB alone have.
const ON_MYSQL: &[(&str, PlainCheck)] = &[
    (
        "a_counter_that_may_not_be_moved_is_named",
        counters::a_counter_that_may_not_be_moved_is_named,
    ),
    (
        "the_migration_of_sagas_goes_on_after_a_crash",
        newer::the_migration_of_sagas_goes_on_after_a_crash,
    ),
    ("settings_of_a_server_change_nothing", moods::settings_of_a_server_change_nothing),
    ("settings_of_a_server_are_refused_or_told", moods::settings_of_a_server_are_refused_or_told),
    ("marks_that_may_not_be_read_are_named", newer::marks_that_may_not_be_read_are_named),
];

/// The checks of what SQLite alone has.
const ON_SQLITE: &[(&str, PlainCheck)] = &[(
    "each_text_of_a_time_has_one_place_in_lists",
    times::each_text_of_a_time_has_one_place_in_lists,
)];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = Arc::new(tokio::runtime::Runtime::new().expect("a runtime starts"));
    let behind_a_proxy: &[(&str, Check)] = &[
        ("the_answer_to_a_commit_is_lost", |rig| Box::pin(commits::answer_lost(rig))),
        ("a_commit_is_lost", |rig| Box::pin(commits::commit_lost(rig))),
        ("a_database_is_gone_after_a_commit", |rig| Box::pin(commits::gone_after_commit(rig))),
        ("the_answer_to_an_update_is_lost", |rig| Box::pin(commits::update_answer_lost(rig))),
        ("the_answer_to_many_is_lost", |rig| Box::pin(commits::answer_to_many_lost(rig))),
        ("a_database_is_gone_after_a_commit_of_many", |rig| {
            Box::pin(commits::gone_after_a_commit_of_many(rig))
        }),
        ("the_answer_to_a_step_is_lost", |rig| Box::pin(commits::step_answer_lost(rig))),
        ("a_step_is_lost", |rig| Box::pin(commits::step_lost(rig))),
        ("a_database_is_gone_after_a_step", |rig| Box::pin(commits::gone_after_a_step(rig))),
        ("the_answer_to_an_order_with_its_saga_is_lost", |rig| {
            Box::pin(commits::order_and_saga_answer_lost(rig))
        }),
        ("the_answer_to_orders_and_steps_is_lost", |rig| {
            Box::pin(commits::answer_to_orders_and_steps_lost(rig))
        }),
        ("the_answer_to_an_assignment_is_lost", |rig| {
            Box::pin(journal::assignment_answer_lost(rig))
        }),
        ("an_assignment_is_lost", |rig| Box::pin(journal::assignment_lost(rig))),
        ("a_database_is_gone_after_an_assignment", |rig| {
            Box::pin(journal::gone_after_an_assignment(rig))
        }),
        ("a_lease_whose_holder_is_halted_is_taken_over", |rig| {
            Box::pin(journal::holder_halted(rig))
        }),
        ("the_answer_to_progress_is_lost", |rig| Box::pin(journal::progress_answer_lost(rig))),
        ("a_database_is_gone_after_progress", |rig| Box::pin(journal::gone_after_progress(rig))),
        ("the_answer_to_a_skip_is_lost", |rig| Box::pin(journal::skip_answer_lost(rig))),
        ("a_writer_has_not_committed", |rig| Box::pin(journal::a_writer_has_not_committed(rig))),
        ("all_connections_are_cut", |rig| Box::pin(connections::all_cut(rig))),
        ("a_database_hangs_under_the_journal", |rig| {
            Box::pin(connections::hung_under_the_journal(rig))
        }),
        ("a_batch_in_doubt_meets_another_row", |rig| {
            Box::pin(connections::a_batch_in_doubt_meets_another_row(rig))
        }),
        ("a_lock_is_held", |rig| Box::pin(connections::a_lock_is_held(rig))),
        ("a_lock_outlasts_requests", |rig| Box::pin(connections::a_lock_outlasts_requests(rig))),
        ("a_key_is_held", |rig| Box::pin(connections::a_key_is_held(rig))),
        ("a_database_hangs", |rig| Box::pin(connections::hung(rig))),
        ("a_database_is_down_at_first", |rig| Box::pin(connections::down_at_first(rig))),
    ];
    let mut trials = Vec::new();
    for database in Database::ALL {
        for (name, check) in ANYWHERE {
            trials.push(Trial::test(format!("{}::{name}", database.name()), move || {
                check(database);
                Ok(())
            }));
        }
        let alone = match database {
            Database::Postgres => ON_POSTGRES,
            Database::Mariadb | Database::Mysql => ON_MYSQL,
            Database::Sqlite => ON_SQLITE,
        };
        for (name, check) in alone {
            trials.push(Trial::test(format!("{}::{name}", database.name()), move || {
                check(database);
                Ok(())
            }));
        }
        if database == Database::Sqlite {
            // A store on a file has no connection for a proxy.
            continue;
        }
        for (name, check) in behind_a_proxy {
            let runtime = Arc::clone(&runtime);
            trials.push(Trial::test(format!("{}::{name}", database.name()), move || {
                let scratch = database.scratch();
                runtime.block_on(async { check(Rig::on(&scratch).await).await });
                Ok(())
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

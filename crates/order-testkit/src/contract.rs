//! The laws of the ports, as cases that every adapter runs, this crate's fake included: of the stores
//! ([`cases`]), of the journal ([`journal_cases`]) and of the publisher ([`publisher_cases`]).
//!
//! An adapter's test binary makes one trial of each case and database. All cases of the store may
//! run at the same time on one database: each uses its own customers, order ids, keys and event ids,
//! and assumes nothing about what is stored already. Only answers recorded before 1981 belong to one
//! case, because they are purged by age. Cases of the journal and of the publisher need more: see
//! [`JournalCase`] and [`BrokerUnderTest`]. A case needs a tokio runtime with time and IO around it,
//! and panics when the law is broken.
//!
//! ```
//! use std::sync::Arc;
//! use order_testkit::{InMemoryStore, contract};
//!
//! let runtime = tokio::runtime::Runtime::new().unwrap();
//! let store = Arc::new(InMemoryStore::default());
//! for case in contract::cases() {
//!     runtime.block_on((case.run)(store.clone().into()));
//! }
//! ```

macro_rules! cases {
    ($of:ident: $($module:ident { $($case:ident,)+ })+) => {
        vec![$($($of {
            name: concat!(stringify!($module), "::", stringify!($case)),
            run: |subject| Box::pin($module::$case(subject.into())),
        },)+)+]
    };
}

mod answers;
mod compare_and_set;
mod concurrency;
mod events;
mod finding_sagas;
mod interruption;
mod journal;
mod lists;
mod publisher;
mod read_back;
mod sagas;
mod steps;
mod uniqueness;

use std::fmt;
use std::sync::Arc;

use order_app::ports::{OrderStore, SagaStore};

use crate::BoxFuture;

pub use journal::{Instance, JournalCase, journal_cases};
pub use publisher::{BrokerUnderTest, Delivered, PublisherCase, publisher_cases};

/// The stores under test, on one database.
#[derive(Clone)]
pub struct Subject {
    /// The store of orders.
    pub orders: Arc<dyn OrderStore>,
    /// The store of their sagas.
    pub sagas: Arc<dyn SagaStore>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}

impl<S: OrderStore + SagaStore + 'static> From<Arc<S>> for Subject {
    fn from(store: Arc<S>) -> Self {
        Self { orders: store.clone(), sagas: store }
    }
}

/// Most cases are about orders alone.
impl From<Subject> for Arc<dyn OrderStore> {
    fn from(subject: Subject) -> Self {
        subject.orders
    }
}

/// A law of the stores.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The law, such as `lists::pages_join_without_gap_or_repeat`.
    pub name: &'static str,
    /// Checks it on the stores of one database.
    pub run: fn(Subject) -> BoxFuture<()>,
}

/// Every case of the contract.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut all = cases! { Case:
        read_back {
            an_order_is_read_back_as_it_was_written,
            an_unknown_order_is_none,
            an_order_of_another_customer_is_none,
            every_currency_keeps_its_decimals,
            tenths_add_up_exactly,
            every_name_is_kept_character_by_character,
            the_largest_order_is_kept,
            times_are_kept_to_the_microsecond,
            every_cancel_reason_is_kept,
            a_store_that_works_answers_a_ping,
        }
        compare_and_set {
            an_order_walks_through_its_versions,
            a_stale_version_is_refused_and_writes_nothing,
            a_skipped_version_is_refused_and_writes_nothing,
            an_update_of_an_unknown_order_is_refused_and_writes_nothing,
            an_update_keeps_the_client_reference_without_a_conflict,
        }
        uniqueness {
            a_taken_order_id_is_refused_and_writes_nothing,
            a_taken_client_reference_names_the_order_that_has_it,
            a_cancelled_order_keeps_its_client_reference,
            customers_do_not_share_client_references,
            client_references_differ_by_case,
            orders_without_a_client_reference_do_not_collide,
        }
        answers {
            an_answer_is_read_back_byte_for_byte,
            an_unknown_key_has_no_answer,
            a_change_without_an_answer_records_none,
            a_taken_key_is_refused_and_writes_nothing,
            a_key_belongs_to_its_caller_operation_and_record,
            keys_differ_by_case,
            a_key_may_have_255_characters,
            an_update_records_its_answer_too,
            a_purge_deletes_old_answers_in_batches,
        }
        events {
            events_come_in_sequence_from_where_they_are_asked,
            a_page_of_large_events_ends_by_its_bytes,
            event_bytes_are_never_rewritten,
            an_event_whose_texts_are_broken_is_named_and_the_others_are_read,
            an_event_of_another_order_is_not_taken_for_one,
            an_order_sees_its_own_events_only,
            every_kind_of_event_is_kept,
        }
        lists {
            the_newest_order_comes_first,
            equal_times_are_ordered_by_id,
            pages_join_without_gap_or_repeat,
            a_page_of_large_orders_ends_by_its_bytes,
            large_and_small_orders_make_one_list,
            an_exactly_full_last_page_is_the_last,
            newer_orders_do_not_disturb_the_pages_that_follow,
            a_list_is_filtered_by_status,
            a_list_starts_with_created_from_and_ends_before_created_to,
            filters_hold_on_every_page,
            a_customer_sees_only_their_own_orders,
        }
    };
    all.extend(cases_of_sagas());
    all.extend(cases_of_many_callers());
    all
}

fn cases_of_sagas() -> Vec<Case> {
    cases! { Case:
        sagas {
            an_order_without_a_saga_has_none,
            a_saga_alone_makes_no_version_and_no_event,
            an_order_and_its_saga_land_together,
            a_change_without_a_saga_leaves_the_saga_as_it_is,
            every_field_of_a_saga_is_kept,
            a_document_is_read_back_byte_for_byte,
            a_step_that_has_seen_another_version_is_refused,
            a_step_that_has_seen_another_revision_is_refused,
            a_change_that_has_seen_another_revision_is_refused,
            a_step_of_an_unknown_order_is_refused,
            a_step_that_comes_again_is_refused,
            a_refused_order_leaves_the_saga_of_another_as_it_is,
            one_of_many_steps_of_one_revision_wins,
            steps_and_changes_of_one_order_make_one_linear_history,
            of_128_mixed_changes_a_bad_one_fails_alone,
            a_dropped_change_of_both_is_wholly_there_or_not_at_all,
        }
        finding_sagas {
            due_sagas_come_oldest_first_and_page_by_page,
            a_saga_is_due_as_it_was_written_last,
            sagas_without_a_page_before_are_due_from_the_oldest_on,
            sagas_that_need_an_operator_are_listed_by_their_ids,
            open_sagas_are_counted_by_their_states,
            a_purge_deletes_old_sagas_that_are_over,
        }
    }
}

fn cases_of_many_callers() -> Vec<Case> {
    cases! { Case:
        concurrency {
            changes_of_one_order_make_one_linear_history,
            one_of_many_updates_of_one_version_wins,
            requests_with_one_key_make_one_order,
            orders_with_one_reference_make_one_order,
            orders_with_one_id_make_one_order,
            order_ids_are_never_given_twice,
            orders_read_at_the_same_time_are_the_ones_asked_for,
            lists_read_at_the_same_time_are_the_ones_asked_for,
            large_lists_read_at_the_same_time_are_the_ones_asked_for,
            a_bad_change_among_good_ones_fails_alone,
            a_bad_change_fails_alone_wherever_it_stands_in_a_batch,
            changes_of_one_order_sent_together_land_in_their_order,
        }
        interruption {
            a_dropped_commit_is_wholly_there_or_not_at_all,
            dropped_reads_do_no_harm,
            a_commit_that_runs_out_of_time_says_what_came_of_it,
            a_deadline_in_the_past_is_answered_promptly,
        }
    }
}

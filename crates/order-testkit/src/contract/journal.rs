//! The laws of the journal, as cases that every adapter runs.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "in a test, an overflow ends it; that is what a broken expectation does"
)]

mod backlog;
mod concurrency;
mod inspection;
mod interruption;
mod leases;
mod parking;
mod positions;
mod progress;
mod purge;
mod steps;
mod zombies;

use std::fmt;
use std::sync::Arc;

use order_app::ports::{EventJournal, JournalInspection, OrderStore};

use crate::BoxFuture;

/// The ports of one instance of the service, all of them on one database.
#[derive(Clone)]
pub struct Instance {
    /// The store.
    pub orders: Arc<dyn OrderStore>,
    /// The journal.
    pub journal: Arc<dyn EventJournal>,
    /// The view of operators.
    pub inspection: Arc<dyn JournalInspection>,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

/// A law of the journal. A database has one journal and one lease for each duty, so each case needs an
/// empty database of its own, and two instances on it.
#[derive(Debug, Clone, Copy)]
pub struct JournalCase {
    /// The law, such as `positions::every_event_gets_one_position`.
    pub name: &'static str,
    /// Checks it on two instances.
    pub run: fn([Instance; 2]) -> BoxFuture<()>,
}

/// Every case of the journal's contract.
#[must_use]
pub fn journal_cases() -> Vec<JournalCase> {
    let mut all = inspection_cases();
    all.extend(cases! { JournalCase:
        positions {
            an_empty_journal_is_empty,
            every_event_gets_one_position,
            a_limit_is_kept,
            later_events_get_later_positions,
            a_page_starts_after_a_position,
            a_page_of_large_events_ends_by_its_bytes,
            a_shard_holds_its_own_orders_only,
        }
        concurrency {
            readers_miss_nothing_while_sequencers_change_hands,
            calls_under_one_lease_give_each_position_once,
            one_of_many_callers_gets_a_lease,
            two_redrives_at_the_same_time_skip_one_event,
        }
        leases {
            a_lease_has_one_holder,
            duties_are_leased_apart,
            a_shard_that_does_not_exist_is_not_leased,
            renewing_keeps_the_epoch_and_taking_raises_it,
            a_lease_that_is_over_can_be_taken_by_another_instance,
            a_lease_that_is_over_is_held_until_it_is_taken,
            a_lease_that_is_given_back_is_free,
            giving_back_late_or_twice_changes_nothing,
            instances_that_live_are_counted,
            an_instance_that_is_silent_is_forgotten,
            an_instance_that_signs_off_is_not_counted,
        }
        zombies {
            no_position_is_assigned_under_a_lost_lease,
            nothing_is_recorded_under_a_lost_lease,
            an_earlier_lease_of_the_same_instance_is_lost,
        }
        progress {
            progress_outlives_the_lease,
            progress_never_goes_back,
            shards_advance_apart,
        }
        parking {
            a_parked_order_is_listed,
            parked_orders_come_oldest_first,
            an_order_is_not_parked_any_more,
            an_order_that_is_not_parked_cannot_be_redriven,
            parking_again_counts_and_ends_the_redrive,
            the_same_progress_again_changes_nothing,
            a_redrive_leaves_out_the_first_event,
            asking_twice_skips_once,
            only_the_first_event_can_be_skipped,
            a_skipped_event_is_not_read_any_more,
            a_reason_may_be_any_text,
        }
        backlog {
            an_event_waits_until_its_shard_is_published_past_it,
            the_oldest_event_is_found_wherever_it_waits,
        }
        purge {
            unpublished_events_are_not_purged,
            old_published_events_are_purged,
            young_events_are_kept,
            the_newest_event_of_an_order_is_kept_until_it_has_a_newer_one,
            the_events_of_a_parked_order_are_kept,
            the_events_of_an_order_that_was_parked_are_purged_later,
            a_purge_goes_step_by_step,
            purges_at_the_same_time_purge_once,
            positions_continue_after_a_purge,
        }
        interruption {
            dropped_calls_do_no_harm,
            a_deadline_in_the_past_is_answered_promptly,
        }
    });
    all
}

fn inspection_cases() -> Vec<JournalCase> {
    cases! { JournalCase:
        inspection {
            every_duty_is_listed_with_its_holder_and_position,
            parked_orders_are_paged_by_their_ids,
            skipped_events_are_paged_by_order_and_sequence,
            selected_events_come_in_the_order_of_their_positions,
            selected_events_match_every_condition,
            the_pages_of_a_selection_join_without_a_gap,
            a_skipped_event_is_not_selected,
            the_events_of_an_order_are_found,
            the_first_unpublished_event_of_an_order_is_found,
            the_orders_of_a_customer_are_found,
            an_event_whose_texts_are_broken_is_named_wherever_it_is_read,
        }
    }
}

//! The law of the journal, as cases that every adapter runs.

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
mod places;
mod progress;
mod purge;
mod steps;
mod zombies;

use std::fmt;
use std::sync::Arc;

use order_app::ports::{EventJournal, JournalInspection, OrderStore};

use crate::BoxFuture;

/// What one instance of the service has of a database.
#[derive(Clone)]
pub struct Instance {
    /// Where it commits.
    pub orders: Arc<dyn OrderStore>,
    /// Where its commits get their places.
    pub journal: Arc<dyn EventJournal>,
    /// Where operators look at that.
    pub inspection: Arc<dyn JournalInspection>,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

/// One law of the journal. Places and leases are shared by all that a database holds, so each case
/// has an empty database of its own, and two instances on it.
#[derive(Debug, Clone, Copy)]
pub struct JournalCase {
    /// What is demanded, such as `places::every_event_gets_one_place`.
    pub name: &'static str,
    /// Checks it on two instances.
    pub run: fn([Instance; 2]) -> BoxFuture<()>,
}

/// Every case of the journal's contract.
#[must_use]
pub fn journal_cases() -> Vec<JournalCase> {
    let mut all = inspection_cases();
    all.extend(cases! { JournalCase:
        places {
            an_empty_journal_is_empty,
            every_event_gets_one_place,
            a_limit_is_kept,
            later_events_get_later_places,
            reading_starts_after_a_position,
            a_shard_holds_its_own_orders_only,
        }
        concurrency {
            readers_miss_nothing_while_arrangers_change_hands,
            calls_under_one_lease_at_a_time_give_each_place_once,
            of_many_who_want_a_lease_one_gets_it,
            redrives_at_a_time_skip_one_event,
        }
        leases {
            a_lease_has_one_holder,
            duties_are_leased_apart,
            a_shard_beyond_all_is_leased_to_nobody,
            renewing_keeps_the_epoch_and_taking_raises_it,
            a_lease_that_is_over_is_taken_by_somebody_else,
            a_lease_that_is_over_is_held_until_somebody_takes_it,
            a_lease_that_is_given_back_is_free,
            giving_back_late_or_twice_changes_nothing,
            instances_that_live_are_counted,
            an_instance_that_is_silent_is_forgotten,
            an_instance_that_signs_off_is_not_counted,
        }
        zombies {
            nothing_is_arranged_under_a_lost_lease,
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
            no_other_event_is_skipped_than_the_one_that_is_meant,
            a_skipped_event_is_not_read_any_more,
            any_reason_will_do,
        }
        backlog {
            an_event_waits_until_its_shard_has_passed_it,
            the_oldest_event_is_found_wherever_it_waits,
        }
        purge {
            what_is_not_published_is_not_purged,
            what_is_old_and_published_is_purged,
            what_is_young_is_kept,
            the_newest_event_of_an_order_is_kept_until_it_has_a_newer_one,
            an_order_that_is_parked_is_kept,
            an_order_that_was_parked_is_purged_later,
            a_purge_goes_step_by_step,
            purges_at_a_time_purge_once,
            places_go_on_after_a_purge,
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
            every_duty_is_told_with_its_holder_and_position,
            parked_orders_are_paged_by_their_ids,
            skipped_events_are_paged_by_order_and_sequence,
            selected_events_come_in_the_order_of_their_places,
            a_selection_fits_all_that_is_said,
            whoever_reads_on_misses_nothing_of_a_selection,
            a_skipped_event_is_not_selected,
            an_orders_events_are_found_by_the_order,
            an_order_tells_from_where_on_it_is_not_published,
            a_customers_orders_are_found,
        }
    }
}

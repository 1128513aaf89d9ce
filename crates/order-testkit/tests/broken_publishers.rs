//! The contract of the publisher can fail: each flaw is noticed by the case that is there for it.

#![expect(clippy::unwrap_used, reason = "in a test, a broken expectation ends it")]

mod fake_broker;

use std::sync::Arc;

use order_testkit::contract;

use fake_broker::{FakeBroker, Flaw};

/// The cases that panic with a publisher that has this flaw.
async fn failed_cases(flaw: Flaw) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for case in contract::publisher_cases() {
        if tokio::spawn((case.run)(Arc::new(FakeBroker::with(flaw)))).await.is_err() {
            failed.push(case.name);
        }
    }
    failed
}

macro_rules! noticed {
    ($($name:ident: $flaw:ident by $($case:literal),+;)+) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            let failed = failed_cases(Flaw::$flaw).await;
            for case in [$($case),+] {
                assert!(failed.contains(&case), "not by {case}, only by {failed:?}");
            }
        })+
    };
}

noticed! {
    rewritten_data_is_noticed: TidiesData
        by "confirmed::an_event_arrives_with_its_key_its_attributes_and_its_bytes";
    false_confirmations_are_noticed: ConfirmsLostEvents
        by "failures::an_outage_is_a_transient_failure_of_every_event",
        "replays::an_outage_is_a_transient_failure_of_a_replay";
    outages_that_park_orders_are_noticed: TakesOutagesForRefusals
        by "failures::what_failed_in_an_outage_is_published_after_it";
    refusals_that_are_tried_for_ever_are_noticed: TakesRefusalsForOutages
        by "failures::an_order_goes_on_after_a_refused_event",
        "replays::a_missing_topic_is_a_permanent_failure";
    harm_to_neighbours_is_noticed: RefusesWholeCalls
        by "failures::a_refused_event_fails_for_good_and_alone";
    answers_for_other_events_are_noticed: MixesUpAnswers
        by "failures::a_refused_event_fails_for_good_and_alone";
    events_that_come_late_are_noticed: SendsFailedEventsLater
        by "failures::nothing_of_a_failed_call_comes_late";
    replays_without_a_mark_are_noticed: ForgetsTheMark
        by "replays::a_replayed_event_differs_by_its_mark_alone";
    replays_to_a_wrong_topic_are_noticed: IgnoresTheChosenTopic
        by "replays::a_replay_goes_to_the_chosen_topic_alone",
        "replays::a_missing_topic_is_a_permanent_failure";
}

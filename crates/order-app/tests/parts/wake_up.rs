//! The flag by which a commit wakes the relay.

use std::time::Duration;

use order_app::wake_up::WakeUp;

#[tokio::test]
async fn a_wake_up_before_the_wait_is_kept() {
    let wake_up = WakeUp::default();
    wake_up.clone().wake();
    wake_up.wake();
    wake_up.woken().await;
    assert!(wake_up.take());
    assert!(!wake_up.take(), "two wake-ups count as one");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_next_wake_up_and_not_with_one_that_was_taken() {
    let wake_up = WakeUp::default();
    wake_up.wake();
    assert!(wake_up.take());
    let quiet = Duration::from_secs(1);
    let silence = tokio::time::timeout(quiet, wake_up.woken()).await;
    assert!(silence.is_err(), "it was taken before");
    let sender = wake_up.clone();
    let receiver = tokio::spawn(async move { wake_up.woken().await });
    tokio::task::yield_now().await;
    sender.wake();
    receiver.await.unwrap();
}

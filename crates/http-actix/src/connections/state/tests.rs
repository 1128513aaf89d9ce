//! What is overdue, with a clock that the test moves.

use super::*;

const BOUNDS: Bounds = Bounds {
    most: 10,
    most_per_peer: None,
    head: Duration::from_secs(10),
    idle: Duration::from_secs(75),
    answer: Duration::from_secs(20),
};

/// A connection, and what passes the time.
fn opened() -> (Rc<State>, impl Fn(u64)) {
    let now = Rc::new(Cell::new(Instant::now()));
    let pass = {
        let now = Rc::clone(&now);
        move |seconds| now.set(now.get().checked_add(Duration::from_secs(seconds)).unwrap())
    };
    (State::new(now, None, false), pass)
}

#[test]
fn every_head_has_the_same_time() {
    let (state, pass) = opened();
    pass(9);
    assert_eq!(state.overdue(&BOUNDS, false), None);
    pass(1);
    assert_eq!(state.overdue(&BOUNDS, false), Some(Reason::Head));
    // Bytes do not prolong it.
    state.came(10, true);
    assert_eq!(state.overdue(&BOUNDS, false), Some(Reason::Head));
    state.asked(false);
    pass(100);
    assert_eq!(state.overdue(&BOUNDS, false), None);
    state.came(10, true);
    state.answered();
    pass(10);
    assert_eq!(state.overdue(&BOUNDS, false), Some(Reason::Head));
}

#[test]
fn an_idle_connection_is_kept_for_longer() {
    let (state, pass) = opened();
    state.came(20, false);
    state.asked(false);
    state.answered();
    pass(74);
    assert_eq!(state.overdue(&BOUNDS, false), None);
    state.came(1, true);
    pass(9);
    assert_eq!(state.overdue(&BOUNDS, false), None);
    pass(1);
    assert_eq!(state.overdue(&BOUNDS, false), Some(Reason::Head));
}

#[test]
fn an_answer_is_taken_at_a_least_rate() {
    let (state, pass) = opened();
    state.came(20, false);
    state.asked(false);
    state.blocked();
    assert!(!state.may_read());
    state.took(20 * 1_024, false);
    pass(20);
    assert_eq!(state.overdue(&BOUNDS, false), None);
    state.took(20 * 1_024 - 1, false);
    pass(20);
    assert_eq!(state.overdue(&BOUNDS, false), Some(Reason::Answer));
    state.took(1, true);
    assert_eq!(state.overdue(&BOUNDS, false), None);
}

#[test]
fn a_stream_may_be_slow_until_a_stop() {
    let (state, pass) = opened();
    state.asked(false);
    state.streams();
    state.blocked();
    pass(1_000);
    assert_eq!(state.overdue(&BOUNDS, false), None);
    state.stop();
    assert_eq!(state.overdue(&BOUNDS, true), None);
    pass(3);
    assert_eq!(state.overdue(&BOUNDS, true), Some(Reason::Answer));
}

#[test]
fn a_body_has_little_framing() {
    let (state, _pass) = opened();
    state.asked(true);
    assert!(state.may_read());
    for _ in 0..1_000 {
        state.came(6_000, false);
        state.read_content(1_000);
    }
    assert_eq!(state.closing(), None);
    state.came(3_000_000, false);
    assert_eq!(state.closing(), Some(Reason::Body));
}

#[test]
fn nothing_is_read_behind_a_body_until_the_answer_is_written() {
    let (state, _pass) = opened();
    state.asked(true);
    state.read_to_end();
    assert!(!state.may_read());
    state.answered();
    assert!(state.may_read());
}

#[test]
fn a_body_that_stalls_does_not_hold_up_a_stop() {
    let (state, pass) = opened();
    state.asked(true);
    pass(5);
    assert_eq!(state.overdue(&BOUNDS, false), None);
    state.stop();
    pass(3);
    assert_eq!(state.overdue(&BOUNDS, true), Some(Reason::Body));
}

#[test]
fn a_client_that_sends_on_without_asking_is_given_up() {
    let (state, _pass) = opened();
    state.came(4 * 1_024 * 1_024, true);
    assert_eq!(state.closing(), None);
    state.came(1, true);
    assert_eq!(state.closing(), Some(Reason::Body));
}

#[test]
fn a_handshake_has_its_own_time_whatever_waits_for_the_client() {
    let (state, pass) = opened();
    state.shakes_hands();
    pass(2);
    state.has_its_turn();
    state.blocked();
    assert_eq!(state.overdue(&BOUNDS, false), None);
    assert!(state.holds_its_turn_for(Duration::ZERO));
    assert!(!state.holds_its_turn_for(Duration::from_secs(1)));
    pass(1);
    assert!(state.holds_its_turn_for(Duration::from_secs(1)));
    assert_eq!(state.overdue(&BOUNDS, false), Some(Reason::Handshake));
    // The head has its whole time.
    state.has_shaken_hands();
    assert!(!state.holds_its_turn_for(Duration::ZERO) && !state.has_unsent());
    pass(9);
    assert_eq!(state.overdue(&BOUNDS, false), None);
    pass(1);
    assert_eq!(state.overdue(&BOUNDS, false), Some(Reason::Head));
}

#[test]
fn a_connection_of_another_protocol_gives_way_while_it_waits_for_its_client() {
    let (state, pass) = opened();
    state.asked(true);
    pass(100);
    assert_eq!(state.waited(), None);
    state.rest(true);
    pass(2);
    state.rest(true);
    assert_eq!(state.waited(), Some(Duration::from_secs(2)));
    // It is kept, though, for as long as there is room.
    pass(1_000);
    assert_eq!(state.overdue(&BOUNDS, false), None);
    state.rest(false);
    assert_eq!(state.waited(), None);
    state.rest(true);
    state.answered();
    state.asked(false);
    assert_eq!(state.waited(), None);
}

//! What operators say with their actions.

use order_app::actions::{Actor, Reason};
use order_app::caller::{Caller, CallerName};

#[test]
fn an_actor_is_a_short_line() {
    assert_eq!(Actor::new(" Ada Lovelace ").unwrap().as_str(), "Ada Lovelace");
    assert!(Actor::new(&"ü".repeat(Actor::MAX)).is_some());
    for wrong in ["", "  ", "a\nb", "\u{1b}[31m", &"u".repeat(Actor::MAX + 1)] {
        assert_eq!(Actor::new(wrong), None, "{wrong:?}");
    }
    assert!(Reason::new(&"r".repeat(Actor::MAX + 1)).is_some(), "a reason may be longer");
}

#[test]
fn the_name_of_a_caller_is_an_actor() {
    let longest = CallerName::new("n".repeat(64)).unwrap();
    for name in [&longest, Caller::anonymous().name()] {
        let actor = Actor::from(name);
        assert_eq!(
            (actor.as_str(), Actor::new(name.as_str())),
            (name.as_str(), Some(actor.clone()))
        );
    }
}

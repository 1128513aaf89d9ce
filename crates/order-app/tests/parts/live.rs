//! A value that is replaced while others read it.

use order_app::live::Live;

#[test]
fn clones_see_the_new_value_and_an_old_one_that_was_read_stays() {
    let live = Live::new(1);
    let (shared, old) = (live.clone(), live.get());
    live.set(2);
    assert_eq!((*shared.get(), *old), (2, 1));
}

//! Who may do what: authorities, and orders of others. The routes of these are in `http-actix`.

use order_app::caller::{Access, Authorities, Authority, Caller, CallerName, Forbidden};
use order_app::orders::{ChangeError, FindError, ListError, PlaceError};
use order_app::ports::CustomerOrders;
use order_domain::OrderStatus;
use order_testkit::Method;
use order_testkit::examples::{
    a_customer, a_lines_command, a_place_command, a_status_command, a_write_once, a_write_request,
    an_order_id, some_lines,
};

use crate::world::{World, put};

/// The orders of the examples are customer 42's.
const OTHER: i64 = 7;

fn caller(access: Access, authorities: &[Authority]) -> Caller {
    let name = CallerName::new("ann").unwrap();
    Caller::new(name, access, authorities.iter().copied().collect(), None)
}

fn of_customer(customer: i64, authorities: &[Authority]) -> Caller {
    caller(Access::Customer(a_customer(customer)), authorities)
}

fn orders_of(customer: i64) -> CustomerOrders {
    CustomerOrders {
        customer_id: a_customer(customer),
        statuses: Vec::new(),
        created_from: None,
        created_to: None,
        after: None,
        limit: 10,
    }
}

/// What each use case answers a caller about order 1 of customer 42: the authority that it lacks, if that is it.
async fn lacked(world: &World, caller: &Caller) -> Vec<(&'static str, Option<Authority>)> {
    let id = an_order_id(1);
    let orders = &world.orders;
    let find = |error: &FindError| match error {
        FindError::Forbidden(Forbidden(authority)) => Some(*authority),
        _ => None,
    };
    let found = orders.find(caller, id).await.err().as_ref().and_then(find);
    let history = orders.history(caller, id, 0, 10).await.err().as_ref().and_then(find);
    let list = match orders.list(caller, &orders_of(42)).await {
        Err(ListError::Forbidden(Forbidden(authority))) => Some(authority),
        _ => None,
    };
    let place = match orders.place(caller, a_place_command(), a_write_request()).await {
        Err(PlaceError::Forbidden(Forbidden(authority))) => Some(authority),
        _ => None,
    };
    let lines = a_lines_command(id, some_lines());
    let lines = match orders.replace_lines(caller, lines, a_write_request()).await {
        Err(ChangeError::Forbidden(Forbidden(authority))) => Some(authority),
        _ => None,
    };
    let mut all = vec![
        ("find", found),
        ("history", history),
        ("list", list),
        ("place", place),
        ("lines", lines),
    ];
    for to in OrderStatus::ALL {
        let command = a_status_command(id, to);
        let changed = match orders.change_status(caller, command, a_write_request()).await {
            Err(ChangeError::Forbidden(Forbidden(authority))) => Some(authority),
            _ => None,
        };
        all.push((to.as_str(), changed));
    }
    all
}

fn needed(use_case: &str) -> Authority {
    match use_case {
        "find" | "history" | "list" => Authority::Read,
        "place" | "lines" | "PENDING" | "CANCELLED" => Authority::Write,
        _ => Authority::Fulfil,
    }
}

#[tokio::test]
async fn each_use_case_needs_its_authority() {
    for has in Authority::ALL {
        let world = World::new();
        put(&world.memory, 1, &[]).await;
        for access in [Access::Everything, Access::Customer(a_customer(42))] {
            for (use_case, lacks) in lacked(&world, &caller(access, &[has])).await {
                let needs = needed(use_case);
                assert_eq!(lacks, (needs != has).then_some(needs), "{use_case} with {has:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_caller_with_access_to_no_orders_may_do_nothing_with_orders() {
    let world = World::new();
    put(&world.memory, 1, &[]).await;
    let nothing = caller(Access::Nothing, &Authority::ALL);
    for (use_case, lacks) in lacked(&world, &nothing).await {
        assert_eq!(lacks, Some(Authority::Any), "{use_case}");
    }
}

#[tokio::test]
async fn an_order_of_another_customer_does_not_exist() {
    let world = World::new();
    let other = of_customer(OTHER, &Authority::ALL);
    let paths = [&[][..], &[OrderStatus::Confirmed], &[OrderStatus::Cancelled]];
    for (number, path) in (1..).zip(paths) {
        let (id, order) = (an_order_id(number), put(&world.memory, number, path).await);
        let find = world.orders.find(&other, id).await;
        assert!(matches!(find, Err(FindError::NotFound)));
        let history = world.orders.history(&other, id, 0, 10).await;
        assert!(matches!(history, Err(FindError::NotFound)));
        let mut lines = a_lines_command(id, some_lines());
        lines.expected = Some(vec![order.version()]);
        let lines = world.orders.replace_lines(&other, lines, a_write_once("k", 1)).await;
        assert!(matches!(lines, Err(ChangeError::NotFound)), "{lines:?}");
        for to in OrderStatus::ALL {
            let command = a_status_command(id, to);
            let changed = world.orders.change_status(&other, command, a_write_once("k", 1)).await;
            assert!(matches!(changed, Err(ChangeError::NotFound)), "{changed:?}");
        }
        assert_eq!(world.order(number).await, Some(order));
    }
}

#[tokio::test]
async fn a_list_of_another_customer_is_empty_and_asks_no_store() {
    let world = World::new();
    put(&world.memory, 1, &[]).await;
    let other = of_customer(OTHER, &[Authority::Read]);
    let page = world.orders.list(&other, &orders_of(42)).await.unwrap();
    assert!(page.orders.is_empty() && page.next.is_none());
    assert_eq!(world.faults.count(Method::CustomerOrders), 0);
    let own = of_customer(42, &[Authority::Read]);
    assert_eq!(world.orders.list(&own, &orders_of(42)).await.unwrap().orders.len(), 1);
}

#[tokio::test]
async fn an_order_for_another_customer_is_forbidden_before_anything_is_looked_at() {
    let world = World::new();
    let other = of_customer(OTHER, &[Authority::Write]);
    let refused = world.orders.place(&other, a_place_command(), a_write_once("k", 1)).await;
    assert!(matches!(refused, Err(PlaceError::Forbidden(Forbidden(Authority::Any)))));
    assert!(world.faults.calls().is_empty());
    let own = of_customer(42, &[Authority::Write]);
    world.orders.place(&own, a_place_command(), a_write_once("k", 1)).await.unwrap();
}

#[test]
fn a_name_is_visible_ascii_of_at_most_64_characters() {
    for (name, is_one) in [
        ("a".to_owned(), true),
        ("~".repeat(64), true),
        (String::new(), false),
        ("a".repeat(65), false),
        ("a b".to_owned(), false),
        ("ä".to_owned(), false),
        ("a\n".to_owned(), false),
    ] {
        assert_eq!(CallerName::new(name.clone()).is_some(), is_one, "{name:?}");
    }
}

#[test]
fn a_set_has_what_was_put_into_it_and_nothing_else() {
    for one in Authority::ALL {
        let set: Authorities = [one].into_iter().collect();
        for other in Authority::ALL {
            assert_eq!(set.has(other), one == other);
            assert!(Authorities::ALL.has(other) && !Authorities::default().has(other));
        }
    }
}

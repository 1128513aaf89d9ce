//! `order-service events` on an empty database, without brokers: how its arguments are read.

use serde_json::{Value, json};

use crate::shop::Shop;

#[test]
fn a_replay_is_read_with_all_its_conditions() {
    let shop = Shop::new();
    let line = "replay --order 1 --order 2 --customer 3 --type order.created \
                --from 2026-11-22T12:00:00+02:00 --topic again.v1 --rate 5 --after 7 --up-to 9 \
                --after-order 1 --dry-run --json";
    let replay = shop.events(line);
    for (name, value) in [
        ("orders", json!([1, 2])),
        ("customers", json!([3])),
        ("types", json!(["order.created"])),
        ("from", json!("2026-11-22T10:00:00.000000Z")),
        ("to", Value::Null),
        ("topic", json!("again.v1")),
        ("rate", json!(5)),
        ("after", json!(7)),
        ("upTo", json!(9)),
        ("dryRun", json!(true)),
        ("state", json!("COMPLETED")),
    ] {
        assert_eq!(replay[name], value, "{name} of {replay}");
    }
    assert!(replay["afterOrder"].as_i64() >= Some(1), "{replay}");
    let bare = shop.events("replay --dry-run --json");
    assert_eq!((&bare["rate"], &bare["after"]), (&json!(1_000), &json!(0)));
}

#[test]
fn lists_are_printed_as_on_the_management_port() {
    let shop = Shop::new();
    let parked = shop.events("parked list --after 4711 --shard 3 --limit 5 --json");
    assert_eq!(parked, json!({"orders": [], "next": null}));
    let skipped = shop.events("parked skipped --after 4711.3 --order 4712 --json");
    assert_eq!(skipped, json!({"events": [], "next": null}));
    let backlog = shop.events("backlog --json");
    assert_eq!((&backlog["waitingEvents"], &backlog["parkedOrders"]), (&json!(0), &json!(0)));
}

#[test]
fn wrong_arguments_are_refused() {
    let shop = Shop::new();
    for wrong in [
        "parked redrive",
        "parked redrive 1 --all",
        "parked redrive 0",
        "parked skip 1",
        "parked skip 1 --reason a --sequence 0",
        "parked list --shard 16",
        "parked list --limit 0",
        "parked list --after 0",
        "parked skipped --after 4711",
        "parked skipped --after 4711.0",
        "replay --type created",
        "replay --from yesterday",
        "replay --topic a/b",
        "replay --rate 0",
        "replay --after -1",
    ] {
        let arguments: Vec<_> = ["events"].into_iter().chain(wrong.split(' ')).collect();
        let output = shop.run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {output:?}");
    }
}

#[test]
fn the_command_line_is_there_for_shells_and_as_a_manual_page() {
    let printed = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_order-service");
        let output = std::process::Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(printed(&["completions", "bash"]).contains("complete -F _order__service"));
    assert!(printed(&["completions", "fish"]).contains("complete -c order-service"));
    assert!(printed(&["man"]).contains(".TH order-service 1"));
    assert!(
        printed(&["--version"]).starts_with(concat!("order-service ", env!("CARGO_PKG_VERSION")))
    );
}

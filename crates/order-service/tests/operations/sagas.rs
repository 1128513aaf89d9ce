//! `order-service sagas` on SQLite: sagas that need a person are listed, looked at and acted on. The program has no way to
//! participants, so what it commits says when running instances send what follows.

use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use order_app::currencies::Currencies;
use order_app::orders::{Orders, Ports};
use order_app::ports::{Clock, Command, SagaChange, SagaWrite, Stores};
use order_app::saga::SagaPolicy;
use order_app::sagas::Sagas;
use order_events::saga::{CommandType, REPLY_TOPIC, Reply, Verdict};
use order_testkit::examples::{
    a_change, a_new_order, a_place_command, a_write_request, an_order_id, anyone, placed, soon,
};
use order_testkit::{RandomEntropy, SentCommands};
use persistence_diesel::StoreSettings;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::shop::Shop;

/// The clock of the program, too.
struct Now;

impl Clock for Now {
    #[expect(clippy::disallowed_methods, reason = "the program under test has this clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A shop whose orders have sagas, as an instance beside the command line would make them.
struct World {
    shop: Shop,
    runtime: Runtime,
    stores: Stores,
    orders: Orders,
    commands: Arc<SentCommands>,
}

impl World {
    fn new() -> Self {
        let (shop, runtime) = (Shop::new(), Runtime::new().unwrap());
        let settings = StoreSettings {
            url: format!("sqlite:{}", shop.database().display()),
            pool_size: 2,
            connection_timeout: Duration::from_secs(5),
            group_commit: true,
            decimals: 2,
            schema: None,
            clear_text_password: false,
            tls: None,
            time_zone: None,
        };
        let entropy = Arc::new(RandomEntropy);
        let opened =
            runtime.block_on(async { persistence_diesel::open(&settings, entropy.clone()) });
        let (stores, commands) = (opened.unwrap(), Arc::<SentCommands>::default());
        let ports = Ports {
            store: stores.orders.clone(),
            sagas: stores.sagas.clone(),
            commands: commands.clone(),
            clock: Arc::new(Now),
            entropy,
        };
        let policy = SagaPolicy { begins: true, ..SagaPolicy::default() };
        let orders = Orders::new(ports, Currencies::default(), policy, Duration::from_secs(5));
        Self { shop, runtime, stores, orders, commands }
    }

    /// Places an order. Answers its id, and the command that asks for its stock.
    fn placed(&self) -> (i64, Command) {
        self.runtime.block_on(async {
            let placed = self.orders.place(anyone(), a_place_command(), a_write_request()).await;
            placed.unwrap();
            // What followed from the replies of an earlier order may come only now.
            let asks_for_stock = |command: &Command| command.task.kind() == CommandType::Reserve;
            let reserve = loop {
                match self.commands.take().into_iter().find(asks_for_stock) {
                    Some(command) => break command,
                    None => tokio::task::yield_now().await,
                }
            };
            (reserve.order_id.get(), reserve)
        })
    }

    /// Places an order whose saga needs a person: its stock was reserved, and was not.
    fn flagged(&self) -> i64 {
        let (id, reserve) = self.placed();
        let sagas = Sagas::new(self.orders.clone());
        for verdict in [Verdict::Done, Verdict::Rejected] {
            let reply = Reply::to(&reserve.to_message(REPLY_TOPIC), "/participant", verdict);
            self.runtime.block_on(sagas.reply(&reply)).unwrap();
        }
        id
    }

    /// Stores a document of a saga that no release can read.
    fn spoil(&self, id: i64) {
        let id = an_order_id(id);
        self.runtime.block_on(async {
            let found = self.stores.sagas.saga(id, soon()).await.unwrap().unwrap();
            let saga = SagaWrite { document: "{".to_owned(), attention: true, ..found.saga };
            let change = SagaChange { id, seen: found.stored.seen(), saga };
            self.stores.orders.commit(change.into(), soon()).await.unwrap();
        });
    }

    /// `order-service sagas …` for the user ada.
    fn tell(&self, arguments: &[&str]) -> Output {
        self.tell_as(&[("USER", "ada")], arguments)
    }

    fn tell_as(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
        self.shop.run_with(environment, &[&["sagas"], arguments].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.tell(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What an action that is done says.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.tell(&[arguments, &["--reason", "the warehouse called"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        text(&output.stdout)
    }

    /// The exit code of a command that does nothing, and what it says.
    fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.tell(arguments);
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        (output.status.code(), text(&output.stderr))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn sagas_that_need_a_person_are_listed() {
    let world = World::new();
    assert_eq!(world.json(&["list"]), json!({"sagas": [], "next": null}));
    assert_eq!(text(&world.tell(&["list"]).stdout), "no saga needs a person\n");
    let (flagged, spoiled, _) = (world.flagged(), world.flagged(), world.placed());
    world.spoil(spoiled);
    let page = world.json(&["list"]);
    assert_eq!((page["sagas"].as_array().unwrap().len(), &page["next"]), (2, &Value::Null));
    let (first, second) = (&page["sagas"][0], &page["sagas"][1]);
    assert_eq!((&first["orderId"], &first["state"]), (&json!(flagged), &json!("RUNNING")));
    assert_eq!(first["attention"]["reason"], "CONTRADICTION");
    assert_eq!(*second, json!({"orderId": spoiled, "unreadable": true}));
    let after = world.json(&["list", "--after", &flagged.to_string()]);
    assert_eq!(after["sagas"], json!([second]));
    let table = text(&world.tell(&["list"]).stdout);
    let rows: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["order", "state", "reason", "since"]);
    let since = first["attention"]["since"].as_str().unwrap();
    assert_eq!(rows[1], [&*flagged.to_string(), "RUNNING", "CONTRADICTION", since]);
    assert_eq!(rows[2], [&*spoiled.to_string(), "unreadable", "-", "-"]);
}

#[test]
fn a_saga_is_shown_for_programs_and_for_people() {
    let world = World::new();
    let id = world.flagged().to_string();
    let saga = world.json(&["show", &id]);
    assert_eq!((&saga["revision"], &saga["state"]), (&json!(3), &json!("RUNNING")));
    assert_eq!(saga["steps"][0]["do"]["state"], "DONE");
    let table = text(&world.tell(&["show", &id]).stdout);
    for part in
        ["revision        3", "RUNNING", "CONTRADICTION", "reserve", "also answered rejected"]
    {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(!table.contains("why"), "no one has acted: {table}");
}

#[test]
fn a_command_is_sent_again_by_the_running_instances_at_once() {
    let world = World::new();
    let (id, reserve) = world.placed();
    let id = id.to_string();
    let said = world.done(&["retry", &id, "--revision", "1"]);
    let saga = world.json(&["show", &id]);
    let command = &saga["steps"][0]["do"];
    assert_eq!((&saga["revision"], &command["attempts"]), (&json!(2), &json!(1)));
    let due = command["nextAttempt"].as_str().unwrap();
    assert_eq!(saga["dueAt"], *due, "the sweep of any instance finds it");
    let expected = format!(
        "done: the saga of order {id} is RUNNING at revision 2, and the order is PENDING\n\
         the running instances send inventory.reserve within 1 s ({due}), if it is not answered before\n"
    );
    assert_eq!(said, expected);
    let kept = &saga["interventions"][0];
    assert_eq!((&kept["action"], &kept["actor"]), (&json!("retry"), &json!("ada")));
    assert_eq!((&kept["reason"], kept.get("step")), (&json!("the warehouse called"), None));
    world.done(&["retry", &id, "reserve", "--revision", "2", "--actor", "Ada Lovelace"]);
    let saga = world.json(&["show", &id]);
    let kept = &saga["interventions"][1];
    assert_eq!((&kept["step"], &kept["actor"]), (&json!("reserve"), &json!("Ada Lovelace")));
    assert!(text(&world.tell(&["show", &id]).stdout).contains("Ada Lovelace"));
    let found = world.runtime.block_on(world.stores.sagas.saga(reserve.order_id, soon())).unwrap();
    assert!(found.unwrap().saga.document.contains(&reserve.id.to_string()), "the same command");
}

#[test]
fn a_step_is_skipped_and_an_order_confirmed() {
    let world = World::new();
    let id = world.placed().0.to_string();
    let said = world.done(&["skip", &id, "reserve", "--revision", "1"]);
    assert!(
        said.contains("at revision 2") && said.contains("payment.authorize within 1 s"),
        "{said}"
    );
    let steps = &world.json(&["show", &id])["steps"];
    assert_eq!(
        (&steps[0]["do"]["state"], &steps[1]["do"]["state"]),
        (&json!("SKIPPED"), &json!("OPEN"))
    );
    let said = world.done(&["confirm", &id, "--revision", "2"]);
    let expected = format!(
        "done: the saga of order {id} is READY at revision 3, and the order is CONFIRMED\n"
    );
    assert_eq!(said, expected);
    let saga = world.json(&["show", &id]);
    let actions = saga["interventions"].as_array().unwrap().iter().map(|kept| &kept["action"]);
    assert_eq!(actions.collect::<Vec<_>>(), ["skip", "confirm"]);
}

#[test]
fn what_is_not_there_or_not_possible_changes_nothing_and_ends_with_3() {
    let world = World::new();
    let id = world.placed().0.to_string();
    let because = ["--reason", "x"];
    for (arguments, said) in [
        (vec!["show", "4711"], "there is no such order"),
        (vec!["retry", "4711", "--revision", "1"], "there is no such order"),
        (vec!["retry", &id, "--revision", "2"], "the saga has revision 1"),
        (
            vec!["retry", &id, "capture", "--revision", "1"],
            "no unanswered or rejected command to send again",
        ),
        (
            vec!["skip", &id, "capture", "--revision", "1"],
            "the step capture has no unanswered, rejected or contradicted command",
        ),
    ] {
        let because = if arguments[0] == "show" { &[][..] } else { &because[..] };
        let refused = world.refused(&[&arguments[..], because].concat());
        assert_eq!(refused, (Some(3), format!("order-service: {said}\n")), "{arguments:?}");
    }
    assert_eq!(world.json(&["show", &id])["revision"], 1);
    world.done(&["confirm", &id, "--revision", "1"]);
    let (code, said) = world.refused(&["confirm", &id, "--revision", "2", "--reason", "x"]);
    assert_eq!((code, said.contains("it is READY")), (Some(3), true), "{said}");
}

#[test]
fn an_order_without_a_saga_says_so() {
    let world = World::new();
    let event = placed(a_new_order(1, 42), Now.now());
    let commit = world.stores.orders.commit(a_change(event).into(), soon());
    world.runtime.block_on(commit).unwrap();
    let said = "order-service: the order has no saga\n".to_owned();
    assert_eq!(world.refused(&["show", "1"]), (Some(3), said.clone()));
    let confirm = ["confirm", "1", "--revision", "1", "--reason", "x"];
    assert_eq!(world.refused(&confirm), (Some(3), said));
}

#[test]
fn a_saga_that_cannot_be_read_and_a_missing_database_end_with_1() {
    let world = World::new();
    let id = world.placed().0;
    world.spoil(id);
    let id = id.to_string();
    for arguments in [&["show", &id][..], &["confirm", &id, "--revision", "2", "--reason", "x"][..]]
    {
        let (code, said) = world.refused(arguments);
        assert_eq!((code, said.contains("the saga cannot be read")), (Some(1), true), "{said}");
    }
    std::fs::remove_file(world.shop.database()).unwrap();
    let (code, said) = world.refused(&["list"]);
    assert_eq!((code, said.contains("there is no database at")), (Some(1), true), "{said}");
    assert!(!world.shop.database().exists());
}

#[test]
fn wrong_arguments_end_with_2() {
    let world = World::new();
    let id = world.placed().0.to_string();
    for wrong in [
        "list --after 0",
        "list --limit 5",
        "show",
        "show 0",
        "retry 1 --reason x",
        "retry 1 --revision 0 --reason x",
        "retry 1 --revision 1",
        "retry 1 void --revision 1 --reason x",
        "skip 1 --revision 1 --reason x",
        "skip 1 Reserve --revision 1 --reason x",
        "confirm 1 reserve --revision 1 --reason x",
        "confirm 1 --revision * --reason x",
    ] {
        let arguments: Vec<_> = wrong.split(' ').collect();
        assert_eq!(world.refused(&arguments).0, Some(2), "{wrong}");
    }
    let confirm = ["confirm", &id, "--revision", "1", "--reason"];
    let long = ("r".repeat(501), "a".repeat(65));
    for more in
        [&[" "][..], &["a\nb"], &[&long.0], &["x", "--actor", ""], &["x", "--actor", &long.1]]
    {
        assert_eq!(world.refused(&[&confirm[..], more].concat()).0, Some(2), "{more:?}");
    }
    assert_eq!(world.json(&["show", &id])["revision"], 1);
}

#[test]
fn the_actor_is_the_user_of_the_environment_unless_it_is_named() {
    let world = World::new();
    let id = world.placed().0.to_string();
    let retry = |environment: &[(&str, &str)], revision: i64, more: &[&str]| {
        let revision = revision.to_string();
        let arguments = ["retry", &id, "--revision", &revision, "--reason", "x"];
        world.tell_as(environment, &[&arguments[..], more].concat())
    };
    for environment in [&[][..], &[("USER", "")], &[("USER", " ")]] {
        let unknown = retry(environment, 1, &[]);
        assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
        assert!(text(&unknown.stderr).contains("--actor"), "{unknown:?}");
    }
    for (revision, environment, more, actor) in [
        (1, &[("USER", "ada"), ("LOGNAME", "eve")][..], &[][..], "ada"),
        (2, &[("LOGNAME", "eve")], &[], "eve"),
        (3, &[("USER", "ada")], &["--actor", "bob"], "bob"),
        (4, &[], &["--actor", "bob"], "bob"),
    ] {
        let done = retry(environment, revision, more);
        assert!(done.status.success(), "{done:?}");
        let saga = world.json(&["show", &id]);
        let last = saga["interventions"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["actor"], actor);
    }
}

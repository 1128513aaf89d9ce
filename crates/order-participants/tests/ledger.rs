//! The ledger keeps the contract whatever comes, in whatever order, however often; in memory and in its
//! file alike, also when the file is closed and opened again in between.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

use std::collections::{BTreeMap, BTreeSet};

use order_domain::{Amount, Currency, CustomerId, OrderId, ProductId, Quantity};
use order_events::Word;
use order_events::saga::{
    Command, CommandType, Earlier, Item, Payment, Phase, Reason, Reply, Task, Verdict,
};
use order_participants::ledger::{Entry, Memory, Standing};
use order_participants::rules::{Role, Rules, Script};
use order_participants::store::{Store, audit};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

/// A do-command and what is about it, for one order.
#[derive(Debug, Clone, Copy)]
struct Act {
    /// Which do-command.
    work: u8,
    phase: u8,
    /// Two undos of one do have different ids.
    copy: u8,
    attempt: u8,
}

const VALUES: [&str; 5] = ["7", "402", "408", "503", "9"];

fn id(work: u8, phase: u8, copy: u8) -> Uuid {
    // A do-command has one id.
    let copy = if phase == 0 { 0 } else { copy };
    Uuid::from_u128(u128::from(work) << 16 | u128::from(phase) << 8 | u128::from(copy) | 1 << 64)
}

fn command(role: Role, act: Act) -> Command {
    let value = VALUES[usize::from(act.work) % VALUES.len()];
    let earlier = || Earlier { of: id(act.work, 0, 0), reference: None };
    let task = match (role, act.phase) {
        (Role::Inventory, 0) => Task::Reserve(vec![
            Item { product_id: ProductId::new(1).unwrap(), quantity: Quantity::new(2).unwrap() },
            Item {
                product_id: ProductId::new(value.parse().unwrap()).unwrap(),
                quantity: Quantity::new(3).unwrap(),
            },
        ]),
        (Role::Payment, 0) => Task::Authorize(Payment {
            customer_id: CustomerId::new(42).unwrap(),
            amount: Amount::parse(value).unwrap(),
            currency: Word::Known(Currency::USD),
        }),
        (Role::Inventory, 1) => Task::Release(earlier()),
        (Role::Inventory, _) => Task::Commit(earlier()),
        (Role::Payment, 1) => Task::Void(earlier()),
        (Role::Payment, _) => Task::Capture(earlier()),
    };
    let order = OrderId::new(i64::from(act.work) + 1).unwrap();
    let id = id(act.work, act.phase, act.copy);
    let mut command = Command::new(id, order, task, "cause", "correlation", "order.replies");
    command.attempt = u32::from(act.attempt);
    command
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (0..10_u8, 0..3_u8, 0..2_u8, 1..5_u8).prop_map(|(work, phase, copy, attempt)| Act {
        work,
        phase,
        copy,
        attempt,
    });
    vec(act, 0..80)
}

fn roles() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Inventory), Just(Role::Payment)]
}

/// How often each effect was had for a do-command.
fn effects(entries: &[Entry], work: Uuid) -> [usize; 3] {
    [Standing::Held, Standing::Returned, Standing::Final].map(|effect| {
        entries.iter().filter(|entry| entry.work == work && entry.effect == effect).count()
    })
}

/// What a reply says; the copied attempt apart.
fn said(reply: &Reply) -> (Verdict, Option<Word<Reason>>, Option<String>) {
    (reply.verdict, reply.reason.clone(), reply.reference.clone())
}

proptest! {
    #[test]
    fn the_contract_is_kept_in_any_order(role in roles(), acts in acts(), reject in any::<bool>()) {
        let script = if reject { "reject=0.4,seed=3" } else { "" };
        let rules = Rules { role, script: script.parse::<Script>().unwrap() };
        let mut ledger = Memory::default();
        let mut outcomes: BTreeMap<Uuid, _> = BTreeMap::new();
        let mut barred = BTreeSet::new();
        for act in acts {
            let command = command(role, act);
            let before = ledger.entries().len();
            let reply = ledger.take(&rules, &command);
            let Some(reply) = reply else {
                prop_assert_eq!(ledger.entries().len(), before, "silence has no effect");
                continue;
            };
            prop_assert_eq!(reply.command_id, command.id);
            prop_assert_eq!(reply.to, command.task.kind());
            prop_assert_eq!(reply.attempt, Some(command.attempt));
            if reply.verdict == Verdict::Failed {
                prop_assert_eq!(ledger.entries().len(), before, "failure has no effect");
                prop_assert!(!outcomes.contains_key(&command.id), "an outcome stays");
                continue;
            }
            let work = id(act.work, 0, 0);
            let phase = command.task.kind().phase();
            // 2: a tombstone.
            let is_first = !outcomes.contains_key(&command.id);
            if is_first && phase == Phase::Do && barred.contains(&work) {
                prop_assert_eq!(reply.verdict, Verdict::Rejected);
                prop_assert_eq!(&reply.reason, &Some(Word::Known(Reason::Undone)));
            }
            if phase == Phase::Undo && !outcomes.contains_key(&work) {
                barred.insert(work);
            }
            // 1: the same reply, the effect once.
            if let Some(first) = outcomes.insert(command.id, said(&reply)) {
                prop_assert_eq!(said(&reply), first);
                prop_assert_eq!(ledger.entries().len(), before);
            }
            // 3 and 7: undos are done.
            if phase == Phase::Undo {
                prop_assert_eq!(reply.verdict, Verdict::Done);
            }
            let [held, returned, last] = effects(ledger.entries(), work);
            prop_assert!(held <= 1 && returned + last <= held, "{held} {returned} {last}");
            if phase == Phase::Undo {
                prop_assert_eq!((held - returned, last), (0, 0), "an undo that is done left nothing");
            }
            if phase == Phase::Complete && reply.verdict == Verdict::Done {
                prop_assert_eq!(last, 1);
            }
        }
        // In the end everything is undone that is not final: net zero or exactly once.
        for work in 0..10 {
            let act = Act { work, phase: 1, copy: 9, attempt: 9 };
            let reply = ledger.take(&rules, &command(role, act)).unwrap();
            let [held, returned, last] = effects(ledger.entries(), id(work, 0, 0));
            prop_assert_eq!(held, returned + last);
            prop_assert_eq!(reply.verdict == Verdict::Failed, last == 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_file_says_what_memory_says(
        role in roles(), acts in acts(), batch in 1..9_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let file = file.to_str().unwrap();
        let rules = Rules { role, script: "reject=0.3,seed=5".parse().unwrap() };
        let mut memory = Memory::default();
        for (number, acts) in acts.chunks(batch).enumerate() {
            // Opened anew: what was committed is all that there is.
            let mut store = Store::open(file, role.as_str()).unwrap();
            let commands: Vec<_> = acts.iter().map(|act| command(role, *act)).collect();
            let expected: Vec<_> = commands.iter().map(|c| memory.take(&rules, c)).collect();
            prop_assert_eq!(store.settle_all(&rules, &commands).unwrap(), expected.clone());
            if number % 2 == 0 {
                // The same batch once more, as after a crash before the offsets were committed.
                let again: Vec<_> = commands.iter().map(|c| memory.take(&rules, c)).collect();
                prop_assert_eq!(store.settle_all(&rules, &commands).unwrap(), again);
            }
        }
        if std::path::Path::new(file).exists() {
            let audited = audit(file).unwrap();
            let entries = audited["entries"].as_array().unwrap();
            prop_assert_eq!(entries.len(), memory.entries().len());
            for (audited, entry) in entries.iter().zip(memory.entries()) {
                prop_assert_eq!(&audited["by"], &serde_json::json!(entry.by.to_string()));
                prop_assert_eq!(&audited["effect"], &serde_json::json!(entry.effect.as_str()));
            }
        }
    }
}

fn act(work: u8, phase: u8, attempt: u8) -> Act {
    Act { work, phase, copy: 0, attempt }
}

#[test]
fn test_values_do_what_the_page_says() {
    for role in [Role::Inventory, Role::Payment] {
        let (rules, mut ledger) = (Rules::of(role), Memory::default());
        let mut verdict = |work, attempt| {
            let reply = ledger.take(&rules, &command(role, act(work, 0, attempt)));
            reply.map(|reply| (reply.verdict, reply.reason))
        };
        let no = if role == Role::Inventory { Reason::OutOfStock } else { Reason::PaymentFailed };
        assert_eq!(verdict(0, 1), Some((Verdict::Done, None)));
        assert_eq!(verdict(1, 1), Some((Verdict::Rejected, Some(Word::Known(no)))));
        assert_eq!((verdict(2, 1), verdict(2, 9)), (None, None));
        assert_eq!(verdict(3, 1), Some((Verdict::Failed, None)));
        assert_eq!(verdict(3, 2), Some((Verdict::Failed, None)));
        assert_eq!(verdict(3, 3), Some((Verdict::Done, None)));
    }
}

#[test]
fn a_completion_of_what_is_not_there_is_rejected_and_an_undo_of_what_is_final_fails() {
    for role in [Role::Inventory, Role::Payment] {
        let (rules, mut ledger) = (Rules::of(role), Memory::default());
        let mut verdict = |act| ledger.take(&rules, &command(role, act)).unwrap().verdict;
        assert_eq!(verdict(act(0, 2, 1)), Verdict::Rejected);
        assert_eq!(verdict(act(0, 0, 1)), Verdict::Done);
        assert_eq!(verdict(Act { copy: 1, ..act(0, 2, 1) }), Verdict::Done);
        assert_eq!(verdict(act(0, 1, 1)), Verdict::Failed);
        assert_eq!(effects(ledger.entries(), id(0, 0, 0)), [1, 0, 1]);
    }
}

#[test]
fn a_command_of_another_participant_or_order_or_with_a_used_id_has_no_effect() {
    let (rules, mut ledger) = (Rules::of(Role::Inventory), Memory::default());
    let work = command(Role::Inventory, act(0, 0, 1));
    assert_eq!(ledger.take(&rules, &work).unwrap().verdict, Verdict::Done);
    let mut of_other_order = command(Role::Inventory, act(0, 1, 1));
    of_other_order.order_id = OrderId::new(77).unwrap();
    let mut used = command(Role::Inventory, act(0, 1, 1));
    used.id = work.id;
    for wrong in [command(Role::Payment, act(1, 0, 1)), of_other_order, used] {
        let reply = ledger.take(&rules, &wrong).unwrap();
        assert_eq!(reply.verdict, Verdict::Failed);
        assert!(reply.detail.is_some());
    }
    assert_eq!(ledger.entries().len(), 1);
    assert!(
        CommandType::ALL
            .iter()
            .all(|kind| { Role::Inventory.takes(*kind) != Role::Payment.takes(*kind) })
    );
}

#[test]
fn the_file_of_one_participant_is_not_used_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.db");
    let file = file.to_str().unwrap();
    drop(Store::open(file, "inventory").unwrap());
    let error = Store::open(file, "payment").err().unwrap().to_string();
    assert!(error.contains("is the file of inventory, and not of payment"), "{error}");
    let error = audit(folder.path().join("y.db").to_str().unwrap()).unwrap_err().to_string();
    assert!(error.contains("there is no file"), "{error}");
}

#[test]
fn a_script_hits_as_often_as_it_says_and_the_same_each_time() {
    let script: Script =
        "duplicate=0.2,lose=0.05,garbage=0.01,late=20s:0.1,delay=2s".parse().unwrap();
    let ids: Vec<_> = (0..20_000_u128).map(|n| Uuid::from_u128(n << 64 | 7)).collect();
    let (mut sent, mut garbage, mut late) = (0_u32, 0_u32, 0_u32);
    for id in &ids {
        let sendings = script.sendings(*id, 1);
        assert_eq!(script.sendings(*id, 1), sendings);
        assert!(sendings.iter().all(|sending| [2, 22].contains(&sending.after.as_secs())));
        garbage += u32::from(sendings.iter().any(|sending| sending.garbage));
        late += u32::from(sendings.iter().any(|sending| sending.after.as_secs() == 22));
        sent += u32::try_from(sendings.iter().filter(|sending| !sending.garbage).count()).unwrap();
    }
    // 0.95 of the replies and 0.2 of the duplicates.
    assert!((22_700..23_300).contains(&sent), "{sent}");
    assert!((130..270).contains(&garbage), "{garbage}");
    assert!((1_700..2_100).contains(&late), "{late}");
    let other: Script = "duplicate=0.2,lose=0.05,seed=8".parse().unwrap();
    let differs = |id: &&Uuid| other.sendings(**id, 1).len() != script.sendings(**id, 1).len();
    assert!(ids.iter().filter(differs).count() > 1_000, "the seed counts");
    let plain = Script::default().sendings(ids[0], 1);
    assert_eq!((plain.len(), plain[0].garbage, plain[0].after.as_secs()), (1, false, 0));
}

#[test]
fn a_script_that_makes_no_sense_is_refused_with_its_part() {
    for (text, part) in [
        ("reject=1.1", "reject=1.1"),
        ("seed=1,lose=-1", "lose=-1"),
        ("lose=.", "lose=."),
        ("delay=2", "delay=2"),
        ("late=121s", "late=121s"),
        ("explode=1", "explode=1"),
        ("reject", "reject"),
    ] {
        let error = text.parse::<Script>().unwrap_err().to_string();
        assert!(error.contains(&format!("{part:?}")), "{error}");
    }
    assert!("".parse::<Script>().is_ok() && "lose=1, seed=7,late=300ms".parse::<Script>().is_ok());
}

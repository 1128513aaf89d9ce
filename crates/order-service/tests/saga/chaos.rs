//! What goes wrong in the storm: services, participants and brokers are killed and started again, or halted for a while. Services,
//! participants and brokers have a lane each, so that one of each may be gone at the same time; a lane has one fault at a time, which
//! keeps two of three brokers.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::cluster::{BROKERS, Killed, process};
use crate::dice::{Dice, pass};
use crate::fleet::Fleet;
use crate::support::{eventually, is_halted, send_signal};

/// What a fault happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Service(usize),
    Participant(usize),
    Broker(usize),
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Killed,
    Halted,
}

/// Faults that follow each other.
pub(crate) struct Lane {
    targets: Vec<Target>,
    /// From the end of a fault until the next one. Services have longer ones: the group of those that read replies has to come
    /// together between two faults, or no reply would be read at all.
    between: [Duration; 2],
}

/// The faults of a storm, as they happen.
pub(crate) struct Chaos<'a> {
    fleet: &'a Fleet,
    seed: u64,
    /// How long a fault lasts.
    lasting: [Duration; 2],
    over: AtomicBool,
    hits: Mutex<BTreeMap<(Target, Fault), usize>>,
}

/// A process that stands still until this is dropped.
pub(crate) struct Halted(u32);

impl Halted {
    pub(crate) fn now(pid: u32) -> Self {
        let halted = Self(pid);
        send_signal("STOP", pid);
        assert!(eventually(|| is_halted(pid)), "process {pid} stands still");
        halted
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        send_signal("CONT", self.0);
    }
}

/// The three lanes.
pub(crate) fn lanes() -> [Lane; 3] {
    let seconds = |least, most| [Duration::from_secs(least), Duration::from_secs(most)];
    [
        Lane { targets: [0, 1].map(Target::Service).to_vec(), between: seconds(4, 8) },
        Lane { targets: [0, 1, 2].map(Target::Participant).to_vec(), between: seconds(2, 4) },
        Lane { targets: [0, 1, 2].map(Target::Broker).to_vec(), between: seconds(1, 3) },
    ]
}

impl<'a> Chaos<'a> {
    pub(crate) fn on(fleet: &'a Fleet, seed: u64, lasting: [Duration; 2]) -> Self {
        let (over, hits) = (AtomicBool::new(false), Mutex::default());
        Self { fleet, seed, lasting, over, hits }
    }

    /// No pass begins from now on, and all but the first one break off.
    pub(crate) fn ends(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// How often each fault has happened.
    pub(crate) fn hits(&self) -> BTreeMap<(Target, Fault), usize> {
        self.hits.lock().unwrap().clone()
    }

    /// Causes each fault of a lane once in each pass, in another order each time. The first pass is always run to its end.
    pub(crate) fn run(&self, number: u64, lane: &Lane) {
        let dice = Dice::new(self.seed, number);
        let faults = |target: &Target| [(*target, Fault::Killed), (*target, Fault::Halted)];
        let all: Vec<_> = lane.targets.iter().flat_map(faults).collect();
        for round in 0.. {
            for (target, fault) in dice.shuffled(all.clone()) {
                if round > 0 && self.over.load(Ordering::Relaxed) {
                    return;
                }
                pass(dice.between(lane.between));
                self.strike(target, fault, dice.between(self.lasting));
                *self.hits.lock().unwrap().entry((target, fault)).or_default() += 1;
            }
        }
    }

    fn strike(&self, target: Target, fault: Fault, lasting: Duration) {
        match (target, fault) {
            (Target::Service(number), Fault::Killed) => self.fleet.kill_and_replace(number),
            (Target::Service(number), Fault::Halted) => {
                halt(self.fleet.service(number).pid(), lasting);
            }
            (Target::Participant(number), Fault::Killed) => {
                let mut participant = self.fleet.participant(number);
                participant.kill();
                pass(lasting);
                participant.run();
            }
            (Target::Participant(number), Fault::Halted) => {
                halt(self.fleet.participant(number).pid(), lasting);
            }
            (Target::Broker(number), Fault::Killed) => {
                let killed = Killed::now(&BROKERS[number..=number]);
                pass(lasting);
                drop(killed);
            }
            (Target::Broker(number), Fault::Halted) => halt(process(BROKERS[number]), lasting),
        }
    }
}

fn halt(pid: u32, lasting: Duration) {
    let halted = Halted::now(pid);
    pass(lasting);
    drop(halted);
}

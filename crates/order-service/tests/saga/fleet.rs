//! Two services on one database and the three participants, each a process that is killed and started again, or halted.

use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard};

use order_testkit::databases::Scratch;
use serde_json::Value;

use crate::participants::Participant;
use crate::scene::Topics;
use crate::support::{Service, fresh_folder, steady_port};

/// Which payment takes part.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Payment {
    Ours,
    /// The one in Python.
    Outside,
}

/// The processes of a run, brokers and database apart.
pub(crate) struct Fleet {
    services: [Mutex<Service>; 2],
    /// Where each service is, whichever process it is.
    pub(crate) bases: [String; 2],
    ports: [u16; 2],
    settings: Vec<String>,
    pub(crate) participants: [Mutex<Participant>; 3],
}

impl Fleet {
    /// Starts two services on a database, and participants to whose commands that happens what the script says. Payment from outside
    /// knows no script.
    pub(crate) fn on(
        scratch: &Scratch,
        topics: &Topics,
        more: &[&str],
        script: &str,
        payment: Payment,
    ) -> Self {
        let mut settings = topics.settings(&scratch.url, &topics.replies.servers);
        settings.extend(more.iter().map(|setting| (*setting).to_owned()));
        let ports = [steady_port(), steady_port()];
        // One after the other: the first one makes the tables.
        let services = ports.map(|port| Mutex::new(started(port, &settings)));
        let bases = ports.map(|port| format!("http://127.0.0.1:{port}"));
        let fail = ["--fail".to_owned(), script.to_owned()];
        let service = ["--service".to_owned(), bases[0].clone()];
        let participants = [
            Participant::start("inventory", &topics.inventory, &fail),
            match payment {
                Payment::Ours => Participant::start("payment", &topics.payment, &fail),
                Payment::Outside => Participant::start_outside("payment", &topics.payment),
            },
            Participant::start("notification", &topics.events, &service),
        ];
        let participants = participants.map(Mutex::new);
        Self { services, bases, ports, settings, participants }
    }

    pub(crate) fn service(&self, number: usize) -> MutexGuard<'_, Service> {
        self.services[number].lock().unwrap()
    }

    pub(crate) fn participant(&self, number: usize) -> MutexGuard<'_, Participant> {
        self.participants[number].lock().unwrap()
    }

    /// Kills a service and starts another in its place, at the same address.
    pub(crate) fn kill_and_replace(&self, number: usize) {
        let mut service = self.service(number);
        service.signal("KILL");
        let _ = service.wait();
        *service = started(self.ports[number], &self.settings);
    }

    /// All processes run, as they were started last.
    pub(crate) fn all_run(&self) {
        for number in 0..self.services.len() {
            let service = self.service(number);
            assert_eq!(service.ended(), None, "{}", service.log());
            service.wait_until_ready();
        }
        for number in 0..self.participants.len() {
            let mut participant = self.participant(number);
            assert!(participant.runs(), "{}:\n{}", participant.name, participant.log());
        }
    }

    /// How many committed events are not published yet.
    pub(crate) fn backlog(&self) -> i64 {
        let told = Command::new(env!("CARGO_BIN_EXE_order-service"))
            .args(["events", "backlog", "--json"])
            .args(&self.settings)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(told.status.success(), "{told:?}");
        let told: Value = serde_json::from_slice(&told.stdout).unwrap();
        told["waitingEvents"].as_i64().unwrap()
    }

    /// Stops all in good order.
    pub(crate) fn stop(&self) {
        for number in 0..self.participants.len() {
            self.participant(number).stop();
        }
        let services = [0, 1].map(|number| self.service(number));
        for service in &services {
            service.signal("TERM");
        }
        for service in &services {
            assert_eq!(service.wait().code(), Some(0), "{}", service.log());
        }
    }
}

fn started(port: u16, settings: &[String]) -> Service {
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let service = Service::start_at(port, &fresh_folder(), &settings, &[]);
    service.wait_until_ready();
    service
}

//! A shop: a database and a topic, and the processes of both releases that serve it.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use order_testkit::databases::{Database, Scratch};
use serde_json::Value;

use crate::cluster::{PARTITIONS, Topic};
use crate::support::{Service, brokers, free_port, fresh_folder, within};

/// How long an instance serves after it was told to stop, as behind a load balancer that looks at readiness.
const DELAY: &str = "--order.shutdown.delay=3s";
/// How often `order-service migrate` is run before it has to succeed: it gives up when a transaction keeps the table.
const MIGRATIONS: usize = 20;
/// Enough for the events of all orders on a busy machine.
const DRAINED_WITHIN: Duration = Duration::from_mins(2);

/// A release of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    Last,
    This,
}

impl Release {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Last => "the last release",
            Self::This => "this build",
        }
    }

    fn program(self) -> PathBuf {
        match self {
            Self::This => env!("CARGO_BIN_EXE_order-service").into(),
            Self::Last => std::env::var_os("RELEASED_SERVICE")
                .expect("RELEASED_SERVICE names the program that `deploy/released` prints")
                .into(),
        }
    }
}

/// Who brings the tables up to date.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// `order-service migrate`, before an instance starts that changes no table.
    Command,
    /// The first instance, at its start.
    Start,
}

impl Way {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Command => "a_command_migrates",
            Self::Start => "the_first_instance_migrates",
        }
    }
}

pub(crate) struct Shop {
    pub(crate) scratch: Scratch,
    pub(crate) topic: Topic,
}

impl Shop {
    pub(crate) fn on(database: Database) -> Self {
        let topic = Topic::on(brokers(), PARTITIONS, 1, &[]);
        Self { scratch: database.scratch(), topic }
    }

    fn options(&self) -> Vec<String> {
        vec![
            format!("--spring.datasource.url={}", self.scratch.url),
            format!("--spring.kafka.bootstrap-servers={}", self.topic.servers),
            format!("--order.events.topic={}", self.topic.name),
        ]
    }

    /// Starts an instance of a release, and waits until it is ready.
    pub(crate) fn serve(&self, release: Release, more: &[&str]) -> Service {
        let options = self.options();
        let mut options: Vec<_> = options.iter().map(String::as_str).collect();
        // The access log would be most of the output.
        options.extend([DELAY, "--logging.level.access=off"]);
        options.extend(more);
        let program = release.program();
        let service = Service::start_program(&program, free_port(), &fresh_folder(), &options, &[]);
        service.wait_until_ready();
        service
    }

    /// Runs `order-service migrate` of this build, as an operator does: again when a transaction was in its way. Returns how often.
    pub(crate) fn migrate(&self) -> usize {
        let mut said = String::new();
        for run in 1..=MIGRATIONS {
            let migrated = self.run(&["migrate"]);
            if migrated.status.success() {
                return run;
            }
            said = String::from_utf8_lossy(&migrated.stderr).into_owned();
        }
        panic!("{MIGRATIONS} migrations failed, the last one with {said}")
    }

    /// Waits until every event is published.
    pub(crate) fn wait_until_drained(&self) {
        let waiting = || {
            let told = self.run(&["events", "backlog", "--json"]);
            assert!(told.status.success(), "{told:?}");
            let told: Value = serde_json::from_slice(&told.stdout).unwrap();
            told["waitingEvents"].as_i64().unwrap()
        };
        assert!(within(DRAINED_WITHIN, || waiting() == 0), "{} events wait", waiting());
    }

    /// Runs a command of this build in a folder without settings files.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(Release::This.program());
        command.args(arguments).args(self.options()).env_remove("DATABASE_URL");
        command.current_dir(std::env::temp_dir()).output().unwrap()
    }
}

/// Stops an instance as an operator does, and demands that it ends in good order. It serves until its delay is over.
pub(crate) fn stop(service: &Service) {
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
}

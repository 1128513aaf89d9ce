//! Two instances of the service on one database, with a proxy in between, and the faults that are
//! caused on them.

use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use order_testkit::databases::{Scratch, count, execute};
use order_testkit::{Commit, Conduct, Proxy};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::cluster::Topic;
use crate::support::{Service, eventually, is_halted};

/// A lease of 10 s and a tenth, and a few seconds for a busy machine. The locks of an instance that is
/// halted in a transaction are released sooner, when the server ends the transaction: after 3 s on
/// PostgreSQL and MariaDB, after 5 s on MySQL.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(16);

/// Two instances; clients send to each in turn.
pub(crate) struct Fleet {
    instances: [Mutex<Service>; 2],
    options: Vec<String>,
    direct: String,
    proxy: Option<Proxy>,
    runtime: Runtime,
}

/// A halted instance (SIGSTOP); it continues when this is dropped.
pub(crate) struct Halted<'a>(MutexGuard<'a, Service>);

impl Drop for Halted<'_> {
    fn drop(&mut self) {
        self.0.signal("CONT");
    }
}

impl Fleet {
    /// Starts two instances on a database, through a proxy if it is a server.
    pub(crate) fn on(scratch: &Scratch, topic: &Topic) -> Self {
        let runtime = Runtime::new().unwrap();
        let proxy = scratch.address().map(|server| {
            let proxy = Proxy::before(server, Commit::on(&scratch.url));
            (server, runtime.block_on(proxy))
        });
        let url = proxy.as_ref().map_or(scratch.url.clone(), |(server, proxy)| {
            scratch.url.replace(&server.to_string(), &proxy.address.to_string())
        });
        let options = vec![
            format!("--spring.datasource.url={url}"),
            format!("--spring.kafka.bootstrap-servers={}", topic.servers),
            format!("--order.events.topic={}", topic.name),
        ];
        // One after the other: the first one makes the tables.
        let instances = [(); 2].map(|()| Mutex::new(started(&options)));
        let proxy = proxy.map(|(_, proxy)| proxy);
        Self { instances, options, direct: scratch.url.clone(), proxy, runtime }
    }

    /// Where an instance listens now. Even numbers name the first instance, odd ones the second.
    pub(crate) fn base(&self, number: usize) -> Option<String> {
        // An instance with a fault under way gets no requests.
        let instance = self.instances[number % self.instances.len()].try_lock();
        instance.ok().map(|instance| instance.base.clone())
    }

    fn instance(&self, number: usize) -> MutexGuard<'_, Service> {
        self.instances[number % self.instances.len()].lock().unwrap()
    }

    /// Kills an instance and starts another in its place.
    pub(crate) fn kill_and_replace(&self, number: usize) {
        let mut instance = self.instance(number);
        instance.signal("KILL");
        let _ = instance.wait();
        *instance = started(&self.options);
    }

    /// Halts an instance until the other has taken over all its leases.
    pub(crate) fn halt_beyond_its_lease(&self, number: usize) {
        // Without leases on both, there would be nothing to take over.
        assert!(eventually(|| self.holders() == 2), "both instances have leases");
        let halted = self.halt(number);
        let begin = Instant::now();
        while self.holders() > 1 {
            let in_time = begin.elapsed() < TAKEN_OVER_WITHIN;
            assert!(in_time, "the other instance takes over: {}", self.instance(number + 1).log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
        drop(halted);
        // It notices that its leases are lost, and gets its share again.
        assert!(eventually(|| self.holders() == 2), "the leases are shared again");
    }

    /// Halts an instance while the other can write. An instance halted in the middle of writing to
    /// SQLite keeps the lock of the file, which no server takes away; then it continues, and is halted
    /// again.
    fn halt(&self, number: usize) -> Halted<'_> {
        loop {
            let halted = Halted(self.instance(number));
            halted.0.signal("STOP");
            while !is_halted(halted.0.pid()) {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            if self.is_writable() {
                return halted;
            }
        }
    }

    /// Whether the database can be written. Instances that run hold its lock for moments only.
    fn is_writable(&self) -> bool {
        let of_nothing = "PRAGMA busy_timeout = 1000; UPDATE leases SET epoch = epoch WHERE 1 = 0";
        self.proxy.is_some() || self.runtime.block_on(execute(&self.direct, of_nothing)).is_ok()
    }

    /// How many instances hold leases of shards.
    fn holders(&self) -> i64 {
        let holders = "(SELECT DISTINCT instance FROM leases \
                       WHERE name LIKE 'publish-%' AND instance IS NOT NULL) AS holders";
        self.runtime.block_on(count(&self.direct, holders)).unwrap()
    }

    /// Cuts all connections to the database and refuses new ones until `meanwhile` returns. Returns
    /// `false` without a database server.
    pub(crate) fn cut_connections(&self, meanwhile: impl FnOnce()) -> bool {
        let Some(proxy) = &self.proxy else { return false };
        proxy.behave(Conduct::Down);
        meanwhile();
        proxy.behave(Conduct::Honest);
        self.wait_until_ready();
        true
    }

    /// Cuts one connection in the middle of a commit. Returns `false` without a database server.
    pub(crate) fn lose(&self, what: Conduct) -> bool {
        let Some(proxy) = &self.proxy else { return false };
        proxy.behave(what);
        assert!(eventually(|| proxy.conduct() == Conduct::Honest), "an instance commits");
        true
    }

    fn wait_until_ready(&self) {
        (0..self.instances.len()).for_each(|number| self.instance(number).wait_until_ready());
    }

    /// How many committed events are not published yet.
    pub(crate) fn backlog(&self) -> i64 {
        let told: Value = serde_json::from_str(&self.told(&["backlog", "--json"])).unwrap();
        told["waitingEvents"].as_i64().unwrap()
    }

    /// The output of `order-service events` with these arguments.
    pub(crate) fn told(&self, arguments: &[&str]) -> String {
        let told = Command::new(env!("CARGO_BIN_EXE_order-service"))
            .arg("events")
            .args(arguments)
            .args(&self.options)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(told.status.success(), "{arguments:?}: {told:?}");
        String::from_utf8(told.stdout).unwrap()
    }

    /// Stops both in good order.
    pub(crate) fn stop(self) {
        let instances = self.instances.map(|instance| instance.into_inner().unwrap());
        for instance in &instances {
            instance.signal("TERM");
        }
        for instance in &instances {
            assert_eq!(instance.wait().code(), Some(0), "{}", instance.log());
        }
    }
}

fn started(options: &[String]) -> Service {
    let mut options: Vec<_> = options.iter().map(String::as_str).collect();
    // Under load, the access log would be most of the output.
    options.push("--logging.level.access=off");
    let service = Service::start(&options);
    service.wait_until_ready();
    service
}

//! Metrics of the process and the machine from `/proc`, by the names of Spring Boot. A number that the
//! system does not give (on others than Linux) is missing.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;

use chrono::{DateTime, Utc};

/// Nanoseconds in the unit in which Linux counts processor time (`USER_HZ` is 100).
const TICK: u64 = 10_000_000;
/// Usage is told of the time since it was last told, unless that is shorter than this, in ticks of all
/// processors: of a moment, a tick more or less would make all the difference.
const SHORTEST: u64 = 25;

/// This process.
pub(super) struct Process {
    started: DateTime<Utc>,
    /// What the usage was last told from.
    last: Mutex<Option<Ticks>>,
}

/// Processor time so far, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    /// Of this process.
    own: u64,
    /// Of everything on the machine.
    busy: u64,
    /// Of all processors, whether they had work or not.
    all: u64,
    /// How many processors the machine has.
    processors: u32,
}

/// Shares of processor time, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Usage {
    /// Of the processors that this process may use.
    own: f64,
    /// Of the machine.
    system: f64,
}

impl Process {
    /// Starts the clock of `process_uptime_seconds`.
    pub(super) fn new(now: DateTime<Utc>) -> Self {
        let started = u32::try_from(now.timestamp()).unwrap_or(u32::MAX);
        metrics::gauge!("process_start_time_seconds").set(f64::from(started));
        let last = Ticks::now();
        if last.is_some() {
            metrics::gauge!("process_cpu_usage").set(0.0);
            metrics::gauge!("system_cpu_usage").set(0.0);
        }
        Self { started: now, last: Mutex::new(last) }
    }

    pub(super) fn measure(&self, now: DateTime<Utc>) {
        let age = now.signed_duration_since(self.started).to_std().unwrap_or_default();
        metrics::gauge!("process_uptime_seconds").set(age.as_secs_f64());
        if let Some(ticks) = own("stat").and_then(|stat| processor_ticks(&stat)) {
            let time = ticks.saturating_mul(TICK);
            metrics::counter!("process_cpu_time_ns_total").absolute(time);
        }
        if let Some(bytes) = own("status").and_then(|status| resident(&status)) {
            metrics::gauge!("process_resident_memory_bytes").set(bytes);
        }
        let open = fs::read_dir("/proc/self/fd").map(Iterator::count).ok();
        if let Some(open) = open.and_then(|open| u32::try_from(open).ok()) {
            metrics::gauge!("process_files_open_files").set(f64::from(open));
        }
        if let Some(most) = own("limits").and_then(|limits| most_files(&limits)) {
            metrics::gauge!("process_files_max_files").set(f64::from(most));
        }
        metrics::gauge!("system_cpu_count").set(f64::from(usable_processors()));
        if let Some(load) = read("/proc/loadavg").and_then(|load| first_number(&load)) {
            metrics::gauge!("system_load_average_1m").set(load);
        }
        self.measure_usage();
    }

    fn measure_usage(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(before), Some(now)) = (*last, Ticks::now()) else { return };
        if let Some(usage) = now.usage_since(before, usable_processors()) {
            *last = Some(now);
            metrics::gauge!("process_cpu_usage").set(usage.own);
            metrics::gauge!("system_cpu_usage").set(usage.system);
        }
    }
}

impl Ticks {
    fn now() -> Option<Self> {
        let own = own("stat").and_then(|stat| processor_ticks(&stat))?;
        Self::of(own, &read("/proc/stat")?)
    }

    /// From the lines `cpu` and `cpu0` … of `/proc/stat`: user, nice, system, idle, waiting for disks,
    /// interrupts, soft interrupts, stolen.
    fn of(own: u64, stat: &str) -> Option<Self> {
        let mut lines = stat.lines().take_while(|line| line.starts_with("cpu"));
        let total = lines.next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = total
            .split_ascii_whitespace()
            .take(8)
            .map_while(|number| number.parse().ok())
            .collect();
        let [_, _, _, idle, waiting, ..] = ticks[..] else { return None };
        let all: u64 = ticks.iter().sum();
        let busy = all.saturating_sub(idle).saturating_sub(waiting);
        Some(Self { own, busy, all, processors: u32::try_from(lines.count()).ok()? })
    }

    /// The shares since an earlier moment; `None` when it is too near.
    fn usage_since(self, before: Self, usable: u32) -> Option<Usage> {
        let all = self.all.saturating_sub(before.all);
        if all < SHORTEST {
            return None;
        }
        let number = |ticks: u64| f64::from(u32::try_from(ticks).unwrap_or(u32::MAX));
        let usable =
            f64::from(usable.min(self.processors).max(1)) / f64::from(self.processors.max(1));
        let share = |now: u64, before: u64, of: f64| {
            (number(now.saturating_sub(before)) / (number(all) * of)).min(1.0)
        };
        Some(Usage {
            own: share(self.own, before.own, usable),
            system: share(self.busy, before.busy, 1.0),
        })
    }
}

/// How many processors this process may use, by the machine and the limits of its container.
fn usable_processors() -> u32 {
    available_parallelism().map_or(1, |number| u32::try_from(number.get()).unwrap_or(u32::MAX))
}

fn own(name: &str) -> Option<String> {
    read(&format!("/proc/self/{name}"))
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// Ticks in user and kernel mode: fields 14 and 15 of `stat`. The name of the program, field 2, may
/// contain blanks and brackets.
fn processor_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

fn resident(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(f64::from(kibibytes) * 1_024.0)
}

fn most_files(limits: &str) -> Option<u32> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn first_number(text: &str) -> Option<f64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_system_are_read() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 25 5 0 0 20 0 9 0 100 1 1";
        assert_eq!(processor_ticks(stat), Some(30));
        assert_eq!(resident("Name:\tx\nVmRSS:\t   2048 kB\n"), Some(2_097_152.0));
        let limits = "Limit Soft Hard Units\nMax open files            1024  4096  files \n";
        assert_eq!(most_files(limits), Some(1_024));
        assert_eq!(first_number("0.25 0.5 0.75 1/234 5678\n"), Some(0.25));
        let stat = "cpu  10 0 20 60 10 0 0 0 5 0\ncpu0 5 0 10 30 5 0 0 0 5 0\ncpu1 5 0\nintr 1\n";
        let ticks = Ticks { own: 7, busy: 30, all: 100, processors: 2 };
        assert_eq!(Ticks::of(7, stat), Some(ticks));
    }

    #[test]
    fn a_number_that_cannot_be_read_is_missing() {
        for text in ["", ")", "7 (x) S", "VmRSS: much", "Max open files unlimited", "cpu  1 2 3\n"]
        {
            assert_eq!(processor_ticks(text), None, "{text}");
            assert_eq!((resident(text), most_files(text)), (None, None), "{text}");
            assert_eq!(Ticks::of(1, text), None, "{text}");
        }
    }

    #[test]
    fn usage_is_a_share_of_what_may_be_used() {
        let before = Ticks { own: 100, busy: 1_000, all: 10_000, processors: 4 };
        let now = Ticks { own: 150, busy: 1_200, all: 10_400, processors: 4 };
        let usage = |usable| now.usage_since(before, usable).unwrap();
        assert_eq!(usage(4), Usage { own: 0.125, system: 0.5 });
        // One of four processors is allowed.
        assert_eq!(usage(1), Usage { own: 0.5, system: 0.5 });
        assert_eq!(usage(64), usage(4));
        let soon = Ticks { all: 10_010, ..before };
        assert_eq!(soon.usage_since(before, 4), None);
    }
}

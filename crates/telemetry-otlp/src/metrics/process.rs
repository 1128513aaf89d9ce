//! Metrics of the process from `/proc`, by the names of Spring Boot. A number that the system does
//! not give (on others than Linux) is missing.

use std::fs;

use chrono::{DateTime, Utc};

/// Nanoseconds in the unit in which Linux counts processor time (`USER_HZ` is 100).
const TICK: u64 = 10_000_000;

/// This process.
pub(super) struct Process {
    started: DateTime<Utc>,
}

impl Process {
    /// Starts the clock of `process_uptime_seconds`.
    pub(super) fn new(now: DateTime<Utc>) -> Self {
        let started = u32::try_from(now.timestamp()).unwrap_or(u32::MAX);
        metrics::gauge!("process_start_time_seconds").set(f64::from(started));
        Self { started: now }
    }

    pub(super) fn measure(&self, now: DateTime<Utc>) {
        let age = now.signed_duration_since(self.started).to_std().unwrap_or_default();
        metrics::gauge!("process_uptime_seconds").set(age.as_secs_f64());
        if let Some(time) = read("stat").and_then(|stat| processor_time(&stat)) {
            metrics::counter!("process_cpu_time_ns_total").absolute(time);
        }
        if let Some(bytes) = read("status").and_then(|status| resident(&status)) {
            metrics::gauge!("process_resident_memory_bytes").set(bytes);
        }
        let open = fs::read_dir("/proc/self/fd").map(Iterator::count).ok();
        if let Some(open) = open.and_then(|open| u32::try_from(open).ok()) {
            metrics::gauge!("process_files_open_files").set(f64::from(open));
        }
        if let Some(most) = read("limits").and_then(|limits| most_files(&limits)) {
            metrics::gauge!("process_files_max_files").set(f64::from(most));
        }
    }
}

fn read(name: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/self/{name}")).ok()
}

/// Nanoseconds in user and kernel mode: fields 14 and 15 of `stat`. The name of the program, field 2,
/// may contain blanks and brackets.
fn processor_time(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)?.checked_mul(TICK)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_system_are_read() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 25 5 0 0 20 0 9 0 100 1 1";
        assert_eq!(processor_time(stat), Some(300_000_000));
        assert_eq!(resident("Name:\tx\nVmRSS:\t   2048 kB\n"), Some(2_097_152.0));
        let limits = "Limit Soft Hard Units\nMax open files            1024  4096  files \n";
        assert_eq!(most_files(limits), Some(1_024));
    }

    #[test]
    fn a_number_that_cannot_be_read_is_missing() {
        for text in ["", ")", "7 (x) S", "VmRSS: much", "Max open files unlimited"] {
            assert_eq!(
                (processor_time(text), resident(text), most_files(text)),
                (None, None, None)
            );
        }
    }
}

//! What a process of the service uses, as the kernel tells it.

use std::fs;

use crate::support::Service;

/// The resident memory of a service, in KiB.
pub(crate) fn memory(service: &Service) -> u64 {
    in_kib(service, "VmRSS:")
}

/// The most resident memory that a service has had, in KiB.
pub(crate) fn peak_memory(service: &Service) -> u64 {
    in_kib(service, "VmHWM:")
}

/// How many descriptors a service has open.
pub(crate) fn descriptors(service: &Service) -> usize {
    fs::read_dir(format!("/proc/{}/fd", service.pid())).expect("a running service").count()
}

fn in_kib(service: &Service, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

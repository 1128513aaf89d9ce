//! The time, randomness, and the name and address of the machine. Other crates have the first two
//! injected.

use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use order_app::ports::{Clock, Entropy};
use settings_spring::Offered;
use uuid::Uuid;

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The randomness of the operating system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the Entropy port")]
    fn bits(&self) -> u128 {
        // A UUID of version 4 has 122 random bits. The bits that are fixed in the one are random in
        // the other, whose halves are swapped.
        let (a, b) = (Uuid::new_v4().as_u128(), Uuid::new_v4().as_u128());
        a ^ b.rotate_left(64)
    }
}

/// [`SystemClock`] as the port.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// [`OsEntropy`] as the port.
pub(crate) fn entropy() -> Arc<dyn Entropy> {
    Arc::new(OsEntropy)
}

/// The name of this machine, as in Eureka's ids.
pub(crate) fn machine_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// What placeholders may name of the machine, as in Spring Cloud.
pub(crate) const OF_CLIENT: &[Offered] = &[
    ("spring.cloud.client.hostname", || Some(machine_name())),
    ("spring.cloud.client.ip-address", || Some(machine_address().to_string())),
];

/// The IPv4 address under which this machine reaches others; without a way to them the one of its name,
/// and else 127.0.0.1, as in Spring Cloud.
fn machine_address() -> IpAddr {
    // Nothing is sent: connecting a UDP socket only makes the system choose a route. The address is one
    // for documentation, which no host has.
    let route = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let is_own =
        |address: &IpAddr| address.is_ipv4() && !address.is_loopback() && !address.is_unspecified();
    let of_name = || {
        let found = (machine_name(), 0).to_socket_addrs().ok()?;
        found.map(|socket| socket.ip()).find(is_own)
    };
    route().filter(is_own).or_else(of_name).unwrap_or(Ipv4Addr::LOCALHOST.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_a_name_and_an_address() {
        let offered: Vec<_> = OF_CLIENT.iter().map(|(_, find)| find().unwrap()).collect();
        let [name, address] = &offered[..] else { panic!("two") };
        assert_eq!(*name, machine_name());
        assert!(address.parse::<Ipv4Addr>().is_ok_and(|address| !address.is_unspecified()));
    }

    #[test]
    fn every_bit_of_the_entropy_changes() {
        let (mut ones, mut zeros) = (0, 0);
        for _ in 0..200 {
            let bits = OsEntropy.bits();
            ones |= bits;
            zeros |= !bits;
        }
        assert_eq!((ones, zeros), (u128::MAX, u128::MAX));
    }
}

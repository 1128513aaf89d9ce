//! Where requests are taken, how many at once, and how long each may take; and the service's name.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use settings_spring::{Reader, complete, keys, values};

const SHORTEST: Duration = Duration::from_millis(100);

keys! {
    pub(super) ROWS;
    ADDRESS: IpAddr = "server.address", "127.0.0.1", Plain,
        "an IP address or localhost; 0.0.0.0 or :: for every network",
        "Where requests are taken.", values::address;
    PORT: u16 = "server.port", "8082", Plain, "a port from 0 to 65535; 0 takes any free one",
        "The port on which requests are taken.", values::port;
    pub(super) NAME: String = "spring.application.name", "order-service", Plain, "a name",
        "The name of this service in logs, in /actuator/info and with its peers.", values::text;
}

keys! {
    pub(super) STREAMS;
    MAX_STREAMS: u32 = "order.events.max-streams", "256", Plain, "a whole number from 0 to 100000",
        "How many clients may listen to GET /events at once; further ones are answered with 503.",
        |text| values::number(text, 0..=100_000);
}

keys! {
    pub(super) REQUESTS;
    BUDGET: Duration = "order.request-budget", "1200ms", Plain, "a duration from 100ms to 10s",
        "How long a request may take before it is answered with 503.",
        |text| values::duration(text, SHORTEST..=Duration::from_secs(10));
    MAX_IN_FLIGHT: u32 = "order.max-in-flight", "512", Plain, "a whole number from 1 to 100000",
        "How many requests run at once; further ones are answered with 503 at once.",
        |text| values::number(text, 1..=100_000);
    BODY_DEADLINE: Duration = "order.body-deadline", "10s", Plain, "a duration from 100ms to 5m",
        "How long a client may take to send a request's body.",
        |text| values::duration(text, SHORTEST..=Duration::from_mins(5));
}

/// How requests are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requests {
    /// How long a request may take.
    pub budget: Duration,
    /// How many requests run at once.
    pub max_in_flight: u32,
    /// How long a body may take to arrive.
    pub body_deadline: Duration,
    /// How many clients may listen to events at once.
    pub max_streams: u32,
}

impl Requests {
    /// How many requests run at once, as the number of a semaphore's permits.
    #[must_use]
    pub fn permits(&self) -> usize {
        usize::try_from(self.max_in_flight).unwrap_or(usize::MAX)
    }
}

pub(super) fn listen(from: &mut Reader<'_>) -> Option<SocketAddr> {
    let (address, port) = (from.read(&ADDRESS), from.read(&PORT));
    Some(SocketAddr::new(address?, port?))
}

pub(super) fn requests(from: &mut Reader<'_>) -> Option<Requests> {
    complete!(Requests {
        budget: from.read(&BUDGET),
        max_in_flight: from.read(&MAX_IN_FLIGHT),
        body_deadline: from.read(&BODY_DEADLINE),
        max_streams: from.read(&MAX_STREAMS),
    })
}

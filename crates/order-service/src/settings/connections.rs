//! How many connections clients may have, and how long each may wait for its client.

use std::time::Duration;

use settings_spring::values::{self, Read, optional};
use settings_spring::{Reader, complete, keys};

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_mins(5);

keys! {
    pub(super) ROWS;
    MOST: Option<u32> = "server.tomcat.max-connections", "8192", Plain,
        "a whole number from 1 to 1000000, or -1 for as many as the process may have descriptors",
        "How many connections the main port has at once; never more than the process has descriptors for. \
         Beyond them, those are closed that have waited longest for their clients.",
        most;
    MOST_PER_PEER: Option<u32> = "order.max-connections-per-peer", "", Plain,
        "a whole number from 1 to 1000000",
        "How many connections the main port has at once from one address; unless set, as many as in all. A \
         proxy is one address.",
        |text| optional(text, number);
    HEAD: Duration = "server.tomcat.connection-timeout", "10s", Plain, "a duration from 100ms to 5m",
        "How long a client may take for the head of a request, on a new connection and on a kept one.",
        |text| values::duration(text, SHORTEST..=LONGEST);
    IDLE: Duration = "server.tomcat.keep-alive-timeout", "75s", Plain, "a duration from 100ms to 1h",
        "How long a connection is kept without a request.",
        |text| values::duration(text, SHORTEST..=Duration::from_hours(1));
    ANSWER: Duration = "order.answer-deadline", "10s", Plain, "a duration from 100ms to 5m",
        "How long a client may take less than 1 KiB a second of an answer that waits for it.",
        |text| values::duration(text, SHORTEST..=LONGEST);
}

/// The bounds of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// How many the main port has at once; `None`: as many as descriptors allow.
    pub most: Option<u32>,
    /// How many it has at once from one address; `None`: as many as in all.
    pub most_per_peer: Option<u32>,
    /// How long a client may take for the head of a request.
    pub head: Duration,
    /// How long a connection is kept without a request.
    pub idle: Duration,
    /// How long a client may take almost nothing of an answer.
    pub answer: Duration,
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Connections> {
    complete!(Connections {
        most: from.read(&MOST),
        most_per_peer: from.read(&MOST_PER_PEER),
        head: from.read(&HEAD),
        idle: from.read(&IDLE),
        answer: from.read(&ANSWER),
    })
}

fn most(text: &str) -> Read<Option<u32>> {
    if text.trim() == "-1" { Ok(None) } else { number(text).map(Some) }
}

fn number(text: &str) -> Read<u32> {
    values::number(text, 1..=1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_bound_there_is_none_as_in_tomcat() {
        assert_eq!(most("-1"), Ok(None));
        assert_eq!(most("8192"), Ok(Some(8_192)));
        assert!(most("0").is_err() && most("-2").is_err());
    }
}

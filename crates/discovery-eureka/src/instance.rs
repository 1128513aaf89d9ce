//! An instance of a service, as the registry knows it.

use std::collections::BTreeMap;
use std::fmt;

/// What the registry says of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The application, in capitals.
    pub app: String,
    /// Its id, unique within the application.
    pub id: String,
    /// The name or address of its host.
    pub host: String,
    /// The names it is looked up by.
    pub virtual_host_names: Vec<String>,
    /// Its status: the operator's, where there is one, else its own.
    pub status: Status,
    /// The status that an operator has put in the place of its own.
    pub overridden: Option<Status>,
    /// The port for plain HTTP, if there is one.
    pub port: Option<u16>,
    /// The port for HTTPS, if there is one.
    pub secure_port: Option<u16>,
    /// What else it says of itself.
    pub metadata: BTreeMap<String, String>,
    /// When it last registered, in milliseconds since 1970 by its own clock.
    pub last_dirty_millis: Option<u64>,
}

impl Instance {
    /// Where requests go: over HTTPS when that is offered, as in Spring.
    #[must_use]
    pub fn base_url(&self) -> String {
        let host = &self.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        match (self.secure_port, self.port) {
            (Some(port), _) => format!("https://{host}:{port}"),
            (None, Some(port)) => format!("http://{host}:{port}"),
            (None, None) => format!("http://{host}"),
        }
    }
}

/// The status of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Must not be sent requests: its health check failed.
    Down,
    /// Must not be sent requests: out of service on purpose.
    OutOfService,
    /// Is about to start.
    Starting,
    /// Any other.
    Unknown,
    /// Takes requests.
    Up,
}

impl Status {
    /// As Eureka writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Down => "DOWN",
            Self::OutOfService => "OUT_OF_SERVICE",
            Self::Starting => "STARTING",
            Self::Unknown => "UNKNOWN",
            Self::Up => "UP",
        }
    }

    /// Reads what Eureka writes. As in Eureka itself, anything else is unknown.
    pub(crate) fn named(name: &str) -> Self {
        let all = [Self::Down, Self::OutOfService, Self::Starting, Self::Up];
        all.into_iter().find(|s| s.name().eq_ignore_ascii_case(name)).unwrap_or(Self::Unknown)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_back_from_their_names() {
        use Status::{Down, OutOfService, Starting, Unknown, Up};
        let all = [Down, OutOfService, Starting, Unknown, Up];
        assert_eq!(all.map(|status| Status::named(status.name())), all);
        assert_eq!(Status::named("RESTING"), Unknown);
    }
}

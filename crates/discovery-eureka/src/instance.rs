//! An instance of some service, as the registry knows it.

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
    /// Its address, as it gave it.
    pub address: String,
    /// The names it is looked up by.
    pub virtual_host_names: Vec<String>,
    /// Its status; an override is worked in.
    pub status: Status,
    /// What an operator has put in the place of its own status.
    pub overridden: Option<Status>,
    /// The port for plain HTTP, if there is one.
    pub port: Option<u16>,
    /// The port for HTTPS, if there is one.
    pub secure_port: Option<u16>,
    /// Whatever else it says about itself.
    pub metadata: BTreeMap<String, String>,
    /// When it last said something new, in milliseconds since 1970 by its own clock.
    pub last_dirty_millis: Option<u64>,
}

impl Instance {
    /// Where requests go: over HTTPS where that is offered, as Spring does it.
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

/// The status of an instance. The order is that of the names, in which the hash code lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Must not be sent requests: its health check failed.
    Down,
    /// Must not be sent requests: shut out on purpose.
    OutOfService,
    /// Is about to start.
    Starting,
    /// Whatever else.
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
    fn statuses_are_ordered_by_name_and_read_back() {
        use Status::{Down, OutOfService, Starting, Unknown, Up};
        let all = [Down, OutOfService, Starting, Unknown, Up];
        assert!(all.map(Status::name).is_sorted() && all.is_sorted());
        assert_eq!(all.map(|status| Status::named(status.name())), all);
        assert_eq!(Status::named("RESTING"), Unknown);
    }
}

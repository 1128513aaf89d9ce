//! The descriptors of the process: files and connections. The system bounds how many there are; they are shared out, so
//! that the clients cannot take those of the database, the brokers, the log and the management port.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::settings::Settings;

/// For the runtimes, the log, the brokers, the registry, collectors, and connections that are being refused.
const FOR_OTHERS: usize = 256;
/// For a connection of the pool: SQLite has three files for each, and one to a server may still be open when it is
/// replaced.
const FOR_A_POOLED: usize = 3;
/// The fewest connections of clients, however few descriptors there are.
const FEWEST: usize = 16;

/// Lets the process have as many as it may, and says how many those are; `None`: there is no bound.
pub(crate) fn raise() -> Option<usize> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let now = if setrlimit(Resource::Nofile, raised).is_ok() { raised } else { limit };
    now.current.map(|most| most.try_into().unwrap_or(usize::MAX))
}

/// How many connections the main port may have where the process may have this number of descriptors: what the database's pool,
/// the management port, the brokers and the log leave of them.
pub(crate) fn for_clients(descriptors: Option<usize>, settings: &Settings) -> usize {
    let wanted = settings.connections.most.and_then(|most| usize::try_from(most).ok());
    let wanted = wanted.unwrap_or(usize::MAX);
    let pooled = usize::try_from(settings.storage.pool_size).unwrap_or(usize::MAX);
    let others = pooled.saturating_mul(FOR_A_POOLED).saturating_add(FOR_OTHERS);
    let others = others.saturating_add(http_actix::MOST_FOR_OPERATORS);
    let left = descriptors.unwrap_or(usize::MAX).saturating_sub(others).max(FEWEST);
    if settings.connections.most.is_some() && left < wanted {
        tracing::warn!(
            descriptors,
            connections = left,
            "there are not enough descriptors for server.tomcat.max-connections; raise the hard limit (ulimit -Hn, LimitNOFILE)"
        );
    }
    wanted.min(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::Case;

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let most = raise();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert_eq!(most.map(|most| u64::try_from(most).unwrap()), limit.current);
    }

    #[test]
    fn clients_have_what_the_others_leave() {
        let settings = Case::new().loaded().settings;
        assert_eq!(for_clients(None, &settings), 8_192);
        assert_eq!(for_clients(Some(1_024), &settings), 1_024 - 30 - 256 - 128);
        assert_eq!(for_clients(Some(100), &settings), FEWEST);
        let unbounded = Case::new().option("server.tomcat.max-connections", "-1").loaded().settings;
        assert_eq!(for_clients(Some(1_000_414), &unbounded), 1_000_000);
    }
}

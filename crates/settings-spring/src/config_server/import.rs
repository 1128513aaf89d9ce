//! An import from a config server as it is written, with the parameters that Spring Cloud Config knows:
//! `configserver:http://host:8888?fail-fast=true&max-attempts=10&multiplier=1.2`.

use std::time::Duration;

use super::retry::{Retry, attempts, multiplier, pause};
use super::server::Server;
use crate::layers::Origin;
use crate::locations::{IMPORT, ServerImport};
use crate::problems::Problem;
use crate::values::{self, Fault, Read};

/// The names of the parameters, for a message.
const PARAMETERS: &str = "there are fail-fast, max-attempts, max-interval, multiplier and \
                          initial-interval";

/// One import from a config server.
#[derive(Debug)]
pub(crate) struct Import {
    /// Whether the start goes on without it.
    pub(super) optional: bool,
    /// The server; `None` for the configured ones.
    pub(super) server: Option<Server>,
    pub(super) parameters: Parameters,
    /// Where it stands.
    pub(super) origin: Origin,
}

/// What an import says for itself; it goes before the settings.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub(super) fail_fast: Option<bool>,
    attempts: Option<u32>,
    first_pause: Option<Duration>,
    multiplier: Option<f64>,
    longest_pause: Option<Duration>,
}

impl Parameters {
    /// How often to ask, where the settings say `set`.
    pub(super) fn retry(&self, set: Retry) -> Retry {
        Retry {
            attempts: self.attempts.unwrap_or(set.attempts),
            first_pause: self.first_pause.unwrap_or(set.first_pause),
            multiplier: self.multiplier.unwrap_or(set.multiplier),
            longest_pause: self.longest_pause.unwrap_or(set.longest_pause),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Read<()> {
        match name {
            "fail-fast" => self.fail_fast = Some(values::flag(value)?),
            "max-attempts" => self.attempts = Some(attempts(value)?),
            "max-interval" => self.longest_pause = Some(pause(value)?),
            "multiplier" => self.multiplier = Some(multiplier(value)?),
            "initial-interval" => self.first_pause = Some(pause(value)?),
            unknown => {
                let reason = format!("there is no parameter {unknown}; {PARAMETERS}");
                return Err(Fault::because(reason));
            }
        }
        Ok(())
    }
}

/// Reads an import. The problem does not show what may be a credential.
pub(super) fn import(written: &ServerImport) -> Result<Import, Problem> {
    let ServerImport { optional, text, shown, origin } = written;
    let (uri, query) = text.split_once('?').unwrap_or((text, ""));
    let read = || {
        let server = values::optional(uri, Server::parse)?;
        let mut parameters = Parameters::default();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            parameters.set(name, value).map_err(|Fault(reason)| {
                let reason =
                    reason.unwrap_or_else(|| format!("the value of {name} is wrong").into());
                Fault(Some(reason))
            })?;
        }
        Ok(Import { optional: *optional, server, parameters, origin: origin.clone() })
    };
    read().map_err(|Fault(reason)| {
        // A reason repeats a part of the text, which a placeholder may have brought.
        let reason = reason.filter(|_| !shown.contains("${"));
        let reason = reason.map(|reason| format!("{reason}; ")).unwrap_or_default();
        Problem {
            subject: IMPORT.row.name.to_owned(),
            value: Some(shown.clone()).filter(|shown| !shown.contains(['@', '='])),
            origin: Some(origin.clone()),
            complaint: format!("{reason}must be {}", IMPORT.row.allowed),
        }
    })
}

/// The problem with any config server where the service asks none.
pub(crate) fn unknown(written: &ServerImport) -> Problem {
    let complaint = "this service imports nothing from config servers";
    Problem::new(IMPORT.row.name, Some(written.origin.clone()), complaint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Import, String> {
        let (text, shown) = (text.to_owned(), text.to_owned());
        let written = ServerImport { optional: false, text, shown, origin: Origin::CommandLine };
        import(&written).map_err(|problem| problem.to_string())
    }

    #[test]
    fn an_import_is_read_with_its_server_and_its_parameters() {
        let import = read("http://u:p@h:8888/").unwrap();
        assert_eq!(import.server.unwrap().to_string(), "http://h:8888");
        assert!(read("").unwrap().server.is_none());
        let import = read(
            "http://h?fail-fast=true&max-attempts=10&max-interval=1500&multiplier=1.2&initial-interval=1100",
        );
        let import = import.unwrap();
        assert_eq!(import.parameters.fail_fast, Some(true));
        let set = Retry {
            attempts: 6,
            first_pause: Duration::ZERO,
            multiplier: 1.0,
            longest_pause: Duration::ZERO,
        };
        let expected = Retry {
            attempts: 10,
            first_pause: Duration::from_millis(1_100),
            multiplier: 1.2,
            longest_pause: Duration::from_millis(1_500),
        };
        assert_eq!(import.parameters.retry(set), expected);
        assert_eq!(read("http://h").unwrap().parameters.retry(set), set);
    }

    #[test]
    fn a_parameter_that_is_not_known_is_named() {
        let said = read("http://h?fail-fast=true&retries=7").unwrap_err();
        assert!(said.contains("there is no parameter retries; there are fail-fast, "), "{said}");
        for wrong in ["http://h?multiplier=0.5", "http://h?fail-fast=perhaps", "http://h?fail-fast"]
        {
            let said = read(wrong).unwrap_err();
            assert!(said.contains("the value of ") && said.contains(" is wrong"), "{said}");
        }
        assert!(read("h:8888").is_err() && read("http://h/#x").is_err());
    }
}

//! The command line: reads the arguments and the settings, and runs a command. `SETTINGS_HELP` lists
//! the exit codes.

mod direct;
mod events;
mod health;
mod manual;
mod migrate;
mod output;
mod sagas;
mod serve;
mod tables;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use order_app::errors::chain;
use order_app::ports::{Clock as _, Entropy as _};
use order_events::asyncapi::{self, DEFAULT_TOPIC};
use settings_spring::{LoadError, Occasion, Problems, split};
use telemetry_otlp::escaped;

use crate::settings::{self, Inputs, Loaded};
use crate::system::{OF_CLIENT, OsEntropy, SystemClock};
use crate::{report, telemetry};
use events::EventsCommand;
use output::{complain, complain_of, print, usage};
use sagas::SagasCommand;

/// The exit code for wrong settings or arguments.
const WRONG: u8 = 2;

/// The order management service: orders over REST, kept in SQLite, PostgreSQL, MySQL or MariaDB.
#[derive(Debug, Parser)]
#[command(name = "order-service", version = env!("VERSION"), after_long_help = SETTINGS_HELP, after_help = SHORT_HELP)]
struct Arguments {
    /// Read settings from this file instead of application.{properties,yml,yaml,toml} in the
    /// working folder and in ./config.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Serve requests until stopped (the default).
    Serve,
    /// Bring the database's tables up to date, and stop.
    Migrate {
        /// Change nothing: say what of an existing table cannot be used, and which orders cannot be read. The exit code is 1
        /// when there is something that the migration at the start would not mend.
        #[arg(long)]
        check: bool,
    },
    /// Print the settings as they apply and where they come from, without secrets.
    Config {
        /// Only those that differ from their defaults.
        #[arg(long)]
        changed: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask the instance that runs with these settings on this machine whether it is ready. The exit code is 0 when it says so within
    /// two seconds, and else 1.
    Health,
    /// Print the OpenAPI document.
    Openapi {
        /// That of the management port.
        #[arg(long)]
        management: bool,
    },
    /// Print the AsyncAPI document of the events and the saga, with the topics of default settings.
    Asyncapi,
    /// Print the GraphQL schema, whether or not the settings have it served.
    GraphqlSchema {
        /// With what a gateway of Apollo Federation needs.
        #[arg(long)]
        federation: bool,
    },
    /// Print what makes a shell complete these commands: `order-service completions bash >/etc/bash_completion.d/order-service`.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, in roff.
    Man,
    /// Look after events: what waits, parked orders, past events once more. Works on the database
    /// and the brokers of the settings, whether or not the service is running.
    #[command(subcommand, after_help = events::EXIT_CODES)]
    Events(EventsCommand),
    /// Look after sagas: those that need a person, and what to do about one. Works on the database of the settings, whether
    /// or not the service is running; running instances send the commands that follow.
    #[command(subcommand, after_help = sagas::EXIT_CODES)]
    Sagas(SagasCommand),
}

const SHORT_HELP: &str = "Any setting can be given as an option: --server.port=9000. See --help.";

const SETTINGS_HELP: &str = "\
Settings:
  Any setting can be given as an option, --key=value or --key value:
    order-service --server.port=9000 --spring.datasource.url=postgresql://localhost/orders
  or as an environment variable in Spring's relaxed form:
    SERVER_PORT=9000 SPRING_DATASOURCE_URL=mysql://localhost/orders order-service
  or in a file: application.properties, .yml, .yaml or .toml in the working folder or ./config,
  each with variants for the profiles of spring.profiles.active (application-prod.yml).
  Or they come from Spring Cloud Config: spring.config.import=optional:configserver:http://HOST:8888
  The command line wins over the environment, that over config servers, those over files. A password may stand in
  a file of its own: spring.datasource.password=file:/run/secrets/db
  Without any, the service listens on 127.0.0.1:8082 and keeps orders in ./orders.db.
  `order-service config` lists all keys with their values and sources.

Exit codes:
  0  stopped when asked to, or done
  1  it failed: the port is taken, the migration failed, or the stop took longer than
     spring.lifecycle.timeout-per-shutdown-phase; or a config server that it needs gave no answer
  2  settings or arguments are wrong
  3  (events) the order is not parked, the event cannot be skipped, or another replay is running;
     (sagas) there is no such saga, it has another revision, or it does not allow the action now
  4  (events) the replay is done, but some events cannot be read
  130, 143  stopped at once by a second Ctrl-C or SIGTERM; (events) interrupted by one";

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let started = Instant::now();
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let (options, others) = match split(arguments) {
        Ok(parts) => parts,
        Err(error) => return complain(&error.to_string(), WRONG),
    };
    let Arguments { config, command } = match Arguments::try_parse_from(&others) {
        Ok(arguments) => arguments,
        Err(error) => {
            // An error repeats arguments: it is made once more, of what may be shown of them.
            let shown =
                Arguments::try_parse_from(others.iter().map(|other| escaped(other).into_owned()));
            let code = u8::try_from(error.exit_code()).unwrap_or(WRONG);
            return usage(&shown.err().unwrap_or(error), code);
        }
    };
    match command {
        Some(Command::Openapi { management: false }) => {
            return print(&format!("{}\n", http_actix::openapi_json()));
        }
        Some(Command::Openapi { management: true }) => {
            return print(&format!("{}\n", http_actix::management_openapi_json()));
        }
        Some(Command::Asyncapi) => return print(&format!("{}\n", asyncapi::json(DEFAULT_TOPIC))),
        Some(Command::GraphqlSchema { federation }) => {
            return print(&http_actix::graphql_schema(federation));
        }
        Some(Command::Completions { shell }) => {
            return manual::completions(shell, Arguments::command());
        }
        Some(Command::Man) => return manual::page(Arguments::command()),
        _ => {}
    }
    let inputs = Inputs {
        options,
        config,
        environment: settings::environment(),
        offered: OF_CLIENT,
        folder: PathBuf::new(),
        random: || OsEntropy.bits(),
        now: || SystemClock.now(),
        // The log starts with the settings.
        tell: |how| {
            complain(how, 0);
        },
    };
    match settings::load(&inputs, Occasion::Start) {
        Err(LoadError::Wrong(problems)) => complain_of(&problems, WRONG),
        Err(error) => complain(&error.to_string(), 1),
        Ok(loaded) => execute(command.unwrap_or(Command::Serve), inputs, loaded, started),
    }
}

fn execute(command: Command, inputs: Inputs, loaded: Loaded, started: Instant) -> ExitCode {
    if let Command::Config { changed, json } = command {
        for warning in &loaded.warnings {
            complain(warning, 0);
        }
        let mut effective = loaded.effective;
        effective.retain(|setting| !changed || report::is_changed(setting));
        let render = if json { report::json } else { report::table };
        return print(&render(&effective));
    }
    if matches!(command, Command::Health) {
        return health::run(&loaded.settings).unwrap_or_else(|error| complain(&chain(&*error), 1));
    }
    let is_for_people = matches!(
        command,
        Command::Events(_) | Command::Sagas(_) | Command::Migrate { check: true }
    );
    if is_for_people {
        for warning in &loaded.warnings {
            complain(warning, 0);
        }
        let done = match command {
            Command::Events(asked) => events::run(asked, &loaded.settings),
            Command::Sagas(asked) => sagas::run(asked, &loaded.settings),
            _ => migrate::check(&loaded.settings),
        };
        return done.unwrap_or_else(|error| complain(&chain(&*error), 1));
    }
    let is_serving = matches!(command, Command::Serve);
    let (log, unsent) = match telemetry::start(&loaded.settings, is_serving) {
        Ok(started) => started,
        Err(error) => return complain(&chain(&error), 1),
    };
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let done = match command {
        Command::Migrate { .. } => migrate::run(&loaded.settings),
        _ => serve::run(inputs, loaded, (&log, unsent), started),
    };
    match done {
        Ok(code) => code.into(),
        Err(error) => {
            tracing::error!(cause = chain(&*error), "order-service failed");
            // Also on standard error: the log goes to standard output.
            match error.downcast_ref::<Problems>() {
                Some(problems) => complain_of(problems, WRONG),
                None => complain(&chain(&*error), 1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default_and_the_file_may_come_anywhere() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' ')).unwrap();
        assert!(parse("order-service").command.is_none());
        let parsed = parse("order-service config --json --config x.yml");
        assert!(matches!(parsed.command, Some(Command::Config { json: true, changed: false })));
        assert_eq!(parsed.config.unwrap().to_str(), Some("x.yml"));
    }
}

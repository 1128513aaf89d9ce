//! The stage that the trials of one database share: two instances of the service.

use std::ops::Deref;

use order_testkit::databases::{Database, Scratch};

use crate::support::Service;

/// Two instances on a database of their own. Dropped in this order.
pub(crate) struct Stage {
    /// The instance that most cases use.
    pub(crate) first: Service,
    /// The other instance, with a shorter deadline for bodies.
    pub(crate) second: Service,
    /// The kind of database.
    pub(crate) kind: Database,
    /// The database itself.
    pub(crate) database: Scratch,
}

/// One trial, to be run on each database.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) run: Box<dyn Fn(&Stage) + Send + Sync>,
}

/// Functions as cases of the same name.
macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        vec![$($crate::stage::Case::new(stringify!($case), $case)),+]
    };
}
pub(crate) use cases;

impl Stage {
    /// Starts both instances at the same time, so that they have to agree on who migrates the database.
    pub(crate) fn on(database: Database) -> Self {
        let scratch = database.scratch();
        let url = format!("--spring.datasource.url={}", scratch.url);
        let options = [
            url.as_str(),
            "--order.currencies=USD,EUR,JPY,KWD,CLF",
            // A busy machine must not lead to 503.
            "--order.request-budget=10s",
            "--spring.datasource.hikari.connection-timeout=10s",
        ];
        let first = Service::start(&options);
        let second = Service::start(&[&options[..], &["--order.body-deadline=500ms"]].concat());
        first.wait_until_ready();
        second.wait_until_ready();
        Self { first, second, kind: database, database: scratch }
    }

    /// Both instances in turn.
    pub(crate) fn instance(&self, turn: usize) -> &Service {
        if turn.is_multiple_of(2) { &self.first } else { &self.second }
    }
}

impl Deref for Stage {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.first
    }
}

impl Case {
    pub(crate) fn new(
        name: impl Into<String>,
        run: impl Fn(&Stage) + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

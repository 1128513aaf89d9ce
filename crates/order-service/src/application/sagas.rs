//! The sagas of this process: the way to their participants (over Kafka, `sagas/kafka.rs`, or in this process,
//! `sagas/embedded.rs`), and what runs beside the requests: replies are taken, and what is due is looked after.

mod embedded;
mod kafka;

use std::sync::Arc;
use std::time::Duration;

use http_actix::Component;
use order_app::orders::Orders;
use order_app::ports::{CommandSender, Deadline, SagaStore, Stores, later, uuid_v7};
use order_app::sagas::{Sagas, Sweep, SweepPorts};
use tokio::runtime::Handle;
use tokio::time::sleep;

use self::embedded::Embedded;
use self::kafka::OverKafka;
use super::background::{Running, Told};
use super::use_cases::NoTransport;
use crate::settings::{SagaTransport, Settings};
use crate::system::{clock, entropy};

/// How often an instance on which no saga begins looks for open ones, which another instance has begun, or this one before it
/// was switched off.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// How long the database may take to say so.
const PATIENCE: Duration = Duration::from_secs(2);

/// The way to the participants.
#[derive(Clone)]
pub(super) enum Transport {
    /// There is none: a saga that began elsewhere waits.
    None,
    Embedded(Embedded),
    Kafka(OverKafka),
}

impl Transport {
    /// The way that the settings name.
    pub(super) fn new(settings: &Settings) -> anyhow::Result<Self> {
        match settings.sagas.transport {
            SagaTransport::Embedded => Ok(Self::Embedded(Embedded::new())),
            SagaTransport::Kafka if settings.kafka.is_on() => {
                Ok(Self::Kafka(OverKafka::new(settings)?))
            }
            SagaTransport::Kafka => Ok(Self::None),
        }
    }

    /// Sends commands.
    pub(super) fn sender(&self) -> Arc<dyn CommandSender> {
        match self {
            Self::None => Arc::new(NoTransport),
            Self::Embedded(embedded) => Arc::new(embedded.clone()),
            Self::Kafka(kafka) => Arc::new(kafka.clone()),
        }
    }

    /// How many replies could not be read.
    pub(super) fn unreadable(&self) -> u64 {
        match self {
            Self::None | Self::Embedded(_) => 0,
            Self::Kafka(kafka) => kafka.unreadable(),
        }
    }

    /// For the health page; `None` while it is not used.
    pub(super) fn component(&self) -> Option<Component> {
        match self {
            Self::None => None,
            Self::Embedded(_) => Some(Embedded::component()),
            Self::Kafka(kafka) => kafka.component(),
        }
    }

    /// Takes replies until the stop.
    async fn run(&self, sagas: &Sagas, told: Told) {
        match self {
            Self::None => told.stopped().await,
            Self::Embedded(embedded) => embedded.run(sagas, told).await,
            Self::Kafka(kafka) => kafka.run(sagas, told).await,
        }
    }
}

/// What runs beside the requests.
#[derive(Clone)]
struct Beside {
    begins: bool,
    transport: Transport,
    sagas: Sagas,
    ports: SweepPorts,
}

/// Starts it when the service is ready.
pub(super) fn start(
    (settings, stores): (&Settings, &Stores),
    orders: &Orders,
    transport: &Transport,
    is_ready: &Told,
) -> Running {
    let ports = SweepPorts {
        sagas: stores.sagas.clone(),
        journal: stores.journal.clone(),
        commands: transport.sender(),
        clock: clock(),
    };
    let (begins, sagas) = (settings.sagas.policy.begins, Sagas::new(orders.clone()));
    let beside = Beside { begins, transport: transport.clone(), sagas, ports };
    // The same name after a panic: the sweep keeps its lease.
    let instance = uuid_v7(beside.ports.clock.now(), &*entropy());
    Running::when(is_ready.clone(), &Handle::current(), "the sagas", move |told| {
        let beside = beside.clone();
        async move {
            let Beside { begins, transport, sagas, ports } = beside;
            if !begins {
                tokio::select! {
                    () = an_open_one(&*ports.sagas) => {}
                    () = told.clone().stopped() => return,
                }
                tracing::info!("there are open sagas: they go on, though none begins here");
            }
            if let Transport::None = transport {
                tracing::error!(
                    "there are open sagas, and no way to their participants: name the brokers in spring.kafka.bootstrap-servers"
                );
            }
            let sweep = Sweep::new(sagas.clone(), ports, instance);
            tokio::join!(sweep.run(told.clone().stopped()), transport.run(&sagas, told));
        }
    })
}

/// Resolves when there is a saga that is not over.
async fn an_open_one(sagas: &dyn SagaStore) {
    loop {
        let found = sagas.census(later(Deadline::now(), PATIENCE)).await;
        if found.is_ok_and(|census| census.first_due.is_some()) {
            return;
        }
        sleep(LOOK_EVERY).await;
    }
}

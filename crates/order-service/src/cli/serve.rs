//! `order-service serve`: collects metrics, reports panics, and runs the application until a signal.

use std::panic::{self, PanicHookInfo};
use std::time::Instant;

use anyhow::Context as _;
use telemetry_otlp::{Log, Metrics, Unsent};

use crate::application::{Application, Begun, METRICS};
use crate::descriptors;
use crate::runtimes;
use crate::settings::{Inputs, Loaded};
use crate::signals::Signals;
use crate::telemetry::{AMBIENT, Telemetry, instance};

/// Serves until the process is asked to stop; answers with its exit code.
pub(super) fn run(
    inputs: Inputs,
    loaded: Loaded,
    (log, unsent): (&Log, Option<Unsent>),
    started: Instant,
) -> anyhow::Result<u8> {
    panic::set_hook(Box::new(report_panic));
    let collected =
        Metrics::install(METRICS, &loaded.settings.metric_tags, log.counts(), AMBIENT.now)
            .context("the metrics cannot be collected")?;
    let instance = instance(&loaded.settings);
    metrics::gauge!("order_instance_info", "instance_id" => instance).set(1.0);
    let database = loaded.settings.storage.database.clone();
    let telemetry = Telemetry { levels: log.levels(), metrics: collected, unsent };
    let descriptors = descriptors::raise();
    let begun = Begun { inputs, loaded, telemetry, descriptors, started };
    let (main, relay) = (runtimes::main()?, runtimes::relay()?);
    let done = main.block_on(async {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        let application = Application::build(begun, relay.handle())?;
        let (address, scheme) = (application.address(), application.scheme());
        tracing::info!(%address, scheme, %database, "listening");
        application.run_until_stopped(async || signals.next().await).await
    });
    // What still runs now has had its time.
    relay.shutdown_background();
    main.shutdown_background();
    done
}

/// Logs where a panic happened. A formatted message is left out: it may contain a secret.
fn report_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload().downcast_ref::<&'static str>().copied();
    let location = info.location().map(ToString::to_string);
    tracing::error!(message = "a task panicked", panic = message, location);
}

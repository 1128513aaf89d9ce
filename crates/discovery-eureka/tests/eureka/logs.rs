//! What the log says: each change once, and never a secret.

use std::io;
use std::sync::{Arc, Mutex};

use discovery_eureka::Standing;
use tracing_subscriber::fmt::MakeWriter;

use crate::stub::{Reply, Stub, willing};
use crate::support::{instance, registered, settings, start, until};

/// What was written, shared.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_change_is_logged_once_and_credentials_never() {
    // With a single subscriber, tracing caches for each log line whether it is wanted, as the first
    // thread sees it that comes by; the threads of the other tests want none.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // The runtime of this test has one thread: everything it does is logged there.
    let _guard = tracing::subscriber::set_default(subscriber);

    let stub = Stub::that(|_| Reply::Status(401)).await;
    let url = stub.url.replace("//", "//ann:s3%20cret@");
    let registration = start(settings(&[&url], instance("a", 1)));
    registration.ready();
    until(&registration, |s| matches!(s, Standing::NotRegistered { .. })).await;
    let heard = stub.until_asked("POST /eureka/apps/A", 3).await;
    assert_eq!(heard.authorization.as_deref(), Some("Basic YW5uOnMzIGNyZXQ="));

    stub.behave(willing);
    registered(&registration).await;
    stub.until_asked("PUT /eureka/apps/A/box:a:1", 2).await;
    registration.out_of_service().await;
    registration.stop().await;

    let text = log.text();
    let count = |line: &str| text.lines().filter(|l| l.contains(line)).count();
    let server = &stub.url;
    let refused = format!("{server}: it does not accept the credentials (401)");
    assert_eq!(count(&format!("standing=not registered: {refused}")), 1, "{text}");
    assert_eq!(count(&format!("standing=registered at {server}")), 1, "{text}");
    assert_eq!(count("standing=out of service"), 1, "{text}");
    assert_eq!(count("standing=deregistered"), 1, "{text}");
    for secret in ["s3", "cret", "YW5u"] {
        assert_eq!(count(secret), 0, "{text}");
    }
    let shown = format!("{:?}{:?}", registration, settings(&[&url], instance("a", 1)));
    assert!(!shown.contains("cret"), "{shown}");
}

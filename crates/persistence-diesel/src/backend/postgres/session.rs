//! A connection of tokio-postgres that diesel has not set up yet. It asks by plain queries alone, which leave nothing behind.

use diesel::ConnectionResult;
use diesel_async::AsyncPgConnection;
use order_app::errors::chain;
use order_app::ports::BoxError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres::{Client, Config, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::clear_text::{Watch, Watched};
use super::wire::Wire;
use crate::tls::{NotEncrypted, explained};

/// How connections are opened.
pub(super) struct Way {
    /// How they are encrypted, if they are.
    pub(super) tls: Option<MakeRustlsConnect>,
    /// Whether a password may be sent in clear text.
    pub(super) clear_text_password: bool,
}

/// A connection, as it was opened.
pub(super) struct Session {
    client: Client,
    connection: tokio_postgres::Connection<Socket, Watched<Wire<Socket>>>,
    is_encrypted: bool,
}

impl Session {
    /// Connects and logs in.
    pub(super) async fn open(url: &str, way: &Way) -> Result<Self, BoxError> {
        let watch = Watch { allowed: way.clear_text_password, tls: way.tls.clone() };
        let is_encrypted = watch.tls.is_some();
        let mut config: Config = url.parse()?;
        // Without TLS the stream is handed to `watch` at once, without a word to the server.
        let negotiation =
            if is_encrypted { SslNegotiation::Postgres } else { SslNegotiation::Direct };
        config.ssl_mode(SslMode::Require).ssl_negotiation(negotiation);
        let (client, connection) = config.connect(watch).await.map_err(|error| {
            if is_encrypted { of_an_encrypted(&config, error) } else { error.into() }
        })?;
        Ok(Self { client, connection, is_encrypted })
    }

    /// The process of the server that answers now.
    pub(super) async fn process(&mut self) -> Result<String, BoxError> {
        let answer = self.client.simple_query("SELECT pg_backend_pid()");
        let rows = tokio::select! {
            answer = answer => answer?,
            ended = &mut self.connection => {
                ended?;
                return Err("the server has closed the connection".into());
            }
        };
        let mut rows = rows.into_iter();
        let process = rows.find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        process.ok_or_else(|| "the server does not name its process".into())
    }

    /// The process that the server named when the connection was opened. It stands in the key for cancelling, which the
    /// client shows only in a request to cancel; that one goes nowhere here.
    pub(super) async fn named_process(&mut self) -> Result<String, BoxError> {
        let (mut near, far) = duplex(64);
        let (token, is_encrypted) = (self.client.cancel_token(), self.is_encrypted);
        let cancel = token.cancel_query_raw(far, Watch { allowed: false, tls: None }.to("itself"));
        let read = async {
            if is_encrypted {
                // The client asks for TLS first. It is told yes, and goes on in plain: that is in `Watch`.
                near.read_i64().await?;
                near.write_all(b"S").await?;
            }
            // Its length, its code, and the process.
            let (_, _, process) =
                (near.read_i32().await?, near.read_i32().await?, near.read_i32().await?);
            Ok::<_, BoxError>(process.to_string())
        };
        let (cancelled, process) = tokio::join!(cancel, read);
        cancelled?;
        process
    }

    /// Hands it to diesel, which sets it up.
    pub(super) async fn into_connection(self) -> ConnectionResult<AsyncPgConnection> {
        AsyncPgConnection::try_from_client_and_connection(self.client, self.connection).await
    }
}

/// Why no encrypted connection was opened.
fn of_an_encrypted(config: &Config, error: tokio_postgres::Error) -> BoxError {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.as_str(),
        Host::Unix(_) => "a socket",
    });
    let hosts = hosts.collect::<Vec<_>>().join(", ");
    match explained(&hosts, &error) {
        Some(explained) => explained.into(),
        // The client keeps no more than the text of this one.
        None if chain(&error).contains("server does not support TLS") => {
            NotEncrypted::without_tls(&hosts).into()
        }
        None => error.into(),
    }
}

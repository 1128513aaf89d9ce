//! A connection of tokio-postgres that diesel has not set up yet. It asks by plain queries alone, which leave nothing behind.

use diesel::ConnectionResult;
use diesel_async::AsyncPgConnection;
use order_app::ports::BoxError;
use tokio::io::{AsyncReadExt as _, duplex};
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::{Client, Config, SimpleQueryMessage, Socket};

use super::clear_text::{Watch, Watched};

/// A connection, as it was opened.
pub(super) struct Session {
    client: Client,
    connection: tokio_postgres::Connection<Socket, Watched<Socket>>,
    watch: Watch,
}

impl Session {
    /// Connects and logs in.
    pub(super) async fn open(url: &str, clear_text_password: bool) -> Result<Self, BoxError> {
        let watch = Watch { allowed: clear_text_password };
        let mut config: Config = url.parse()?;
        // Hands the stream to `watch` at once, without a word to the server.
        config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
        let (client, connection) = config.connect(watch).await?;
        Ok(Self { client, connection, watch })
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
        self.client.cancel_token().cancel_query_raw(far, self.watch).await?;
        // Its length, its code, and the process.
        let (_, _, process) =
            (near.read_i32().await?, near.read_i32().await?, near.read_i32().await?);
        Ok(process.to_string())
    }

    /// Hands it to diesel, which sets it up.
    pub(super) async fn into_connection(self) -> ConnectionResult<AsyncPgConnection> {
        AsyncPgConnection::try_from_client_and_connection(self.client, self.connection).await
    }
}

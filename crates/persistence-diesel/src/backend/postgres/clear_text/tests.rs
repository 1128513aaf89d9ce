//! What a server gets that asks for a password.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::net::TcpListener;

use super::*;
use crate::backend::postgres::session::{Session, Way};

/// What a server gets that asks in this way, beyond the greeting.
async fn answered(request: &'static [u8], allowed: bool) -> (String, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let greeting = stream.read_u32().await.expect("a greeting");
        let mut rest = vec![0; usize::try_from(greeting.saturating_sub(4)).expect("short")];
        stream.read_exact(&mut rest).await.expect("a greeting");
        for byte in request {
            // Byte by byte: the look must not depend on how they arrive.
            stream.write_all(&[*byte]).await.expect("the client listens");
            stream.flush().await.expect("the client listens");
            tokio::task::yield_now().await;
        }
        let mut got = vec![0; 1_000];
        let length = stream.read(&mut got).await.unwrap_or_default();
        got.truncate(length);
        got
    });
    let url = format!("postgres://someone:pl4nted-password@{address}/orders");
    let way = Way { tls: None, clear_text_password: allowed };
    let opened = Session::open(&url, &way).await;
    let error = opened.err().expect("no server has answered");
    let said = order_app::errors::chain(&*error);
    (said, server.await.expect("the server ends"))
}

#[tokio::test]
async fn a_password_is_not_sent_in_clear_text() {
    let (said, got) = answered(b"R\0\0\0\x08\0\0\0\x03", false).await;
    assert_eq!(got, b"", "{said}");
    assert!(said.contains("order.database.allow-cleartext-password"), "{said}");
    assert!(!said.contains("pl4nted"), "{said}");
}

#[tokio::test]
async fn a_password_is_sent_in_clear_text_where_that_is_allowed() {
    let (_, got) = answered(b"R\0\0\0\x08\0\0\0\x03", true).await;
    assert_eq!(got, b"p\0\0\0\x15pl4nted-password\0");
}

#[tokio::test]
async fn a_password_is_proved_by_md5_and_scram() {
    let (_, got) = answered(b"R\0\0\0\x0c\0\0\0\x05salt", false).await;
    assert!(got.starts_with(b"p\0\0\0\x28md5"), "{got:?}");
    let (_, got) = answered(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0", false).await;
    assert!(got.starts_with(b"p") && got.windows(7).any(|part| part == b"SCRAM-S"), "{got:?}");
}

#[tokio::test]
async fn bytes_pass_unchanged() {
    let (near, mut far) = duplex(64);
    let mut watched =
        Watch { allowed: false, tls: None }.to("far").connect(near).await.expect("no handshake");
    far.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await.expect("it is read");
    let mut got = [0; 15];
    watched.read_exact(&mut got).await.expect("it was sent");
    assert_eq!(&got, b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I");
    watched.write_all(b"Q").await.expect("it is read");
    assert_eq!(far.read_u8().await.expect("it was sent"), b'Q');
}

//! Servers that ask for the password in clear text, as anyone could who answers at the address of the database.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use libtest_mimic::Trial;

use crate::support::{Service, eventually};
use crate::trial;

/// In no other place.
const PASSWORD: &str = "pl4nted-password";

/// The setting that allows it, and is named by the refusal.
const SETTING: &str = "order.database.allow-cleartext-password";

pub(super) fn trials() -> Vec<Trial> {
    let protocols: [(&str, &str, Asks); 2] =
        [("postgres", "postgresql", asks_as_postgres), ("mysql", "mysql", asks_as_mysql)];
    let check = |scheme: &str, asks| {
        not_given(scheme, asks);
        given_where_allowed(scheme, asks);
    };
    let name = "a_server_that_asks_for_the_password_in_clear_text_does_not_get_it";
    let named =
        |(server, scheme, asks)| trial(format!("{server}::{name}"), move || check(scheme, asks));
    protocols.map(named).into()
}

/// Asks a client for its password, and returns what it answers.
type Asks = fn(TcpStream) -> Vec<u8>;

/// What the clients of a server have answered.
type Answers = Arc<Mutex<Vec<Vec<u8>>>>;

/// A server that asks each of its clients, in a thread that lives as long as the tests. Returns its port.
fn server(asks: Asks) -> (u16, Answers) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let answers = Answers::default();
    let kept = Arc::clone(&answers);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let answer = asks(client.expect("a client"));
            kept.lock().expect("no test panicked with it").push(answer);
        }
    });
    (port, answers)
}

fn not_given(scheme: &str, asks: Asks) {
    let (port, answers) = server(asks);
    let url =
        format!("--spring.datasource.url={scheme}://someone:{PASSWORD}@127.0.0.1:{port}/orders");
    let service = Service::start(&[&url]);
    let asked = || answers.lock().expect("no test panicked with it").len() > 3;
    assert!(eventually(asked), "it is not tried again:\n{}", service.log());
    assert!(service.log().contains(SETTING), "the setting is not named:\n{}", service.log());
    assert!(!service.log().contains(PASSWORD), "the password is in the log");
    let answers = answers.lock().expect("no test panicked with it");
    println!("asked {} times, and the answers had {} bytes", answers.len(), answers.concat().len());
    assert!(answers.iter().all(Vec::is_empty), "{answers:?}");
}

fn given_where_allowed(scheme: &str, asks: Asks) {
    let (port, answers) = server(asks);
    let url =
        format!("--spring.datasource.url={scheme}://someone:{PASSWORD}@127.0.0.1:{port}/orders");
    let service = Service::start(&[&url, &format!("--{SETTING}=true")]);
    let given = || {
        let answers = answers.lock().expect("no test panicked with it").concat();
        answers.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes())
    };
    assert!(eventually(given), "the setting is without effect:\n{}", service.log());
}

/// Reads the greeting of a client, asks, and returns what it answers.
fn asks_as_postgres(mut client: TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    client.read_exact(&mut length).expect("a greeting");
    let length = usize::try_from(u32::from_be_bytes(length)).expect("a short one");
    let mut greeting = vec![0; length - 4];
    client.read_exact(&mut greeting).expect("a greeting");
    answer_to(client, b"R\0\0\0\x08\0\0\0\x03")
}

/// Greets a client as a server does that has a proof of the password, and then wants the password itself.
fn asks_as_mysql(mut client: TcpStream) -> Vec<u8> {
    let capabilities: u32 = 0x0008_a208;
    let [low, lower, high, higher] = capabilities.to_le_bytes();
    let mut greeting = b"\x0a8.0.0\0\x01\0\0\0scramble\0".to_vec();
    greeting.extend([low, lower, 45, 2, 0, high, higher, 21]);
    greeting.extend([0; 10]);
    greeting.extend(b"and-the-rest\0mysql_native_password\0");
    client.write_all(&packet(0, &greeting)).expect("a client");
    let mut header = [0; 4];
    client.read_exact(&mut header).expect("an answer");
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
    let mut answer = vec![0; usize::try_from(length).expect("a short one")];
    client.read_exact(&mut answer).expect("an answer");
    answer_to(client, &packet(2, b"\xfemysql_clear_password\0"))
}

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short one");
    [&[length, 0, 0, number], payload].concat()
}

/// What a client sends after a request, until it goes away or has sent something.
fn answer_to(mut client: TcpStream, request: &[u8]) -> Vec<u8> {
    let mut answer = vec![0; 1_000];
    let asked = client.write_all(request).and_then(|()| client.read(&mut answer));
    answer.truncate(asked.unwrap_or_default());
    answer
}

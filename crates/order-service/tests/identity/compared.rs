//! Each token to a real resource server and to this one, which are told the same properties.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::cases::CASES;
use crate::differences::{DIFFERENCES, Kind};
use crate::keys::Keys;
use crate::mint::{Mint, Sent, now};
use crate::support::{self, Service, fresh_folder};
use crate::variable;

/// What both servers say, with nothing at the path, to those whom they believe.
const ACCEPTED: u16 = 404;

/// What a server says to a request.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    /// The scheme, and what is said of an error but for its description.
    challenge: String,
    description: String,
}

impl Answer {
    fn read(answer: &str) -> Self {
        let head = answer.split("\r\n\r\n").next().unwrap();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or("0");
        let challenges = lines.filter_map(|line| line.split_once(':'));
        let challenges: Vec<_> = challenges
            .filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"))
            .map(|(_, value)| value.trim())
            .collect();
        let challenge = challenges.join("; ");
        let start = "error_description=\"";
        let described = challenge.split_once(start).map(|(before, rest)| {
            let (description, after) = rest.split_once('"').unwrap();
            (format!("{before}{start}…\"{after}"), description.to_owned())
        });
        let status = status.parse().unwrap();
        let (challenge, description) = described.unwrap_or((challenge, String::new()));
        Self { status, challenge, description }
    }

    /// How this answer differs from Spring's.
    fn differs(&self, spring: &Self) -> Option<Kind> {
        match (self.status == ACCEPTED, spring.status == ACCEPTED) {
            (true, true) => None,
            (true, false) => Some(Kind::Wider),
            (false, true) => Some(Kind::Stricter),
            (false, false) => {
                let (ours, theirs) = (&self.challenge, &spring.challenge);
                if (self.status, ours) != (spring.status, theirs) {
                    return Some(Kind::Otherwise);
                }
                (self.description != spring.description).then_some(Kind::Worded)
            }
        }
    }
}

/// Sends a request to a path at which there is nothing.
fn ask(server: &str, sent: &Sent) -> Answer {
    let address = server.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    let line = format!("{} /nothing{} HTTP/1.1\r\nHost: {address}\r\n", sent.method, sent.query);
    let request = [line.as_bytes(), &sent.lines, b"Connection: close\r\n\r\n"].concat();
    stream.write_all(&request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    Answer::read(&String::from_utf8_lossy(&answer))
}

/// The answers of both to one case. A case that has become another one while it was asked is asked again.
fn both(make: impl Fn() -> Sent, ours: &str, spring: &str) -> (Answer, Answer) {
    loop {
        let sent = make();
        let answers = (ask(ours, &sent), ask(spring, &sent));
        if sent.until.is_none_or(|until| now() < until) {
            return answers;
        }
    }
}

fn listed(case: &str) -> Option<Kind> {
    let mut rows = DIFFERENCES.iter().filter(|(cases, ..)| cases.contains(&case));
    let row = rows.next().map(|row| row.1);
    assert!(rows.next().is_none(), "{case} is listed twice");
    row
}

#[test]
fn each_token_gets_the_answer_of_a_real_resource_server() {
    let file = variable("STACK_RESOURCE_PROPERTIES");
    let properties = fs::read_to_string(&file).unwrap();
    let issuer = properties.lines().find_map(|line| line.split_once("jwt.issuer-uri=")).unwrap().1;
    let keys = Keys::new();
    keys.publish(issuer.strip_prefix("http://").unwrap());
    let folder = fresh_folder();
    fs::write(folder.join("application.properties"), &properties).unwrap();
    let service = Service::start_in(&folder, &[], &[]);
    service.wait_until_ready();
    let good = || ask(&service.base, &Mint { keys: &keys, issuer, now: now() }.token().sent());
    assert!(support::eventually(|| good().status == ACCEPTED), "{:?}: {}", good(), service.log());

    let spring = variable("STACK_RESOURCE_URL");
    // It may hold the keys of an earlier run. For an unknown one it fetches them.
    ask(&spring, &Mint { keys: &keys, issuer, now: now() }.token().member("kid", "new").sent());
    let (mut wrong, mut sentences, mut accepted) = (Vec::new(), BTreeSet::new(), 0);
    let all: Vec<_> = CASES.iter().copied().flatten().collect();
    for (case, make) in &all {
        let make = || make(&Mint { keys: &keys, issuer, now: now() });
        let (ours, theirs) = both(make, &service.base, &spring);
        let differs = ours.differs(&theirs);
        if differs != listed(case) {
            wrong.push(format!("{case}: {differs:?}\n  ours:   {ours:?}\n  Spring: {theirs:?}"));
        }
        accepted += usize::from(theirs.status == ACCEPTED);
        sentences.insert(ours.description);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    assert!(accepted > 30 && all.len() - accepted > 60, "{accepted} of {}", all.len());
    sentences.remove("");
    assert!(sentences.len() <= 10, "not few: {sentences:#?}");
    for case in DIFFERENCES.iter().flat_map(|(cases, ..)| *cases) {
        assert!(all.iter().any(|(name, _)| name == case), "no case is called {case}");
    }
}

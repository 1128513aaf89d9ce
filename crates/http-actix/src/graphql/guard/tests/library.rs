//! Why there is a guard: what the library does without it.

use std::io::Read as _;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use async_graphql::parser::parse_query;
use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema, Variables};

use super::super::{Limits, measure};
use super::{doubling, judge};

struct Query;

#[Object]
impl Query {
    async fn id(&self) -> i32 {
        1
    }

    async fn this(&self) -> Self {
        Self
    }
}

fn execute(text: &str) -> async_graphql::Response {
    let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    let mut execution = pin!(schema.execute(text));
    loop {
        let context = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(response) = execution.as_mut().poll(context) {
            return response;
        }
    }
}

fn bomb() -> String {
    format!("{{...F0}} {}", doubling(30).join(" "))
}

#[test]
fn the_library_does_not_finish_a_document_that_the_guard_refuses_at_once() {
    let (_, module) = module_path!().split_once("::").unwrap();
    let test = format!("{module}::the_library_walks_the_bomb");
    let mut library = Command::new(std::env::current_exe().unwrap());
    library.args(["--ignored", "--exact", &test]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut library = library.spawn().unwrap();
    // Its output ends when it does.
    let mut output = library.stdout.take().unwrap();
    let (ended, end) = mpsc::channel();
    let reading = thread::spawn(move || ended.send(output.read_to_end(&mut Vec::new()).is_ok()));
    let outcome = end.recv_timeout(Duration::from_secs(3));
    library.kill().unwrap();
    library.wait().unwrap();
    let _ = reading.join().unwrap();
    assert_eq!(outcome, Err(RecvTimeoutError::Timeout));

    let document = parse_query(bomb()).unwrap();
    let limits = Limits { fields: usize::MAX, directives: usize::MAX, ..Limits::default() };
    let wide = Limits { root_fields: usize::MAX, ..limits };
    let found = measure(&document, &Variables::default(), &wide).unwrap();
    assert_eq!((found.fields, found.steps), (1 << 30, 1 + 1 + 31 + 61));
    assert_eq!(judge(&bomb()).unwrap_err().limit, "max-fields");
}

#[test]
#[ignore = "takes hours; the test above runs it for three seconds"]
fn the_library_walks_the_bomb() {
    execute(&bomb());
}

#[test]
fn the_library_follows_cycles_no_further_than_its_own_depth() {
    for text in ["{...A} fragment A on Query{...A}", "{...A} fragment A on Query{this{...A ...A}}"]
    {
        let response = execute(text);
        assert_eq!(response.errors.len(), 1);
        assert!(response.errors[0].message.contains("recursion depth"), "{:?}", response.errors);
    }
    // One that no operation reaches is found by its rule.
    let response = execute("{id} fragment A on Query{...B} fragment B on Query{...A}");
    assert!(response.errors.iter().any(|error| error.message.starts_with("Cannot spread")));
}

#[test]
fn the_deepest_text_that_the_guard_takes_is_parsed_on_a_usual_stack() {
    let deep =
        |open: &str, close: &str, count: usize| open.repeat(count) + "a" + &close.repeat(count);
    for text in [deep("{a", "}", 64).replace("aa", "a"), format!("{{a(b:{})}}", deep("[", "]", 62))]
    {
        let run = move || parse_query(text).map(|_| ()).map_err(|error| error.to_string());
        let usual = thread::Builder::new().stack_size(2 << 20);
        usual.spawn(run).unwrap().join().unwrap().unwrap();
    }
}

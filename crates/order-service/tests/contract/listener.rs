//! A client of `GET /events`: it reads the blocks of a stream by the rules of the standard.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

use crate::support::{PATIENCE, Service};

/// An open stream, closed when dropped.
pub(crate) struct Listener {
    socket: TcpStream,
    blocks: Receiver<Block>,
    /// The last event id, as a browser would keep it.
    pub(crate) last_id: Option<i64>,
}

/// The lines between two empty lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) id: Option<i64>,
    pub(crate) kind: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) retry: Option<u32>,
}

/// An event as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) id: i64,
    pub(crate) kind: String,
    pub(crate) event: Value,
}

impl Listener {
    /// Opens a stream, which the service must grant.
    pub(crate) fn to(service: &Service, query: &str, after: Option<i64>) -> Self {
        let mut listener = Self::deaf(service, query, after);
        let mut reader = BufReader::new(listener.socket.try_clone().unwrap());
        let head = head(&mut reader);
        assert!(head[0].starts_with("HTTP/1.1 200"), "{head:?}");
        for header in ["content-type: text/event-stream", "cache-control: no-store"] {
            assert!(head.iter().any(|line| line == header), "{header} in {head:?}");
        }
        let (sender, blocks) = channel();
        std::thread::spawn(move || {
            let mut block = Block::default();
            let mut lines = BufReader::new(Chunks { inner: reader, left: 0 }).lines();
            while let Some(Ok(line)) = lines.next() {
                if line.is_empty() {
                    if sender.send(std::mem::take(&mut block)).is_err() {
                        return;
                    }
                } else {
                    block.take(&line);
                }
            }
        });
        listener.blocks = blocks;
        // The first block says where the stream starts.
        let greeting = listener.block().expect("a greeting");
        assert!(greeting.retry.is_some() && greeting.data.is_none(), "{greeting:?}");
        assert!(after.is_none_or(|after| listener.last_id == Some(after)), "{greeting:?}");
        listener
    }

    /// Opens a stream and reads nothing of it, not even its head.
    pub(crate) fn deaf(service: &Service, query: &str, after: Option<i64>) -> Self {
        let mut socket = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).unwrap();
        let resume = after.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        write!(socket, "GET /events{query} HTTP/1.1\r\nHost: orders\r\n{resume}\r\n").unwrap();
        Self { socket, blocks: channel().1, last_id: None }
    }

    /// The next block; `None` when the stream has ended.
    pub(crate) fn block(&mut self) -> Option<Block> {
        match self.blocks.recv_timeout(PATIENCE) {
            Ok(block) => {
                self.last_id = block.id.or(self.last_id);
                Some(block)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing comes"),
        }
    }

    /// The next event.
    pub(crate) fn event(&mut self) -> Told {
        self.event_or_end().expect("the stream goes on")
    }

    /// The same; `None` when the stream has ended.
    pub(crate) fn event_or_end(&mut self) -> Option<Told> {
        loop {
            let block = self.block()?;
            if let Some(data) = block.data {
                let event = serde_json::from_str(&data).expect("an event is JSON");
                let (id, kind) = (block.id.expect("an id"), block.kind.expect("a type"));
                return Some(Told { id, kind, event });
            }
        }
    }

    /// The next `count` events.
    pub(crate) fn events(&mut self, count: usize) -> Vec<Told> {
        (0..count).map(|_| self.event()).collect()
    }

    /// Whether nothing is sent for a moment.
    pub(crate) fn is_silent(&mut self) -> bool {
        match self.blocks.recv_timeout(Duration::from_millis(500)) {
            Ok(block) => block.data.is_none(),
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => panic!("the stream has ended"),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Block {
    fn take(&mut self, line: &str) {
        let (field, value) = line.split_once(':').expect("a field or a comment");
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => {}
            "id" => self.id = Some(value.parse().expect("a number")),
            "event" => self.kind = Some(value.to_owned()),
            "data" => assert_eq!(self.data.replace(value.to_owned()), None, "one line"),
            "retry" => self.retry = Some(value.parse().expect("a number")),
            unknown => panic!("{unknown} is no field"),
        }
    }
}

fn head(reader: &mut impl BufRead) -> Vec<String> {
    let lines = reader.lines().map(|line| line.expect("a whole head").to_lowercase());
    let mut lines: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    lines[0] = lines[0].to_uppercase();
    lines
}

/// A body in chunks; a stream that ends in the middle of one has not ended well.
struct Chunks<R> {
    inner: R,
    left: usize,
}

impl<R: BufRead> Read for Chunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut size = String::new();
            if self.inner.read_line(&mut size)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.left = usize::from_str_radix(size.trim(), 16).expect("the size of a chunk");
            if self.left == 0 {
                return Ok(0);
            }
        }
        let most = buffer.len().min(self.left);
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read;
        if self.left == 0 {
            self.inner.read_line(&mut String::new())?;
        }
        Ok(read)
    }
}

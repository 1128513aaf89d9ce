//! Sends a message to a broker as no client does: the bytes of a request to produce.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// Sends a message to a partition of a topic, to the broker that leads it. The names of its headers need not be text.
pub fn produce(
    broker: &str,
    (topic, partition): (&str, i32),
    (key, value): (&[u8], &[u8]),
    headers: &[(&[u8], &[u8])],
) {
    let batch = batch(key, value, headers);
    let mut request = [0_u16.to_be_bytes(), 3_u16.to_be_bytes()].concat(); // produce, version 3
    request.extend(1_u32.to_be_bytes()); // the number of the request
    request.extend((-1_i16).to_be_bytes()); // no name of the client
    request.extend((-1_i16).to_be_bytes()); // no transaction
    request.extend((-1_i16).to_be_bytes()); // all replicas
    request.extend(10_000_u32.to_be_bytes()); // milliseconds
    request.extend(1_u32.to_be_bytes()); // topics
    request.extend(u16::try_from(topic.len()).expect("a name of a topic").to_be_bytes());
    request.extend(topic.as_bytes());
    request.extend(1_u32.to_be_bytes()); // partitions
    request.extend(partition.to_be_bytes());
    request.extend(sized(&batch));
    let mut broker = TcpStream::connect(broker).expect("the broker");
    broker.write_all(&sized(&request)).expect("a connection");
    let mut length = [0; 4];
    broker.read_exact(&mut length).expect("an answer");
    let length = usize::try_from(u32::from_be_bytes(length)).expect("a length");
    let mut answer = vec![0; length];
    broker.read_exact(&mut answer).expect("an answer");
    // The number, one topic with its name, one partition with its number: then the error.
    let error = [4, 4, 2, topic.len(), 4, 4].iter().sum();
    assert_eq!(
        answer.get(error..).and_then(|rest| rest.get(..2)),
        Some(&[0, 0][..]),
        "the broker takes it"
    );
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("it is small");
    [&length.to_be_bytes()[..], bytes].concat()
}

/// One message as a batch of records, in the form of its second version.
fn batch(key: &[u8], value: &[u8], headers: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut record = vec![0, 0, 0]; // no attributes, no difference of time and offset
    for part in [key, value] {
        record.extend(varint(part.len()));
        record.extend(part);
    }
    record.extend(varint(headers.len()));
    for part in headers.iter().flat_map(|(name, value)| [name, value]) {
        record.extend(varint(part.len()));
        record.extend(*part);
    }
    let mut summed = vec![0; 2 + 4 + 8 + 8]; // attributes, difference of offsets, two times
    summed.extend([0xff; 8 + 2 + 4]); // no producer with a number
    summed.extend(1_u32.to_be_bytes());
    summed.extend(varint(record.len()));
    summed.extend(record);
    let mut rest = vec![0xff; 4]; // no epoch of the leader
    rest.push(2);
    rest.extend(crc32c(&summed).to_be_bytes());
    rest.extend(summed);
    [&[0; 8][..], &sized(&rest)].concat()
}

/// A length as a signed number of variable size.
fn varint(length: usize) -> Vec<u8> {
    let mut left = length << 1;
    let mut bytes = Vec::new();
    while left > 0x7f {
        bytes.push(u8::try_from(left & 0x7f).expect("it is small") | 0x80);
        left >>= 7;
    }
    bytes.push(u8::try_from(left).expect("it is small"));
    bytes
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}

"""Prints the ids of the brokers that a Kafka broker's metadata lists: kafka_brokers.py PORT.

Speaks the protocol by itself (Metadata, version 1), because a tool of Kafka's takes a second of processor time to start,
and this is asked ten times a second.
"""

import socket
import struct
import sys


def text(of):
    return struct.pack(">h", len(of)) + of.encode()


def read(connection, length):
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise EOFError("the broker closed the connection")
        data += part
    return data


metadata, version, correlation, no_topics = 3, 1, 1, 0
request = struct.pack(">hhi", metadata, version, correlation) + text("stack") + struct.pack(">i", no_topics)
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=2) as broker:
    broker.sendall(struct.pack(">i", len(request)) + request)
    answer = read(broker, struct.unpack(">i", read(broker, 4))[0])

at = 8
for _ in range(struct.unpack_from(">i", answer, 4)[0]):
    node, length = struct.unpack_from(">ih", answer, at)
    at += 6 + length + 4  # the host and the port
    rack = struct.unpack_from(">h", answer, at)[0]
    at += 2 + max(rack, 0)
    print(node)

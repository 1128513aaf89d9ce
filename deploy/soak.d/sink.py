#!/usr/bin/env python3
"""A foreign socket for the control: takes every connection and all bytes, and gives each head of a request a short answer.

    sink.py PORT...
"""

import asyncio
import resource
import sys

ANSWER = b"HTTP/1.1 503 \r\ncontent-length: 2\r\n\r\n{}"
# Of answers that a client does not read.
MOST_WAITING = 65536


class Sink(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if self.transport.get_write_buffer_size() < MOST_WAITING:
            self.transport.write(ANSWER * data.count(b"\r\n\r\n"))


async def main(ports):
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Sink, "127.0.0.1", port, backlog=1024) for port in ports]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main([int(port) for port in sys.argv[1:]]))

#!/usr/bin/env python3
"""Strangers, each of which holds or takes one resource of the service, for as long as it is let.

    strangers.py WORLD [STRANGER...]

WORLD is JSON: `port` and `operators` (ports), `session` (a command that reads SQL, or null), and the ids of the orders and
customers that were prepared. Once a second it prints, as a line of JSON, what each stranger has got so far.
"""

import asyncio
import collections
import contextlib
import json
import os
import resource
import socket
import struct
import sys

# Of the kernel's states of a connection (TCP_INFO).
ESTABLISHED = 1
GET = b"GET /orders/1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
BODY = b'{"customerId":4000000000,"items":[{"productId":7,"quantity":3,"unitPrice":"49.99"}]}'
# 180 KB: as many lines as an order may have, with names of 200 characters of four bytes.
LARGE = json.dumps(
    {
        "customerId": 4_000_000_001,
        "items": [
            {"productId": 1000 + number, "quantity": 1, "unitPrice": "9.99", "name": "\N{PACKAGE}" * 200}
            for number in range(200)
        ],
    },
    ensure_ascii=False,
).encode()


def request(method, path, body=b"", **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Stranger:
    """The world as one stranger meets it, and what it got there."""

    def __init__(self, world):
        self.world, self.got = world, collections.Counter()

    @contextlib.asynccontextmanager
    async def connected(self, port="port", buffer=None):
        """A connection; it is reset at the end, whatever has not been read."""
        with socket.socket() as opened:
            opened.setblocking(False)
            if buffer:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            async with asyncio.timeout(10):
                await asyncio.get_running_loop().sock_connect(opened, ("127.0.0.1", self.world[port]))
            yield opened

    async def send(self, connection, data):
        """Sends what the other side takes within ten seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.get_running_loop().sock_sendall(connection, data)

    async def ask(self, data, port="port"):
        """One request on a connection of its own; counts status and code of the answer."""
        async with self.connected(port) as connection:
            await self.send(connection, data)
            answer = await self.read(connection)
        status, code = answer[9:12].decode(errors="replace"), answer.rfind(b'"code":"')
        word = answer[code + 8 : answer.find(b'"', code + 8)].decode(errors="replace") if code > 0 else ""
        self.got[f"{status} {word}".strip() or "no answer"] += 1

    async def read(self, connection, seconds=10, most=65536):
        """The next bytes; none when the connection is closed or nothing comes."""
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().sock_recv(connection, most)
        except (OSError, TimeoutError):
            return b""

    async def hold(self, connection, seconds=60):
        """Keeps a connection without reading until the other side closes it or the time is over."""
        for _ in range(seconds):
            await asyncio.sleep(1)
            state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
            if state != ESTABLISHED:
                self.got["closed by the service"] += 1
                return
        self.got["held to the end"] += 1


async def locks(me):
    """A row of the database: a session holds one order's row for 20 s, again and again."""
    if not me.world["session"]:
        await asyncio.sleep(3600)  # SQLite has no locks of rows
    quiet = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    session = await asyncio.create_subprocess_exec(*me.world["session"], stdin=asyncio.subprocess.PIPE, **quiet)
    # It ends with its standard input.
    while session.returncode is None:
        session.stdin.write(f"BEGIN;\nSELECT id FROM orders WHERE id = {me.world['locked']} FOR UPDATE;\n".encode())
        await asyncio.sleep(20)
        session.stdin.write(b"ROLLBACK;\n")
        me.got["locked and let go"] += 1
        await asyncio.sleep(2)


async def locked(me):
    """Places in batches and connections to the database: changes of the order whose row is locked."""
    me.world["quantity"] = me.world.get("quantity", 0) % 90 + 1
    lines = b'{"items":[{"productId":7,"quantity":%d,"unitPrice":"49.99"}]}' % me.world["quantity"]
    await me.ask(request("PUT", f"/orders/{me.world['locked']}", lines))


async def packets(me):
    """Bytes of a batch: orders of 180 KB, more than MySQL takes in one packet of 64 KiB."""
    await me.ask(request("POST", "/orders", LARGE))
    await asyncio.sleep(3)


async def unread(me):
    """Memory for answers: histories and lists of many megabytes, of which nothing is read."""
    paths = [f"/orders/{me.world['large']}/events?limit=1000", f"/orders/customer/{me.world['customer']}?limit=100"]
    async with me.connected(buffer=4096) as connection:
        await me.send(connection, request("GET", paths[me.got.total() % 4 == 3]))
        await me.hold(connection)


async def pipelines(me):
    """Memory for requests and answers: 2,000 requests at once on a connection, of which nothing is read."""
    async with me.connected(buffer=4096) as connection:
        await me.send(connection, GET * 2000)
        await me.hold(connection)
    await asyncio.sleep(5)


async def half_heads(me):
    """A descriptor: half of the second head on a kept connection."""
    async with me.connected() as connection:
        await me.send(connection, GET)
        await me.read(connection)
        await me.send(connection, GET[:30])
        await me.hold(connection)


async def idle(me):
    """A descriptor: a connection on which nothing is sent."""
    async with me.connected() as connection:
        await me.hold(connection)


async def extensions(me):
    """A reader of bodies: a chunk whose extension has no end."""
    async with me.connected() as connection:
        head = b"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1;"
        await me.send(connection, head)
        for _ in range(600):
            await me.send(connection, b"a" * 1024)
            await asyncio.sleep(0.1)
        me.got["held to the end"] += 1


async def lacking(me):
    """A reader of bodies: a body that lacks its last byte."""
    async with me.connected() as connection:
        await me.send(connection, request("POST", "/orders", BODY)[:-1])
        await me.hold(connection)


async def documents(me):
    """The settings: refreshes while the config server gives documents that are bad in all ways (see documents.py)."""
    await me.ask(request("POST", "/actuator/refresh"), "operators")
    await asyncio.sleep(5)


async def pages(me):
    """The management port: what a page of another origin can have a browser send."""
    paths = ["/actuator/refresh", "/actuator/events/parked/redrive", "/actuator/events/replays"]
    path = paths[me.got.total() % len(paths)]
    headers = {"Origin": "https://elsewhere.example", "Sec_Fetch_Site": "cross-site", "Content_Type": "text/plain"}
    await me.ask(request("POST", path, **headers, Content_Length=0), "operators")
    await asyncio.sleep(0.5)


async def resets(me):
    """The accepting thread: connections that are reset at once, every other one with a request under way."""
    async with me.connected() as connection:
        if me.got["reset"] % 2:
            await me.send(connection, request("POST", "/orders", BODY))
    me.got["reset"] += 1
    await asyncio.sleep(0.1)


async def replays(me):
    """One row of recorded answers: the same request under the same key."""
    await me.ask(request("POST", "/orders", BODY, Idempotency_Key="hot"))
    await asyncio.sleep(0.05)


async def lists(me):
    """Connections to the database: the longest page of a customer with many orders."""
    await me.ask(request("GET", f"/orders/customer/{me.world['buyer']}?limit=100"))
    await asyncio.sleep(0.05)


async def listeners(me):
    """Memory and permits of streams: listeners to all events that read 1 KiB a second."""
    async with me.connected(buffer=4096) as connection:
        await me.send(connection, request("GET", "/events?lastEventId=0"))
        for _ in range(60):
            # There is a sign of life every 15 s.
            if not await me.read(connection, seconds=20, most=1024):
                me.got["closed by the service"] += 1
                return
            await asyncio.sleep(1)
        me.got["held to the end"] += 1


async def malformed(me):
    """The parser and the log: what is not HTTP, or not quite."""
    samples = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /orders/1 HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /orders/1 HTTP/1.1\r\n\r\n",
        b"POST /orders HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /orders/1 HTTP/1.1\r\nHost: a\r\n" + b"a: b\r\n" * 9000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        request("POST", "/orders", BODY, Upgrade="h2c", Connection="Upgrade", traceparent="\x01\x02"),
    ]
    await me.ask(samples[me.got.total() % len(samples)])
    await asyncio.sleep(0.2)


# How many there are of each at once.
STRANGERS = {
    locks: 1, locked: 6, packets: 3, unread: 20, pipelines: 100, half_heads: 1000, idle: 300, extensions: 20, lacking: 50,
    documents: 1, pages: 2, resets: 20, replays: 5, lists: 4, listeners: 10, malformed: 2,
}  # fmt: skip
BY_NAME = {stranger.__name__: (stranger, count) for stranger, count in STRANGERS.items()}


async def again_and_again(stranger, me):
    while True:
        try:
            await stranger(me)
        except (OSError, TimeoutError) as error:
            me.got[f"refused or cut ({type(error).__name__})"] += 1
            await asyncio.sleep(1)
        await asyncio.sleep(0.05)


async def main(world, names):
    strangers, tasks = {name: Stranger(dict(world)) for name in names}, []
    for name, me in strangers.items():
        stranger, count = BY_NAME[name]
        tasks += [asyncio.create_task(again_and_again(stranger, me)) for _ in range(count)]
    while os.getppid() != 1:
        await asyncio.sleep(1)
        for task in tasks:
            # A stranger that has ended is a defect here.
            if task.done():
                task.result()
        print(json.dumps({name: me.got for name, me in strangers.items()}), flush=True)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(json.loads(sys.argv[1]), sys.argv[2:] or list(BY_NAME)))

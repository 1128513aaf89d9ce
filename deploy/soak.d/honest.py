#!/usr/bin/env python3
"""Honest clients: each places an order, confirms it and reads it, with a short pause before each request.

    honest.py PORT CLIENTS

Every tenth client opens a connection for each order, the others keep theirs. Once a second it prints, as a line of JSON,
what has become of all requests since its start; at a SIGTERM the last line, and ends.
"""

import asyncio
import collections
import itertools
import json
import math
import resource
import signal
import sys
import time

PAUSE_SECONDS = 0.05
# The service answers within 1.2 s (order.request-budget); this is what its documents advise at least, and more.
TIME_OUT_SECONDS = 5
FIRST_NUMBER = 3_000_000_000
ITEMS = '"items":[{"productId":7,"quantity":3,"unitPrice":"49.99"}]'
CONFIRM = '{"status":"CONFIRMED"}'


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self):
        self.received, self.answer = bytearray(), None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        head = self.received.find(b"\r\n\r\n")
        if head < 0 or self.answer is None:
            return
        length = self.received.find(b"content-length: ", 0, head)
        digits = self.received[length + 16 : self.received.find(b"\r", length)] if length >= 0 else b"0"
        end = head + 4 + int(digits)
        if len(self.received) >= end and not self.answer.done():
            status, body = int(self.received[9:12]), bytes(self.received[head + 4 : end])
            del self.received[:end]
            self.answer.set_result((status, body))

    def connection_lost(self, cause):
        if self.answer and not self.answer.done():
            self.answer.set_exception(cause or ConnectionResetError("closed before the answer"))

    async def ask(self, method, path, body, key):
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        if body:
            head += f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n"
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(f"{head}\r\n{body}".encode())
        async with asyncio.timeout(TIME_OUT_SECONDS):
            return await self.answer


class Clients:
    """All clients, and what became of their requests."""

    def __init__(self, port):
        self.port = port
        # Of customers and of idempotency keys.
        self.numbers = itertools.count(FIRST_NUMBER)
        self.good, self.failed = 0, collections.Counter()
        # Answers by their time, in steps of a tenth of a natural logarithm of milliseconds.
        self.times = collections.Counter()

    async def one(self, connection, name, method, path, body=""):
        """The body of a success; None when there is none, which is counted."""
        await asyncio.sleep(PAUSE_SECONDS)
        begin = time.monotonic()
        try:
            status, answer = await connection.ask(method, path, body, f"honest-{next(self.numbers)}")
        except (OSError, TimeoutError) as error:
            self.failed[f"{name}: {type(error).__name__}"] += 1
            raise
        milliseconds = 1000 * (time.monotonic() - begin)
        self.times[round(10 * math.log(max(milliseconds, 0.01)))] += 1
        if status in (200, 201):
            self.good += 1
            return json.loads(answer)
        self.failed[f"{name}: {status} {json.loads(answer or b'{}').get('code')}"] += 1
        return None

    async def one_order(self, connection):
        customer = next(self.numbers)
        order = await self.one(connection, "place", "POST", "/orders", f'{{"customerId":{customer},{ITEMS}}}')
        if order is None:
            return
        confirmed = await self.one(connection, "confirm", "PUT", f"/orders/{order['id']}/status", CONFIRM)
        found = await self.one(connection, "read", "GET", f"/orders/{order['id']}")
        if confirmed and found and (found["status"], found["customerId"]) != ("CONFIRMED", customer):
            self.failed["read: another order than was written"] += 1

    async def client(self, keeps):
        connection = None
        while True:
            try:
                if connection is None or connection.transport.is_closing():
                    loop = asyncio.get_running_loop()
                    async with asyncio.timeout(TIME_OUT_SECONDS):
                        _, connection = await loop.create_connection(Connection, "127.0.0.1", self.port)
            except (OSError, TimeoutError) as error:
                self.failed[f"connect: {type(error).__name__}"] += 1
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            try:
                await self.one_order(connection)
            except (OSError, TimeoutError):
                connection.transport.abort()
            if not keeps:
                connection.transport.close()

    def tell(self):
        print(json.dumps({"at": time.monotonic(), "good": self.good, "failed": self.failed, "times": self.times}), flush=True)


async def main(port, count):
    clients, over = Clients(port), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    tasks = [asyncio.create_task(clients.client(number % 10 != 0)) for number in range(count)]
    while not over.is_set():
        try:
            await asyncio.wait_for(over.wait(), 1)
        except TimeoutError:
            clients.tell()
    for task in tasks:
        task.cancel()
    clients.tell()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))

#!/usr/bin/env python3
"""Durable POST /orders on SQLite, beside plain SQLite with one order and its event in each transaction.

The contestant is SQLite's library, called from this program with prepared statements, on a copy of the service's database:
BEGIN IMMEDIATE, insert the order, insert its event, COMMIT, one after the other, with the journal mode and `synchronous`
that the service uses, and no service. The load on the service is wrk with 2 threads and 64 connections. They take turns
on the same disk; the first, short round warms up and is not counted. A ratio is that of two turns of one round.
"""

import collections
import contextlib
import json
import os
import sqlite3
import statistics
import sys
import time

sys.dont_write_bytecode = True
import throughput as common  # noqa: E402

TARGET_RATIO = 2.0
# What the service tells its connections; see persistence-diesel/src/backend/sqlite.rs.
DURABILITY = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")


class Plain:
    """SQLite without a service."""

    def __init__(self, path, model):
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        for pragma in DURABILITY:
            self.connection.execute(pragma).fetchall()
        self.order = self.row(f"SELECT * FROM orders WHERE id = {model}")
        self.event = self.row(f"SELECT * FROM outbox WHERE order_id = {model}")
        self.next = common.NEW_ORDERS

    def row(self, query):
        return dict(self.connection.execute(query).fetchone())

    @staticmethod
    def insert(table, row):
        return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{column}' for column in row)})"

    def turn(self, seconds):
        order, event, execute = dict(self.order), dict(self.event), self.connection.execute
        insert_order, insert_event = self.insert("orders", order), self.insert("outbox", event)
        begin, count = time.monotonic(), 0
        while time.monotonic() < begin + seconds:
            self.next += 1
            order["id"] = event["order_id"] = self.next
            order["customer_id"] = self.next
            # Ids of events go up with time, as the service's do.
            event["event_id"] = self.next.to_bytes(16, "big")
            execute("BEGIN IMMEDIATE")
            execute(insert_order, order)
            execute(insert_event, event)
            execute("COMMIT")
            count += 1
        return count / (time.monotonic() - begin)


def place(service):
    status, answer = service.ask("POST", "/orders", {"customerId": common.NEW_CUSTOMERS - 1, "items": common.LINES})
    if status != 201:
        sys.exit(f"error: POST /orders answered {status}: {answer.decode()}")
    return json.loads(answer)["id"]


def load(service, tools, seconds, first, file):
    script = ["-s", os.path.join(common.HERE, "throughput.lua"), f"http://127.0.0.1:{service.port}", "--"]
    options = [f"-t{common.THREADS}", f"-c{common.CONNECTIONS}", f"-d{seconds}s"]
    output = common.run([tools["wrk"], *options, *script, "next", str(first), "0", file])
    requests, microseconds, refused, broken = common.result_of(output)[:4]
    if refused or broken:
        sys.exit(f"error: {refused + broken} of {requests} requests failed")
    return requests * 1e6 / microseconds


def measure(options, tools, folder):
    path, copy = os.path.join(folder, "orders.db"), os.path.join(folder, "plain.db")
    service = common.Service(options.binary, f"sqlite:{path}", folder, options.log, options.set)
    with service:
        model = place(service)
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    request = os.path.join(folder, "post")
    with open(request, "w", encoding="ascii", newline="") as file:
        file.write(common.REQUESTS["service-post"])
    plain = Plain(copy, model)
    rates = collections.defaultdict(list)
    first = common.NEW_CUSTOMERS
    with service:
        turns = {
            "service": lambda seconds: load(service, tools, seconds, first, request),
            "plain": plain.turn,
        }
        for turn in turns.values():
            turn(common.WARM_UP_SECONDS)
        for number in range(1, options.rounds + 1):
            for name in turns if number % 2 else reversed(turns):
                first += common.NUMBERS_PER_TURN
                rates[name].append(turns[name](options.seconds))
                common.say(f"round {number} of {options.rounds}: {name}: {rates[name][-1]:,.0f} per second")
        peak = service.peak_mebibytes()
    found = [a / b for a, b in zip(rates["service"], rates["plain"])]
    ratio = statistics.median(found)
    outcome = "met" if ratio >= TARGET_RATIO else "missed"
    table = [["orders per second", "median", "min – max"]]
    for name, title in (("service", "POST /orders on SQLite"), ("plain", "SQLite, one order in each commit")):
        spread = f"{min(rates[name]):,.0f} – {max(rates[name]):,.0f}"
        table.append([title, f"{statistics.median(rates[name]):,.0f}", spread])
    notes = [
        f"Ratio: {ratio:.2f}, {min(found):.2f} – {max(found):.2f} (target: at least {TARGET_RATIO}; {outcome}).",
        f"SQLite {sqlite3.sqlite_version} beside the service's own; {', '.join(DURABILITY)}.",
        f"The service's peak resident memory: {peak:.1f} MiB.",
    ]
    common.write("sqlite", "Throughput on SQLite", table, notes, list(common.computer(options)), options)


def main():
    options = common.parser(__doc__).parse_args()
    options.output = options.output or common.RESULTS
    tools = common.find_tools()
    common.demand(tools, "wrk")
    common.run_in_folder(options, tools, lambda folder: measure(options, tools, folder))


if __name__ == "__main__":
    main()

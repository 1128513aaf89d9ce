#!/usr/bin/env python3
"""Inventory or payment in Python: an example of a participant of the saga, written from docs/saga-participants.md alone.

    participant.py inventory --brokers 127.0.0.1:9192 --database inventory.db
    participant.py audit --database inventory.db

There is no stock and no money behind it. `judge` is where a shop asks its own, and `Ledger.move` where it changes them: in
the same transaction, so that a decision, its effect and its answer are kept together or not at all.

It may be killed at any instant. A command is decided and committed first, its reply is then sent, and the offset of the
command is committed when the broker has the reply. What a crash leaves undone therefore comes again, and a command that is
known gets the reply that was kept. Further processes of one participant use the same group and the same file.
"""

import argparse
import decimal
import json
import logging
import os
import re
import signal
import sqlite3
import sys
import threading

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

log = logging.getLogger("participant")

DO, UNDO, COMPLETE = "do", "undo", "complete"
COMMANDS = {
    "inventory": {"inventory.reserve": DO, "inventory.release": UNDO, "inventory.commit": COMPLETE},
    "payment": {"payment.authorize": DO, "payment.void": UNDO, "payment.capture": COMPLETE},
}
# What became of a do-command. One that is BARRED was undone before it came.
HELD, RETURNED, FINAL, BARRED = "HELD", "RETURNED", "FINAL", "BARRED"
REFUSED, SILENT, FAILING = 402, 408, 503  # the test values: products, or amounts in any currency

BATCH = 64  # commands whose replies are sent together
SENDINGS = 3  # of a reply that its topic refuses, before it is passed
BETWEEN_SENDINGS = 2.0  # seconds
COPIED = ("ce_correlationid", "ce_attempt", "traceparent")
MOST_ID = 9_007_199_254_740_991
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOPIC = re.compile("[A-Za-z0-9._-]{1,249}")
NUMBER = re.compile("[0-9]{1,9}")
CURRENCY = re.compile("[A-Z]{3}")
AMOUNT = re.compile(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?")


class Command:
    """A message that could be read. `work` is the id of the do-command that it is about."""

    def __init__(self, role, message):
        headers, value = dict(message.headers() or []), message.value()

        def header(name, default=None):
            text = headers.get(name, default)
            demand(text is not None and len(text) <= 1_024, f"{name} is missing or too long")
            return text.decode()

        demand(header("ce_specversion") == "1.0", "ce_specversion is another one")
        demand(header("ce_dataschema") == "urn:order-service:saga:command:v1", "ce_dataschema is another one")
        self.role, self.type = role, header("ce_type")
        demand(self.type in COMMANDS[role], f"{self.type} is not for {role}")
        self.part, self.cause = COMMANDS[role][self.type], header("ce_id")
        self.id = self.work = matched(UUID, self.cause.lower())
        self.reply_to = matched(TOPIC, header("ce_replyto"))
        self.attempt = int(matched(NUMBER, header("ce_attempt", b"1")))
        self.copied = {name: header(name) for name in COPIED if name in headers}
        demand(len(value) <= 65_536, "the value is too long")
        self.data = json.loads(value.decode())
        self.order = whole(self.data["orderId"], MOST_ID)
        demand(message.key() == b"%d" % self.order, "the key is not the order id")
        if self.part != DO:
            self.work = matched(UUID, self.data["of"].lower())
        elif role == "inventory":
            demand(1 <= len(self.data["items"]) <= 200, "items")
            self.values = {whole(item["productId"], MOST_ID) for item in self.data["items"]}
            self.quantity = sum(whole(item["quantity"], 9_999) for item in self.data["items"])
        else:
            whole(self.data["customerId"], MOST_ID)
            matched(CURRENCY, self.data["currency"])
            self.values = {decimal.Decimal(matched(AMOUNT, self.data["amount"]))}

    def reply(self, verdict, data):
        """The message that tells a verdict. Each failure is a reply of its own, so its id has the attempt."""
        order = str(self.order)
        headers = {
            "ce_specversion": "1.0",
            "ce_id": f"{self.cause}.{verdict}" + (f".{self.attempt}" if verdict == "failed" else ""),
            "ce_type": f"{self.type}.{verdict}",
            "ce_source": f"/{self.role}",
            "ce_subject": order,
            "ce_partitionkey": order,
            "ce_causationid": self.cause,
            "ce_dataschema": "urn:order-service:saga:reply:v1",
            "content-type": "application/json",
            **self.copied,
        }
        value = json.dumps({"orderId": self.order, **data}, separators=(",", ":"))
        return {"topic": self.reply_to, "key": order, "value": value, "headers": headers}


def demand(is_so, what):
    if not is_so:
        raise ValueError(what)


def matched(pattern, text):
    demand(pattern.fullmatch(text), f"{text!r} is not {pattern.pattern}")
    return text


def whole(number, most):
    # `true` is an int to Python, and no number in JSON.
    demand(type(number) is int and 1 <= number <= most, f"{number!r} is no number from 1 to {most}")
    return number


def judge(command):
    """What the business says to a do: a verdict and what to tell with it. No verdict is no answer."""
    if REFUSED in command.values:
        return "rejected", {"reason": "OUT_OF_STOCK" if command.role == "inventory" else "PAYMENT_FAILED"}
    if SILENT in command.values:
        return None, {}
    if FAILING in command.values and command.attempt < 3:
        return "failed", {"detail": "the test value of a failure"}
    return "done", {"reference": f"{command.role}-{command.id}"}


class Ledger:
    """The SQLite file: what each command was answered, what became of each do-command, and every effect.

    Nothing is deleted. A shop deletes what is older than the longest time in which the service may ask: months."""

    TABLES = """
        CREATE TABLE IF NOT EXISTS participant (role TEXT PRIMARY KEY);
        CREATE TABLE IF NOT EXISTS answers (command TEXT PRIMARY KEY, verdict TEXT, data TEXT, at TEXT DEFAULT CURRENT_TIMESTAMP);
        CREATE TABLE IF NOT EXISTS works (command TEXT PRIMARY KEY, state TEXT);
        CREATE TABLE IF NOT EXISTS effects (number INTEGER PRIMARY KEY, order_id INTEGER, command TEXT, effect TEXT);
    """

    def __init__(self, path, role):
        self.path, self.role, self.file = path, role, None
        self.open()

    def open(self):
        # Without an isolation level the module begins no transactions by itself.
        self.file = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        self.file.execute("PRAGMA journal_mode = WAL")
        self.file.execute("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
        self.file.executescript(self.TABLES)
        self.file.execute("INSERT INTO participant SELECT ? WHERE NOT EXISTS (SELECT * FROM participant)", [self.role])
        (owner,) = self.file.execute("SELECT role FROM participant").fetchone()
        demand(owner == self.role, f"{self.path} is the file of {owner}")

    def decide(self, command):
        """The verdict and its data, kept with their effect in one transaction. Trouble with the file is a failure."""
        try:
            if self.file is None:
                self.open()
            with self.file:
                self.file.execute("BEGIN IMMEDIATE")
                return self.answer(command)
        except sqlite3.Error as error:
            log.warning("the file failed: %s", error)
            if self.file is not None:
                self.file.close()  # and with it what the transaction left behind
                self.file = None
            return "failed", {"detail": "the database of the participant failed"}

    def answer(self, command):
        kept = self.file.execute("SELECT verdict, data FROM answers WHERE command = ?", [command.id]).fetchone()
        if kept:
            return kept[0], json.loads(kept[1])
        (state,) = self.file.execute("SELECT state FROM works WHERE command = ?", [command.work]).fetchone() or (None,)
        verdict, data = "done", {}
        if command.part == DO and state == BARRED:
            verdict, data = "rejected", {"reason": "UNDONE"}
        elif command.part == DO:
            verdict, data = judge(command)
            if verdict not in ("done", "rejected"):
                return verdict, data  # it is no outcome, and not kept
            if verdict == "done":
                self.move(command, HELD)
        elif command.part == UNDO:
            if state == FINAL:
                return "failed", {"detail": "it is final"}
            if state in (None, HELD):
                self.move(command, BARRED if state is None else RETURNED)
        elif state == HELD:
            self.move(command, FINAL)
        elif state != FINAL:
            verdict, data = "rejected", {"reason": "NOT_DONE"}
        self.file.execute("INSERT INTO answers (command, verdict, data) VALUES (?, ?, ?)", [command.id, verdict, json.dumps(data)])
        return verdict, data

    def move(self, command, state):
        """Gives a do-command its next state, and has the effect."""
        self.file.execute("INSERT OR REPLACE INTO works VALUES (?, ?)", [command.work, state])
        if state != BARRED:
            effect = "INSERT INTO effects (order_id, command, effect) VALUES (?, ?, ?)"
            self.file.execute(effect, [command.order, command.work, state])


def deliver(producer, replies, stopping):
    """Sends replies, and returns whether the broker has them all, or has refused some often enough."""
    for sending in range(SENDINGS):
        refused = []
        for reply in replies:
            try:
                told = lambda error, _, reply=reply: error and refused.append((reply, error))
                producer.produce(**reply, on_delivery=told)
            except KafkaException as error:
                refused.append((reply, error))
        while producer.flush(0.5):  # as long as the broker is away
            if stopping.is_set():
                return False
        if not refused:
            return True
        for reply, error in refused:
            log.warning("a reply to %s was refused, sending %d of %d: %s", reply["topic"], sending + 1, SENDINGS, error)
        replies = [reply for reply, _ in refused]
        stopping.wait(BETWEEN_SENDINGS)
    return True


def handle(role, ledger, message):
    """The reply to a message, if it gets one."""
    try:
        command = Command(role, message)
    except Exception as error:  # whatever is wrong with it, it would be so again
        log.warning("a command cannot be read; passed: %s %s: %r", message.partition(), message.offset(), error)
        return None
    verdict, data = ledger.decide(command)
    return verdict and command.reply(verdict, data)


def serve(options):
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    ledger = Ledger(options.database, options.participant)

    def trouble(error):
        if error.fatal():
            raise KafkaException(error)
        log.warning("the broker: %s", error)

    both = {"bootstrap.servers": options.brokers, "error_cb": trouble, "topic.metadata.refresh.interval.ms": 10_000}
    properties = dict(item.split("=", 1) for item in options.property)
    consuming = {
        "group.id": options.group or options.participant,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        # The partitions of a process that was killed are given to others after this time.
        "session.timeout.ms": 6_000,
    }
    # A reply waits for its broker without end; only a refusal comes back as an error.
    producing = {"acks": "all", "message.timeout.ms": 0, "topic.metadata.propagation.max.ms": 5_000}
    consumer = Consumer({**both, **consuming, **properties}, logger=log)
    mine = {name: value for name, value in properties.items() if not name.startswith("group.")}
    producer = Producer({**both, **producing, **mine}, logger=log)
    consumer.subscribe([options.topic or f"{options.participant}.commands"])
    log.info("%s ready process=%d", options.participant, os.getpid())
    while not stopping.is_set():
        messages = consumer.consume(1, 0.5)
        if messages:
            messages += consumer.consume(BATCH - 1, 0)
        for message in (message for message in messages if message.error()):
            log.warning("the broker: %s", message.error())
        messages = [message for message in messages if not message.error()]
        replies = [handle(options.participant, ledger, message) for message in messages]
        if not messages or not deliver(producer, [reply for reply in replies if reply], stopping):
            continue
        next_offsets = {(message.topic(), message.partition()): message.offset() + 1 for message in messages}
        try:
            offsets = [TopicPartition(*place, offset) for place, offset in next_offsets.items()]
            consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:  # the messages come again, here or at another process
            log.warning("offsets were not committed: %s", error)
    consumer.close()
    log.info("%s stopped", options.participant)


if __name__ == "__main__":
    pass

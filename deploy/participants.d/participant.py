#!/usr/bin/env python3
"""Inventory or payment in Python, written from docs/saga-participants.md alone: an example for participants in other languages.

    participant.py inventory --brokers 127.0.0.1:9192 --database inventory.db
    participant.py audit --database inventory.db

There is no stock and no money behind it. A shop asks its own in `judge`, and changes them in `Ledger.move`: in the transaction
of the answer, so that a decision, its effect and its answer are kept together or not at all.

It may be killed at any moment. It decides a command and commits, then sends the reply, then commits the offset when the broker
has the reply. After a crash the command comes again, and gets the reply that is kept. Further processes of one participant use
the same group and the same file.
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

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

log = logging.getLogger("participant")

DO, UNDO, COMPLETE = "do", "undo", "complete"
COMMANDS = {
    "inventory": {"inventory.reserve": DO, "inventory.release": UNDO, "inventory.commit": COMPLETE},
    "payment": {"payment.authorize": DO, "payment.void": UNDO, "payment.capture": COMPLETE},
}
# What became of a do-command. One that is barred was undone before it came.
HELD, RETURNED, FINAL, BARRED = "HELD", "RETURNED", "FINAL", "BARRED"
REFUSED, SILENT, FAILING = 402, 408, 503  # the test values: products, or amounts in any currency

BATCH = 64  # commands, whose replies are sent together
SENDINGS, PAUSE = 3, 2.0  # how often a reply is sent that its topic refuses; the seconds between
COPIED = ("ce_correlationid", "ce_attempt", "traceparent")
MOST_ID = 9_007_199_254_740_991
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOPIC = re.compile("[A-Za-z0-9._-]{1,249}")
AMOUNT = re.compile(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?")
CURRENCY = re.compile("[A-Z]{3}")
NUMBER = re.compile("[1-9][0-9]{0,8}")


def demand(is_so, what):
    if not is_so:
        raise ValueError(what)


def matched(pattern, text):
    demand(pattern.fullmatch(text), f"it is not {pattern.pattern}")
    return text


def whole(number, most):
    # A `true` of JSON is an int in Python.
    demand(type(number) is int and 1 <= number <= most, f"it is not a number from 1 to {most}")
    return number


class Command:
    """A message that can be read. `work` is the id of the do-command that it is about."""

    def __init__(self, role, message):
        headers, value = dict(message.headers() or []), message.value()

        def header(name):
            text = headers.get(name)
            demand(text and len(text) <= 1_024, f"{name} is missing or too long")
            return text.decode()

        demand(header("ce_specversion") == "1.0", "another ce_specversion")
        demand(header("ce_dataschema") == "urn:order-service:saga:command:v1", "another ce_dataschema")
        self.role, self.type, self.cause = role, header("ce_type"), header("ce_id")
        demand(self.type in COMMANDS[role], f"it is no command to {role}")
        self.part = COMMANDS[role][self.type]
        self.id = self.work = matched(UUID, self.cause.lower())
        self.reply_to = matched(TOPIC, header("ce_replyto"))
        self.attempt = int(matched(NUMBER, header("ce_attempt")))
        self.copied = {name: header(name) for name in COPIED if headers.get(name) or name != "traceparent"}
        demand(len(value) <= 65_536, "the value is too long")
        data = json.loads(value.decode())
        self.order = whole(data["orderId"], MOST_ID)
        demand(header("ce_subject") == str(self.order), "ce_subject is another order")
        self.what, self.values = "", set()
        if self.part != DO:
            self.work = matched(UUID, data["of"].lower())
        elif role == "inventory":
            items = [(whole(item["productId"], MOST_ID), whole(item["quantity"], 9_999)) for item in data["items"]]
            demand(1 <= len(items) <= 200, f"{len(items)} items")
            self.values = {product for product, _ in items}
            self.what = ", ".join(f"{product} x {quantity}" for product, quantity in items)
        else:
            whole(data["customerId"], MOST_ID)
            amount, currency = matched(AMOUNT, data["amount"]), matched(CURRENCY, data["currency"])
            self.values, self.what = {decimal.Decimal(amount)}, f"{amount} {currency}"

    def reply(self, verdict, data):
        order = str(self.order)
        headers = {
            "ce_specversion": "1.0",
            # Each failure is a reply of its own.
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


def judge(command):
    """What the business says to a do: a verdict, and what the reply tells with it. Without a verdict there is no reply."""
    if SILENT in command.values:
        return None, {}
    if REFUSED in command.values:
        return "rejected", {"reason": "OUT_OF_STOCK" if command.role == "inventory" else "PAYMENT_FAILED"}
    if FAILING in command.values and command.attempt < 3:
        return "failed", {"detail": "the test value that fails twice"}
    return "done", {"reference": f"{command.role}-{command.id}"}


class Ledger:
    """The SQLite file: what each command was answered, what became of each do-command, and every effect.

    Nothing is deleted. A shop deletes what is older than the service may ask for: months."""

    TABLES = """
        CREATE TABLE IF NOT EXISTS owner (role TEXT PRIMARY KEY);
        CREATE TABLE IF NOT EXISTS answers
            (command TEXT PRIMARY KEY, type TEXT, order_id INTEGER, verdict TEXT, data TEXT, at TEXT DEFAULT CURRENT_TIMESTAMP);
        CREATE TABLE IF NOT EXISTS works (command TEXT PRIMARY KEY, order_id INTEGER, state TEXT);
        CREATE TABLE IF NOT EXISTS effects
            (number INTEGER PRIMARY KEY, order_id INTEGER, work TEXT, command TEXT UNIQUE, effect TEXT, what TEXT);
    """

    def __init__(self, path, role):
        self.path, self.role, self.file = path, role, None
        self.open()

    def open(self):
        # Without an isolation level the module begins no transaction by itself.
        self.file = sqlite3.connect(self.path, timeout=4, isolation_level=None)
        self.file.execute("PRAGMA journal_mode = WAL")
        self.file.execute("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
        self.file.executescript(self.TABLES)
        self.file.execute("INSERT INTO owner SELECT ? WHERE NOT EXISTS (SELECT * FROM owner)", [self.role])
        (owner,) = self.file.execute("SELECT role FROM owner").fetchone()
        demand(owner == self.role, f"{self.path} is the file of {owner}")

    def decide(self, command):
        """The verdict on a command. A file that fails, or is locked for too long, is a technical reason."""
        try:
            if self.file is None:
                self.open()
            with self.file:
                self.file.execute("BEGIN IMMEDIATE")
                return self.answer(command)
        except sqlite3.Error as error:
            log.warning("the file cannot be used: %s", error)
            if self.file is not None:
                self.file.close()  # which rolls back what may be open
                self.file = None
            return "failed", {"detail": "the participant cannot use its database"}
        except Exception:  # of the business: no outcome, and no reason to stop
            log.exception("a command could not be decided")
            return "failed", {"detail": "the participant could not decide"}

    def answer(self, command):
        kept = self.file.execute("SELECT type, order_id, verdict, data FROM answers WHERE command = ?", [command.id]).fetchone()
        work = self.file.execute("SELECT order_id, state FROM works WHERE command = ?", [command.work]).fetchone()
        if kept and kept[:2] != (command.type, command.order) or work and work[0] != command.order:
            return "failed", {"detail": "an id is that of another command"}
        if kept:
            return kept[2], json.loads(kept[3])
        state = work and work[1]
        verdict, data = "done", {}
        if command.part == DO and state == BARRED:
            verdict, data = "rejected", {"reason": "UNDONE"}
        elif command.part == DO:
            verdict, data = judge(command)
            if verdict not in ("done", "rejected"):
                return verdict, data  # no outcome: the next attempt is decided anew
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
        answer = [command.id, command.type, command.order, verdict, json.dumps(data)]
        self.file.execute("INSERT INTO answers (command, type, order_id, verdict, data) VALUES (?, ?, ?, ?, ?)", answer)
        return verdict, data

    def move(self, command, state):
        """Gives a do-command its next state, and has the effect of that."""
        self.file.execute("INSERT OR REPLACE INTO works VALUES (?, ?, ?)", [command.work, command.order, state])
        if state != BARRED:
            effect = [command.order, command.work, command.id, state, command.what]
            self.file.execute("INSERT INTO effects (order_id, work, command, effect, what) VALUES (?, ?, ?, ?, ?)", effect)


def handle(role, ledger, message):
    """The reply to a message, if it gets one."""
    try:
        command = Command(role, message)
    except Exception as error:  # of any kind: the message would be as unreadable the next time
        # Where it was and why, and nothing of what it says, which may be personal.
        why = f"{type(error).__name__}: {error}"
        log.warning("a command cannot be read; passed: partition %d offset %d: %s", message.partition(), message.offset(), why)
        return None
    verdict, data = ledger.decide(command)
    return verdict and command.reply(verdict, data)


def deliver(producer, replies, stopping):
    """Sends replies. Returns whether the broker has them all, but for those that it has refused often enough."""
    for sending in range(1, SENDINGS + 1):
        refused = []
        for reply in replies:
            try:
                producer.produce(**reply, on_delivery=lambda error, _, to=refused, reply=reply: error and to.append((reply, error)))
            except KafkaException as error:
                refused.append((reply, error))
        while producer.flush(0.5):  # it holds some while the broker is away
            if stopping.is_set():
                return False
        if not refused:
            return True
        for reply, error in refused:
            log.warning("a reply was refused by %s, %d of %d times: %s", reply["topic"], sending, SENDINGS, error)
        replies = [reply for reply, _ in refused]
        stopping.wait(PAUSE if sending < SENDINGS else 0)
    return True


def serve(role, options):
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    ledger = Ledger(options.database, role)

    def look_at(error):
        # Such as another process with the same group.instance.id. The client would only wait from then on. After other errors
        # it tries again by itself, and logs them.
        if error.fatal() or error.code() == KafkaError._FATAL:
            raise KafkaException(error)

    own = dict(setting.split("=", 1) for setting in options.property)
    shared = {"bootstrap.servers": options.brokers, "error_cb": look_at}
    # It looks for its broker once in a second, and every ten for topics that are made later.
    shared |= {"reconnect.backoff.ms": 1_000, "topic.metadata.refresh.interval.ms": 10_000}
    # Six seconds after a process was killed, others get its partitions.
    consuming = {"group.id": options.group, "session.timeout.ms": 6_000}
    consuming |= {"auto.offset.reset": "earliest", "enable.auto.commit": False}
    # A reply waits for its broker without end. What comes back as an error was refused.
    producing = {"acks": "all", "message.timeout.ms": 0, "topic.metadata.propagation.max.ms": 5_000}
    consumer = Consumer({**shared, **consuming, **own}, logger=log)
    own = {name: value for name, value in own.items() if not name.startswith("group.")}
    producer = Producer({**shared, **producing, **own}, logger=log)
    consumer.subscribe([options.topic])
    log.info("%s is ready process=%d", role, os.getpid())
    while not stopping.is_set():
        producer.poll(0)  # serves its log and its errors also while there is nothing to reply
        messages = consumer.consume(1, 0.5)
        messages += consumer.consume(BATCH - 1, 0) if messages else []
        for message in messages:
            if message.error():
                log.warning("nothing can be received: %s", message.error())
                look_at(message.error())
        messages = [message for message in messages if not message.error()]
        replies = [handle(role, ledger, message) for message in messages]
        if messages:
            log.info("decided %d", len(messages))
        if messages and deliver(producer, [reply for reply in replies if reply], stopping):
            ends = {(message.topic(), message.partition()): message.offset() + 1 for message in messages}
            try:
                consumer.commit(offsets=[TopicPartition(*place, end) for place, end in ends.items()], asynchronous=False)
            except KafkaException as error:  # the commands come again, to this process or to another one
                log.warning("the offsets are not committed: %s", error)
    consumer.close()
    log.info("%s stopped", role)


def audit(path):
    """Prints every effect, and for each order how often something was held, returned and made final."""
    demand(os.path.exists(path), f"there is no file {path}")
    file = sqlite3.connect(path, timeout=5)
    file.row_factory = sqlite3.Row
    counts = ", ".join(f"sum(effect = '{state}') AS {state.lower()}" for state in (HELD, RETURNED, FINAL))
    queries = [
        "SELECT role FROM owner",
        f"SELECT order_id AS orderId, {counts} FROM effects GROUP BY order_id ORDER BY order_id",
        'SELECT order_id AS orderId, work, command AS "by", effect, what FROM effects ORDER BY number',
    ]
    owner, orders, entries = ([dict(row) for row in file.execute(query)] for query in queries)
    print(json.dumps({"participant": owner[0]["role"], "orders": orders, "entries": entries}, indent=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parsers = parser.add_subparsers(dest="command", required=True)
    for role in COMMANDS:
        of_role = parsers.add_parser(role, help=f"be {role}, until a signal ends it")
        of_role.add_argument("--brokers", default="127.0.0.1:9192", help="[%(default)s]")
        of_role.add_argument("--topic", default=f"{role}.commands", help="of its commands [%(default)s]")
        of_role.add_argument("--group", default=role, help="of consumers [%(default)s]")
        of_role.add_argument("--database", default=f"{role}.db", help="its SQLite file [%(default)s]")
        setting = "a setting of librdkafka, such as security.protocol=SSL; may be repeated"
        of_role.add_argument("--property", action="append", default=[], metavar="NAME=VALUE", help=setting)
    parsers.add_parser("audit", help="print what a participant did, as JSON").add_argument("--database", required=True)
    options = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    try:
        audit(options.database) if options.command == "audit" else serve(options.command, options)
    except (KafkaException, sqlite3.Error, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

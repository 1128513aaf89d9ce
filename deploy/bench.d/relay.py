#!/usr/bin/env python3
"""Events on Kafka: from commit to consumer, how fast a backlog drains beside a plain producer, what the relay costs POST.

It starts a PostgreSQL and a Kafka broker of its own, and services on them.

  POST      two services, one with a broker and one without, each on a database of its own, take turns under full load
            (wrk, 2 threads, 64 connections). Before each turn whatever was left to publish is published.
  latency   from the time of an event, which is taken before its commit, to when a consumer has it: one order at a time,
            and at a fixed rate, 70 % of what the service with a broker took (wrk, latency.lua). The first second of a
            turn is not counted.
  backlog   a database with events that were written without a broker is copied, and a service with a broker started on
            the copy: events per second from the first in the topic to the last. A plain producer of librdkafka then
            sends the same messages, all at once, with the same settings, to a topic of its own on the same broker:
            events per second from the first until all are confirmed.
"""

import calendar
import collections
import datetime
import os
import re
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import throughput as common  # noqa: E402

TARGET_DRAIN, TARGET_POST = 0.7, 0.75
PARTITIONS = 6
IDLE_PAUSE_SECONDS = 0.05
DRAIN_SECONDS = 600


class Kafka:
    """A broker of deploy/stack in a throw-away folder, and what is known of its topics."""

    def __init__(self, folder, program):
        port, controller = common.shell("free_ports 2").split()
        self.program, self.servers = program, f"127.0.0.1:{port}"
        ports = {"STACK_KAFKA_PORT": port, "STACK_KAFKA_CONTROLLER_PORT": controller}
        self.environment = os.environ | {"STACK_DIR": folder} | ports
        self.stack = os.path.join(common.ROOT, "deploy", "stack")

    def __enter__(self):
        try:
            subprocess.run([self.stack, "up", "kafka"], stdout=sys.stderr, env=self.environment, check=True)
        except subprocess.CalledProcessError:
            self.__exit__()
            sys.exit("error: Kafka did not start; see above")
        return self

    def __exit__(self, *_):
        subprocess.run([self.stack, "down", "--data", "kafka"], env=self.environment, check=False)

    def command(self, *arguments):
        return [self.program, self.servers, *map(str, arguments)]

    def ask(self, *arguments):
        return [int(number) for number in common.run(self.command(*arguments)).split()]

    def topic(self, name):
        self.ask("create", name, PARTITIONS)
        return name

    def settings(self, topic):
        return [f"spring.kafka.bootstrap-servers={self.servers}", f"order.events.topic={topic}"]


class Follower:
    """A consumer that notes when each event was taken, and when it came."""

    def __init__(self, kafka, topic):
        self.command = kafka.command("follow", topic)

    def __enter__(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(self.command, **pipes)
        if self.process.stdout.readline().strip() != "ready":
            sys.exit("error: the consumer did not start")
        self.begin = time.time()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def milliseconds(self):
        """Ends it; how long each event took, but for those of the first second."""
        lines, _ = self.process.communicate("", timeout=common.GIVE_UP_SECONDS)
        for line in lines.splitlines():
            text, came = line.split()
            taken = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
            taken = calendar.timegm(taken.utctimetuple()) * 1_000_000 + taken.microsecond
            if taken >= (self.begin + 1) * 1e6:
                yield (int(came) - taken) / 1000


class Bench:
    """The servers, and what happens on them."""

    def __init__(self, options, tools, postgres, kafka, folder):
        self.options, self.tools, self.postgres, self.kafka, self.folder = options, tools, postgres, kafka, folder
        self.customers = common.NEW_CUSTOMERS
        self.request = os.path.join(folder, "post")
        with open(self.request, "w", encoding="ascii", newline="") as file:
            file.write(common.REQUESTS["service-post"])

    def service(self, database, topic=None):
        settings = [*self.options.set, *(self.kafka.settings(topic) if topic else [])]
        url = self.postgres.url(database)
        return common.Service(self.options.binary, url, self.folder, self.options.log, settings)

    def count(self, database, of):
        return int(self.postgres.query(database, f"SELECT count(*) FROM {of}"))

    def wrk(self, service, threads, connections, seconds, script, arguments):
        options = [f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "-s", os.path.join(common.HERE, script)]
        self.customers += common.NUMBERS_PER_TURN
        url = f"http://127.0.0.1:{service.port}"
        said = common.run([self.tools["wrk"], *options, url, "--", *map(str, arguments(self.customers))])
        result = re.search(r"^result (\d+) (\d+) (\d+) (\d+)", said, re.MULTILINE)
        if not result:
            sys.exit(f"error: wrk said: {said}")
        requests, microseconds, refused, broken = map(int, result.groups())
        if refused or broken or not requests:
            sys.exit(f"error: {refused + broken} of {requests} requests failed")
        return requests * 1e6 / microseconds

    def post(self, service, seconds):
        """POST /orders as fast as it can; orders per second."""
        arguments = lambda first: ["next", first, 0, self.request]  # noqa: E731
        return self.wrk(service, common.THREADS, common.CONNECTIONS, seconds, "throughput.lua", arguments)

    def post_at_rate(self, service, rate, seconds):
        count = common.CONNECTIONS
        arguments = lambda first: [rate, count, first, self.request, os.devnull]  # noqa: E731
        return self.wrk(service, count, count, seconds, "latency.lua", arguments)

    def post_one_by_one(self, service, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.customers += 1
            status, answer = service.ask("POST", "/orders", {"customerId": self.customers, "items": common.LINES})
            if status != 201:
                sys.exit(f"error: POST /orders answered {status}: {answer.decode()}")
            time.sleep(IDLE_PAUSE_SECONDS)

    def drain(self, database, topic=None):
        """Waits until each event has its position in the journal, and is published if there is a topic."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.count(database, "outbox_incoming"):
            self.check(deadline)
        if topic:
            self.kafka.ask("watch", topic, self.count(database, "outbox"))

    @staticmethod
    def check(deadline):
        if time.monotonic() > deadline:
            sys.exit(f"error: the backlog was not drained in {DRAIN_SECONDS} s")
        time.sleep(0.1)


def measure_post(bench, with_broker, without):
    """Rates of both, in turns."""
    topic = "post"
    databases = {with_broker: ("orders", topic), without: ("alone", None)}
    rates = collections.defaultdict(list)
    for number in range(bench.options.rounds + 1):
        order = [with_broker, without]
        for service in order if number % 2 else reversed(order):
            bench.postgres.query("postgres", "CHECKPOINT")
            # Round 0 warms up.
            rate = bench.post(service, bench.options.seconds if number else common.WARM_UP_SECONDS)
            if number:
                rates[service].append(rate)
                what = "with" if service is with_broker else "without"
                common.say(f"round {number} of {bench.options.rounds}: POST {what} a broker: {rate:,.0f} per second")
            bench.drain(*databases[service])
    return rates[with_broker], rates[without]


def measure_latency(bench, service, rate):
    """(p50, p99) of each round, idle and under load."""
    turns = {
        "idle": lambda seconds: bench.post_one_by_one(service, seconds),
        "load": lambda seconds: bench.post_at_rate(service, rate, seconds),
    }
    found = collections.defaultdict(list)
    for number in range(1, bench.options.rounds + 1):
        for name, turn in turns.items():
            bench.postgres.query("postgres", "CHECKPOINT")
            with Follower(bench.kafka, "post") as follower:
                turn(bench.options.seconds + 1)
                bench.drain("orders", "post")
                # What is in the topic is on its way to the consumer.
                time.sleep(1)
                taken = sorted(follower.milliseconds())
            if not taken:
                sys.exit("error: the consumer saw nothing")
            p50, p99 = (taken[min(len(taken) - 1, int(share * len(taken)))] for share in (0.5, 0.99))
            found[name].append((p50, p99))
            figures = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {len(taken)} events"
            common.say(f"round {number} of {bench.options.rounds}: commit to consumer, {name}: {figures}")
    return found


def fill(bench, wanted):
    """Fills a database with unpublished events that have positions, at least the wanted number, and counts them."""
    with bench.service("backlog") as service:
        while (there := bench.count("backlog", "outbox")) < wanted:
            common.say(f"writing a backlog: {there:,} of {wanted:,} events")
            bench.post(service, bench.options.seconds)
        bench.drain("backlog")
    return bench.count("backlog", "outbox")


def measure_drain(bench, events):
    """Rates of the relay and of the plain producer, in turns."""
    relay, plain = [], []
    for number in range(1, bench.options.rounds + 1):
        database, topic = f"drain{number}", bench.kafka.topic(f"relayed-{number}")
        bench.postgres.query("postgres", f"CREATE DATABASE {database} TEMPLATE backlog")
        bench.postgres.query("postgres", "CHECKPOINT")
        with subprocess.Popen(bench.kafka.command("watch", topic, events), stdout=subprocess.PIPE, text=True) as watch:
            with bench.service(database, topic):
                said, _ = watch.communicate(timeout=DRAIN_SECONDS)
        at_first, microseconds = map(int, said.split())
        relay.append((events - at_first) * 1e6 / microseconds)
        bench.postgres.query("postgres", f"DROP DATABASE {database} WITH (FORCE)")
        microseconds, size = bench.kafka.ask("copy", topic, bench.kafka.topic(f"copied-{number}"), events)
        plain.append(events * 1e6 / microseconds)
        common.say(
            f"round {number} of {bench.options.rounds}: backlog of {events:,}: {relay[-1]:,.0f} per second; plain "
            f"producer: {plain[-1]:,.0f} per second"
        )
    return relay, plain, size


def compared(title, ours, theirs, target):
    """A row, and a sentence."""
    found = [a / b for a, b in zip(ours, theirs)]
    ratio = statistics.median(found)
    outcome = "met" if ratio >= target else "missed"
    return f"{title}: {ratio:.2f}, {min(found):.2f} – {max(found):.2f} (target: at least {target}; {outcome})."


def row(title, values, digits=0):
    low, high = min(values), max(values)
    return [title, f"{statistics.median(values):,.{digits}f}", f"{low:,.{digits}f} – {high:,.{digits}f}"]


def measure(options, tools, folder):
    work = os.path.join(folder, "work")
    os.mkdir(work)
    stack = os.path.join(folder, "stack")
    with common.Postgres(stack, tools["psql"]) as postgres, Kafka(stack, options.topic_program) as kafka:
        bench = Bench(options, tools, postgres, kafka, work)
        for database in ("alone", "backlog"):
            postgres.query("postgres", f"CREATE DATABASE {database}")
        kafka.topic("post")
        with bench.service("orders", "post") as with_broker:
            with bench.service("alone") as without:
                posted, posted_alone = measure_post(bench, with_broker, without)
            rate = int(0.7 * statistics.median(posted))
            latency = measure_latency(bench, with_broker, rate)
            peak = with_broker.peak_mebibytes()
        events = fill(bench, options.events)
        relay, plain, size = measure_drain(bench, events)
        machine = list(common.machine(postgres, options))
    table = [["", "median", "min – max"]]
    for name, title in (("idle", "one at a time"), ("load", f"at {rate:,} orders per second")):
        p50, p99 = zip(*latency[name])
        table += [row(f"ms from commit to consumer, {title}, p50", p50, 1), row("the same, p99", p99, 1)]
    table += [
        row("POST /orders per second, with a broker", posted),
        row("POST /orders per second, without", posted_alone),
        row(f"events per second, backlog of {events:,}", relay),
        row("events per second, plain producer", plain),
    ]
    notes = [
        compared("Relay to plain producer", relay, plain, TARGET_DRAIN),
        compared("POST with a broker to POST without", posted, posted_alone, TARGET_POST),
        f"An event's body has {size / events:,.0f} bytes; the topics have {PARTITIONS} partitions on one broker.",
        f"The service's peak resident memory, under load: {peak:.1f} MiB.",
    ]
    common.write("relay", "Events on Kafka", table, notes, machine, options)


def program(options):
    """The program that knows topics; built beside the service unless one is named."""
    if options.topic_program:
        return os.path.abspath(options.topic_program)
    command = ["cargo", "build", "--release", "--locked", "--package", "events-kafka", "--example", "topic"]
    subprocess.run(command, cwd=common.ROOT, check=True)
    return os.path.join(os.path.dirname(options.binary), "examples", "topic")


def main():
    arguments = common.parser(__doc__)
    how_many = "how many events the backlog has at least (100000)"
    arguments.add_argument("--events", type=common.positive, default=100_000, help=how_many)
    named = "events-kafka's example `topic` (built when none is named)"
    arguments.add_argument("--topic-program", metavar="PATH", help=named)
    options = arguments.parse_args()
    options.output = options.output or common.RESULTS
    tools = common.find_tools()
    common.demand(tools, "wrk", "psql")
    options.topic_program = program(options)
    common.run_in_folder(options, tools, lambda folder: measure(options, tools, folder))


if __name__ == "__main__":
    main()

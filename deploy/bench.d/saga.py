#!/usr/bin/env python3
"""The saga over Kafka: orders a second from POST to CONFIRMED, how long one takes at 70 % of that, what the saga costs POST.

It starts a PostgreSQL, a Kafka broker, and the participants inventory and payment of this repository, each with a SQLite
file, and services on them. All share the cores.

  rate      orders are placed as fast as they can be for a second (wrk, 2 threads, 64 connections); orders per second from the
            first request until all of them are CONFIRMED
  time      orders come at a fixed rate, 70 % of that (wrk, latency.lua): from when an order was placed to when it was
            confirmed, both as the service has stored them. The first second of a turn is not counted.
  POST      the same service with sagas and without, each on a database of its own, take turns under full load. After a turn
            with sagas its orders are confirmed before the next one begins.
"""

import json
import os
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import relay as events  # noqa: E402
import throughput as common  # noqa: E402

LOAD = 0.7
CONFIRM_SECONDS = 300


class Participants:
    """Inventory and payment of deploy/stack, beside a broker of it."""

    def __init__(self, kafka, program):
        self.stack, self.environment = kafka.stack, kafka.environment | {"STACK_PARTICIPANTS": program}

    def __enter__(self):
        try:
            subprocess.run(
                [self.stack, "up", "inventory", "payment"], stdout=sys.stderr, env=self.environment, check=True
            )
        except subprocess.CalledProcessError:
            self.__exit__()
            sys.exit("error: the participants did not start; see above")
        return self

    def __exit__(self, *_):
        subprocess.run([self.stack, "down", "--data", "inventory", "payment"], env=self.environment, check=False)


class Bench(events.Bench):
    """The servers, and what happens on them."""

    def saga_service(self):
        url = self.postgres.url("orders")
        settings = [*self.options.set, *self.kafka.settings("order.events"), "order.saga.enabled=true"]
        return common.Service(self.options.binary, url, self.folder, self.options.log, settings)

    def confirm(self):
        """Waits until no order is PENDING."""
        deadline = time.monotonic() + CONFIRM_SECONDS
        while left := self.count("orders", "orders WHERE status = 'PENDING'"):
            if time.monotonic() > deadline:
                sys.exit(f"error: {left} orders were not confirmed in {CONFIRM_SECONDS} s")
            time.sleep(0.05)

    def burst(self, service):
        """Orders per second from the first request to the last confirmation."""
        before, begin = self.count("orders", "orders"), time.monotonic()
        self.post(service, 1)
        self.confirm()
        return (self.count("orders", "orders") - before) / (time.monotonic() - begin)

    def times(self, service, rate, seconds):
        """(p50, p99) in milliseconds, from placing to confirming."""
        last = self.count("orders", "orders")
        self.post_at_rate(service, rate, seconds + 1)
        self.confirm()
        took = "extract(epoch FROM updated_at - created_at) * 1000"
        counted = f"(SELECT *, row_number() OVER (ORDER BY id) AS n FROM orders) AS numbered WHERE n > {last + rate}"
        found = self.postgres.query(
            "orders",
            f"SELECT json_agg(p) FROM (SELECT unnest(percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY {took})) AS p "
            f"FROM {counted}) AS found",
        )
        return json.loads(found)


def measure_rate(bench, service):
    rates = []
    for number in range(bench.options.rounds + 1):
        bench.postgres.query("postgres", "CHECKPOINT")
        rate = bench.burst(service)
        # Round 0 warms up.
        if number:
            rates.append(rate)
            common.say(f"round {number} of {bench.options.rounds}: confirmed {rate:,.0f} per second")
    return rates


def measure_times(bench, service, rate):
    found = []
    for number in range(1, bench.options.rounds + 1):
        bench.postgres.query("postgres", "CHECKPOINT")
        found.append(bench.times(service, rate, bench.options.seconds))
        p50, p99 = found[-1]
        common.say(f"round {number} of {bench.options.rounds}: at {rate:,} per second: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    return zip(*found)


def measure_post(bench, with_sagas, without):
    rates = {with_sagas: [], without: []}
    for number in range(bench.options.rounds + 1):
        order = [with_sagas, without]
        for service in order if number % 2 else reversed(order):
            bench.postgres.query("postgres", "CHECKPOINT")
            rate = bench.post(service, 1)
            if number:
                rates[service].append(rate)
                what = "with" if service is with_sagas else "without"
                common.say(f"round {number} of {bench.options.rounds}: POST {what} sagas: {rate:,.0f} per second")
            bench.confirm()
    return rates[with_sagas], rates[without]


def measure(options, tools, folder):
    work = os.path.join(folder, "work")
    os.mkdir(work)
    stack = os.path.join(folder, "stack")
    with common.Postgres(stack, tools["psql"]) as postgres, events.Kafka(stack, options.topic_program) as kafka:
        bench = Bench(options, tools, postgres, kafka, work)
        postgres.query("postgres", "CREATE DATABASE alone")
        for topic in ("order.events", "alone", "inventory.commands", "payment.commands", "order.replies"):
            kafka.topic(topic)
        with Participants(kafka, options.participants), bench.saga_service() as service:
            confirmed = measure_rate(bench, service)
            rate = int(LOAD * statistics.median(confirmed))
            p50, p99 = measure_times(bench, service, rate)
            with bench.service("alone", "alone") as alone:
                posted, posted_alone = measure_post(bench, service, alone)
            peak = service.peak_mebibytes()
        machine = list(common.machine(postgres, options))
    table = [
        ["", "median", "min – max"],
        events.row("orders per second from POST to CONFIRMED", confirmed),
        events.row(f"ms from POST to CONFIRMED, at {rate:,} orders per second, p50", p50, 1),
        events.row("the same, p99", p99, 1),
        events.row("POST /orders per second, with sagas", posted),
        events.row("POST /orders per second, without", posted_alone),
    ]
    ratios = [a / b for a, b in zip(posted, posted_alone)]
    notes = [
        f"POST with sagas to POST without: {statistics.median(ratios):.2f}, {min(ratios):.2f} – {max(ratios):.2f}.",
        "From POST to CONFIRMED an order takes three commits of the service (placed; reserved; authorised and confirmed), two",
        "commands and two replies over the broker, and a transaction of each participant, whose file is synchronous.",
        f"The service's peak resident memory: {peak:.1f} MiB.",
    ]
    common.write("saga", "The saga over Kafka", table, notes, machine, options)


def main():
    arguments = common.parser(__doc__)
    named = "events-kafka's example `topic` (built when none is named)"
    arguments.add_argument("--topic-program", metavar="PATH", help=named)
    named = "the program order-participants (built when none is named)"
    arguments.add_argument("--participants", metavar="PATH", help=named)
    options = arguments.parse_args()
    options.output = options.output or common.RESULTS
    tools = common.find_tools()
    common.demand(tools, "wrk", "psql")
    options.topic_program = events.program(options)
    if not options.participants:
        command = ["cargo", "build", "--release", "--locked", "--package", "order-participants"]
        subprocess.run(command, cwd=common.ROOT, check=True)
        options.participants = os.path.join(os.path.dirname(options.binary), "order-participants")
    options.participants = os.path.abspath(options.participants)
    common.run_in_folder(options, tools, lambda folder: measure(options, tools, folder))


if __name__ == "__main__":
    main()

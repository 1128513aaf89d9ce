#!/usr/bin/env python3
"""Latency of POST /orders at fixed rates, corrected for coordinated omission; with and without group commit; pgbench.

It starts a PostgreSQL of its own and the service on it, as the benchmark `throughput` does. Requests come at a fixed rate,
whether or not earlier ones have been answered, and each counts from the moment at which it was due. The contestants are
the same service with order.group-commit=false, which writes each order in a transaction of its own; and pgbench with the
same rows, order and event in one transaction, at the same rate (--rate), each counted from its due moment, too. They
take turns, each after a CHECKPOINT; the first second of a turn, when connections are opened, is not counted. Only the
contestant runs: beside another instance, one of the two would assign the positions of both.

The load is wrk with 64 connections and as many threads (latency.lua), and pgbench -M prepared with 64 clients.
"""

import collections
import glob
import os
import re
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
import throughput as common  # noqa: E402

CONTESTANTS = {
    "service-post": "POST /orders",
    "service-alone": "POST /orders, group commit off",
    "pgbench-two": "pgbench: insert order, insert event",
}
# The service with group commit to that without, at the first rate. Rounds of a noisy machine differ by its disk, so the
# 99th percentiles of the best rounds are compared.
TARGET_RATIO = 1.0
SHARES = (0.5, 0.9, 0.99, 0.999)
# What was achieved of the rate below which a turn says nothing but that the rate was too high.
ENOUGH = 0.97

Turn = collections.namedtuple("Turn", "rate p50 p90 p99 p999")


def percentiles(microseconds):
    ordered = sorted(microseconds)
    return [ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000 for share in SHARES]


def numbers(paths):
    for path in paths:
        with open(path, encoding="ascii") as lines:
            # The last line may be cut off.
            yield from (line for line in lines if line.endswith("\n"))


class Bench(common.Bench):
    """Turns at a fixed rate; latencies in milliseconds."""

    def timed_turn(self, name, rate, seconds):
        self.postgres.query("postgres", "CHECKPOINT")
        number = common.NUMBERS_PER_TURN * self.turns
        self.turns += 1
        output = tempfile.mkdtemp(dir=self.folder)
        measure = self.wrk_at_rate if name.startswith("service") else self.pgbench_at_rate
        return measure(name, rate, seconds + 1, number, output)

    def wrk_at_rate(self, name, rate, seconds, number, output):
        count = common.CONNECTIONS
        options = [f"-t{count}", f"-c{count}", f"-d{seconds}s", "-s", os.path.join(common.HERE, "latency.lua")]
        arguments = [str(rate), str(count), str(common.NEW_CUSTOMERS + number), f"{self.folder}/service-post", f"{output}/log"]
        with self.alone if name == "service-alone" else self.service as service:
            url = f"http://127.0.0.1:{service.port}"
            said = common.run([self.tools["wrk"], *options, url, "--", *arguments])
        result = re.search(r"^result (\d+) (\d+) (\d+) (\d+)$", said, re.MULTILINE)
        if not result:
            sys.exit(f"error: wrk said: {said}")
        requests, microseconds, refused, broken = map(int, result.groups())
        self.wrong[name] += refused + broken
        self.written[name] += requests - refused
        latencies = [int(line) for line in numbers([f"{output}/log"])]
        return Turn(requests * 1e6 / microseconds, *percentiles(latencies))

    def pgbench_at_rate(self, name, rate, seconds, number, output):
        options = ["-n", "-M", "prepared", "-c", common.CONNECTIONS, "-j", common.THREADS, "-T", seconds]
        options += ["-f", f"{self.folder}/{name}", f"--rate={rate}", "--log", f"--log-prefix={output}/log"]
        variables = {
            "first": common.NEW_ORDERS + number,
            "customers": common.NEW_CUSTOMERS + number,
            "clients": common.CONNECTIONS,
            "n": -1,
        }
        options += [f"-D{variable}={value}" for variable, value in variables.items()]
        said = common.run([self.tools["pgbench"], *map(str, options), self.postgres.url("pgbench")])
        achieved = re.search(r"^tps = ([0-9.]+) \(without", said, re.MULTILINE)
        count = re.search(r"actually processed: (\d+)", said)
        if not achieved or not count:
            sys.exit(f"error: pgbench said: {said}")
        self.written[name] += int(count[1])
        # client, transaction, time since it was due, script, time of day in seconds and microseconds, lag
        rows = [[int(field) for field in line.split()] for line in numbers(glob.glob(f"{output}/log*"))]
        ended = [row[4] * 1_000_000 + row[5] for row in rows]
        counted = min(ended) + 1_000_000
        latencies = [row[2] for row, end in zip(rows, ended) if end - row[2] >= counted]
        return Turn(float(achieved[1]), *percentiles(latencies))


def table(results):
    yield ["milliseconds", "asked per second", "achieved", "p50", "p90", "p99", "p99, best round", "p99.9"]
    for (rate, name), turns in results.items():
        medians = [statistics.median(column) for column in zip(*turns)]
        p50, p90, p99, p999 = (f"{value:.2f}" for value in medians[1:])
        best = f"{min(turn.p99 for turn in turns):.2f}"
        saturated = " (not kept up)" if medians[0] < ENOUGH * rate else ""
        yield [CONTESTANTS[name], f"{rate:,}", f"{medians[0]:,.0f}{saturated}", p50, p90, p99, best, p999]


def verdict(results, rate):
    """What group commit does to the latency at a rate, as sentences."""
    together, alone = (results[rate, name] for name in ("service-post", "service-alone"))
    p50 = statistics.median(a.p50 / b.p50 for a, b in zip(together, alone))
    p99 = min(turn.p99 for turn in together) / min(turn.p99 for turn in alone)
    for name, ratio in (("p50", p50), ("p99 of the best round", p99)):
        outcome = "met" if ratio <= TARGET_RATIO else "missed"
        target = f"(target: at most {TARGET_RATIO}; {outcome})"
        yield f"At {rate:,} orders per second, {name} with group commit to that without: {ratio:.2f} {target}."


def without_group_commit(bench, options):
    """The same service on the same database."""
    url, settings = bench.postgres.url("orders"), [*options.set, "order.group-commit=false"]
    return common.Service(options.binary, url, bench.folder, options.log, settings)


def measure(options, tools, folder):
    with common.prepared(options, tools, folder, Bench) as bench:
        bench.alone = without_group_commit(bench, options)
        results = collections.defaultdict(list)
        common.say("warming up")
        for name in CONTESTANTS:
            bench.timed_turn(name, options.rates[0], common.WARM_UP_SECONDS)
        for number in range(1, options.rounds + 1):
            for rate in options.rates:
                for name in CONTESTANTS if number % 2 else reversed(CONTESTANTS):
                    turn = bench.timed_turn(name, rate, options.seconds)
                    results[rate, name].append(turn)
                    figures = f"p50 {turn.p50:.2f} ms, p99 {turn.p99:.2f} ms, {turn.rate:,.0f} per second"
                    common.say(f"round {number} of {options.rounds}: {name} at {rate:,}: {figures}")
        rows = list(table(dict(sorted(results.items()))))
        notes = [
            "Medians of the rounds. Where a rate is not kept up, those that wait are more and more for as long as a turn",
            "lasts, and the percentiles say little else.",
            "",
            *verdict(results, options.rates[0]),
        ]
        common.publish("latency", "Latency at a fixed rate", rows, bench, options, notes)


def rates(text):
    return [common.positive(part) for part in text.split(",")]


def main():
    arguments = common.parser(__doc__)
    how_many = "orders per second (1500,6000)"
    arguments.add_argument("--rates", type=rates, default=[1500, 6000], metavar="RATE,…", help=how_many)
    options = arguments.parse_args()
    options.output = options.output or common.RESULTS
    tools = common.find_tools()
    common.demand(tools, *tools)
    common.run_in_folder(options, tools, lambda folder: measure(options, tools, folder))


if __name__ == "__main__":
    main()

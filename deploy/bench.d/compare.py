#!/usr/bin/env python3
"""This build against another build of the service, in alternating rounds: is any figure worse?

    deploy/bench compare --other PATH [--rounds 30] [--seconds 2] [--only GROUP,...]

It starts a PostgreSQL of its own with the rows of the benchmark `throughput`. In each round both builds have a turn of
each group: post, put, get, list. One build runs at a time, on the same database, because of two instances one would assign
the positions of both. The builds change places in every round. A ratio is that of the two turns of one round.

The interval is where the mean of the ratios' logarithms lies with 95 % confidence (Student's t). A figure is worse when
its whole interval lies below 0.98. The exit code is 1 then, or when a request failed.
"""

import collections
import math
import os
import statistics
import sys

sys.dont_write_bytecode = True
import throughput as common  # noqa: E402

WORSE = 0.98
# Two-sided 95 % quantiles of Student's t for some degrees of freedom; in between, the next smaller one's is used.
QUANTILES = {1: 12.71, 2: 4.30, 4: 2.78, 9: 2.26, 19: 2.09, 29: 2.05, 59: 2.00, 119: 1.98}


def interval(ratios):
    """The mean ratio and its 95 % interval."""
    logs = [math.log(ratio) for ratio in ratios]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(mean), 0.0, math.inf
    freedom = len(logs) - 1
    quantile = next(QUANTILES[known] for known in sorted(QUANTILES, reverse=True) if known <= freedom)
    half = quantile * statistics.stdev(logs) / math.sqrt(len(logs))
    return tuple(math.exp(value) for value in (mean, mean - half, mean + half))


def one_build(bench, service, names, seconds):
    """A turn of each group with one build, each after a short one that is not counted."""
    with service:
        bench.service = service
        rates = {}
        for name in names:
            bench.turn(name, 1)
            rates[name] = bench.turn(name, seconds).rate
        return rates


def measure(options, tools, names, folder):
    with common.prepared(options, tools, folder, common.Bench) as bench:
        url = bench.postgres.url("orders")
        make = lambda binary: common.Service(binary, url, bench.folder, options.log, options.set)
        builds = {"this": make(options.binary), "other": make(options.other)}
        ratios = collections.defaultdict(list)
        rates = collections.defaultdict(list)
        for number in range(1, options.rounds + 1):
            order = ["this", "other"] if number % 2 else ["other", "this"]
            found = {build: one_build(bench, builds[build], names, options.seconds) for build in order}
            for name in names:
                ratios[name].append(found["this"][name] / found["other"][name])
                for build in builds:
                    rates[name, build].append(found[build][name])
            shown = ", ".join(f"{name} {ratios[name][-1]:.3f}" for name in names)
            common.say(f"round {number} of {options.rounds}: {shown}")
        return report(bench, builds, names, ratios, rates, options)


def report(bench, builds, names, ratios, rates, options):
    rows = [["per second, medians", "this", "other", "ratio", "95 % interval", ""]]
    worse = False
    for name in names:
        mean, low, high = interval(ratios[name])
        worse |= high < WORSE
        medians = [f"{statistics.median(rates[name, build]):,.0f}" for build in builds]
        verdict = "worse" if high < WORSE else "not worse"
        rows.append([name, *medians, f"{mean:.3f}", f"{low:.3f} – {high:.3f}", verdict])
    print("\n".join(common.plain(rows)))
    peaks = ", ".join(f"{name} {service.peak_mebibytes():.1f} MiB" for name, service in builds.items())
    print(f"Peak resident memory: {peaks}.")
    print("\n".join(common.machine(bench.postgres, options)))
    wrong = [f"{name}: {count} requests failed" for name, count in bench.wrong.items() if count]
    wrong += bench.check_rows()
    if wrong:
        print(f"WRONG, so the figures mean little: {'; '.join(wrong)}.")
    return 1 if worse or wrong else 0


def main():
    arguments = common.parser(__doc__)
    arguments.set_defaults(rounds=30, seconds=2)
    arguments.add_argument("--other", required=True, type=os.path.abspath, help="the program of the other build")
    arguments.add_argument(
        "--only", type=common.groups, default=common.GROUPS, metavar="GROUP,…", help=f"only these: {', '.join(common.GROUPS)}"
    )
    options = arguments.parse_args()
    tools = common.find_tools()
    common.demand(tools, "psql", "wrk")
    names = [f"service-{group}" for group in options.only]
    code = []
    common.run_in_folder(options, tools, lambda folder: code.append(measure(options, tools, names, folder)))
    sys.exit(code[0])


if __name__ == "__main__":
    main()

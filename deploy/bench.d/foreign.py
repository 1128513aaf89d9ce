#!/usr/bin/env python3
"""Whether time tells an order of another customer from one that does not exist.

    deploy/bench foreign [--rounds 2000]

It starts a PostgreSQL of its own, and the service with login. One customer has orders; another one asks for these orders and
for ids that no order has, in pairs whose sequence is random, on one connection. Both are 404 with the same bytes. The
times of both are put into one ranking (Mann and Whitney): z is how far the sum of the ranks is from what chance gives, in
standard deviations. Within 3 of 0, no one can tell; the exit code is 1 otherwise.
"""

import http.client
import json
import math
import os
import random
import statistics
import sys
import time

sys.dont_write_bytecode = True
import secured  # noqa: E402
import throughput as common  # noqa: E402

OWNER, ASKER, MISSING = 42, 43, 4_000_000_000_000
LIMIT = 3


def rank_test(one, other):
    """How far the ranks of `one` among all are from chance, in standard deviations."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    total, at = 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        mean = (at + 1 + end) / 2
        total += mean * sum(1 for _, side in ranked[at:end] if side == 0)
        at = end
    count, others = len(one), len(other)
    expected = count * (count + others + 1) / 2
    return (total - expected) / math.sqrt(count * others * (count + others + 1) / 12)


def ask(connection, method, path, token, body=None):
    headers = {"Authorization": f"Bearer {token}"} | ({"Content-Type": "application/json"} if body else {})
    begin = time.perf_counter()
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    text = answer.read()
    return time.perf_counter() - begin, answer.status, text


def measure(options, tools, folder):
    work = os.path.join(folder, "work")
    os.mkdir(work)
    issuer = secured.Issuer(work)
    with common.Postgres(os.path.join(folder, "stack"), tools["psql"]) as postgres:
        settings = [*options.set, *issuer.settings("RS256")]
        service = common.Service(options.binary, postgres.url("orders"), work, options.log, settings)
        tokens = {
            customer: issuer.token("RS256", scope="orders:read orders:write", customer_id=customer, sub=f"c-{customer}")
            for customer in (OWNER, ASKER)
        }
        times = {"foreign": [], "missing": []}
        with service:
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=common.GIVE_UP_SECONDS)
            order = {"customerId": OWNER, "items": common.LINES}
            ids = []
            for _ in range(min(options.rounds, 500)):
                _, status, text = ask(connection, "POST", "/orders", tokens[OWNER], order)
                if status != 201:
                    sys.exit(f"error: POST /orders answered {status}: {text.decode()}")
                ids.append(json.loads(text)["id"])
            for number in range(options.rounds):
                pair = [("foreign", random.choice(ids)), ("missing", MISSING + number)]
                for kind, order_id in random.sample(pair, 2):
                    took, status, _ = ask(connection, "GET", f"/orders/{order_id}", tokens[ASKER])
                    if status != 404:
                        sys.exit(f"error: a {kind} order was answered {status}")
                    times[kind].append(took)
        z = rank_test(times["foreign"], times["missing"])
        for kind, found in times.items():
            print(f"{kind}: median {statistics.median(found) * 1e6:,.0f} µs of {len(found):,}")
        print(f"z = {z:.2f} ({'within' if abs(z) <= LIMIT else 'NOT within'} {LIMIT})")
        return 0 if abs(z) <= LIMIT else 1


def main():
    arguments = common.parser(__doc__)
    arguments.set_defaults(rounds=2000)
    options = arguments.parse_args()
    tools = common.find_tools()
    common.demand(tools, "psql")
    code = []
    common.run_in_folder(options, tools, lambda folder: code.append(measure(options, tools, folder)))
    sys.exit(code[0])


if __name__ == "__main__":
    main()

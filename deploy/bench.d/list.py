#!/usr/bin/env python3
"""Latency of a customer's list among 10^4 orders and among 10^7, on PostgreSQL: it should not grow.

It starts a PostgreSQL of its own with one database for each size, and a service on each. A customer has 20 orders, spread
over the whole table; each request asks for the list of a random one, over one connection, one after the other. The two
take turns; the first, short round warms up and is not counted. A ratio is that of two turns of one round.

All of it is done twice: with PostgreSQL as it comes, where most of the larger table is not in its own buffers, but in the
system's cache; and with `shared_buffers` at a quarter of the machine's memory, which its manual advises for a server, and
both tables read into them (pg_prewarm).
"""

import os
import statistics
import sys

sys.dont_write_bytecode = True
import throughput as common  # noqa: E402

TARGET_RATIO = 1.3


def prepare(postgres, database, rows, orders):
    customers = orders // common.ORDERS_PER_CUSTOMER
    common.say(f"preparing {orders:,} orders")
    # In parts, so that no transaction is huge.
    part = 1_000_000
    for first in range(0, orders, part):
        count = min(part, orders - first)
        customer = f"{common.READ_CUSTOMERS} + ({first} + n) % {customers}"
        postgres.query(database, rows.prepare(common.READ_ORDERS + first, count, customer))
    postgres.query(database, "VACUUM ANALYZE")
    return customers


class Contestant:
    """One size."""

    def __init__(self, options, tools, postgres, folder, orders, rows):
        self.tools, self.folder, self.orders = tools, folder, orders
        database = f"orders_{orders}"
        postgres.query("postgres", f"CREATE DATABASE {database} TEMPLATE orders")
        self.customers = prepare(postgres, database, rows, orders)
        self.database, self.postgres = database, postgres
        self.service = common.Service(options.binary, postgres.url(database), folder, options.log, options.set)

    def prewarm(self):
        relations = "('orders'), ('orders_by_customer')"
        self.postgres.query(self.database, f"SELECT pg_prewarm(name::regclass) FROM (VALUES {relations}) AS t (name)")

    def turn(self, seconds):
        """Milliseconds from request to answer, the mean of a turn."""
        script = ["-s", os.path.join(common.HERE, "throughput.lua"), f"http://127.0.0.1:{self.service.port}", "--"]
        asked = ["random", str(common.READ_CUSTOMERS), str(self.customers), f"{self.folder}/list"]
        output = common.run([self.tools["wrk"], "-t1", "-c1", f"-d{seconds}s", *script, *asked])
        requests, microseconds, refused, broken = common.result_of(output)[:4]
        if refused or broken or not requests:
            sys.exit(f"error: {refused + broken} of {requests} requests failed")
        return microseconds / requests / 1000


def measure(options, tools, folder):
    work = os.path.join(folder, "work")
    os.mkdir(work)
    with open(os.path.join(work, "list"), "w", encoding="ascii", newline="") as file:
        file.write(common.REQUESTS["service-list"])
    with common.Postgres(os.path.join(folder, "stack"), tools["psql"]) as postgres:
        with common.Service(options.binary, postgres.url("orders"), work, options.log, options.set) as service:
            rows = common.Rows(*common.learn_rows(postgres, service))
        sizes = [Contestant(options, tools, postgres, work, orders, rows) for orders in options.orders]
        machine = list(common.machine(postgres, options))
        table = [["milliseconds for a list of 20", "median", "min – max"]]
        as_it_comes = compare(options, sizes, "shared_buffers as they come", table)
        for size in sizes:
            postgres.query(size.database, "CREATE EXTENSION pg_prewarm")
        buffers = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 // (1 << 20)
        postgres.restart_with("shared_buffers", f"{buffers}MB")
        for size in sizes:
            size.prewarm()
        advised = compare(options, sizes, f"shared_buffers of {buffers:,} MiB", table)
        common.write("list", "A customer's list among few and many orders", table, [as_it_comes, advised], machine, options)


def compare(options, sizes, buffers, table):
    """Takes turns; adds a row for each size to the table, and says what came of it."""
    few, many = sizes
    turns = {size: [] for size in sizes}
    with few.service, many.service:
        for size in sizes:
            size.turn(common.WARM_UP_SECONDS)
        for number in range(1, options.rounds + 1):
            for size in sizes if number % 2 else reversed(sizes):
                turns[size].append(size.turn(options.seconds))
                said = f"{size.orders:,} orders, {buffers}: {turns[size][-1]:.3f} ms"
                common.say(f"round {number} of {options.rounds}: {said}")
    found = [b / a for a, b in zip(turns[few], turns[many])]
    ratio = statistics.median(found)
    outcome = "met" if ratio <= TARGET_RATIO else "missed"
    for size in sizes:
        spread = f"{min(turns[size]):.3f} – {max(turns[size]):.3f}"
        table.append([f"among {size.orders:,} orders, {buffers}", f"{statistics.median(turns[size]):.3f}", spread])
    span = f"{min(found):.2f} – {max(found):.2f}"
    return f"Ratio, {buffers}: {ratio:.2f}, {span} (target: at most {TARGET_RATIO}; {outcome})."


def sizes(text):
    few, many = (int(float(part)) for part in text.split(","))
    return few, many


def main():
    arguments = common.parser(__doc__)
    how_many = "how many orders there are in the two databases (1e4,1e7: 5 GB)"
    arguments.add_argument("--orders", type=sizes, default=(10_000, 10_000_000), metavar="FEW,MANY", help=how_many)
    options = arguments.parse_args()
    if options.orders == arguments.get_default("orders"):
        options.output = options.output or common.RESULTS
    tools = common.find_tools()
    common.demand(tools, "wrk", "psql")
    common.run_in_folder(options, tools, lambda folder: measure(options, tools, folder))


if __name__ == "__main__":
    main()

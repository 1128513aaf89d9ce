#!/usr/bin/env python3
"""What GraphQL costs: orders asked by it beside REST, and REST of a service that serves both beside one that does not.

    deploy/bench graphql [--rounds 30] [--seconds 2]

It starts a PostgreSQL of its own with the rows of the benchmark `throughput`. In each round a service without GraphQL and one
with it have a turn of each group of REST: post, put, get, list; and the one with it has a turn of the same order, and of the same
list, by GraphQL with every field that REST answers, the document as text in each request. One service runs at a time, on the same
database, and they change places in every round. A ratio is that of two turns of one round; the interval is where the mean of the
ratios' logarithms lies with 95 % confidence (Student's t). REST is worse with GraphQL when its whole interval lies below 0.98.
"""

import collections
import json
import os
import statistics
import sys

sys.dont_write_bytecode = True
import compare  # noqa: E402
import throughput as common  # noqa: E402

SOUGHT = 0.5
FIELDS = (
    "id version status allowedTransitions customer { id } currency totalAmount "
    "items { productId name quantity unitPrice lineTotal } clientReference cancelReason createdAt updatedAt"
)
DOCUMENTS = {
    "service-get": (f"query ($id: ID!) {{ order(id: $id) {{ {FIELDS} }} }}", "order"),
    "service-list": (
        f"query ($id: ID!) {{ ordersOfCustomer(customerId: $id) {{ edges {{ node {{ {FIELDS} }} }} pageInfo {{ endCursor }} }} }}",
        "ordersOfCustomer",
    ),
}


def body(document, number):
    return json.dumps({"query": document, "variables": {"id": number}}, separators=(",", ":"))


def write_requests(folder):
    for name, (document, _) in DOCUMENTS.items():
        with open(os.path.join(folder, f"{name}.graphql"), "w", encoding="ascii", newline="") as file:
            file.write(common.http_request("POST", "/graphql", body(document, common.MARK)))


def demand_data(service):
    """Answers with errors are 200, too, so each document is asked once before it is measured."""
    for name, number in (("service-get", common.READ_ORDERS), ("service-list", common.READ_CUSTOMERS)):
        document, field = DOCUMENTS[name]
        status, answer = service.ask("POST", "/graphql", {"query": document, "variables": {"id": str(number)}})
        found = json.loads(answer)
        if status != 200 or "errors" in found or not found["data"][field]:
            sys.exit(f"error: {field} was answered {status} {answer.decode()[:500]}")


def measure(options, tools, folder):
    with common.prepared(options, tools, folder, common.Bench) as bench:
        write_requests(bench.folder)
        make = lambda *more: common.Service(
            options.binary, bench.postgres.url("orders"), bench.folder, options.log, [*options.set, *more]
        )
        services = {"rest": make(), "both": make("order.graphql.enabled=true")}
        groups = [f"service-{group}" for group in common.GROUPS]
        turns = collections.defaultdict(list)
        for number in range(1, options.rounds + 1):
            for name in services if number % 2 else reversed(services):
                with services[name] as service:
                    bench.service = service
                    measured = [(name, group, "") for group in groups]
                    if name == "both":
                        demand_data(service)
                        measured += [("graphql", group, ".graphql") for group in DOCUMENTS]
                    for contestant, group, service.suffix in measured:
                        bench.turn(group, 1)
                        turns[contestant, group].append(bench.turn(group, options.seconds))
            common.say(f"round {number} of {options.rounds}")
        common.publish("graphql", "What GraphQL costs", list(rows(groups, turns)), bench, options, [])


def rows(groups, turns):
    yield ["per second", "median", "ratio to", "", "95 % interval", "sought", "", "CPU service, PostgreSQL, load"]
    for group in groups:
        title = next(one.title for one in common.CONTESTANTS if one.name == group)
        yield row(title, turns["rest", group], None)
        yield row(f"{title}, with GraphQL on", turns["both", group], turns["rest", group], "the same without")
        if ("graphql", group) in turns:
            yield row(f"{title}, by GraphQL", turns["graphql", group], turns["both", group], "the same by REST", SOUGHT)


def row(title, turns, others, to="", sought=None):
    compared = ["", "", "", "", ""]
    if others:
        mean, low, high = compare.interval([one.rate / other.rate for one, other in zip(turns, others)])
        if sought:
            verdict = "met" if mean >= sought else "missed"
        else:
            verdict = "worse" if high < compare.WORSE else "not worse"
        wanted = f"≥ {sought}" if sought else "not worse"
        compared = [to, f"{mean:.3f}", f"{low:.3f} – {high:.3f}", wanted, verdict]
    cpu = [statistics.median(getattr(turn, field) for turn in turns) for field in ("cpu_service", "cpu_postgres", "cpu_load")]
    return [title, f"{common.median_of(turns):,.0f}", *compared, ", ".join(f"{share:.0f} %" for share in cpu)]


def main():
    arguments = common.parser(__doc__)
    arguments.set_defaults(rounds=30, seconds=2)
    options = arguments.parse_args()
    options.output = options.output or common.RESULTS
    tools = common.find_tools()
    common.demand(tools, "psql", "wrk")
    common.run_in_folder(options, tools, lambda folder: measure(options, tools, folder))


if __name__ == "__main__":
    main()

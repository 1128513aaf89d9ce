#!/usr/bin/env python3
"""All strangers at once beside 200 honest clients: what do the strangers cost the honest ones?

    deploy/soak [--minutes 10] [--database postgres|mysql|mariadb|sqlite] [--only STRANGER,...]

It starts a database server of its own (deploy/stack) and the service on it. Each stranger holds one resource (strangers.py
says which). Honest clients place, confirm and read orders without end, with a pause of 50 ms before each request. First, and
again at the end, for a tenth of the time each, the same strangers load a foreign socket: the control. The honest requests
that succeed in a second beside the strangers are compared with those of the control; memory and descriptors at the end
with those near the beginning (the last tenth with the second one). Last, wrk with lower priority (nice 10) takes turns with
300 and with 2,000 connections, without pauses, and the orders that are placed in a second are compared; so are the answers
of liveness, which waits in no line and asks no database: what is lost there is lost by the client and the kernel.

Every 30 s a line says how it goes. The exit code is 1 when something is not as it should be. On MySQL and MariaDB,
max_allowed_packet is 64 KiB. The process of the service gets 6 GiB of addresses at most, for the machine's sake.
"""

import argparse
import collections
import contextlib
import http.client
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(HERE), "bench.d"))
import database  # noqa: E402
import documents  # noqa: E402
import strangers  # noqa: E402
import throughput as common  # noqa: E402

CLIENTS = 200
WARM_UP_SECONDS = 5
LINE_SECONDS = 30
ENOUGH = 0.9
# The last tenth to the second one; and differences that an allocator and the coming and going of connections make.
FLAT, MEBIBYTES, DESCRIPTORS = 1.1, 8, 50
# More than what the bounds of docs/operations.md add up to for these strangers.
MOST_MEBIBYTES = 512
MOST_ADDRESSES = 6 << 30
PROBE_SECONDS = 2
FEW, MANY = 300, 2000
ROUNDS, ROUND_SECONDS = 5, 4
BUYER, HOARDER = 4_000_000_002, 4_000_000_003


class Service(common.Service):
    """The service with a management port and a config server."""

    def __init__(self, options, url, folder, config_port):
        super().__init__(options.binary, url, folder, options.log, options.set)
        self.operators = int(common.shell("free_ports 1"))
        self.command += [
            f"--management.server.port={self.operators}",
            f"--spring.config.import=configserver:http://127.0.0.1:{config_port}",
            "--spring.cloud.config.request-read-timeout=3s",
        ]

    def __enter__(self):
        super().__enter__()
        resource.prlimit(self.pid, resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
        return self

    @contextlib.contextmanager
    def asked(self, port, method, path, body=None, seconds=common.GIVE_UP_SECONDS):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            yield connection.getresponse()

    def is_ready(self, probe="readiness"):
        try:
            with self.asked(self.operators, "GET", f"/actuator/health/{probe}", seconds=PROBE_SECONDS) as answer:
                return answer.status == 200
        except (OSError, http.client.HTTPException):
            return False

    def write(self, method, path, body):
        """The id of the order that is written; its names are sent as they are, without escapes."""
        with self.asked(self.port, method, path, json.dumps(body, ensure_ascii=False).encode()) as answer:
            told = answer.read()
        if answer.status not in (200, 201):
            sys.exit(f"error: {method} {path} answered {answer.status}: {told.decode()[:400]}")
        return json.loads(told)["id"]

    def holds(self):
        """Resident memory in MiB, the number of open descriptors, and whether liveness and readiness say yes."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as statm:
            pages = int(statm.read().split()[1])
        descriptors = len(os.listdir(f"/proc/{self.pid}/fd"))
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, descriptors, self.is_ready("liveness") and self.is_ready()


class Child:
    """A program of this folder that tells its figures once a second."""

    def __init__(self, program, *arguments):
        command = [sys.executable, os.path.join(HERE, program), *map(str, arguments)]
        self.told = {}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.told = json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


# What honest clients got in a time; at each second of it memory, descriptors and whether both probes said yes; what
# strangers got.
Phase = collections.namedtuple("Phase", "rate failed times holds strangers")


def percentile(times, share):
    """Of milliseconds in steps of a tenth of their logarithm."""
    wanted = share * sum(times.values())
    for step in sorted(times, key=int):
        wanted -= times[step]
        if wanted <= 0:
            return math.exp(int(step) / 10)
    return math.nan


def since(before, after):
    """What honest clients got between two of their reports."""
    seconds = after["at"] - before["at"]
    difference = {name: collections.Counter(after[name]) for name in ("failed", "times")}
    for name, counts in difference.items():
        counts.subtract(before[name])
    return (after["good"] - before["good"]) / max(seconds, 0.001), *(+difference[name] for name in ("failed", "times"))


class Soak:
    """A prepared service with its honest clients, and the strangers."""

    def __init__(self, options, service, config, world, honest):
        self.options, self.service, self.config, self.honest = options, service, config, honest
        self.world = world
        self.begin = time.monotonic()

    def phase(self, title, seconds, ports):
        world = self.world | ports
        with Child("strangers.py", json.dumps(world), *self.options.only) as others:
            time.sleep(WARM_UP_SECONDS)
            while not self.honest.told:
                time.sleep(0.1)
            first = line = self.honest.told
            holds, end, next_line = [], time.monotonic() + seconds, time.monotonic() + LINE_SECONDS
            while time.monotonic() < end:
                time.sleep(1)
                ended = [what for what in (self.service, self.honest, others) if what.process.poll() is not None]
                if ended:
                    common.say(f"{title}: {ended[0].process.args[:2]} ended with code {ended[0].process.returncode}")
                    break
                holds.append(self.service.holds())
                if time.monotonic() >= next_line:
                    self.line(title, line, holds)
                    line, next_line = self.honest.told, next_line + LINE_SECONDS
            if holds:
                self.line(f"{title}, all", first, holds)
            return Phase(*since(first, self.honest.told), holds, others.told)

    def line(self, title, before, holds):
        rate, failed, times = since(before, self.honest.told)
        mebibytes, descriptors, _ = holds[-1]
        p50, p99 = (percentile(times, share) for share in (0.5, 0.99))
        common.say(
            f"{time.monotonic() - self.begin:5.0f} s  {title:14}  {rate:6,.0f} per second, {sum(failed.values())} failed, "
            f"p50 {p50:.1f} ms, p99 {p99:.0f} ms; {mebibytes:.0f} MiB, {descriptors} descriptors"
        )

    def beside_strangers_and_control(self):
        seconds = int(self.options.minutes * 60)
        foreign = [int(port) for port in common.shell("free_ports 2").split()]
        with Child("sink.py", *foreign):
            elsewhere = dict(zip(("port", "operators"), foreign))
            controls = [self.phase("control", max(seconds // 10, 10), elsewhere)]
            self.config.bad = True
            here = {"port": self.service.port, "operators": self.service.operators}
            beside = self.phase("strangers", seconds, here)
            if self.service.process.poll() is None:
                controls.append(self.phase("control", max(seconds // 10, 10), elsewhere))
        return controls, beside


def prepare(service, only):
    """The orders that strangers ask for."""
    common.say("preparing: 120 orders of one customer, 101 large ones of another; the last of them has 200 versions")
    small = {"customerId": BUYER, "items": [{"productId": 7, "quantity": 91, "unitPrice": "1.00"}]}
    large = json.loads(strangers.LARGE) | {"customerId": HOARDER}
    world = {"buyer": BUYER, "customer": HOARDER, "large": None}
    for _ in range(120):
        world["locked"] = service.write("POST", "/orders", small)
    if only and "unread" not in only:
        return world
    for _ in range(101):
        world["large"] = service.write("POST", "/orders", large)
    for version in range(2, 201):
        large["items"][0]["quantity"] = version
        service.write("PUT", f"/orders/{world['large']}", {"items": large["items"]})
    return world


# What is asked with few and with many connections. Liveness waits in no line and asks no database: what it loses is lost
# by client, kernel and sockets.
ORDERS, LIVENESS = "orders placed", "answers of liveness"


def overload(service, tools, folder):
    """Orders placed, and answers of liveness, in a second with few and with many connections, round by round."""

    def humbly():
        os.nice(10)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    requests = {
        ORDERS: common.REQUESTS["service-post"],
        LIVENESS: common.http_request("GET", f"/actuator/health/liveness?{common.MARK}"),
    }
    for what, text in requests.items():
        with open(os.path.join(folder, what), "w", encoding="ascii", newline="") as file:
            file.write(text)
    rates, first = {(what, count): [] for what in requests for count in (FEW, MANY)}, common.NEW_CUSTOMERS
    for number in range(ROUNDS):
        for what, count in rates if number % 2 else reversed(rates):
            script = ["-s", os.path.join(common.HERE, "throughput.lua"), f"http://127.0.0.1:{service.port}", "--"]
            options = [f"-t{common.THREADS}", f"-c{count}", f"-d{ROUND_SECONDS}s", *script]
            arguments = ["next", str(first), "0", os.path.join(folder, what)]
            said = common.run([tools["wrk"], *options, *arguments], preexec_fn=humbly)
            asked, microseconds, refused, broken = common.result_of(said)[:4]
            first += common.NUMBERS_PER_TURN
            rates[what, count].append((asked - refused) * 1e6 / microseconds)
            rate = rates[what, count][-1]
            common.say(f"{count} connections: {rate:,.0f} {what} per second, {refused} refused, {broken} broken")
    return rates


def tenth(holds, number, column):
    size = max(len(holds) // 10, 1)
    return statistics.fmean(row[column] for row in holds[number * size : (number + 1) * size])


class Report:
    """Lines of the page, and whether all is as it should be."""

    def __init__(self):
        self.good, self.verdicts = True, []

    def judge(self, sentence, wanted, met):
        self.good &= bool(met)
        self.verdicts.append(f"- {sentence} (target: {wanted}; {'met' if met else 'missed'}).")

    def goodput(self, controls, beside):
        yield ["honest clients", "requests per second", "failed", "p50 ms", "p99 ms"]
        for title, phase in [("control, before", controls[0]), ("beside the strangers", beside), ("control, after", controls[-1])]:
            p50, p99 = (f"{percentile(phase.times, share):.1f}" for share in (0.5, 0.99))
            yield [title, f"{phase.rate:,.0f}", f"{sum(phase.failed.values()):,}", p50, p99]
        ratio = beside.rate / statistics.fmean(control.rate for control in controls)
        self.judge(f"Honest goodput to that of the control: {ratio:.2f}", f"at least {ENOUGH}", ratio >= ENOUGH)
        failed = sum((phase.failed for phase in (*controls, beside)), collections.Counter())
        named = "".join(f"; {name} × {count:,}" for name, count in failed.most_common(8))
        self.judge(f"Honest requests that failed: {failed.total():,}{named}", "none", not failed)
        if any(control.failed for control in controls):
            self.verdicts.append("- Some failed in the control, too: the machine was too busy, and the figures mean little.")

    def flat(self, beside):
        yield ["the service holds", "second tenth", "last tenth", "at most"]
        failed = sum(not well for *_, well in beside.holds)
        self.judge(f"Probes of liveness and readiness that failed: {failed} of {len(beside.holds)}", "none", not failed)
        if len(beside.holds) < 10:
            return
        for column, (title, slack) in enumerate([("MiB of memory", MEBIBYTES), ("Descriptors", DESCRIPTORS)]):
            early, late = (tenth(beside.holds, number, column) for number in (1, 9))
            most = max(row[column] for row in beside.holds)
            yield [title, f"{early:,.0f}", f"{late:,.0f}", f"{most:,.0f}"]
            allowed = FLAT * early + slack
            self.judge(f"{title} at the end: {late:,.0f}", f"at most {allowed:,.0f}", late <= allowed)
        most = max(row[0] for row in beside.holds)
        self.judge(f"The most memory: {most:,.0f} MiB", f"at most {MOST_MEBIBYTES}", most <= MOST_MEBIBYTES)

    @staticmethod
    def strangers(beside):
        yield ["stranger", "at once", "holds", "what they got"]
        for name, got in beside.strangers.items():
            stranger, count = strangers.BY_NAME[name]
            told = [f"{what} × {times:,}" for what, times in collections.Counter(got).most_common(5)]
            yield [name.replace("_", " "), f"{count:,}", stranger.__doc__.strip(), "; ".join(told)]

    def overload(self, rates):
        yield ["in a second", "median", "min – max"]
        for (what, count), found in rates.items():
            range_of = f"{min(found):,.0f} – {max(found):,.0f}"
            yield [f"{what}, {count:,} connections", f"{statistics.median(found):,.0f}", range_of]
        ratio_of = lambda what: statistics.median(
            many / max(few, 1) for few, many in zip(rates[what, FEW], rates[what, MANY])
        )
        ratio, floor = ratio_of(ORDERS), ratio_of(LIVENESS)
        sentence = f"Goodput with {MANY:,} connections to that with {FEW}: {ratio:.2f}, where liveness has {floor:.2f}"
        self.judge(sentence, f"at least {ENOUGH}", ratio >= ENOUGH)


def publish(options, report, tables, version):
    """Prints the summary, and writes the page where results go, if anywhere."""
    command = f"deploy/soak --minutes {options.minutes:g} --database {options.database}"
    command += f" --only {','.join(options.only)}" if options.only else ""
    command += "".join(f" --set {setting}" for setting in options.set)
    ran = list(common.computer(argparse.Namespace(rounds=0, seconds=0, set=options.set)))[0]
    print("\n\n".join("\n".join(common.plain(table)) for table in tables))
    print("\n".join(["", *report.verdicts, f"{ran} {version}."]))
    if not options.output:
        return
    text = [f"# Soak on {version.split()[0]}", "", f"Written by `{command}`; `deploy/soak --help` tells how it measures.", ""]
    text += [f"{ran} {version}. Strangers, clients, service and database share the cores.", "", *report.verdicts, ""]
    for table in tables:
        text += [*common.markdown(table), ""]
    os.makedirs(options.output, exist_ok=True)
    name = "soak.md" if options.database == "postgres" else f"soak-{options.database}.md"
    with open(os.path.join(options.output, name), "w", encoding="utf-8") as page:
        page.write("\n".join(text).rstrip() + "\n")
    common.say(f"written: {os.path.join(options.output, name)}")


def measure(options, tools, folder, code):
    work = os.path.join(folder, "work")
    os.mkdir(work)
    with database.Server(options.database, os.path.join(folder, "stack")) as server:
        config_port = int(common.shell("free_ports 1"))
        config = documents.Documents(config_port)
        service = Service(options, server.url, work, config_port)
        with service:
            world = prepare(service, options.only) | {"session": server.session}
        server.shrink_packets()
        report = Report()
        with service:
            with Child("honest.py", service.port, CLIENTS) as honest:
                soak = Soak(options, service, config, world, honest)
                controls, beside = soak.beside_strangers_and_control()
            tables = [list(rows) for rows in (report.goodput(controls, beside), report.flat(beside), report.strangers(beside))]
            alive = service.process.poll() is None
            report.judge(f"The service {'ran' if alive else 'ended'}", "it runs to the end", alive)
            if alive and not options.only:
                tables.append(list(report.overload(overload(service, tools, work))))
        publish(options, report, tables, server.version())
    code.append(0 if report.good else 1)


def names(text):
    found = text.split(",")
    if unknown := [name for name in found if name not in strangers.BY_NAME]:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(strangers.BY_NAME)}")
    return found


def main():
    if sys.version_info < (3, 11):
        sys.exit("error: this needs Python 3.11, for the time-outs of asyncio")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--binary", required=True, type=os.path.abspath, help="the service's program; deploy/soak gives it")
    add("--minutes", type=float, default=10, help="how long the strangers are there (10)")
    add("--database", choices=("postgres", "mysql", "mariadb", "sqlite"), default="postgres", help="(postgres)")
    only = f"only these, and no overload: {', '.join(strangers.BY_NAME)}"
    add("--only", type=names, default=[], metavar="STRANGER,…", help=only)
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the service")
    add("--log", type=os.path.abspath, default=os.devnull, help="a file for the service's log (/dev/null)")
    add("--folder", default="/var/tmp", help="where the data are meanwhile: on a disk, open to others (/var/tmp)")
    add("--output", type=os.path.abspath, help="where the page goes (docs/benchmarks after ten minutes of all; else nowhere)")
    options = parser.parse_args()
    if not options.only and options.minutes >= parser.get_default("minutes"):
        options.output = options.output or common.RESULTS
    tools = common.find_tools()
    common.demand(tools, "wrk", "psql")
    code = []
    common.run_in_folder(options, tools, lambda folder: measure(options, tools, folder, code))
    sys.exit(code[0])


if __name__ == "__main__":
    main()

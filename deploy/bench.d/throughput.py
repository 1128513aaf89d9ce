#!/usr/bin/env python3
"""Durable writes and reads over HTTP, on PostgreSQL, beside a Spring Boot service, and pgbench without a service.

It starts a PostgreSQL of its own (deploy/stack, default durability, a throw-away folder), and both services on it. Two
databases on that server have the service's tables and the same prepared rows: one is the service's, the other is
pgbench's. A third is the Spring service's. The contestants take turns, several seconds each, for several rounds, forwards
and backwards; each turn begins with a CHECKPOINT. A ratio is that of two turns of one round. The first, short round warms
up and is not counted; the Spring service has a longer one, in which Java compiles what runs often.

  post  POST /orders, a new customer each             to  order + event in one transaction: two statements; one (CTE)
  put   PUT /orders/{id}/status, a new order each     to  update + event in one transaction
  get   GET /orders/{id}, random                      to  point select
  list  GET /orders/customer/{id}, random, 20 orders  to  select of those 20

An order has three lines, without names. The load is wrk with 2 threads and 64 connections, and pgbench -M prepared with
2 threads and 64 clients. The service has its default settings; its log, with a line for each request, goes to /dev/null.

The Spring service is the JPA service of deploy/peers/spring (deploy/peers/build), as it is packaged, and takes the same
requests. Java has no options but those in JAVA_TOOL_OPTIONS, where a smaller heap can be asked for. Hibernate makes the
table; it gets the same orders, as the Spring service stores them, and the index that the service's table has for lists.
Both services open at most 10 connections to the database.
"""

import argparse
import collections
import contextlib
import datetime
import glob
import http.client
import json
import os
import re
import resource
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

CONNECTIONS = 64
THREADS = 2  # throughput.lua counts on two
TARGET_MEBIBYTES = 64
GIVE_UP_SECONDS = 30
WARM_UP_SECONDS = 2
SPRING_WARM_UP_SECONDS = 15
STARTS = 3

# Numbers of ten digits, so that every request is as long as the other. New ids are the highest, as everywhere.
READ_ORDERS, ORDERS_PER_CUSTOMER, CUSTOMERS = 1_000_000_000, 20, 5_000
READ_CUSTOMERS = 1_500_000_000
NEW_CUSTOMERS = 2_000_000_000
PENDING_ORDERS = 3_000_000_000
NEW_ORDERS = 5_000_000_000
NUMBERS_PER_TURN = 10_000_000
# Of the prepared order n, in SQL: one millisecond after another.
CUSTOMER_TO_READ = f"{READ_CUSTOMERS} + n % {CUSTOMERS}"
TIME_OF_N = "timestamp '2026-01-01' + n * interval '1 millisecond'"

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RESULTS = os.path.join(ROOT, "docs", "benchmarks")

LINES = [
    {"productId": 1007, "quantity": 3, "unitPrice": "49.99"},
    {"productId": 1011, "quantity": 10, "unitPrice": "4.50"},
    {"productId": 1013, "quantity": 1, "unitPrice": "129.00"},
]

Contestant = collections.namedtuple("Contestant", "name title group target")
# The service's come first in their group; the target is for the service's ratio to this one, and may be missing.
CONTESTANTS = [
    Contestant("service-post", "POST /orders", "post", None),
    Contestant("spring-post", "Spring Boot and JPA: the same", "post", None),
    Contestant("pgbench-two", "pgbench: insert order, insert event", "post", 5.0),
    Contestant("pgbench-cte", "pgbench: both in one statement", "post", 2.5),
    Contestant("service-put", "PUT /orders/{id}/status", "put", None),
    Contestant("spring-put", "Spring Boot and JPA: the same", "put", None),
    Contestant("pgbench-update", "pgbench: update order, insert event", "put", 4.0),
    Contestant("service-get", "GET /orders/{id}", "get", None),
    Contestant("spring-get", "Spring Boot and JPA: the same", "get", None),
    Contestant("pgbench-select", "pgbench: select one order", "get", 1.5),
    Contestant("service-list", "GET /orders/customer/{id}, 20 orders", "list", None),
    Contestant("spring-list", "Spring Boot and JPA: the same", "list", None),
    Contestant("pgbench-list", "pgbench: select 20 orders", "list", 0.8),
]
# What each needs.
TOOLS = {"service": "wrk", "spring": "spring", "pgbench": "pgbench"}
GROUPS = list(dict.fromkeys(contestant.group for contestant in CONTESTANTS))

# Per second, and shares of all cores.
Turn = collections.namedtuple("Turn", "rate cpu_service cpu_postgres cpu_load")


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **more)
    if done.returncode != 0:
        sys.exit(f"error: {command[0]} failed: {(done.stderr.strip() or done.stdout.strip())[:800]}")
    return done.stdout


def shell(script, **more):
    """Runs a line of bash that uses deploy/lib.sh; its messages pass through."""
    command = ["bash", "-c", f"set -euo pipefail; . {HERE}/../lib.sh; {script}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, **more)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return done.stdout


def newest_postgres_bin():
    folders = glob.glob("/usr/lib/postgresql/*/bin")
    return max(folders, key=lambda folder: [int(part) for part in re.findall(r"\d+", folder)], default="")


def find_tools():
    """wrk, psql and pgbench; installs Debian's packages where it may. What is still missing is None."""
    wanted = []
    if shutil.which("wrk") is None:
        wanted.append("wrk")
    if not os.access(os.path.join(newest_postgres_bin(), "pgbench"), os.X_OK):
        wanted.append("postgresql")
    if wanted and os.geteuid() == 0:
        shell(f"install_packages {' '.join(wanted)}")
    folder = newest_postgres_bin()
    return {name: shutil.which(name, path=folder) for name in ("psql", "pgbench")} | {"wrk": shutil.which("wrk")}


def find_spring():
    """The Spring service's jar, built if need be; None where it cannot be built."""
    built = subprocess.run([os.path.join(ROOT, "deploy", "peers", "build")], stdout=subprocess.PIPE, text=True, check=False)
    return os.path.join(built.stdout.strip(), "old-order-service.jar") if built.returncode == 0 else None


def literal(text):
    """A constant of SQL, in which pgbench finds none of its own variables."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a") + "'"


class Postgres:
    """A server of deploy/stack in a throw-away folder."""

    def __init__(self, folder, psql):
        self.psql = psql
        self.port = int(shell("free_ports 1"))
        self.environment = os.environ | {"STACK_DIR": folder, "STACK_POSTGRES_PORT": str(self.port)}
        self.stack = os.path.join(ROOT, "deploy", "stack")

    def __enter__(self):
        try:
            subprocess.run([self.stack, "up", "postgres"], stdout=sys.stderr, env=self.environment, check=True)
        except subprocess.CalledProcessError:
            self.__exit__()
            sys.exit("error: PostgreSQL did not start; see above")
        environment = run([self.stack, "env", "postgres"], env=self.environment)
        self.pid = int(re.search(r"STACK_POSTGRES_PID=(\d+)", environment)[1])
        return self

    def restart_with(self, name, value):
        """Sets a parameter of the server that it takes when it starts."""
        self.query("postgres", f"ALTER SYSTEM SET {name} = '{value}'")
        subprocess.run([self.stack, "down", "postgres"], stdout=sys.stderr, env=self.environment, check=True)
        self.__enter__()

    def __exit__(self, *_):
        subprocess.run([self.stack, "down", "--data", "postgres"], env=self.environment, check=False)

    def url(self, database):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def query(self, database, sql):
        command = [self.psql, "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]
        return run([*command, f"--command={sql}", self.url(database)]).strip()


class Service:
    """The service on a database. What it logs goes to a file, or nowhere. Requests to a variant have files of their own."""

    ready_path, patience = "/actuator/health/readiness", GIVE_UP_SECONDS

    def __init__(self, binary, url, folder, log, settings, scheme="http", variant=None):
        self.scheme, self.suffix = scheme, f".{variant}" if variant else ""
        self.port = int(shell("free_ports 1"))
        options = [f"--server.port={self.port}", f"--spring.datasource.url={url}"]
        self.command = [binary, *options, *(f"--{setting}" for setting in settings)]
        self.folder, self.log = folder, log
        # The most memory of any of its processes.
        self.peak = 0.0

    def __enter__(self):
        begin = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.pid = self.process.pid
        try:
            while not self.is_ready():
                if self.process.poll() is not None or time.monotonic() > begin + self.patience:
                    sys.exit(f"error: {self.command[0]} did not become ready; --log FILE keeps what it says")
                time.sleep(0.005)
            self.start_milliseconds = (time.monotonic() - begin) * 1000
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.peak_mebibytes()
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(GIVE_UP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def is_ready(self):
        try:
            return self.ask("GET", self.ready_path)[0] == 200
        except OSError:
            return False

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=GIVE_UP_SECONDS)
        if self.scheme == "https":
            # Its certificate is its own.
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=GIVE_UP_SECONDS, context=context)
        with contextlib.closing(connection):
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def peak_mebibytes(self):
        with contextlib.suppress(OSError, StopIteration):
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
                peak = int(next(line.split()[1] for line in status if line.startswith("VmHWM:"))) / 1024
            self.peak = max(self.peak, peak)
        return self.peak


class Spring(Service):
    """The JPA service of deploy/peers/spring on a database of its own. It has no readiness: its first list is waited for."""

    ready_path, patience = "/orders/customer/1", 180

    def __init__(self, jar, postgres, folder, log):
        settings = ["eureka.client.enabled=false", "spring.datasource.username=postgres"]
        url = f"jdbc:postgresql://127.0.0.1:{postgres.port}/spring"
        super().__init__("java", url, folder, log, settings)
        self.command[1:1] = ["-jar", jar]

    def fill(self, postgres):
        """Has Hibernate make the table, and the service the order of which all others are copies."""
        postgres.query("postgres", "CREATE DATABASE spring")
        with self:
            status, answer = self.ask("POST", "/orders", {"customerId": NEW_CUSTOMERS - 1, "items": LINES})
            if status != 201:
                sys.exit(f"error: Spring's POST /orders answered {status}: {answer.decode()}")
            self.order = json.loads(answer)["id"]
            postgres.query("spring", self.prepare(READ_ORDERS, CUSTOMERS * ORDERS_PER_CUSTOMER, CUSTOMER_TO_READ))
            postgres.query("spring", "CREATE INDEX orders_by_customer ON orders (customer_id, created_at, id)")
            postgres.query("spring", "VACUUM ANALYZE")
            found = len(json.loads(self.ask("GET", f"/orders/customer/{READ_CUSTOMERS}")[1]))
            if found != ORDERS_PER_CUSTOMER:
                sys.exit(f"error: Spring's list has {found} orders")

    def prepare(self, first, count, customer):
        """As Rows.prepare, for this table."""
        return (
            "INSERT INTO orders (id, customer_id, items, total_amount, status, created_at, updated_at) "
            f"SELECT {first} + n, {customer}, items, total_amount, 'PENDING', {TIME_OF_N}, {TIME_OF_N} "
            f"FROM generate_series(0, {count - 1}) AS n, orders AS placed WHERE placed.id = {self.order}"
        )


def one_row(postgres, sql):
    return json.loads(postgres.query("orders", f"SELECT row_to_json(chosen) FROM ({sql}) AS chosen"))


def learn_rows(postgres, service):
    """Has the service place and confirm an order, and returns the rows that this made."""
    status, answer = service.ask("POST", "/orders", {"customerId": NEW_CUSTOMERS - 1, "items": LINES})
    if status != 201:
        sys.exit(f"error: POST /orders answered {status}: {answer.decode()}")
    order = json.loads(answer)["id"]
    # Texts, since that is what the columns hold.
    texts = "id, items::text, total_amount::text, status, currency"
    placed = one_row(postgres, f"SELECT {texts} FROM orders WHERE id = {order}")
    status, answer = service.ask("PUT", f"/orders/{order}/status", {"status": "CONFIRMED"})
    if status != 200:
        sys.exit(f"error: PUT /orders/{order}/status answered {status}: {answer.decode()}")
    event = f"SELECT event_type, context, data FROM outbox WHERE order_id = {order} AND sequence ="
    created, confirmed = (one_row(postgres, f"{event} {number}") for number in (1, 2))
    return placed, created, confirmed


class Rows:
    """The SQL of pgbench and of the prepared data, made of the rows that the service writes."""

    def __init__(self, placed, created, confirmed):
        self.placed, self.created, self.confirmed = placed, created, confirmed

    def prepare(self, first, count, customer):
        """Orders; `customer` is that of the order `n`."""
        return (
            "INSERT INTO orders (id, customer_id, items, total_amount, status, created_at, updated_at, currency) "
            f"SELECT {first} + n, {customer}, {literal(self.placed['items'])}, {self.placed['total_amount']}, "
            f"'PENDING', {TIME_OF_N}, {TIME_OF_N}, '{self.placed['currency']}' FROM generate_series(0, {count - 1}) AS n"
        )

    def insert_order(self):
        return (
            "INSERT INTO orders (id, customer_id, items, total_amount, status, created_at, updated_at, version, "
            f"currency) VALUES (:id, :customer, {literal(self.placed['items'])}, {self.placed['total_amount']}, "
            "'PENDING', "
            f"now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', 1, '{self.placed['currency']}')"
        )

    @staticmethod
    def insert_event(event, sequence):
        # Ids of events go up with time, as the service's do: random ones would cost pgbench more.
        guid = f"CAST('01980000-0000-7000-{7 + sequence}000-' || lpad(to_hex(CAST(:id AS bigint)), 12, '0') AS uuid)"
        return (
            "INSERT INTO outbox (event_id, order_id, sequence, event_type, occurred_at, context, data) "
            f"VALUES ({guid}, :id, {sequence}, '{event['event_type']}', "
            f"now() AT TIME ZONE 'UTC', {literal(event['context'])}, {literal(event['data'])})"
        )

    def scripts(self):
        order, event = self.insert_order(), self.insert_event(self.created, 1)
        next_id = "\\set n :n + 1\n\\set id :first + :client_id + :clients * :n\n"
        next_order = f"{next_id}\\set customer :customers + :client_id + :clients * :n\n"
        columns = (
            "id, customer_id, items, total_amount, status, created_at, updated_at, version, currency, "
            "client_reference, cancel_reason"
        )
        update = (
            "UPDATE orders SET status = 'CONFIRMED', version = 2, updated_at = now() AT TIME ZONE 'UTC' "
            "WHERE id = :id AND version = 1"
        )
        return {
            "pgbench-two": f"{next_order}BEGIN;\n{order};\n{event};\nCOMMIT;\n",
            "pgbench-cte": f"{next_order}WITH placed AS ({order})\n{event};\n",
            "pgbench-update": f"{next_id}BEGIN;\n{update};\n{self.insert_event(self.confirmed, 2)};\nCOMMIT;\n",
            "pgbench-select": f"\\set id random(:first, :last)\nSELECT {columns} FROM orders WHERE id = :id;\n",
            "pgbench-list": "\\set customer random(:first, :last)\n"
            f"SELECT {columns} FROM orders WHERE customer_id = :customer ORDER BY created_at DESC, id DESC LIMIT 20;\n",
        }


def http_request(method, path, body=None):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if body is not None:
        # The ids are of ten digits, the mark is of ten characters.
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", body or ""])


MARK = "@" * 10
REQUESTS = {
    "service-post": http_request(
        "POST", "/orders", f'{{"customerId":{MARK},"items":{json.dumps(LINES, separators=(",", ":"))}}}'
    ),
    "service-put": http_request("PUT", f"/orders/{MARK}/status", '{"status":"CONFIRMED"}'),
    "service-get": http_request("GET", f"/orders/{MARK}"),
    "service-list": http_request("GET", f"/orders/customer/{MARK}"),
}


class Pending:
    """Orders that are not confirmed yet, in one database: made as they are needed, each confirmed once."""

    def __init__(self, postgres, database, rows, rate):
        self.postgres, self.database, self.rows, self.rate = postgres, database, rows, rate
        self.end = self.next = PENDING_ORDERS

    def provide(self, seconds):
        """The first of enough orders for a turn."""
        lacking = int(self.next + self.rate * seconds - self.end)
        if lacking > 0:
            self.postgres.query(self.database, self.rows.prepare(self.end, lacking, f"{self.end} + n"))
            self.end += lacking
        return self.next

    def use(self, count, seconds):
        self.next += count
        self.rate = max(self.rate, 1.5 * count / seconds)


def ticks_of(pid):
    """User and system time of a process, and of its children that have ended, in seconds."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK"), int(fields[1])


def tree_seconds(pid):
    total = ticks_of(pid)[0]
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                seconds, parent = ticks_of(entry)
                total += seconds if parent == pid else 0
    return total


class Bench:
    """All contestants, and what they did."""

    def __init__(self, tools, postgres, service, rows, folder):
        self.tools, self.postgres, self.service, self.folder = tools, postgres, service, folder
        self.pending = {
            "service-put": Pending(postgres, "orders", rows, 30_000),
            "pgbench-update": Pending(postgres, "pgbench", rows, 30_000),
        }
        for name, text in (REQUESTS | rows.scripts()).items():
            with open(os.path.join(folder, name), "w", encoding="ascii", newline="") as file:
                file.write(text)
        self.spring = None
        self.turns = 0
        self.written = collections.Counter()
        self.wrong = collections.Counter()

    def take_in(self, spring):
        """One more contestant, with a database of its own."""
        spring.fill(self.postgres)
        self.spring = spring
        self.pending["spring-put"] = Pending(self.postgres, "spring", spring, 5_000)

    def turn(self, name, seconds):
        pending = self.pending.get(name)
        first = pending.provide(seconds) if pending else None
        self.postgres.query("postgres", "CHECKPOINT")
        number = NUMBERS_PER_TURN * self.turns
        self.turns += 1
        service = self.spring if name.startswith("spring") else self.service
        before = self.cpu_seconds(service)
        begin = time.monotonic()
        if name.startswith(("service", "spring")):
            rate, count, used = self.turn_of_wrk(service, name, seconds, first, number)
        else:
            rate, count, used = self.turn_of_pgbench(name, seconds, first, number)
        elapsed = time.monotonic() - begin
        if pending:
            pending.use(used, seconds)
        self.written[name] += count
        shares = [100 * (b - a) / elapsed / os.cpu_count() for a, b in zip(before, self.cpu_seconds(service))]
        return Turn(rate, *shares)

    def cpu_seconds(self, service):
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ticks_of(service.pid)[0], tree_seconds(self.postgres.pid), usage.ru_utime + usage.ru_stime

    def turn_of_wrk(self, service, name, seconds, first, number):
        asked = name.replace("spring", "service")
        order, start, count = {
            "service-post": ("next", NEW_CUSTOMERS + number, 0),
            "service-put": ("next", first, 0),
            "service-get": ("random", READ_ORDERS, CUSTOMERS * ORDERS_PER_CUSTOMER),
            "service-list": ("random", READ_CUSTOMERS, CUSTOMERS),
        }[asked]
        options = [f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", os.path.join(HERE, "throughput.lua")]
        url = f"{service.scheme}://127.0.0.1:{service.port}"
        request = f"{self.folder}/{asked}{service.suffix}"
        output = run([self.tools["wrk"], *options, url, "--", order, str(start), str(count), request])
        requests, microseconds, refused, broken, used = result_of(output)
        self.wrong[name] += refused + broken
        return requests * 1e6 / microseconds, requests - refused, used

    def turn_of_pgbench(self, name, seconds, first, number):
        low, high = {
            "pgbench-two": (NEW_ORDERS + number, 0),
            "pgbench-cte": (NEW_ORDERS + number, 0),
            "pgbench-update": (first, 0),
            "pgbench-select": (READ_ORDERS, READ_ORDERS + CUSTOMERS * ORDERS_PER_CUSTOMER - 1),
            "pgbench-list": (READ_CUSTOMERS, READ_CUSTOMERS + CUSTOMERS - 1),
        }[name]
        variables = {
            "first": low, "last": high, "customers": NEW_CUSTOMERS + number, "clients": CONNECTIONS, "n": -1,
        }
        options = ["-n", "-M", "prepared", "-c", CONNECTIONS, "-j", THREADS, "-T", seconds]
        options += ["-f", f"{self.folder}/{name}", *(f"-D{variable}={value}" for variable, value in variables.items())]
        output = run([self.tools["pgbench"], *map(str, options), self.postgres.url("pgbench")])
        rate = re.search(r"^tps = ([0-9.]+) \(without", output, re.MULTILINE)
        count = re.search(r"actually processed: (\d+)", output)
        if not rate or not count:
            sys.exit(f"error: pgbench said: {output}")
        failed = re.search(r"failed transactions: (\d+)", output)
        self.wrong[name] += int(failed[1]) if failed else 0
        # Clients are not equally fast: the fastest may be ahead of the mean.
        return float(rate[1]), int(count[1]), 2 * int(count[1])

    def check_rows(self):
        """Whether all that was answered is there; a sentence for each contestant of which it is not."""
        new = f"id >= {NEW_ORDERS}"
        changed = f"id >= {PENDING_ORDERS} AND id < {NEW_ORDERS} AND status = 'CONFIRMED'"
        questions = {
            ("service-post", "service-alone"): ("orders", new),
            ("pgbench-two", "pgbench-cte"): ("pgbench", new),
            ("service-put",): ("orders", changed),
            ("pgbench-update",): ("pgbench", changed),
        }
        if self.spring:
            # It numbers its own orders from 1.
            questions[("spring-post",)] = ("spring", f"id < {READ_ORDERS}")
            questions[("spring-put",)] = ("spring", changed)
        for names, (database, condition) in questions.items():
            answered = sum(self.written[name] for name in names)
            stored = int(self.postgres.query(database, f"SELECT count(*) FROM orders WHERE {condition}"))
            if stored < answered:
                yield f"{' and '.join(names)}: {answered} were answered, but only {stored} are stored"


def result_of(output):
    """The numbers in what throughput.lua prints last: requests, microseconds, refused, broken, numbers used."""
    result = re.search(r"^result (\d+) (\d+) (\d+) (\d+) (\d+)$", output, re.MULTILINE)
    if not result:
        sys.exit(f"error: wrk said: {output}")
    return [int(number) for number in result.groups()]


def median_of(turns, field="rate"):
    return statistics.median(getattr(turn, field) for turn in turns)


def ratios(results, contestant):
    """The service's rate to this one's, of each round; empty for the service itself."""
    service = next(other for other in CONTESTANTS if other.group == contestant.group)
    if service is contestant:
        return []
    pairs = zip(results.get(service.name, []), results.get(contestant.name, []))
    return [ours.rate / theirs.rate for ours, theirs in pairs]


def table(results, chosen):
    """The rows of the table, as texts."""
    head = ["per second", "median", "min – max", "service / this", "min – max", "target", ""]
    yield [*head, "CPU service, PostgreSQL, load"]
    for contestant in chosen:
        turns = results.get(contestant.name)
        if not turns:
            yield [contestant.title, "not measured", "", "", "", "", "", ""]
            continue
        rates = [turn.rate for turn in turns]
        row = [contestant.title, f"{median_of(turns):,.0f}", f"{min(rates):,.0f} – {max(rates):,.0f}"]
        found = ratios(results, contestant)
        ratio = statistics.median(found) if found else None
        row += [f"{ratio:.2f}", f"{min(found):.2f} – {max(found):.2f}"] if found else ["", ""]
        if found and contestant.target:
            row += [f"≥ {contestant.target}", "met" if ratio >= contestant.target else "missed"]
        else:
            row += ["", ""]
        shares = [median_of(turns, field) for field in ("cpu_service", "cpu_postgres", "cpu_load")]
        yield [*row, ", ".join(f"{share:.0f} %" for share in shares)]


def plain(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        yield "  ".join(cells).rstrip()


def markdown(rows):
    yield "| " + " | ".join(rows[0]) + " |"
    yield "|---|" + "---:|" * (len(rows[0]) - 1)
    for row in rows[1:]:
        yield "| " + " | ".join(row) + " |"


COLOURS = {"service": "#2a78b5", "spring": "#d9822b", "pgbench": "#b0b0b0"}


def plot(results, chosen):
    """Bars of the medians, with lines from the lowest to the highest round."""
    shown = [contestant for contestant in chosen if results.get(contestant.name)]
    left, wide, step, gap = 270, 460, 24, 16
    longest = max(turn.rate for turns in results.values() for turn in turns)
    scale = wide / longest
    parts, y, group = [], 40, shown[0].group
    for contestant in shown:
        if contestant.group != group:
            y, group = y + gap, contestant.group
        rates = [turn.rate for turn in results[contestant.name]]
        median, low, high = statistics.median(rates), min(rates), max(rates)
        colour = COLOURS[contestant.name.split("-")[0]]
        found = ratios(results, contestant)
        compared = f"; service × {statistics.median(found):.2f}" if found else ""
        compared += f", target {contestant.target}" if found and contestant.target else ""
        middle = y + step / 2 - 2
        parts += [
            f'<text x="{left - 8}" y="{middle + 4}" text-anchor="end">{contestant.title}</text>',
            f'<rect x="{left}" y="{y}" width="{median * scale:.1f}" height="{step - 4}" fill="{colour}"/>',
            f'<path d="M{left + low * scale:.1f} {middle}H{left + high * scale:.1f}" stroke="#222"/>',
            f'<text x="{left + high * scale + 6:.1f}" y="{middle + 4}">{median:,.0f}{compared}</text>',
        ]
        y += step
    width, height = left + wide + 240, y + 12
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{left}" y="22" font-size="14">Requests or transactions per second, {CONNECTIONS} connections</text>',
        *parts,
        "</svg>",
        "",
    ])


def computer(options):
    """What this ran on, as sentences."""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
        models = re.findall(r"^model name\s*: (.*)$", info.read(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = models[0] if models else os.uname().machine
    yield f"{datetime.date.today()}, {os.cpu_count()} cores ({model}), {memory:.0f} GiB."
    changed = f" Settings changed: {', '.join(options.set)}." if options.set else ""
    yield f"{options.rounds} rounds of {options.seconds} seconds for each contestant.{changed}"


def machine(postgres, options):
    """The same, with the database server."""
    yield from computer(options)
    version = postgres.query("postgres", "SHOW server_version")
    settings = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")
    shown = ", ".join(f"{name} = {postgres.query('postgres', f'SHOW {name}')}" for name in settings)
    yield f"PostgreSQL {version}, {shown}. Service, database and load generator share the cores, so read the ratios."


def publish(name, title, rows, bench, options, notes, pictures=()):
    """Prints the table and what belongs to it, and writes the same to docs/benchmarks unless something went wrong."""
    peak = bench.service.peak_mebibytes()
    verdict = "met" if peak <= TARGET_MEBIBYTES else "missed"
    memory = f"The service's peak resident memory: {peak:.1f} MiB (target: at most {TARGET_MEBIBYTES}; {verdict})."
    sizes = bench.postgres.query(
        "orders",
        "SELECT event_type || ' ' || octet_length(context) + octet_length(data) FROM outbox "
        "WHERE order_id = (SELECT min(order_id) FROM outbox) ORDER BY sequence",
    )
    events = f"Bytes of context and data of an event row: {', '.join(sizes.splitlines())}."
    alarms = [f"{contestant}: {count} requests failed" for contestant, count in bench.wrong.items() if count]
    alarms += bench.check_rows()
    errors = "No request failed: every answer was 2xx, every transaction was committed, and every one is stored."
    if alarms:
        errors = f"WRONG, so the figures mean little: {'; '.join(alarms)}."
    facts = [*notes, "", memory, events, errors]
    if alarms:
        options.output = None
    write(name, title, rows, facts, list(machine(bench.postgres, options)), options, pictures)


def write(name, title, rows, facts, machine_lines, options, pictures=()):
    """Prints a table and what belongs to it, and writes the same to where results go, if anywhere."""
    print("\n".join([*plain(rows), "", *facts, *machine_lines]))
    if not options.output:
        say("nothing is written: something went wrong, or not all was measured")
        return
    command = f"deploy/bench {name} --rounds {options.rounds} --seconds {options.seconds}"
    command += "".join(f" --set {setting}" for setting in options.set)
    text = [
        f"# {title}",
        "",
        f"Written by `{command}`; `deploy/bench {name} --help` tells how it measures.",
        "",
        *machine_lines,
        "",
        *markdown(rows),
        "",
        *facts,
        "",
        *(f"![The same as bars]({file})\n" for file, _ in pictures),
    ]
    os.makedirs(options.output, exist_ok=True)
    for file, content in ((f"{name}.md", "\n".join(text).rstrip() + "\n"), *pictures):
        with open(os.path.join(options.output, file), "w", encoding="utf-8") as written:
            written.write(content)
        say(f"written: {os.path.join(options.output, file)}")


@contextlib.contextmanager
def prepared(options, tools, folder, bench_class):
    """A bench with PostgreSQL running, the data in both databases, and the service ready to be started."""
    work = os.path.join(folder, "work")
    os.mkdir(work)
    with Postgres(os.path.join(folder, "stack"), tools["psql"]) as postgres:
        service = Service(options.binary, postgres.url("orders"), work, options.log, options.set)
        with service:
            rows = Rows(*learn_rows(postgres, service))
        count = CUSTOMERS * ORDERS_PER_CUSTOMER
        say(f"preparing {count} orders to read")
        postgres.query("orders", rows.prepare(READ_ORDERS, count, CUSTOMER_TO_READ))
        postgres.query("orders", f"UPDATE id_blocks SET next_id = {NEW_ORDERS}")
        postgres.query("orders", "VACUUM ANALYZE")
        postgres.query("postgres", "CREATE DATABASE pgbench TEMPLATE orders")
        postgres.query("pgbench", "VACUUM ANALYZE")
        yield bench_class(tools, postgres, service, rows, work)


def start_times(services):
    """Milliseconds from start to ready of each service, several times, one service at a time."""
    times = collections.defaultdict(list)
    for _ in range(STARTS):
        for name, service in services.items():
            with service:
                times[name].append(service.start_milliseconds)
    return times


def beside_spring(bench, starts, ready):
    """What the Spring service is, and start and memory of both, as lines of Markdown."""
    with open(os.path.join(ROOT, "deploy", "peers", "spring", "pom.xml"), encoding="utf-8") as pom:
        boot = re.search(r"spring-boot-starter-parent</artifactId>\s*<version>([^<]+)", pom.read())[1]
    java = subprocess.run(["java", "-version"], stderr=subprocess.PIPE, text=True, check=True).stderr
    java = re.search(r'version "([^"]+)"', java)[1]
    yield ""
    options = os.environ.get("JAVA_TOOL_OPTIONS")
    options = f"`JAVA_TOOL_OPTIONS={options}`" if options else "without options"
    yield f"The Spring service: Spring Boot {boot}, Java {java}, {options}; {SPRING_WARM_UP_SECONDS} seconds of each kind of"
    yield "request before the first round. Both services open at most 10 connections to the database. The Spring service does"
    yield "less for a request: it writes no event, checks neither lines nor changes of status, and writes no line to a log."
    yield ""
    yield from markdown([["", "service", "Spring Boot and JPA", "Spring / service"], *start_and_memory(bench, starts, ready)])
    yield ""
    yield f"Start: from the program's start to the first 200 of `{Service.ready_path}` (Spring service: of a list,"
    yield f"`{Spring.ready_path}`), {STARTS} times each, alone, tables in place. Memory: the most that was resident."


def start_and_memory(bench, starts, ready):
    times = [statistics.median(starts[name]) for name in ("service", "spring")]
    cells = [f"{min(starts[name]):,.0f} – {max(starts[name]):,.0f}" for name in ("service", "spring")]
    cells = [f"{time:,.0f} ({cell})" for time, cell in zip(times, cells)]
    yield ["ms from start to ready, median (min – max)", *cells, f"{times[1] / times[0]:.0f}"]
    for title, (ours, theirs) in {
        "MiB without load": (ready["service"], ready["spring"]),
        "MiB under load": (bench.service.peak_mebibytes(), bench.spring.peak_mebibytes()),
    }.items():
        yield [title, f"{ours:.1f}", f"{theirs:.1f}", f"{theirs / ours:.1f}"]


def measure(options, tools, chosen, folder):
    with prepared(options, tools, folder, Bench) as bench, contextlib.ExitStack() as running:
        services = {"service": bench.service}
        if tools["spring"]:
            say("preparing the same for the Spring service")
            bench.take_in(Spring(tools["spring"], bench.postgres, bench.folder, options.log))
            services["spring"] = bench.spring
        starts = start_times(services)
        ready = {name: service.peak for name, service in services.items()}
        for service in services.values():
            running.enter_context(service)
        results = collections.defaultdict(list)
        measured = [one for one in chosen if tools[TOOLS[one.name.split("-")[0]]]]
        for contestant in measured:
            say(f"warming up: {contestant.name}")
            cold = contestant.name.startswith("spring")
            bench.turn(contestant.name, SPRING_WARM_UP_SECONDS if cold else WARM_UP_SECONDS)
            if cold:
                # wrk takes an answer after two seconds for a failure; the first ones of a cold Java may take longer.
                bench.wrong.pop(contestant.name, None)
        for number in range(1, options.rounds + 1):
            for contestant in measured if number % 2 else reversed(measured):
                turn = bench.turn(contestant.name, options.seconds)
                results[contestant.name].append(turn)
                say(f"round {number} of {options.rounds}: {contestant.name:15} {turn.rate:10,.0f} per second")
        notes = [
            "A ratio is the median over the rounds of the service's rate to that contestant's in the same round. The CPU",
            "shares are of all cores, medians.",
        ]
        notes += beside_spring(bench, starts, ready) if bench.spring else []
        rows = list(table(results, chosen))
        publish("throughput", "Throughput", rows, bench, options, notes, [("throughput.svg", plot(results, chosen))])


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def groups(text):
    names = text.split(",")
    if unknown := [name for name in names if name not in GROUPS]:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    return names


def parser(description):
    """The options that every benchmark of this kind has."""
    arguments = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    binary = "the service's program; deploy/bench gives it"
    arguments.add_argument("--binary", required=True, type=os.path.abspath, help=binary)
    arguments.add_argument("--rounds", type=positive, default=5, help="how many turns each contestant has (5)")
    arguments.add_argument("--seconds", type=positive, default=5, help="how long a turn is (5)")
    arguments.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the service")
    log = "a file for the service's log (/dev/null)"
    arguments.add_argument("--log", type=os.path.abspath, default=os.devnull, help=log)
    arguments.add_argument(
        "--folder", default="/var/tmp", help="where the data are meanwhile: on a disk, open to others (/var/tmp)"
    )
    arguments.add_argument(
        "--output", type=os.path.abspath, help="where the results go (docs/benchmarks; nowhere when not all is measured)"
    )
    return arguments


def demand(tools, *names):
    """Ends the program when one of these is missing."""
    if missing := [name for name in names if tools[name] is None]:
        sys.exit(f"error: missing: {', '.join(missing)}; please install Debian's packages wrk and postgresql")


def run_in_folder(options, tools, work):
    """Does the work in a throw-away folder; whatever ends it, what was started is stopped and the folder removed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="order-bench-", dir=options.folder) as folder:
        # The server's account must be able to enter it.
        os.chmod(folder, 0o755)
        try:
            work(folder)
        except KeyboardInterrupt:
            sys.exit(130)


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--only", type=groups, metavar="GROUP,…", help=f"only these: {', '.join(GROUPS)}")
    options = arguments.parse_args()
    tools = find_tools()
    for name, package in (("wrk", "wrk"), ("pgbench", "postgresql")):
        if tools[name] is None:
            say(f"missing: {name}, so its contestants are not measured; please install Debian's package {package}")
    if not tools["wrk"] and not tools["pgbench"]:
        sys.exit("error: there is nothing to measure with")
    demand(tools, "psql")
    tools["spring"] = find_spring() if tools["wrk"] else None
    if tools["wrk"] and not tools["spring"]:
        say("missing: the Spring service, see above, so it is not measured")
    if not options.only and all(tools.values()):
        options.output = options.output or RESULTS
    chosen = [contestant for contestant in CONTESTANTS if not options.only or contestant.group in options.only]
    run_in_folder(options, tools, lambda folder: measure(options, tools, chosen, folder))


if __name__ == "__main__":
    main()

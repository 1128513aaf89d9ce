"""Starts the service with the settings of whole renderings on real servers: the files and variables are those of the pods, with
addresses exchanged. It answers the probes and Prometheus, takes an order, and goes on taking orders after SIGTERM.

    served.py PROGRAM SCRATCH PORT...    the order-service, a folder to work in, two free ports for each start

STACK_… tell where the servers are, and SECURED_CREDENTIALS what Kafka and the config server ask for.
"""

import base64
import contextlib
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import rendered
from rendered import Fault, Files

PROGRAM, SCRATCH, PORTS = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
STACK = os.environ
OWN = f"manifests_{os.getpid()}"
AUTHORITY = pathlib.Path(STACK["STACK_CERTIFICATES"], "authority.pem")
ORDER = {"customerId": 42, "items": [{"productId": 7, "quantity": 3, "unitPrice": "49.99"}]}


def until(seconds, what, condition):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise Fault(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return found


def ask(url, body=None, headers=()):
    """The status and the text of an answer; nothing without one."""
    request = urllib.request.Request(url, data=body, headers=dict(headers))
    trusted = ssl.create_default_context(cafile=AUTHORITY) if url.startswith("https:") else None
    try:
        with urllib.request.urlopen(request, timeout=5, context=trusted) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None, ""


class Service:
    """A container of a rendering that serves."""

    def __init__(self, manifests, exchange, secrets, environment=(), token=None):
        self.manifests = manifests
        self.ports = {"http": PORTS.pop(), "management": PORTS.pop()}
        exchange = [*exchange, ("=0.0.0.0", "=127.0.0.1"), ("server.port=8082", f"server.port={self.ports['http']}"),
                    ("server.port=8083", f"server.port={self.ports['management']}")]
        missing = [old for old, _ in exchange if not any(old in text for text in manifests.settings.values())]
        if missing:
            raise Fault(f"{manifests.name}: the settings have no {missing}")
        self.files = Files(manifests, manifests.container, SCRATCH, exchange, secrets)
        self.environment = self.files.environment | dict(environment)
        scheme = "https" if "tls.properties" in manifests.settings else "http"
        self.orders = f"{scheme}://127.0.0.1:{self.ports['http']}/orders"
        self.headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def run(self, *arguments):
        command = self.files.command(PROGRAM, *arguments)
        return subprocess.run(command, cwd=self.files.folder, env=self.environment, capture_output=True, text=True, timeout=60)

    def __enter__(self):
        # Here it listens on loopback alone, which a registry makes a warning of.
        config = self.run("config", "--server.address=0.0.0.0", "--management.server.address=0.0.0.0")
        if config.returncode or config.stderr:
            raise Fault(f"{self.manifests.name}: order-service config: {config.stderr}")
        self.log = open(f"{self.files.folder}.log", "w+")
        self.process = subprocess.Popen(self.files.command(PROGRAM), cwd=self.files.folder, env=self.environment,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, kind, *_):
        self.process.kill()
        self.process.wait()
        self.log.seek(0)
        if kind:
            print("".join(self.log.readlines()[-30:]), file=sys.stderr)

    def probe(self, kind):
        get = self.manifests.container[f"{kind}Probe"]["httpGet"]
        return ask(f"http://127.0.0.1:{self.ports[get['port']]}{get['path']}")[0]

    def managed(self, path):
        return ask(f"http://127.0.0.1:{self.ports['management']}{path}")

    def order(self, **more):
        return ask(self.orders, json.dumps(ORDER | more).encode(), self.headers)

    def serves(self, peers, currency="USD"):
        name = self.manifests.name
        for kind in ("startup", "liveness", "readiness"):
            until(30, f"{name}: the {kind} probe", lambda: self.probe(kind) == 200)
        status, text = self.order(currency=currency)
        if status != 201:
            raise Fault(f"{name}: an order is answered with {status} {text}")

        def up():
            components = json.loads(self.managed("/actuator/health/dependencies")[1] or "{}").get("components", {})
            return {peer for peer, state in components.items() if state["status"] == "UP"} >= peers

        until(30, f"{name}: {peers} are up", up)
        for monitor in self.manifests.kind("ServiceMonitor"):
            path = monitor["spec"]["endpoints"][0]["path"]
            until(30, f"{name}: Prometheus finds the instance", lambda: "order_instance_info" in self.managed(path)[1])
        if "kafka" in peers:
            published = r"^order_events_published_total [1-9]"
            until(30, f"{name}: the event is published",
                  lambda: re.search(published, self.managed("/actuator/prometheus")[1], re.MULTILINE))
        # What a pod without preStop is to do.
        self.process.send_signal(signal.SIGTERM)
        until(5, f"{name}: not ready after SIGTERM", lambda: self.probe("readiness") == 503)
        if self.probe("liveness") != 200 or self.order(currency=currency)[0] != 201:
            raise Fault(f"{name}: no order is taken in the delay of a stop")

        def ended():
            self.process.send_signal(signal.SIGTERM)
            return self.process.poll() is not None

        until(5, f"{name}: the end", ended)
        needs = f", {', '.join(sorted(peers))} are up" if peers else ""
        print(f"{name}: serves as a pod: probes, an order{needs}; orders also in the delay of a stop")


def host(url):
    """The host and port of a server's URL."""
    return re.search(r"127\.0\.0\.1:\d+", url)[0]


def token():
    name, password = STACK["STACK_ISSUER_CLIENT"].split(":")
    credentials = base64.b64encode(f"{name}:{password}".encode()).decode()
    form = b"grant_type=client_credentials&scope=orders:read+orders:write+orders:any"
    status, text = ask(f"{STACK['STACK_ISSUER_URL']}/oauth2/token", form, {"Authorization": f"Basic {credentials}"})
    if status != 200:
        raise Fault(f"the issuer gives no token: {status} {text}")
    return json.loads(text)["access_token"]


def secrets(**more):
    """Secrets with the authority of the test servers."""
    trusted = AUTHORITY.read_text()
    user, password = STACK["SECURED_CREDENTIALS"].split(":")
    return {
        "order-service-kafka": {
            "sasl.jaas.config": rendered.jaas(user, password),
            "ca.crt": pathlib.Path(STACK["STACK_KAFKA_AUTHORITY"]).read_text(),
        },
        "order-service-tls": {
            "tls.crt": AUTHORITY.with_name("server.pem").read_text(),
            "tls.key": AUTHORITY.with_name("server.key").read_text(),
        },
        "order-service-config": {"username": user, "password": password},
    } | {f"order-service-{name}": {"username": user, "password": password, "ca.crt": trusted}
         for name, (user, password) in more.items()}


def sql(command, text):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        raise Fault(f"{command[0]}: {done.stderr}")


@contextlib.contextmanager
def postgres_users():
    """Runs what docs/kubernetes.md tells an administrator to run, under names of this test."""
    newest = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin/psql"), key=lambda path: int(path.parts[4]))
    psql = [newest, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", STACK["STACK_POSTGRES_URL"]]
    block = re.search(r"```sql\n(.*?)```", (rendered.ROOT / "docs" / "kubernetes.md").read_text(), re.DOTALL)[1]
    names = {name: f"{OWN}_{name}" for name in ("order_migration", "order_service", "orders")}
    sql(psql, re.sub("|".join(names), lambda found: names[found[0]], block))
    try:
        yield names
    finally:
        drop = f"DROP DATABASE {names['orders']} WITH (FORCE); DROP ROLE {names['order_service']}, {names['order_migration']}"
        sql(psql, drop)


@contextlib.contextmanager
def mysql_database():
    user, password, address = re.match(r"mysql://(.*):(.*)@([^/]*)/", STACK["STACK_MYSQL_URL"]).groups()
    lines = '. deploy/lib.sh; . deploy/stack.d/mysql.sh; mysql_program bin/mysql; printf "%s\\n" "${mysql_run[@]}"'
    program = subprocess.run(["bash", "-c", lines], cwd=rendered.ROOT, capture_output=True, text=True, check=True)
    name, port = address.split(":")
    mysql = [*program.stdout.splitlines(), "--protocol=tcp", f"--host={name}", f"--port={port}", f"--user={user}",
             f"--password={password}"]
    sql(mysql, f"CREATE DATABASE {OWN}")
    try:
        yield user, password
    finally:
        sql(mysql, f"DROP DATABASE {OWN}")


def main():
    # judged.py has made the folder.
    folders = {name: rendered.SOURCE / "overlays" / name for name in rendered.OVERLAYS} | {"spring": SCRATCH / "spring"}
    made = {name: rendered.Rendered(name, rendered.build(folder)) for name, folder in folders.items()}

    with Service(made["trial"], [], {}) as service:
        service.serves(set())

    exchange = [
        ("kafka.example.com:9093", STACK["STACK_KAFKA_SECURE_URL"]),
        ("https://login.example.com/realms/shop", STACK["STACK_ISSUER_URL"]),
        ("audiences=orders", "audiences=" + STACK["STACK_ISSUER_CLIENT"].split(":")[0]),
    ]
    with postgres_users() as names:
        exchange.append(("postgres.example.com:5432/orders", f"{host(STACK['STACK_POSTGRES_URL'])}/{names['orders']}"))
        secret = secrets(database=(names["order_service"], "s"), migration=(names["order_migration"], "m"))
        production = made["production"]
        service = Service(production, exchange, secret, token=token())
        migrate = production.pod["initContainers"][0]
        files = Files(production, migrate, SCRATCH, exchange, secret)

        def migrated(program):
            command = files.command(PROGRAM, *program)
            return subprocess.run(command, cwd=files.folder, env=files.environment, capture_output=True, text=True, timeout=60)

        # The service's own user may not do it.
        if service.run("migrate").returncode == 0:
            raise Fault("production: the service's own user may change tables")
        done = migrated(migrate["args"])
        if done.returncode:
            raise Fault(f"production: the init container ends with {done.returncode}: {done.stdout}{done.stderr}")
        print("production: the init container migrates with its user; the service's own user may not")
        with service:
            service.serves({"kafka", "issuer"})

    with mysql_database() as account:
        # The config server has the currencies of this application.
        served = pathlib.Path(STACK["STACK_CONFIG_DIR"], f"{OWN}.properties")
        served.write_text("order.currencies=EUR\norder.default-currency=EUR\n")
        served.chmod(0o644)
        exchange = [
            ("mysql:3306/orders", f"{host(STACK['STACK_MYSQL_URL'])}/{OWN}"),
            ("kafka:9093", STACK["STACK_KAFKA_SECURE_URL"]),
            ("http://eureka:8761/eureka", STACK["STACK_EUREKA_URL"]),
            ("http://config-server:8888", STACK["STACK_CONFIG_URL"]),
        ]
        try:
            named = {"SPRING_CLOUD_CONFIG_NAME": OWN}
            with Service(made["spring"], exchange, secrets(database=account), named) as service:
                service.serves({"kafka", "eureka", "clientConfigServer"}, currency="EUR")
        finally:
            served.unlink()


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        sys.exit(f"FAILED: {fault}")

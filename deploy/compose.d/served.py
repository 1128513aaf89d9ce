"""Starts the landscape of deploy/container/compose.yaml on this machine, with its own settings, commands and files; addresses and
folders alone are exchanged. MySQL is that of deploy/stack; the jars of Kafka and Spring are run as the entry points of the images
do. An order is taken, and its saga, its events, its traces and its registration are looked at.

    served.py PROGRAM PARTICIPANTS SCRATCH KAFKA_JARS SPRING_JARS PORT...    six free ports
"""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from landscape import CONTAINER, ROOT, Fault, Project, confined, image_environment, replaced

PROGRAM, PARTICIPANTS = sys.argv[1:3]
SCRATCH, KAFKA_JARS, SPRING_JARS = map(pathlib.Path, sys.argv[3:6])
KAFKA, CONTROLLER, EUREKA, CONFIG, MAIN, MANAGEMENT = sys.argv[6:]
NAME = f"compose_{os.getpid()}"
PROJECT = Project.load()
JAVA = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
RUNNING, LOGS = {}, []


def until(seconds, what, condition):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if ended := [name for name, process in RUNNING.items() if process.poll() is not None]:
            raise Fault(f"{what}? {', '.join(ended)} ended")
        if time.monotonic() > deadline:
            raise Fault(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return found


def ask(url, body=None, timeout=5):
    """The status and the text of an answer; nothing without one."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None, ""


def folder(name):
    """A volume, of the user of the containers."""
    place = SCRATCH / name
    place.mkdir(mode=0o750)
    if os.geteuid() == 0:
        os.chown(place, 65532, 65532)
    return place


@contextlib.contextmanager
def running(name, command, place, environment=None):
    """A program in its folder, which is ended at the end."""
    with open(SCRATCH / f"{name}.log", "wb") as log:
        LOGS.append(log.name)
        process = subprocess.Popen(confined(command), cwd=place, env={"PATH": os.environ["PATH"]} | (environment or {}),
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    RUNNING[name] = process
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def collector():
    """Takes traces; yields its address, and what it was sent."""
    sent = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            sent.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", sent
        server.shutdown()


@contextlib.contextmanager
def database():
    """The database and its user, as the image of MySQL makes them; yields the address and a client for SQL."""
    user, password, host, port = re.match(r"mysql://(.*):(.*)@([^/]*):(\d+)/", os.environ["STACK_MYSQL_URL"]).groups()
    lines = '. deploy/lib.sh; . deploy/stack.d/mysql.sh; mysql_program bin/mysql; printf "%s\\n" "${mysql_run[@]}"'
    program = subprocess.run(["bash", "-c", lines], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()

    def sql(text, user=user, password=password):
        command = [*program, "--protocol=tcp", f"--host={host}", f"--port={port}", f"--user={user}", "--batch"]
        return subprocess.run(command, input=text, env={"MYSQL_PWD": password}, capture_output=True, text=True, timeout=60)

    settings = PROJECT.services["mysql"]["environment"]
    secret = PROJECT.secrets("mysql")[settings["MYSQL_PASSWORD_FILE"]].read_text().rstrip("\n")
    names = {f"{settings['MYSQL_DATABASE']}.*": f"{NAME}.*", f"{settings['MYSQL_USER']}@": f"{NAME}@"}
    grants = PROJECT.binds("mysql")["/docker-entrypoint-initdb.d/grants.sql"].read_text()
    made = sql(f"CREATE DATABASE {NAME}; CREATE USER {NAME}@'%' IDENTIFIED BY '{secret}'; GRANT ALL ON {NAME}.* TO {NAME}@'%';"
               + replaced(grants, names))
    try:
        if made.returncode:
            raise Fault(f"MySQL: {made.stderr}")
        yield f"{host}:{port}", lambda text: sql(f"USE {NAME}; {text}", NAME, secret)
    finally:
        sql(f"DROP DATABASE IF EXISTS {NAME}; DROP USER IF EXISTS {NAME}@'%'")


def kafka():
    """The broker, with the properties that the entry point of its image makes of its variables."""
    place = folder("kafka")
    addresses = {"//:9092": f"//127.0.0.1:{KAFKA}", "//:9093": f"//127.0.0.1:{CONTROLLER}", "kafka:9092": f"127.0.0.1:{KAFKA}",
                 "kafka:9093": f"127.0.0.1:{CONTROLLER}", "/var/lib/kafka/data": f"{place}/data"}
    variables = PROJECT.services["kafka"]["environment"].items()
    properties = SCRATCH / "server.properties"
    properties.write_text("".join(f"{name.removeprefix('KAFKA_').lower().replace('_', '.')}={replaced(value, addresses)}\n"
                                  for name, value in variables))
    program = [*JAVA, "-Dlog4j2.level=WARN", "-cp", f"{KAFKA_JARS}/*"]
    # The id is that of the image.
    line = [*program, "kafka.tools.StorageTool", "format", "--cluster-id", "5L6g3nShT-eMCtK--X86sw", "--config", str(properties)]
    script = f"{shlex.join(line)} && exec {shlex.join([*program, 'kafka.Kafka', str(properties)])}"
    return running("kafka", ["sh", "-c", script], place)


def spring(name, exchange):
    """A program of Spring, by the entry point of its image and its command."""
    dockerfile = (CONTAINER / "compose" / "Dockerfile").read_text().replace("\\\n", "")
    entry = json.loads(re.search(r"^ENTRYPOINT (.*)$", dockerfile, re.M)[1])
    here = {"/spring/jars": str(SPRING_JARS), "/spring/security.xml": str(ROOT / "deploy/stack.d/spring/security.xml")} | exchange
    command = [replaced(argument, here) for argument in [*entry, *PROJECT.services[name]["command"]]]
    return running(name, [*command, "--server.address=127.0.0.1"], folder(name))


def checked(name, exchange):
    """Whether the address answers that the health check of a service asks."""
    url = replaced(PROJECT.services[name]["healthcheck"]["test"][-1], exchange)
    return ask(url)[0] == 200


class Service:
    """The order-service, with variables, secrets and volume of its container."""

    def __init__(self, exchange):
        self.place = folder("order-service")
        secrets = SCRATCH / "secrets"
        secrets.mkdir()
        for target, source in PROJECT.secrets("order-service").items():
            (secrets / pathlib.Path(target).name).write_bytes(source.read_bytes())
        exchange = exchange | {"/run/secrets": str(secrets), "0.0.0.0": "127.0.0.1", "=order_service": NAME, "8083": MANAGEMENT}
        variables = image_environment() | PROJECT.services["order-service"]["environment"]
        self.environment = {name: replaced(value, exchange) for name, value in variables.items()}
        self.environment |= {"SERVER_PORT": MAIN, "SPRING_DATASOURCE_USERNAME": NAME}

    def run(self, *arguments):
        return subprocess.run(confined([PROGRAM, *arguments]), cwd=self.place, env=self.environment, capture_output=True,
                              text=True, timeout=60)

    def healthy(self):
        """The health check, as the engine runs it."""
        return self.run(*PROJECT.services["order-service"]["healthcheck"]["test"][2:]).returncode == 0


def order(amount):
    items = [{"productId": 7, "quantity": 1, "unitPrice": amount}]
    status, text = ask(f"http://127.0.0.1:{MAIN}/orders", json.dumps({"customerId": 42, "items": items}).encode())
    if status != 201:
        raise Fault(f"an order is answered with {status} {text}")
    return json.loads(text)["id"]


def state(number):
    return json.loads(ask(f"http://127.0.0.1:{MAIN}/orders/{number}")[1] or "{}").get("status")


def audit(name):
    done = subprocess.run(confined([PARTICIPANTS, "audit", "--database", f"{SCRATCH}/{name}/{name}.db"]), capture_output=True, text=True)
    return done.stdout


def main():
    main_port, management = f"http://127.0.0.1:{MAIN}", f"http://127.0.0.1:{MANAGEMENT}"
    with contextlib.ExitStack() as stack:
        traces, sent = stack.enter_context(collector())
        address, sql = stack.enter_context(database())
        exchange = {"mysql:3306/orders": f"{address}/{NAME}", "http://collector:4318": traces, "kafka:9092": f"127.0.0.1:{KAFKA}",
                    "http://eureka:8761": f"http://127.0.0.1:{EUREKA}", "http://config-server:8888": f"http://127.0.0.1:{CONFIG}",
                    "http://order-service:8082": main_port}
        given = folder("config")
        (given / PROJECT.given.name).write_text(replaced(PROJECT.given.read_text(), exchange))
        given.chmod(0o755)
        stack.enter_context(kafka())
        stack.enter_context(spring("eureka", {"port=8761": f"port={EUREKA}"}))
        config_server = stack.enter_context(spring("config-server", {"port=8888": f"port={CONFIG}", "/config/": f"{given}/"}))
        brokers = ["python3", str(ROOT / "deploy/stack.d/kafka_brokers.py"), KAFKA]
        until(90, "the broker answers", lambda: subprocess.run(brokers, capture_output=True, text=True).stdout == "1\n")
        for name, port, own in ("eureka", EUREKA, "8761"), ("config-server", CONFIG, "8888"):
            until(90, f"{name} is healthy", lambda: checked(name, {f"127.0.0.1:{own}": f"127.0.0.1:{port}"}))

        for name in ("inventory", "payment", "notification"):
            place = folder(name)
            command = [replaced(word, exchange | {"/data": str(place)}) for word in PROJECT.services[name]["command"]]
            stack.enter_context(running(name, [PARTICIPANTS, *command], place))
        service = Service(exchange)
        # Here it listens on loopback alone, which a registry makes a warning of.
        config = service.run("config", "--server.address=0.0.0.0", "--management.server.address=0.0.0.0")
        if config.returncode or config.stderr:
            raise Fault(f"order-service config: {config.stderr}")
        if service.healthy():
            raise Fault("healthy before the start")
        process = stack.enter_context(running("service", [PROGRAM], service.place, service.environment))
        until(60, "order-service is healthy", service.healthy)
        print("landscape: Kafka, Eureka and config server start by their settings of Compose; order-service health 0, before the start 1")

        taken, refused = order("49.99"), order("402.00")
        until(30, "the saga confirms the order", lambda: state(taken) == "CONFIRMED")
        until(30, "the payment of 402 is refused, and the order cancelled", lambda: state(refused) == "CANCELLED")
        for name, word in ("inventory", "HELD"), ("payment", "HELD"), ("notification", "confirmed"):
            until(30, f"{name} has {word}", lambda: word.lower() in audit(name).lower())
        print("saga: one order CONFIRMED, one CANCELLED, by inventory and payment over Kafka; notification has read the event")

        registered = r"^order_eureka_registered 1$"
        until(60, "registered", lambda: re.search(registered, ask(f"{management}/actuator/prometheus")[1], re.M))
        status, text = ask(f"http://127.0.0.1:{EUREKA}/eureka/apps/ORDER-SERVICE")
        if status != 200 or "<status>UP</status>" not in text:
            raise Fault(f"Eureka: {status} {text}")
        if (page := ask(f"{main_port}/graphiql"))[0] != 200:
            raise Fault(f"GraphiQL: {page}")
        query = json.dumps({"query": "query($id: ID!) { order(id: $id) { status } }", "variables": {"id": str(taken)}})
        status, text = ask(f"{main_port}/graphql", query.encode())
        if status != 200 or json.loads(text).get("data", {}).get("order") != {"status": "CONFIRMED"}:
            raise Fault(f"GraphQL: {status} {text}")
        until(30, "traces are sent", lambda: any(path == "/v1/traces" and b"POST /orders" in body for path, body in sent))
        print("Eureka lists ORDER-SERVICE as UP, GraphiQL is there, GraphQL answers, traces and metrics are to be had")

        for text in ("DROP TABLE orders", "CREATE VIEW v AS SELECT * FROM orders"):
            if "denied" not in (done := sql(text)).stderr:
                raise Fault(f"the user of the service may {text}: {done}")
        RUNNING.pop("config-server")
        config_server.kill()
        config_server.wait()
        if not service.healthy():
            raise Fault("unhealthy without the config server")
        process.send_signal(signal.SIGTERM)
        until(30, "the service ends", lambda: process.poll() is not None)
        if process.returncode:
            raise Fault(f"the service ends with {process.returncode}")
        print("rights: the user of the database may not drop; healthy without the config server; SIGTERM: exit code 0")


if __name__ == "__main__":
    # Everything that was started ends with this program.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except Fault as fault:
        for log in LOGS:
            lines = pathlib.Path(log).read_text(errors="replace").splitlines()[-12:]
            print(f"--- {pathlib.Path(log).name}", *(line[:400] for line in lines), sep="\n", file=sys.stderr)
        sys.exit(f"FAILED: {fault}")

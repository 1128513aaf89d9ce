#!/usr/bin/env python3
"""Plays the clients of an instance that is stopped, as a load balancer would lead them: they leave when readiness says 503.

    drain.py [--stay] SERVICE MANAGEMENT PID

Eight clients place orders and read them back, each on one connection to SERVICE (HOST:PORT). After 200 answers the process PID
gets SIGTERM; readiness is asked for at MANAGEMENT all the time. Prints what the clients saw. The exit code is 1 when a
request failed, or when readiness never said 503. With --stay the clients do not leave, so that requests must fail.
"""

import argparse
import http.client
import json
import os
import signal
import sys
import threading
import time

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("--stay", action="store_true")
parser.add_argument("service")
parser.add_argument("management")
parser.add_argument("pid", type=int)
arguments = parser.parse_args()

ORDER = json.dumps({"customerId": 42, "items": [{"productId": 7, "quantity": 3, "unitPrice": "49.99"}]})
enough, left = threading.Event(), threading.Event()
lock = threading.Lock()
answers, failures = [0], []


def client():
    """Goes on until it may leave, or a request fails."""
    connection = http.client.HTTPConnection(arguments.service, timeout=10)

    def ask(method, path, body=None):
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status not in (200, 201):
            raise ValueError(f"{method} {path}: {answer.status} {content[:300]}")
        with lock:
            answers[0] += 1
            if answers[0] >= 200:
                enough.set()
        return json.loads(content)

    try:
        while not left.is_set():
            order = ask("POST", "/orders", ORDER)
            ask("GET", f"/orders/{order['id']}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        failures.append(repr(error))
        enough.set()


def readiness():
    """The status of readiness; 0 when it does not answer."""
    connection = http.client.HTTPConnection(arguments.management, timeout=2)
    try:
        connection.request("GET", "/actuator/health/readiness")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


clients = [threading.Thread(target=client) for _ in range(8)]
for one in clients:
    one.start()
enough.wait(60)
before = readiness()
os.kill(arguments.pid, signal.SIGTERM)
deadline = time.monotonic() + 10
while (after := readiness()) == 200 and time.monotonic() < deadline:
    time.sleep(0.05)
if not arguments.stay:
    left.set()
for one in clients:
    one.join(30)
left.set()
print(f"{answers[0]} answers, {len(failures)} failures, readiness {before} then {after} {failures[:1]}")
sys.exit(0 if (before, after, failures) == (200, 503, []) else 1)

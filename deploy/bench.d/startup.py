#!/usr/bin/env python3
"""Time from start to ready, and memory when idle, on a fresh SQLite file.

Each run starts the service on a free port and an empty folder, and asks for its readiness over and over until the
answer is 200. The time counts from just before the process is made, migrations included. The memory is its resident
set two seconds later.
"""

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TARGET_MILLISECONDS = 100
TARGET_MEBIBYTES = 30
GIVE_UP_SECONDS = 30
IDLE_SECONDS = 2


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_ready(port):
    request = b"GET /actuator/health/readiness HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(request)
            return connection.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def resident_mebibytes(pid):
    with open(f"/proc/{pid}/status") as status:
        kibibytes = next(line.split()[1] for line in status if line.startswith("VmRSS:"))
    return int(kibibytes) / 1024


def measure(binary):
    """One start: milliseconds to ready, mebibytes when idle."""
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "log"), "w+") as log:
        port = free_port()
        command = [binary, f"--server.port={port}", f"--spring.datasource.url=sqlite://{folder}/orders.db"]
        begin = time.perf_counter()
        with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as service:
            try:
                while not is_ready(port):
                    if service.poll() is not None or time.perf_counter() - begin > GIVE_UP_SECONDS:
                        log.seek(0)
                        sys.exit(f"the service did not become ready:\n{log.read()}")
                    time.sleep(0.0002)
                milliseconds = (time.perf_counter() - begin) * 1000
                time.sleep(IDLE_SECONDS)
                return milliseconds, resident_mebibytes(service.pid)
            finally:
                if service.poll() is None:
                    service.send_signal(signal.SIGTERM)
                try:
                    service.wait(GIVE_UP_SECONDS)
                except subprocess.TimeoutExpired:
                    service.kill()


def row(name, unit, values, target):
    return (
        f"{name:<15} {statistics.median(values):7.1f} {min(values):7.1f} {max(values):7.1f}   at most {target} {unit}"
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", required=True, help="the service's program; deploy/bench gives it")
    arguments.add_argument("--runs", type=int, default=10, help="how often to start it (10)")
    options = arguments.parse_args()
    binary = os.path.abspath(options.binary)
    milliseconds, mebibytes = zip(*(measure(binary) for _ in range(options.runs)))
    print(f"{options.runs} starts       median     min     max   target")
    print(row("ready, ms", "ms", milliseconds, TARGET_MILLISECONDS))
    print(row("idle RSS, MiB", "MiB", mebibytes, TARGET_MEBIBYTES))


if __name__ == "__main__":
    main()

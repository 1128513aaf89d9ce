"""A config server that gives a good document to a start, and bad ones to every refresh."""

import http.server
import itertools
import json
import threading
import time

GOOD = {"order.max-in-flight": "512"}
# Each names its harm. The addresses are ports that nothing listens on.
BAD = [
    {"order.max-in-flight": "${a:" * 20_000 + "1" + "}" * 20_000},
    {"a0": "x" * 100, **{f"a{n}": f"${{a{n - 1}}}" * 10 for n in range(1, 20)}, "order.max-in-flight": "${a19}"},
    {"order.max-in-flight": "${a}", "a": "${b}", "b": "${a}"},
    {"spring.datasource.password": "file:/etc/shadow"},
    {"spring.datasource.password": "file:/dev/zero"},
    {"spring.datasource.password": "file:/dev/stdin"},
    {"management.otlp.tracing.headers.leaked": "${PATH}"},
    {"spring.datasource.url": "sqlite:/etc/passwd"},
    {"order.max-in-flight": "0"},
    {"order.unknown-key": "1"},
    {f"some.key-{n}": "x" * 100 for n in range(50_000)},
]
NO_JSON = b'{"propertySources": [' * 10_000


class Documents:
    """The server; `bad` says which kind of document it gives."""

    def __init__(self, port):
        self.bad, self.given = False, itertools.count()
        documents = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                documents.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        kind = next(self.given) % (len(BAD) + 2) if self.bad else None
        if kind == len(BAD):
            return self.send(request, NO_JSON)
        if kind == len(BAD) + 1:
            time.sleep(15)  # longer than the service waits
        source = GOOD if kind is None or kind > len(BAD) else BAD[kind]
        found = {"name": "soak", "source": source}
        body = {"name": "order-service", "profiles": ["default"], "label": None, "propertySources": [found]}
        return self.send(request, json.dumps(body).encode())

    @staticmethod
    def send(request, body):
        try:
            request.send_response(200)
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        except OSError:
            pass  # the service has gone

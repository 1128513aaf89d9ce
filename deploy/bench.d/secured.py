#!/usr/bin/env python3
"""What checking tokens and TLS cost: the service with each of them beside the same service without.

    deploy/bench secured [--rounds 10] [--seconds 3]

It starts a PostgreSQL of its own with the rows of the benchmark `throughput`. In each round every contestant has a turn of
each group: post, put, get, list. One runs at a time, on the same database, and they change places in every round. A ratio
is that of a contestant's turn to the turn of the open service in the same round; the interval is where the mean of the
ratios' logarithms lies with 95 % confidence (Student's t).

  open   no login, no TLS
  rs256  each request has a token, signed with RSA of 2,048 bits; the key set is served on loopback
  es256  the same with ECDSA on P-256
  tls    HTTPS with TLS 1.3 and an ECDSA certificate; connections are kept, so the figure is that of the encryption
"""

import base64
import collections
import http.server
import json
import os
import statistics
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import compare  # noqa: E402
import throughput as common  # noqa: E402

SECONDS_OF_A_TOKEN = 24 * 60 * 60
TARGETS = {"rs256": 0.9, "tls": 0.8}
TITLES = {"open": "open", "rs256": "RS256 tokens", "es256": "ES256 tokens", "tls": "HTTPS"}


def openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *arguments], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw_signature(der):
    """The two numbers of an ECDSA signature in DER, 32 bytes each."""
    numbers, at = b"", 2
    for _ in range(2):
        length = der[at + 1]
        number = der[at + 2 : at + 2 + length].lstrip(b"\0")
        numbers += number.rjust(32, b"\0")
        at += 2 + length
    return numbers


class Issuer:
    """Signs tokens, and serves the keys with which they are checked."""

    def __init__(self, folder):
        self.folder, self.keys = folder, {}
        for algorithm, options in {
            "RS256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            "ES256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        }.items():
            path = os.path.join(folder, f"{algorithm}.pem")
            openssl("genpkey", *options, "-out", path)
            self.keys[algorithm] = path
        body = json.dumps({"keys": [self.rsa(), self.ecdsa()]}).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def rsa(self):
        modulus = openssl("rsa", "-in", self.keys["RS256"], "-noout", "-modulus").decode().split("=")[1].strip()
        number = {"n": base64url(bytes.fromhex(modulus)), "e": "AQAB"}
        return {"kty": "RSA", "kid": "RS256", "alg": "RS256", "use": "sig"} | number

    def ecdsa(self):
        point = openssl("pkey", "-in", self.keys["ES256"], "-pubout", "-outform", "DER")[-64:]
        number = {"x": base64url(point[:32]), "y": base64url(point[32:])}
        return {"kty": "EC", "crv": "P-256", "kid": "ES256", "alg": "ES256", "use": "sig"} | number

    def token(self, algorithm, **more):
        now = int(time.time())
        claims = {
            "iss": "https://issuer.example", "sub": "shop", "aud": "orders", "iat": now,
            "exp": now + SECONDS_OF_A_TOKEN, "scope": "orders:read orders:write orders:fulfil orders:any",
        } | more
        head = {"alg": algorithm, "typ": "JWT", "kid": algorithm}
        signed = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
        signature = openssl("dgst", "-sha256", "-sign", self.keys[algorithm], stdin=signed.encode())
        return f"{signed}.{base64url(raw_signature(signature) if algorithm == 'ES256' else signature)}"

    def settings(self, algorithm):
        jwt = "spring.security.oauth2.resourceserver.jwt"
        port = self.server.server_address[1]
        return [f"{jwt}.jwk-set-uri=http://127.0.0.1:{port}/", f"{jwt}.audiences=orders", f"{jwt}.jws-algorithms={algorithm}"]


def certificate(folder):
    """The settings of HTTPS with a new certificate."""
    key, chain = os.path.join(folder, "tls.key"), os.path.join(folder, "tls.pem")
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", chain,
    )
    os.chmod(key, 0o600)
    return ["server.ssl.enabled=true", f"server.ssl.certificate={chain}", f"server.ssl.certificate-private-key={key}"]


def contestants(options, url, folder):
    issuer = Issuer(folder)
    make = lambda more, **how: common.Service(options.binary, url, folder, options.log, [*options.set, *more], **how)
    services = {"open": make([])}
    for name in ("rs256", "es256"):
        token = issuer.token(name.upper())
        services[name] = make(issuer.settings(name.upper()), variant=name)
        for request, text in common.REQUESTS.items():
            head, rest = text.split("\r\n", 1)
            with open(os.path.join(folder, f"{request}.{name}"), "w", encoding="ascii", newline="") as file:
                file.write(f"{head}\r\nAuthorization: Bearer {token}\r\n{rest}")
    services["tls"] = make(certificate(folder), scheme="https")
    return services


def measure(options, tools, folder):
    with common.prepared(options, tools, folder, common.Bench) as bench:
        groups = [f"service-{group}" for group in common.GROUPS]
        services = contestants(options, bench.postgres.url("orders"), bench.folder)
        turns = collections.defaultdict(list)
        for number in range(1, options.rounds + 1):
            order = list(services) if number % 2 else list(reversed(services))
            for name in order:
                with services[name]:
                    bench.service = services[name]
                    for group in groups:
                        bench.turn(group, 1)
                        turns[name, group].append(bench.turn(group, options.seconds))
            common.say(f"round {number} of {options.rounds}")
        bench.service = services["open"]
        common.publish("secured", "What tokens and TLS cost", list(rows(services, groups, turns)), bench, options, [])


def rows(services, groups, turns):
    yield ["per second", "median", "ratio to open", "95 % interval", "sought", "", "CPU service, PostgreSQL, load"]
    for group in groups:
        title = next(one.title for one in common.CONTESTANTS if one.name == group)
        for name in services:
            found = turns[name, group]
            ratios = [one.rate / other.rate for one, other in zip(found, turns["open", group])]
            mean, low, high = compare.interval(ratios)
            compared = ["", "", "", ""]
            if name != "open":
                target = TARGETS.get(name)
                verdict = ("met" if mean >= target else "missed") if target else ""
                compared = [f"{mean:.3f}", f"{low:.3f} – {high:.3f}", f"≥ {target}" if target else "", verdict]
            cpu = [statistics.median(getattr(turn, field) for turn in found) for field in ("cpu_service", "cpu_postgres", "cpu_load")]
            shares = ", ".join(f"{share:.0f} %" for share in cpu)
            yield [f"{title}, {TITLES[name]}", f"{common.median_of(found):,.0f}", *compared, shares]


def main():
    arguments = common.parser(__doc__)
    arguments.set_defaults(rounds=10, seconds=3)
    options = arguments.parse_args()
    options.output = options.output or common.RESULTS
    tools = common.find_tools()
    common.demand(tools, "psql", "wrk")
    common.run_in_folder(options, tools, lambda folder: measure(options, tools, folder))


if __name__ == "__main__":
    main()

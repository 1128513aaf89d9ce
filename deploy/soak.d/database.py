"""A database server of deploy/stack in a throw-away folder, and its own client."""

import os
import re
import subprocess
import sys

import throughput as common

# MySQL's default is 64 MiB. The prepared orders are written before it becomes this.
PACKET = 64 << 10
STACK = os.path.join(common.ROOT, "deploy", "stack")


class Server:
    """One server; for SQLite a file."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.url, self.session = f"sqlite:{folder}/orders.db", None
        port = common.shell("free_ports 1").strip()
        self.environment = os.environ | {"STACK_DIR": folder, f"STACK_{name.upper()}_PORT": port}

    def __enter__(self):
        if self.name == "sqlite":
            os.makedirs(self.folder)
            return self
        try:
            subprocess.run([STACK, "up", self.name], stdout=sys.stderr, env=self.environment, check=True)
        except subprocess.CalledProcessError:
            self.__exit__()
            sys.exit("error: the database did not start; see above")
        told = common.run([STACK, "env", self.name], env=self.environment)
        self.url = re.search(r"_URL=(\S+)", told)[1]
        self.session = self.client()
        return self

    def __exit__(self, *_):
        if self.name != "sqlite":
            subprocess.run([STACK, "down", "--data", self.name], env=self.environment, check=False)

    def client(self):
        """The command that runs the SQL of its standard input."""
        if self.name == "postgres":
            psql = os.path.join(common.newest_postgres_bin(), "psql")
            return [psql, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", self.url]
        user, password, host, port, name = re.match(r"mysql://(.*):(.*)@(.*):(\d+)/(.*)", self.url).groups()
        program = ["mariadb", "--no-defaults"]
        if self.name == "mysql":
            lines = f'. {STACK}.d/mysql.sh; mysql_program bin/mysql; printf "%s\\n" "${{mysql_run[@]}}"'
            program = common.shell(lines).splitlines()
        where = ["--protocol=tcp", f"--host={host}", f"--port={port}", f"--user={user}", f"--password={password}"]
        return [*program, *where, "--skip-column-names", "--batch", name]

    def says(self, sql):
        return common.run(self.session, input=f"{sql};\n").strip()

    def shrink_packets(self):
        """From now on, new connections cannot send more than this at once."""
        if self.name in ("mysql", "mariadb"):
            self.says(f"SET GLOBAL max_allowed_packet = {PACKET}")

    def version(self):
        if self.name == "sqlite":
            return "SQLite"
        if self.name == "postgres":
            return f"PostgreSQL {self.says('SHOW server_version')}"
        product = "MySQL" if self.name == "mysql" else "MariaDB"
        return f"{product} {self.says('SELECT version()')}, max_allowed_packet = {PACKET >> 10} KiB"

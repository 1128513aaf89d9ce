"""The project of deploy/container/compose.yaml as Compose reads it, and what its containers would see, on the machine itself."""

import copy
import json
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTAINER = ROOT / "deploy" / "container"
FILE = CONTAINER / "compose.yaml"
OWN = ("order-service", "inventory", "payment", "notification", "eureka", "config-server")


class Fault(Exception):
    """What a check has found."""


def judge(kind, file):
    """What the libraries of Compose or Prometheus say of a file."""
    done = subprocess.run(["judge", kind, str(file)], capture_output=True, text=True)
    if done.returncode:
        raise Fault(f"{kind}: {done.stderr.strip()}")
    return done.stdout


class Project:
    def __init__(self, content):
        self.content = content

    @classmethod
    def load(cls, file=FILE):
        return cls(json.loads(judge("compose", file)))

    def changed(self, path, value):
        """A copy with one fault: the value at the path, words. None takes it away."""
        content = copy.deepcopy(self.content)
        place = content
        *way, last = (int(step) if step.isdigit() else step for step in path.split())
        for step in way:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
        return Project(content)

    @property
    def services(self):
        return self.content["services"]

    def secrets(self, service):
        """The files of the secrets of a service, by where they are in the container."""
        named = (secret["source"] for secret in self.services[service].get("secrets", []))
        return {f"/run/secrets/{name}": pathlib.Path(self.content["secrets"][name]["file"]) for name in named}

    def binds(self, service):
        """What is mounted of this machine, by where it is in the container."""
        volumes = self.services[service].get("volumes", [])
        return {volume["target"]: pathlib.Path(volume["source"]) for volume in volumes if volume["type"] == "bind"}

    @property
    def given(self):
        """The file that the config server gives to the service."""
        return self.binds("config-server")["/config"] / "order-service.properties"


def image_environment():
    """The variables of the stage `service`."""
    stage = (CONTAINER / "Dockerfile").read_text().split(" AS service\n")[1].split("\nFROM ")[0]
    return dict(re.findall(r"([A-Z_]+)=(\S+)", "\n".join(re.findall(r"^ENV (.*)$", stage, re.M))))


def replaced(text, exchange):
    for old, new in exchange.items():
        text = text.replace(old, new)
    return text


def confined(command):
    """A command as a container runs it: another user, no capabilities."""
    if os.geteuid() != 0:
        return command
    account = ["--reuid=65532", "--regid=65532", "--clear-groups"]
    return ["setpriv", *account, "--bounding-set=-all", "--no-new-privs", *command]

"""What kustomize makes of deploy/kubernetes, and the files and variables that a container of it would see."""

import copy
import os
import pathlib
import subprocess
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "deploy" / "kubernetes"
COMPONENTS = sorted(folder.name for folder in (SOURCE / "components").iterdir())
OVERLAYS = sorted(folder.name for folder in (SOURCE / "overlays").iterdir())
# A shop with Spring Boot services; production has PostgreSQL.
SPRING = ["mysql", "kafka", "eureka", "config-server"]


class Fault(Exception):
    """What a check has found."""


def build(folder):
    """The manifests of a folder with a kustomization.yaml."""
    done = subprocess.run(["kustomize", "build", str(folder)], capture_output=True, text=True)
    if done.returncode:
        raise Fault(f"kustomize: {done.stderr.strip()}")
    return done.stdout


def compose(folder, components):
    """Makes a kustomization of the base and these components."""
    folder.mkdir(parents=True)
    here = os.path.relpath(SOURCE, folder)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({
        "resources": [f"{here}/base"],
        "components": [f"{here}/components/{name}" for name in components],
        "images": [{"name": "order-service", "newTag": "0.2.0"}],
    }))
    return folder


def all_of_them(scratch):
    """Every rendering that is checked, by its name."""
    folders = {"base": SOURCE / "base"}
    folders |= {name: compose(scratch / name, [name]) for name in COMPONENTS}
    folders["spring"] = compose(scratch / "spring", SPRING)
    folders |= {name: SOURCE / "overlays" / name for name in OVERLAYS}
    return {name: Rendered(name, build(folder)) for name, folder in folders.items()}


class Rendered:
    def __init__(self, name, text):
        self.name, self.text = name, text
        self.objects = list(yaml.safe_load_all(text))

    def changed(self, kind, path, value):
        """A copy with one fault: the value at the path, words, in the first object of this kind. None takes it away."""
        objects = copy.deepcopy(self.objects)
        place = next(item for item in objects if item["kind"] == kind)
        *way, last = (int(step) if step.isdigit() else step for step in path.split())
        for step in way:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
        return Rendered(f"{self.name} with {path}={value}", yaml.safe_dump_all(objects))

    def kind(self, kind):
        return [item for item in self.objects if item["kind"] == kind]

    @property
    def deployment(self):
        return self.kind("Deployment")[0]

    @property
    def pod(self):
        return self.deployment["spec"]["template"]["spec"]

    @property
    def container(self):
        return self.pod["containers"][0]

    @property
    def settings(self):
        """The files of the ConfigMap that the pod mounts."""
        name = next(volume["configMap"]["name"] for volume in self.pod["volumes"] if "configMap" in volume)
        found = [item["data"] for item in self.kind("ConfigMap") if item["metadata"]["name"] == name]
        if len(found) != 1:
            raise Fault(f"{self.name}: there is no ConfigMap {name}")
        return found[0]


class Files:
    """The volumes of one container below a folder, as kubelet fills them: entries are links through a link that changes."""

    def __init__(self, rendered, container, scratch, exchange, secrets=None):
        self.rights = rendered.pod["securityContext"]
        self.folder = folder = tempfile.mkdtemp(dir=scratch)
        os.chmod(folder, 0o755)
        self.environment = {"PATH": os.environ["PATH"]}
        for variable in container["env"]:
            field = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            self.environment[variable["name"]] = {"status.podIP": "127.0.0.1", None: variable.get("value")}[field]
        volumes = {volume["name"]: volume for volume in rendered.pod["volumes"]}
        mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
        if container["workingDir"] != "/" or "configMap" not in mounts["/config"]:
            raise Fault(f"{rendered.name}: ./config is not the ConfigMap")
        # What is mounted elsewhere in a pod is below the folder here.
        exchange = [*exchange, *((path, f"{folder}{path}") for path in mounts if path != "/config")]
        for path, volume in mounts.items():
            place = pathlib.Path(f"{folder}{path}")
            place.mkdir(parents=True)
            if "configMap" in volume:
                self.fill(place, {key: replaced(text, exchange) for key, text in rendered.settings.items()}, 0o644)
            elif "secret" in volume:
                name = volume["secret"]["secretName"]
                # With fsGroup, kubelet adds the rights of the group.
                mode = volume["secret"]["defaultMode"]
                self.fill(place, (secrets or SAMPLES)[name], mode | mode >> 3 & 0o070)
            else:
                place.chmod(0o770)
                self.own(place)

    def fill(self, place, files, mode):
        version = place / "..2026_11_30_00_00_00.1"
        version.mkdir()
        (place / "..data").symlink_to(version.name)
        for key, content in files.items():
            (version / key).write_text(content)
            (version / key).chmod(mode)
            self.own(version / key)
            (place / key).symlink_to(f"..data/{key}")

    def own(self, path):
        if os.geteuid() == 0:
            os.chown(path, 0, self.rights.get("fsGroup", 0))

    def command(self, program, *arguments):
        """The program as the pod runs it: another user, no capabilities, nothing to write to but the volumes."""
        if os.geteuid() != 0:
            return [program, *arguments]
        account = [f"--reuid={self.rights['runAsUser']}", f"--regid={self.rights['runAsGroup']}"]
        return ["setpriv", *account, "--clear-groups", "--bounding-set=-all", "--no-new-privs", program, *arguments]


def jaas(user, password):
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return f'{module} required username="{user}" password="{password}";'


# The files of each Secret, for what only looks at settings.
SAMPLES = {
    "order-service-database": {"username": "order_service", "password": "p", "ca.crt": ""},
    "order-service-migration": {"username": "order_migration", "password": "m", "ca.crt": ""},
    "order-service-kafka": {"sasl.jaas.config": jaas("u", "p"), "ca.crt": ""},
    "order-service-config": {"username": "u", "password": "p"},
    "order-service-tls": {"tls.crt": "", "tls.key": ""},
}


def replaced(text, exchange):
    for old, new in exchange:
        text = text.replace(old, new)
    return text

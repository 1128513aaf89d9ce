"""Judges what kustomize makes of deploy/kubernetes, without any server: schemas, kube-score, pod security, yamllint, sums and
ports. Each tool is given a manifest with one fault, too, and must refuse it.

    judged.py PROGRAM SCRATCH CRDS    the order-service, a folder to work in, the folder of the Prometheus operator's kinds
"""

import collections
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import threading

import jsonschema
import kubernetes_validate
import yaml
from packaging.version import Version

import rendered
from rendered import Fault, Files, Rendered

PROGRAM, SCRATCH, CRDS = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
RELEASES = sorted(set(kubernetes_validate.utils.all_versions()), key=Version)[-3:]
IMAGE = rendered.ROOT / "deploy" / "container" / "Dockerfile"
CONFIG_SERVER = "http://config-server:8888"
# What may be found where the annotations accept it.
FINDINGS = {
    "container-resources": "CPU limit is not set",
    "container-image-pull-policy": "ImagePullPolicy is not set to Always",
    "deployment-has-host-podantiaffinity": "Deployment does not have a host podAntiAffinity set",
    "deployment-strategy": "Deployment update strategy",
    "deployment-replicas": "Deployment few replicas",
}


def refuses(word, check, *arguments):
    """The check finds a fault, and names it by this word; one that finds none is broken."""
    name = getattr(arguments[0], "name", arguments[0])
    try:
        check(*arguments)
    except Fault as fault:
        if word not in str(fault):
            raise Fault(f"{check.__name__} refused {name} without a word of {word}: {fault}") from None
        return
    raise Fault(f"{check.__name__} did not refuse {name}")


# Schemas


def closed(schema):
    """The schema of a custom kind, with fields refused that it does not name, as strict validation does."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    return schema


def custom_kinds():
    schemas = {}
    for kind in ("prometheusrules", "servicemonitors"):
        text = (CRDS / f"monitoring.coreos.com_{kind}.yaml").read_text()
        spec = yaml.safe_load(text)["spec"]
        for version in spec["versions"]:
            schema = closed(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            schemas[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = jsonschema.Draft202012Validator(schema)
    return schemas


CUSTOM = custom_kinds()


def schemas(manifests):
    for item in manifests.objects:
        name = f"{manifests.name}: {item['kind']} {item['metadata']['name']}"
        custom = CUSTOM.get((item["apiVersion"], item["kind"]))
        try:
            if custom:
                custom.validate(item)
                continue
            for release in RELEASES:
                kubernetes_validate.validate(item, release, strict=True)
        except kubernetes_validate.SchemaNotFoundError as error:
            raise Fault(f"{name}: {error.message}") from None
        except jsonschema.ValidationError as error:
            raise Fault(f"{name}: {error.message}") from None


# Tools


def findings(manifests):
    """What kube-score finds, without regard to annotations: for each check its objects and the words."""
    command = ["kube-score", "score", "--output-format=json", "--disable-ignore-checks-annotations",
               f"--kubernetes-version=v{RELEASES[-1].rsplit('.', 1)[0]}", "-"]
    done = subprocess.run(command, input=manifests.text, capture_output=True, text=True)
    found = collections.defaultdict(set)
    for item in json.loads(done.stdout):
        for check in item["checks"]:
            if check["grade"] < 10 and not check["skipped"]:
                found[check["check"]["id"]] |= {comment["summary"] for comment in check["comments"]}
    return found


def scores(manifests):
    """kube-score finds what the annotations accept, each for a reason, and nothing else. Prints how much that is."""
    annotations = manifests.deployment["metadata"].get("annotations", {})
    accepted = set(annotations.get("kube-score/ignore", "").split(","))
    reasons = {key.split("/")[1] for key in annotations if key.startswith("accepted.order-service/")}
    if accepted != reasons:
        raise Fault(f"{manifests.name}: accepted findings without a reason, or reasons of no finding: {accepted ^ reasons}")
    found = findings(manifests)
    if wrong := {name: words for name, words in found.items() if name not in accepted or words != {FINDINGS[name]}}:
        raise Fault(f"{manifests.name}: kube-score: {wrong}")
    if stale := accepted - found.keys():
        raise Fault(f"{manifests.name}: accepted, and not found by kube-score: {stale}")
    return found


def restricted(manifests):
    done = subprocess.run(["judge"], input=manifests.text, capture_output=True, text=True)
    if done.returncode:
        raise Fault(f"{manifests.name}: pod security: {done.stdout}{done.stderr}")


def lint(path):
    config = pathlib.Path(__file__).with_name("yamllint.yaml")
    done = subprocess.run(["yamllint", "--strict", "--config-file", config, path], capture_output=True, text=True)
    if done.returncode:
        raise Fault(f"yamllint: {done.stdout}{done.stderr}")


# Settings: what order-service itself makes of them


class ConfigServer(http.server.BaseHTTPRequestHandler):
    """Has one setting for each application. served.py asks a real one."""

    def do_GET(self):
        sources = [{"name": "all", "source": {"order.currencies": "USD"}}]
        body = json.dumps({"name": "order-service", "profiles": [], "propertySources": sources}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


SERVER = http.server.HTTPServer(("127.0.0.1", 0), ConfigServer)


def config(manifests, number):
    """The settings of one container of the pod, without a warning."""
    container = [manifests.container, *manifests.pod.get("initContainers", [])][number]
    address = "http://127.0.0.1:%d" % SERVER.server_port
    files = Files(manifests, container, SCRATCH, [(CONFIG_SERVER, address)])
    command = files.command(PROGRAM, "config", "--json")
    done = subprocess.run(command, cwd=files.folder, env=files.environment, capture_output=True, text=True)
    if done.returncode or done.stderr:
        raise Fault(f"{manifests.name}: {container['name']}: order-service config ends with {done.returncode}: {done.stderr}")
    values = {key: (entry["value"] or "").replace(address, CONFIG_SERVER) for key, entry in json.loads(done.stdout).items()}
    read = set(values["spring.config.name"].split(","))
    files = {pathlib.Path(name).stem for name in manifests.settings}
    if number == 0 and (unread := files - read):
        raise Fault(f"{manifests.name}: SPRING_CONFIG_NAME leaves out {unread}")
    return values


# Numbers


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


def bound(manifests, what, left, right):
    if left > right:
        raise Fault(f"{manifests.name}: {what}: {left} > {right}")
    return f"{what}: {left:g} ≤ {right:g}"


def stop(manifests, values):
    """A stop has the time that it needs, and probes notice it in time."""
    delay, phase = (seconds(values[key]) for key in ("order.shutdown.delay", "spring.lifecycle.timeout-per-shutdown-phase"))
    request = sum(seconds(values[f"order.{key}"]) for key in ("body-deadline", "request-budget", "answer-deadline"))
    ready = manifests.container["readinessProbe"]
    told = [
        bound(manifests, "probes notice in the delay", ready["periodSeconds"] * ready["failureThreshold"]
              + ready["timeoutSeconds"], delay),
        bound(manifests, "delay and the longest request in the phase", delay + request, phase),
        bound(manifests, "phase and 10 s in the grace period", phase + 10, manifests.pod["terminationGracePeriodSeconds"]),
    ]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        bound(manifests, probe, seconds(values["order.request-budget"]), manifests.container[probe]["timeoutSeconds"])
    if manifests.pod["terminationGracePeriodSeconds"] != phase + 10 or "lifecycle" in manifests.container:
        raise Fault(f"{manifests.name}: the grace period is another than the phase and 10 s, or there is a preStop")
    return told


def connections(manifests, values):
    """The most pods leave the database its reserve, also while a rollout adds one that migrates."""
    scaler = manifests.kind("HorizontalPodAutoscaler")[0]
    pool = int(values["spring.datasource.hikari.maximum-pool-size"])
    surge = manifests.deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    annotations = scaler["metadata"]["annotations"]
    most, reserve = (int(annotations[f"order-service/database-{key}"]) for key in ("connections", "reserve"))
    used = (scaler["spec"]["maxReplicas"] + surge) * pool + surge
    return bound(manifests, f"connections of {scaler['spec']['maxReplicas']} pods and {surge} more", used, most - reserve)


def ports(manifests, values):
    """Ports of Services, probes and policies are those of the container, which are those of the settings; what goes out goes
    where the settings lead."""
    mine = {port["name"]: port["containerPort"] for port in manifests.container["ports"]}
    if mine != {"http": int(values["server.port"]), "management": int(values["management.server.port"])}:
        raise Fault(f"{manifests.name}: the container has the ports {mine}, and the settings others")
    # The variables of the image win over the files.
    for variable, value in re.findall(r"\b((?:MANAGEMENT_)?SERVER_[A-Z]+)=(\S+)", IMAGE.read_text()):
        if values[variable.lower().replace("_", ".")] != value:
            raise Fault(f"{manifests.name}: the image has {variable}={value}, and the settings say otherwise")
    used = [manifests.container[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness", "readiness")]
    for service in manifests.kind("Service"):
        used += [port["targetPort"] for port in service["spec"]["ports"]]
        if any(mine[port["targetPort"]] != port["port"] for port in service["spec"]["ports"]):
            raise Fault(f"{manifests.name}: the Service {service['metadata']['name']} has another port than its pods")
    for monitor in manifests.kind("ServiceMonitor"):
        used += [endpoint["port"] for endpoint in monitor["spec"]["endpoints"]]
    ways = set()
    for policy in manifests.kind("NetworkPolicy"):
        used += [port["port"] for rule in policy["spec"].get("ingress", []) for port in rule["ports"]]
        ways |= {port["port"] for rule in policy["spec"].get("egress", []) for port in rule["ports"]}
    if wrong := set(used) - mine.keys():
        raise Fault(f"{manifests.name}: these are no ports of the container: {wrong}")
    # URLs of files, and of other hosts than this.
    written = "\n".join(value for value in values.values() if "://localhost" not in value)
    leads = {int(port) for port in re.findall(r"[a-z][\w.-]*:(\d+)(?=[/,\s]|$)", written)}
    leads |= {443 for _ in re.findall(r"https://[\w.-]+(?=[/\s]|$)", written)}
    if ways != leads | {53}:
        raise Fault(f"{manifests.name}: the policies lead to the ports {sorted(ways)}, the settings to {sorted(leads)}")


# Hashes


def hashes():
    """A changed setting or Secret changes what the Deployment names."""
    copied = SCRATCH / "copy"
    shutil.copytree(rendered.SOURCE, copied)
    folder = copied / "overlays" / "production"
    recipe = folder / "kustomization.yaml"
    names = []
    with open(recipe, "a") as file:
        file.write("\nsecretGenerator:\n  - name: order-service-kafka\n    literals:\n      - ca.crt=one\n")
    for change in (None, "setting", "secret"):
        if change == "setting":
            with open(folder / "application.properties", "a") as file:
                file.write("order.currencies=EUR\norder.default-currency=EUR\n")
        if change == "secret":
            recipe.write_text(recipe.read_text().replace("ca.crt=one", "ca.crt=two"))
        made = Rendered("an edited copy", rendered.build(folder))
        volumes = {volume["name"]: volume for volume in made.pod["volumes"]}
        names.append((volumes["settings"]["configMap"]["name"], volumes["kafka"]["secret"]["secretName"]))
        existing = {item["metadata"]["name"] for item in made.kind("ConfigMap") + made.kind("Secret")}
        if not set(names[-1]) <= existing:
            raise Fault(f"the Deployment names {names[-1]}, and there are {existing}")
    (first, secret), (second, same), (third, other) = names
    if not (first != second == third and secret == same != other):
        raise Fault(f"names do not follow what they are of: {names}")


def main():
    made = rendered.all_of_them(SCRATCH)
    production, trial = made["production"], made["trial"]
    pod = "spec template spec"
    (SCRATCH / "wrong").mkdir()
    (SCRATCH / "wrong" / "kustomization.yaml").write_text("resource: [deployment.yaml]\n")
    refuses("unknown field", rendered.build, SCRATCH / "wrong")
    print(f"kustomize: {len(made)} built ({', '.join(made)}); one with a wrong field refused")

    for manifests in made.values():
        schemas(manifests)
    faults = [
        ("replica", "Deployment", "spec replica", 3),
        ("v1beta1", "Deployment", "apiVersion", "apps/v1beta1"),
        ("integer", "Deployment", f"{pod} containers 0 ports 0 containerPort", "http"),
        ("intervall", "ServiceMonitor", "spec endpoints 0 intervall", "15s"),
        ("expr", "PrometheusRule", "spec groups 0 rules 0 expr", None),
        ("v2", "PrometheusRule", "apiVersion", "monitoring.coreos.com/v2"),
    ]
    for word, *fault in faults:
        refuses(word, schemas, production.changed(*fault))
    objects = sum(len(manifests.objects) for manifests in made.values())
    releases = ", ".join(RELEASES)
    print(f"schemas, strict: {objects} objects by Kubernetes {releases} and the operator's kinds; {len(faults)} faults refused")

    accepted = collections.Counter()
    for name, manifests in made.items():
        if name != "base":  # its image has no tag: overlays give one
            accepted.update(scores(manifests).keys())
    faults = [
        ("pod-probes", "Deployment", f"{pod} containers 0 readinessProbe", None),
        ("Memory limit", "Deployment", f"{pod} containers 0 resources limits memory", None),
        ("latest tag", "Deployment", f"{pod} containers 0 image", "order-service:latest"),
        ("readonlyrootfilesystem", "Deployment", f"{pod} containers 0 securityContext readOnlyRootFilesystem", False),
        ("without a reason", "Deployment", "metadata annotations accepted.order-service/container-resources", None),
        ("targeted-by-hpa", "Deployment", "spec replicas", 3),
        ("service-targets-pod", "Service", "spec selector", {"app": "other"}),
    ]
    for word, *fault in faults:
        refuses(word, scores, production.changed(*fault))
    told = ", ".join(f"{name} ({count})" for name, count in sorted(accepted.items()))
    print(f"kube-score: nothing but what annotations accept with a reason: {told}; {len(faults)} faults refused")

    for manifests in made.values():
        restricted(manifests)
    faults = [
        ("runAsNonRoot", f"{pod} securityContext runAsNonRoot", False),
        ("seccomp", f"{pod} securityContext seccompProfile", None),
        ("NET_ADMIN", f"{pod} containers 0 securityContext capabilities", {"add": ["NET_ADMIN"], "drop": ["ALL"]}),
        ("allowPrivilegeEscalation", f"{pod} initContainers 0 securityContext allowPrivilegeEscalation", None),
        ("hostNetwork", f"{pod} hostNetwork", True),
    ]
    for word, path, value in faults:
        refuses(word, restricted, production.changed("Deployment", path, value))
    refuses("nothing", restricted, Rendered("nothing", "{}"))
    print(f"pod security restricted, latest: {len(made)} allowed; {len(faults)} faults refused")

    lint(rendered.SOURCE)
    (SCRATCH / "twice.yaml").write_text("key: 1\nkey: 2\n")
    refuses("duplication", lint, SCRATCH / "twice.yaml")
    print("yamllint: no finding; a key that is there twice refused")

    threading.Thread(target=SERVER.serve_forever, daemon=True).start()
    values = {name: config(manifests, 0) for name, manifests in made.items()}
    containers = len(made)
    for manifests in made.values():
        for number, _ in enumerate(manifests.pod.get("initContainers", []), 1):
            config(manifests, number)
            containers += 1
    faults = [
        ("order.shutdown.dely", "order.shutdown.dely=1s"),
        ("spring.datasorce.url", "spring.datasorce.url=x"),
        ("without effect", "spring.jpa.show-sql=true"),
        ("order.shutdown.delay", "order.shutdown.delay=45s"),
        ("No such file", "spring.datasource.password=file:/run/secrets/databse/password"),
    ]
    for word, fault in faults:
        wrong = Rendered(f"production with {fault}", production.text)
        wrong.settings["application.properties"] += f"{fault}\n"
        refuses(word, config, wrong, 0)
    refuses("No such file", config, production.changed("Deployment", f"{pod} containers 0 volumeMounts 2", None), 0)
    refuses("leaves out", config, production.changed("Deployment", f"{pod} containers 0 env 0 value", "base"), 0)
    print(f"order-service config: {containers} containers without a warning; {len(faults) + 2} faults refused")

    for name, manifests in made.items():
        told = stop(manifests, values[name])
    short = production.changed("Deployment", f"{pod} terminationGracePeriodSeconds", 30)
    refuses("grace period", stop, short, values["production"])
    late = production.changed("Deployment", f"{pod} containers 0 readinessProbe failureThreshold", 3)
    refuses("probes notice", stop, late, values["production"])
    refuses("longest request", stop, production, values["production"] | {"order.shutdown.delay": "20s"})
    print("stop: " + ", ".join(told))
    told = [connections(made[name], values[name]) for name in ("autoscale", "production")]
    refuses("8 pods", connections, production.changed("HorizontalPodAutoscaler", "spec maxReplicas", 8), values["production"])
    print(told[-1])

    for name, manifests in made.items():
        ports(manifests, values[name])
    wrong = production.changed("Deployment", f"{pod} containers 0 ports 1 containerPort", 8084)
    refuses("8084", ports, wrong, values["production"])
    refuses("image", ports, production, values["production"] | {"management.server.address": "127.0.0.1"})
    refuses("another port", ports, production.changed("Service", "spec ports 0 port", 8080), values["production"])
    refuses("web", ports, made["monitoring"].changed("ServiceMonitor", "spec endpoints 0 port", "web"), values["monitoring"])
    wrong = Rendered("trial with another port", trial.text)
    policy = next(item for item in wrong.kind("NetworkPolicy") if "ingress" in item["spec"])
    policy["spec"]["ingress"][0]["ports"][0]["port"] = "https"
    refuses("https", ports, wrong, values["trial"])
    refuses("9094", ports, production, values["production"] | {"spring.kafka.bootstrap-servers": "kafka.example.com:9094"})
    print("ports: Services, probes, monitors and policies name those of the containers and of the settings; 6 faults refused")

    job = production.kind("ServiceMonitor")[0]["spec"]["jobLabel"]
    service = next(item for item in production.kind("Service") if item["spec"].get("clusterIP") == "None")
    if service["metadata"]["labels"][job] != "order-service":
        raise Fault("the alerts ask for the job order-service, and it has another name")
    hashes()
    print("names: a changed setting and a changed Secret change what the Deployment names")


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        sys.exit(f"FAILED: {fault}")

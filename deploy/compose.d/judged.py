"""Judges deploy/container/compose.yaml and what it mounts, without starting anything. Each check is given faults, too, and must
find them.

    judged.py PROGRAM SCRATCH    the order-service, a folder to work in
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import yaml
from landscape import FILE, OWN, Fault, Project, image_environment, judge

PROGRAM, SCRATCH = sys.argv[1], pathlib.Path(sys.argv[2])
PORTS = {"order-service": {"8082", "8083"}, "eureka": {"8761"}, "grafana": {"3000"}}


def refuses(word, check, *arguments):
    try:
        check(*arguments)
    except Fault as fault:
        if word not in str(fault):
            raise Fault(f"a fault is found, but not that of {word}: {fault}") from None
        return
    raise Fault(f"a fault is not found: {word}")


def files(project):
    """All that is named of this machine is there."""
    named = [path for service in project.services for path in project.binds(service).values()]
    named += [pathlib.Path(secret["file"]) for secret in project.content["secrets"].values()]
    for service in project.services.values():
        if build := service.get("build"):
            context = pathlib.Path(build["context"])
            named.append(dockerfile := context / build["dockerfile"])
            if (target := build.get("target")) and not re.search(f"^FROM .* AS {target}$", dockerfile.read_text(), re.M):
                raise Fault(f"{dockerfile} has no stage {target}")
    for path in named:
        if not path.exists():
            raise Fault(f"{path} is not there")
    for service in project.services:
        for path in project.secrets(service).values():
            if path.stat().st_mode & 0o004 == 0:
                raise Fault(f"{path} can be read by nobody else")
    return len(named)


def order(project):
    """Who is waited for can say when it is ready."""
    waited = 0
    for name, service in project.services.items():
        for other, how in service.get("depends_on", {}).items():
            waited += 1
            checked = "healthcheck" in project.services[other]
            if checked != (how["condition"] == "service_healthy"):
                raise Fault(f"{name} waits for {other} until {how['condition']}; a health check: {checked}")
    for name in re.findall(r"[a-z-]+(?=:\d{4})", settings_text(project)):
        if name not in project.services:
            raise Fault(f"{name} is named, and no service")
    return waited


def settings_text(project):
    return "\n".join([*project.services["order-service"]["environment"].values(), project.given.read_text()])


def rights(project):
    """Own programs are confined, all images have a version, and ports are open to this machine alone."""
    for name, service in project.services.items():
        if name in OWN:
            if not service.get("read_only") or service.get("cap_drop") != ["ALL"] or service.get("privileged"):
                raise Fault(f"{name} is not confined")
            if service.get("security_opt") != ["no-new-privileges:true"]:
                raise Fault(f"{name} may get new privileges")
        elif not re.search(r":v?\d+\.\d+(\.\d+)?$", service["image"]):
            raise Fault(f"{name}: the image {service['image']} has no version")
        ports = service.get("ports", [])
        if open_to := {port.get("host_ip") for port in ports} - {"127.0.0.1"}:
            raise Fault(f"{name} is open to {open_to}")
        if {port["published"] for port in ports} != PORTS.get(name, set()):
            raise Fault(f"{name} has other ports than {PORTS.get(name)}")
    for name in OWN:
        if any("password" in str(value).lower() for key, value in (project.services[name].get("environment") or {}).items()
               if value and not str(value).startswith("file:/run/secrets/")):
            raise Fault(f"{name} has a password in its environment")


def seconds(text):
    return sum(float(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]
               for number, unit in re.findall(r"([\d.]+)(ms|s|m|h)", text))


def stop(project, values):
    """A stop has the time that it needs."""
    delay, phase = (seconds(values[key]) for key in ("order.shutdown.delay", "spring.lifecycle.timeout-per-shutdown-phase"))
    request = sum(seconds(values[f"order.{key}"]) for key in ("body-deadline", "request-budget", "answer-deadline"))
    grace = seconds(project.services["order-service"]["stop_grace_period"])
    if delay + request > phase:
        raise Fault(f"delay {delay} s and the longest request {request} s are not in the phase of {phase} s")
    if phase + 10 > grace:
        raise Fault(f"the phase of {phase} s and 10 s are not in the grace period of {grace} s")
    check = seconds(project.services["order-service"]["healthcheck"]["timeout"])
    if check <= 2:
        raise Fault(f"order-service health takes 2 s, and its time is {check} s")
    return f"delay {delay:g} s + longest request {request:g} s ≤ phase {phase:g} s ≤ grace period {grace:g} s - 10 s"


def settings(project, more=""):
    """The settings of the service as they apply, without a warning. Those of the config server are imported as a file here."""
    text = project.given.read_text() + more
    (SCRATCH / "served.properties").write_text(text)
    environment = project.services["order-service"]["environment"] | image_environment()
    environment["SPRING_CONFIG_IMPORT"] = f"file:{SCRATCH}/served.properties"
    secrets = project.secrets("order-service")
    for key, value in environment.items():
        if value.startswith("file:/run/secrets/"):
            environment[key] = "file:" + str(secrets.get(value.removeprefix("file:"), value))
    done = subprocess.run([PROGRAM, "config", "--json"], cwd=SCRATCH, env=environment, capture_output=True, text=True, timeout=60)
    if done.returncode or done.stderr:
        raise Fault(f"order-service config ends with {done.returncode}: {done.stderr}")
    return {key: entry["value"] or "" for key, entry in json.loads(done.stdout).items()}


def prometheus(project, change=("", "")):
    """Prometheus takes its files, as they lie beside each other in the container."""
    folder = SCRATCH / "prometheus"
    folder.mkdir(exist_ok=True)
    for target, path in project.binds("prometheus").items():
        (folder / pathlib.Path(target).name).write_text(path.read_text().replace(*change, 1) if change[0] else path.read_text())
    judge("prometheus", folder / "prometheus.yml")
    (job,) = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"]
    if job["job_name"] not in (folder / "alerts.yaml").read_text():
        raise Fault(f"no alert knows the job {job['job_name']}")
    return job["static_configs"][0]["targets"], job["metrics_path"]


def collector(project, change=("", "")):
    """The collector's two files together: what its pipelines name is defined, and the service's traces arrive there."""
    both = {}
    for option in project.services["collector"]["command"]:
        path = project.binds("collector")[option.removeprefix("--config=")]
        both = merged(both, yaml.safe_load(path.read_text().replace(*change) if change[0] else path.read_text()))
    used = set()
    for name, pipeline in both["service"]["pipelines"].items():
        for part, names in pipeline.items():
            used |= {f"{part} {one}" for one in names}
            if missing := [one for one in names if one not in both[part]]:
                raise Fault(f"the pipeline {name} names {missing}, which is not in {part}")
    port = both["receivers"]["otlp"]["protocols"]["http"]["endpoint"].removeprefix("0.0.0.0:")
    if f"http://collector:{port}/v1/traces" not in project.given.read_text():
        raise Fault("the service sends its traces elsewhere")
    named = set(re.findall(r"\$\{env:(\w+)\}", json.dumps(both)))
    if named != set(project.services["collector"]["environment"]):
        raise Fault(f"the collector's files name the variables {named}")
    if not {"receivers otlp", "exporters otlp_http/traces"} <= used:
        raise Fault("traces go nowhere")


def merged(below, above):
    """Maps are joined, anything else is replaced, as the collector does it."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {key: merged(below.get(key), value) for key, value in above.items()}


def grafana(project):
    """Grafana finds the dashboard where its provider looks, and its sources are services."""
    binds = project.binds("grafana")
    found = {path.parent.name: yaml.safe_load(source.read_text()) for path, source in
             ((pathlib.Path(target), source) for target, source in binds.items()) if path.suffix == ".yaml"}
    folder = found["dashboards"]["providers"][0]["options"]["path"]
    dashboards = [source for target, source in binds.items() if pathlib.Path(target).parent == pathlib.Path(folder)]
    if len(dashboards) != 1 or not json.loads(dashboards[0].read_text())["panels"]:
        raise Fault(f"there is no dashboard in {folder}")
    for source in found["datasources"]["datasources"]:
        if re.fullmatch(r"http://([a-z]+):\d+", source["url"])[1] not in project.services:
            raise Fault(f"{source['url']} is no service")
    if sum(source.get("isDefault", False) for source in found["datasources"]["datasources"]) != 1:
        raise Fault("the dashboard takes the default source, and there is not one")


def main():
    project, text = Project.load(), FILE.read_text()
    faulty = SCRATCH / "compose.yaml"
    for word, old, new in [("secretz", "secrets: [grafana-password]", "secretz: [grafana-password]"),
                           ("undefined", "mysql: { condition", "mysq: { condition"),
                           ("undefined", "secrets: [grafana-password]", "secrets: [grafana]"),
                           ("undefined", "- prometheus:/prometheus", "- prometeus:/prometheus")]:
        faulty.write_text(text.replace(old, new))
        refuses(word, Project.load, faulty)
    print(f"Compose: its schema and its loader take {len(project.services)} services; 4 faults refused")

    told = files(project), order(project)
    refuses("is not there", files, project.changed("secrets grafana-password file", "/nonexistent"))
    refuses("is not there", files, project.changed("services prometheus volumes 0 source", "/nonexistent"))
    refuses("no stage", files, project.changed("services order-service build target", "servce"))
    refuses("until service_started", order, project.changed("services order-service depends_on mysql condition", "service_started"))
    refuses("until service_healthy", order, project.changed("services order-service depends_on collector condition", "service_healthy"))
    refuses("mysq is named", order, project.changed("services order-service environment SPRING_DATASOURCE_URL", "jdbc:mysql://mysq:3306/x"))
    print("files and order: %d files are there, %d times a service waits for another; 6 faults found" % told)

    rights(project)
    for word, path, value in [("not confined", "services payment read_only", None),
                              ("not confined", "services eureka cap_drop", []),
                              ("new privileges", "services order-service security_opt", []),
                              ("no version", "services mysql image", "mysql:latest"),
                              ("open to", "services grafana ports 0 host_ip", None),
                              ("other ports", "services mysql ports", [{"host_ip": "127.0.0.1", "published": "3306"}]),
                              ("password in", "services order-service environment X", "the password")]:
        refuses(word, rights, project.changed(path, value))
    print("rights: own programs are confined, images have versions, ports are on 127.0.0.1; 7 faults found")

    values = settings(project)
    for word, more in [("order.saga.enabeld", "\norder.saga.enabeld=true"), ("spring.kafka.bootstrp", "\nspring.kafka.bootstrp=x"),
                       ("without effect", "\nspring.jpa.show-sql=true")]:
        refuses(word, settings, project, more)
    wrong = project.changed("services order-service environment SPRING_DATASOURCE_PASSWORD", "file:/run/secrets/other")
    refuses("No such file", settings, wrong)
    wanted = {"order.saga.enabled": "true", "order.saga.transport": "kafka", "order.graphql.enabled": "true",
              "management.server.port": "8083", "server.port": "8082"}
    if other := {key: values[key] for key, value in wanted.items() if values[key] != value}:
        raise Fault(f"the settings are {other}")
    print("order-service config: no warning; 4 faults refused")

    told = stop(project, values)
    refuses("grace period", stop, project.changed("services order-service stop_grace_period", "45s"), values)
    refuses("phase", stop, project, values | {"order.shutdown.delay": "20s"})
    print(f"stop: {told}")

    targets, path = prometheus(project)
    if targets != [f"order-service:{values['management.server.port']}"] or path != "/actuator/prometheus":
        raise Fault(f"Prometheus asks {targets}{path}")
    refuses("field scrape_confgs", prometheus, project, ("scrape_configs", "scrape_confgs"))
    refuses("could not parse", prometheus, project, ("expr: absent(", "expr: absent(("))
    collector(project)
    refuses("names ['otlp']", collector, project, ("  otlp:\n", "  otpl:\n"))
    refuses("elsewhere", collector, project, ("0.0.0.0:4318", "0.0.0.0:4319"))
    grafana(project)
    refuses("no dashboard", grafana, project.changed("services grafana volumes 2 target", "/elsewhere/x.json"))
    shutil.rmtree(SCRATCH / "prometheus")
    print("Prometheus takes its files; collector and Grafana name what is there; 5 faults found")


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        sys.exit(f"FAILED: {fault}")

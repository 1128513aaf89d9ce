#!/usr/bin/env python3
"""Runs the program of an unpacked image as an engine does, on a machine without one.

    run.py [--mount SOURCE:TARGET[:rw]]... [--env NAME=VALUE]... [--program PATH] RUNTIME BUNDLE [ARGUMENT...]

User, folder, environment and program are those of the image (BUNDLE/config.json, as `umoci unpack` writes it). The root is
read-only, there are no capabilities and no new privileges, and process ids and mounts are the container's own; the network
is that of the caller. RUNTIME is `crun`, or `unshare`: the same by util-linux, without any rules for system calls or devices.
This process becomes the runtime, and the container's first process is its only child.
"""

import argparse
import json
import os
import pathlib
import tempfile

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("--mount", action="append", default=[])
parser.add_argument("--env", action="append", default=[])
parser.add_argument("--program")
parser.add_argument("runtime", choices=["crun", "unshare"])
parser.add_argument("bundle", type=pathlib.Path)
parser.add_argument("argument", nargs=argparse.REMAINDER)
arguments = parser.parse_args()

image = json.loads((arguments.bundle / "config.json").read_text())
root = str(arguments.bundle.resolve() / "rootfs")
process = image["process"]
program = [arguments.program] if arguments.program else process["args"]
process["args"] = program + arguments.argument
process["env"] += arguments.env
binds = [(mount.split(":") + ["ro"])[:3] for mount in arguments.mount]


def crun():
    """With a file of settings. Control groups are left alone: where a machine has both of their versions, crun refuses it."""
    spec = dict(image)
    nothing = {kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")}
    process.update(terminal=False, capabilities=nothing, noNewPrivileges=True)
    process.pop("rlimits", None)
    spec["root"] = {"path": root, "readonly": True}
    spec["linux"]["namespaces"] = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]
    spec["mounts"] = [mount for mount in image["mounts"] if mount["type"] != "cgroup"]
    spec["mounts"] += [
        {"destination": target, "source": source, "type": "bind", "options": ["bind", mode]}
        for source, target, mode in binds
    ]
    folder = tempfile.mkdtemp(dir=arguments.bundle.parent)
    pathlib.Path(folder, "config.json").write_text(json.dumps(spec))
    script = 'mount -t tmpfs none /sys/fs/cgroup && exec crun --cgroup-manager=disabled run --bundle "$0" "$1"'
    return ["unshare", "--mount", "sh", "-c", script, folder, os.path.basename(folder)], os.environ


def unshare():
    """With a script that makes the mounts, and then leaves root and its rights behind."""
    lines = ["set -e", 'mount --bind "$0" "$0"']
    for source, target, mode in [("/proc", "/proc", "rw"), ("/dev", "/dev", "rw"), ("/sys", "/sys", "ro"), *binds]:
        place = pathlib.Path(root + target)
        if os.path.isdir(source):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        if target == "/proc":
            lines += [f"mount -t proc proc '{place}'"]
        else:
            lines += [f"mount --bind '{source}' '{place}'"] + [f"mount -o remount,bind,ro '{place}'"] * (mode == "ro")
    user = process["user"]
    lines += [
        'mount -o remount,bind,ro "$0"',
        f'exec setpriv --no-new-privs unshare --root="$0" --wd="{process["cwd"]}"'
        f' --setgid={user["gid"]} --setuid={user["uid"]} "$@"',
    ]
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", "\n".join(lines), root]
    return command + process["args"], dict(variable.split("=", 1) for variable in process["env"])


command, environment = {"crun": crun, "unshare": unshare}[arguments.runtime]()
os.execvpe(command[0], command, environment)

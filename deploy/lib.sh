# shellcheck shell=bash
# What the scripts of this folder share: messages, the cache folder, Debian packages, jars, free ports. Sourced, never run.

# Where servers, downloads and tools are kept. Servers refuse to run as root, and root's own home is closed to others.
if [ "$EUID" -eq 0 ]; then cache_home=/var/cache/order-stack; else cache_home=${XDG_CACHE_HOME:-$HOME/.cache}/order-stack; fi
export STACK_CACHE=${STACK_CACHE:-$cache_home/downloads}

# Debian keeps servers in sbin, which is not on every user's path.
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# The comment at the top of a script, from its second line on, is its help.
print_help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"; }

# Prints those of the Debian packages named that are not installed.
packages_missing() {
  local package
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] || echo "$package"
  done
}

# Prints the Debian packages that a Python with virtual environments lacks.
python_packages() { python3 -c 'import ensurepip' 2>/dev/null || printf '%s\n' python3 python3-venv; }

# Prints the folder of the environment with the Python packages that a file names, at fixed versions: one for each text of
# the file and each version of Python. Fails without Python.
python_folder() { # FILE
  local key
  key=$({ python3 --version && cat "$1"; } 2>/dev/null | sha256sum | cut -c1-12) && echo "$STACK_CACHE/python-$key"
}

# The same, and installs what is missing of it.
python_environment() { # FILE
  local folder missing
  mapfile -t missing < <(python_packages)
  install_packages "${missing[@]}"
  folder=$(python_folder "$1")
  mkdir -p "$STACK_CACHE"
  (
    flock 8
    [ ! -e "$folder/complete" ] || exit 0
    say "installing the packages of $1"
    rm -rf "$folder"
    python3 -m venv "$folder" >&2 8>&- || die "Python made no environment in $folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$1" >&2 8>&- ||
      die "pip could not install the packages of $1"
    touch "$folder/complete"
  ) 8>"$folder.lock" || return
  echo "$folder"
}

# Installs Debian packages, with their services kept from starting. The package lists are fetched once in a run.
install_packages() {
  [ $# -gt 0 ] || return 0
  if [ "$EUID" -ne 0 ] || ! command -v apt-get >/dev/null; then
    die "please install these Debian packages, then run this again: $*"
  fi
  local output
  say "installing $*"
  output=$(
    exec 8>/run/lock/order-stack-packages.lock
    flock 8
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap 'rm -f "$policy"' EXIT
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod +x "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    # A source of packages that does not answer may not be needed.
    [ -n "${STACK_LISTS_FETCHED:-}" ] || apt-get -qq update 2>&1 || true
    apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" 2>&1 8>&-
  ) || die "apt-get could not install: $*; it said: $output"
  export STACK_LISTS_FETCHED=1
}

# Prints the address of the Debian mirror that this machine takes its packages from; nothing when there is none.
debian_mirror() {
  # shellcheck disable=SC2016
  apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' |
    awk '/\/debian(\/[0-9TZ]+)?\/?$/ && !found++'
}

# Prints the Debian packages that running jars from Maven Central lacks.
maven_packages() {
  command -v mvn >/dev/null || echo maven
  command -v java >/dev/null || echo default-jre-headless
}

# Prints the Debian packages that running deploy/proxies lacks.
proxy_packages() {
  [ -x /usr/sbin/nginx ] || echo nginx
  [ -x /usr/sbin/haproxy ] || echo haproxy
}

# Prints the folder with the jars that a POM names and all that those need. They are fetched once for each text of the POM.
maven_jars() { # POM_FILE
  local pom hash folder output
  pom=$(realpath "$1")
  hash=$(sha256sum <"$pom")
  folder=$STACK_CACHE/jars/${hash:0:16}
  mkdir -p "$STACK_CACHE/jars"
  (
    flock 8
    [ ! -e "$folder" ] || exit 0
    say "fetching the jars of $pom"
    rm -rf "$folder.part"
    output=$(mvn -q -B -f "$pom" dependency:copy-dependencies -DoutputDirectory="$folder.part" 2>&1 8>&-) ||
      die "Maven could not fetch the jars of $pom; it said: $output"
    mv "$folder.part" "$folder"
  ) 8>"$folder.lock" || return
  echo "$folder"
}

# Prints the folder with the packages of Node that a lock file names. They are installed once for each text of it.
node_packages() { # FOLDER_OF_LOCK_FILE
  local folder
  folder=$STACK_CACHE/node-$(sha256sum <"$1/package-lock.json" | cut -c1-12)
  mkdir -p "$STACK_CACHE"
  (
    flock 8
    [ ! -e "$folder" ] || exit 0
    say "installing the packages of $1"
    rm -rf "$folder.part"
    {
      mkdir "$folder.part" && cp "$1/package.json" "$1/package-lock.json" "$folder.part" &&
        npm ci --prefix "$folder.part" --no-audit --no-fund --loglevel=error >&2 8>&- && mv "$folder.part" "$folder"
    } || die "npm could not install the packages of $1"
  ) 8>"$folder.lock" || return
  echo "$folder"
}

# Prints this number of free ports of the loopback interface, below those that the system gives to outgoing connections.
free_ports() {
  python3 - "$1" <<'PYTHON'
import random, socket, sys

held = []
for port in random.sample(range(20000, 32000), 12000):
    probe = socket.socket()
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        continue
    held.append(probe)
    if len(held) == int(sys.argv[1]):
        break
print(*(probe.getsockname()[1] for probe in held))
PYTHON
}

# Waits until COMMAND succeeds, asking ten times a second; fails after SECONDS, or as soon as process PID has ended.
wait_until() { # SECONDS PID COMMAND...
  local deadline=$((SECONDS + $1)) pid=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$deadline" ] || ! kill -0 "$pid" 2>/dev/null; then return 1; fi
    sleep 0.1
  done
}

# shellcheck shell=bash
# MySQL itself, which no stable Debian has: the packages of Debian's unstable, its C library among them, unpacked into a
# folder of their own and run from there. Nothing is installed. See deploy/stack for what a server defines.
# shellcheck disable=SC2034,SC2154

mysql_port=${STACK_MYSQL_PORT:-3317}
mysql_user=mysql
mysql_stop_signal=TERM
mysql_root=$STACK_CACHE/mysql

mysql_packages() { command -v openssl >/dev/null || echo openssl; }

mysql_prepare() {
  ensure_account mysql
  mkdir -p "$STACK_CACHE"
  "${as_server[@]}" test -x "$STACK_CACHE" ||
    die "mysql: the account $mysql_user may not enter $STACK_CACHE; set STACK_CACHE to a folder that it may"
  (
    flock 8
    [ -e "$mysql_root" ] || mysql_unpack "$mysql_root.part"
  ) 8>"$STACK_CACHE/mysql.lock"
}

# Downloads with apt, from the machine's own mirror and checked against Debian's keys, but with lists and a package
# state of its own, and unpacks into FOLDER.
mysql_unpack() { # FOLDER
  local folder=$1 apt=$1/apt keys=/usr/share/keyrings/debian-archive-keyring.gpg mirror options packages
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || die "mysql: no Debian mirror is among this machine's package sources"
  say "mysql: downloading"
  rm -rf "$folder"
  mkdir -p "$apt"/{lists,cache/archives}/partial "$apt/packages"
  : >"$apt/status"
  echo "deb [signed-by=$keys] $mirror sid main" >"$apt/sources.list"
  options=(-qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o "Dir::State::status=$apt/status" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  # With all that they need, but for what only installing them would need.
  packages=$(apt-cache "${options[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances mysql-server-core mysql-client-core | grep '^[a-z]' |
    grep -vE '^(adduser|cdebconf|debconf|dpkg|install-info|lsb|passwd|perl|systemd|tar)' | sort -u)
  # shellcheck disable=SC2086
  (cd "$apt/packages" && apt-get "${options[@]}" download $packages)
  for package in "$apt"/packages/*.deb; do dpkg -x "$package" "$folder"; done
  rm -rf "$apt"
  mv "$folder" "$mysql_root"
}

# Sets `mysql_run`, which runs a program of the folder with the folder's own C library and loader.
mysql_program() { # PROGRAM
  local loader
  loader=$(echo "$mysql_root"/usr/lib/*/ld-linux-*.so.*)
  mysql_run=("$loader" --library-path "$(dirname "$loader"):$mysql_root/usr/lib/mysql/private" "$mysql_root/usr/$1" --no-defaults)
}

mysql_server() { # DATA
  local mysql_run
  mysql_program sbin/mysqld
  command=("${mysql_run[@]}" --basedir="$mysql_root/usr" --lc-messages-dir="$mysql_root/usr/share/mysql" --datadir="$1")
}

mysql_initialise() {
  local command
  mysql_server "$1"
  "${as_server[@]}" "${command[@]}" --initialize-insecure
}

mysql_command() {
  install -m 644 "$here/stack.d/accounts.sql" "$1/../accounts.sql"
  certify "$1"
  mysql_server "$1"
  rm -f "$1"/server.sock* # of a killed server: its process id may be another's by now
  # The socket is relative to the data folder: a long path would not fit.
  command+=(--bind-address=127.0.0.1 --port="$2" --mysqlx=OFF --socket=server.sock --pid-file=server.pid
    --secure-file-priv=NULL --init-file="$(realpath "$1/..")/accounts.sql" --skip-name-resolve --max-connections=300
    --ssl-cert=tls.pem --ssl-key=tls.key --ssl-ca="$STACK_DIR/certificates/authority.pem")
}

mysql_answers() {
  local mysql_run
  mysql_program bin/mysql
  MYSQL_PWD=app "${mysql_run[@]}" --protocol=tcp --host=127.0.0.1 --port="$1" --user=app --execute='select 1' orders
}

mysql_url() { echo "mysql://app:app@127.0.0.1:$1/orders"; }

mysql_exports() { certified_exports; }

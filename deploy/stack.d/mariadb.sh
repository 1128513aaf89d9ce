# shellcheck shell=bash
# MariaDB, from Debian's packages of the server's programs alone, which start no service. See deploy/stack for what a
# server defines.
# shellcheck disable=SC2034,SC2154

mariadb_port=${STACK_MARIADB_PORT:-3316}
mariadb_user=mysql
mariadb_stop_signal=TERM

mariadb_packages() {
  { command -v mariadbd && command -v mariadb-install-db; } >/dev/null || echo mariadb-server-core
  command -v mariadb >/dev/null || echo mariadb-client-core
  command -v openssl >/dev/null || echo openssl
}

mariadb_prepare() { ensure_account mysql; }

mariadb_initialise() {
  "${as_server[@]}" mariadb-install-db --no-defaults --datadir="$1" --auth-root-authentication-method=normal --skip-test-db
}

mariadb_command() {
  install -m 644 "$here/stack.d/accounts.sql" "$1/../accounts.sql"
  certify "$1"
  # The socket is relative to the data folder: a long path would not fit.
  command=(mariadbd --no-defaults --datadir="$1" --bind-address=127.0.0.1 --port="$2" --socket=server.sock
    --pid-file=server.pid --init-file="$(realpath "$1/..")/accounts.sql" --skip-name-resolve --max-connections=300
    --ssl-cert="$1/tls.pem" --ssl-key="$1/tls.key" --ssl-ca="$STACK_DIR/certificates/authority.pem"
    --character-set-server=utf8mb4) # as the configuration file of Debian's package says
}

mariadb_answers() {
  MYSQL_PWD=app mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port="$1" --user=app --execute='select 1' orders
}

mariadb_url() { echo "mysql://app:app@127.0.0.1:$1/orders"; }

mariadb_exports() { certified_exports; }

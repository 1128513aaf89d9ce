# shellcheck shell=bash
# PostgreSQL, from Debian's package, of the highest version installed. See deploy/stack for what a server defines.
# shellcheck disable=SC2034,SC2154

postgres_port=${STACK_POSTGRES_PORT:-5442}
postgres_user=postgres
postgres_stop_signal=INT # roll back what is open and end; TERM would wait for every client to leave

postgres_bin() { dirname "$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)"; }

# pgbouncer is for tests, which put it before the server.
postgres_packages() {
  [ -x "$(postgres_bin)/postgres" ] || echo postgresql
  command -v pgbouncer >/dev/null || echo pgbouncer
  command -v openssl >/dev/null || echo openssl
}

postgres_prepare() { :; }

postgres_initialise() {
  local bin
  bin=$(postgres_bin)
  "${as_server[@]}" "$bin/initdb" --pgdata="$1" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 &&
    "${as_server[@]}" "$bin/postgres" --single -c exit_on_error=on -D "$1" postgres <<<'create database orders'
}

postgres_command() {
  rm -f "$1/postmaster.pid" # of a killed server: its process id may be another's by now
  certify "$1"
  # The user `certified` shows a certificate instead of a password, and `spoken` says its own in clear text. The first line
  # that fits counts.
  grep -q certified "$1/pg_hba.conf" ||
    "${as_server[@]}" sed -i '1i hostssl all certified all cert\nhost all spoken all password' "$1/pg_hba.conf"
  command=("$(postgres_bin)/postgres" -D "$1" -c listen_addresses=127.0.0.1 -c port="$2"
    -c unix_socket_directories= -c max_connections=300 -c ssl=on -c ssl_cert_file=tls.pem -c ssl_key_file=tls.key
    -c ssl_ca_file="$STACK_DIR/certificates/authority.pem")
}

postgres_answers() { "$(postgres_bin)/psql" --no-psqlrc --no-password --quiet --command='select 1' "$(postgres_url "$1")"; }

postgres_url() { echo "postgres://postgres@127.0.0.1:$1/orders"; }

postgres_exports() { certified_exports; }

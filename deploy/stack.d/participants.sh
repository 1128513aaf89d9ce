# shellcheck shell=bash
# The participants of the saga (docs/saga-participants.md), from this repository: inventory, payment, notification. See
# deploy/stack for what a server defines. They have no port; the broker is that of the stack unless STACK_PARTICIPANTS_BROKERS
# names others. STACK_INVENTORY_OPTIONS and the like are further options, such as --fail lose=0.1; STACK_PARTICIPANTS is a
# program that is built already.
# shellcheck disable=SC2034,SC2154

participants_members=(inventory payment notification)
participants_on_request=("${participants_members[@]}")
participants_port=0
participants_user=root
participants_stop_signal=TERM

participants_packages() { :; }

participants_prepare() {
  participants_program=${STACK_PARTICIPANTS:-}
  [ -z "$participants_program" ] || return 0
  command -v cargo >/dev/null || die "$name: cargo is missing; please install Rust with rustup"
  # The examples, of which there are none, are named for their effect: with them the features are those of tests.
  (cd "$here/.." && cargo build --quiet --locked --package order-participants --bins --examples) ||
    die "$name: it does not compile"
  participants_program=$(realpath "${CARGO_TARGET_DIR:-$here/../target}")/debug/order-participants
}

participants_initialise() { :; }

participants_command() { # DATA PORT
  local own=STACK_${name^^}_OPTIONS options=()
  read -ra options <<<"${!own:-}"
  command=("$participants_program" "$name" --create-topics --database "$1/$name.db"
    --brokers "${STACK_PARTICIPANTS_BROKERS:-127.0.0.1:$kafka_port}" "${options[@]}")
}

# It says so once it has its file, and the topics are there.
participants_answers() { grep -q " ready .*process=$(cat "$STACK_DIR/$name/pid")\$" "$STACK_DIR/$name/server.log"; }

participants_url() { echo "$STACK_DIR/$name/data/$name.db"; } # its file

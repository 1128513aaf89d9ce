# shellcheck shell=bash
# Kafka, from Maven Central, without ZooKeeper: `kafka` is a broker by itself with Kafka's own defaults; kafka1, kafka2
# and kafka3 are one cluster, for tests that kill and stop its members. See deploy/stack for what a server defines.
#
# With STACK_KAFKA_CREDENTIALS the broker `kafka` has three more listeners, as brokers are reached in production: with TLS, a
# certificate of an authority of its own, and a password (SCRAM-SHA-512 or PLAIN); with TLS and a certificate of the client by
# that authority; and with the password alone. Clients of these may do what access rules say, at first nothing; clients of
# the plain listener may do everything, and give rights (deploy/kafka acls).
# shellcheck disable=SC2034,SC2154

kafka_on_request=(kafka1 kafka2 kafka3)

kafka_port=${STACK_KAFKA_PORT:-9192} kafka_controller_port=${STACK_KAFKA_CONTROLLER_PORT:-9193}
kafka_secure_port=${STACK_KAFKA_SECURE_PORT:-9194} kafka_credentials=${STACK_KAFKA_CREDENTIALS:-}
kafka_mutual_port=${STACK_KAFKA_MUTUAL_PORT:-9195} kafka_password_port=${STACK_KAFKA_PASSWORD_PORT:-9196}
kafka1_port=${STACK_KAFKA1_PORT:-9292} kafka1_controller_port=${STACK_KAFKA1_CONTROLLER_PORT:-9293}
kafka2_port=${STACK_KAFKA2_PORT:-9294} kafka2_controller_port=${STACK_KAFKA2_CONTROLLER_PORT:-9295}
kafka3_port=${STACK_KAFKA3_PORT:-9296} kafka3_controller_port=${STACK_KAFKA3_CONTROLLER_PORT:-9297}
kafka_user=kafka
kafka_stop_signal=TERM
# A member that ends in good order asks the others first, and the last one would wait for them in vain. What has been
# written survives the end of a process.
kafka1_stop_signal=KILL kafka2_stop_signal=KILL kafka3_stop_signal=KILL

kafka_packages() {
  maven_packages
  command -v python3 >/dev/null || echo python3
  ! kafka_is_secured || command -v openssl >/dev/null || echo openssl
}

kafka_is_secured() { [ "$name" = kafka ] && [ -n "$kafka_credentials" ]; }

kafka_prepare() {
  ensure_account kafka
  kafka_fetch
  [ $EUID -ne 0 ] || "${as_server[@]}" test -x "$kafka_jars" ||
    die "kafka: the account $kafka_user may not enter $kafka_jars; set STACK_CACHE to a folder that it may"
}

# Sets `kafka_jars`, the folder of its programs.
kafka_fetch() { kafka_jars=$(maven_jars "$here/stack.d/kafka.pom.xml"); }

# Sets `command`, which runs one of Kafka's programs: little memory, a quick start, warnings on standard error.
kafka_program() { # CLASS ARGUMENT...
  command=(java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Dlog4j2.level=WARN
    -cp "$kafka_jars/*" "$@")
}

# Writes the settings of the server $name, and prints their place.
kafka_settings() { # DATA PORT
  local file
  file=$(realpath "$1/..")/server.properties
  {
    cat <<PROPERTIES
process.roles=broker,controller
listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$(setting "$name" controller_port)
advertised.listeners=PLAINTEXT://127.0.0.1:$2
controller.listener.names=CONTROLLER
log.dirs=$1
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
PROPERTIES
    if [ "$name" = kafka ]; then
      cat <<PROPERTIES
node.id=1
controller.quorum.voters=1@127.0.0.1:$kafka_controller_port
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
PROPERTIES
    else
      # As clusters that are cared for are run. A member that stops is left out after 3 s, not 9.
      cat <<PROPERTIES
node.id=${name#kafka}
controller.quorum.voters=1@127.0.0.1:$kafka1_controller_port,2@127.0.0.1:$kafka2_controller_port,3@127.0.0.1:$kafka3_controller_port
default.replication.factor=3
min.insync.replicas=2
auto.create.topics.enable=false
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
PROPERTIES
    fi
    ! kafka_is_secured || kafka_secured_settings "$@"
  } >"$file"
  echo "$file"
}

# Of two lines for one setting the later one counts.
kafka_secured_settings() { # DATA PORT
  local modules=org.apache.kafka.common.security user=${kafka_credentials%%:*} password=${kafka_credentials#*:} listener
  local addresses=PLAINTEXT://127.0.0.1:$2,SECURE://127.0.0.1:$kafka_secure_port
  addresses+=,MUTUAL://127.0.0.1:$kafka_mutual_port,PASSWORD://127.0.0.1:$kafka_password_port
  cat <<PROPERTIES
listeners=CONTROLLER://127.0.0.1:$kafka_controller_port,$addresses
advertised.listeners=$addresses
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL,PASSWORD:SASL_PLAINTEXT
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location=$1/authority.pem
listener.name.mutual.ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
PROPERTIES
  for listener in secure mutual; do
    cat <<PROPERTIES
listener.name.$listener.ssl.keystore.type=PEM
listener.name.$listener.ssl.keystore.location=$1/broker.pem
PROPERTIES
  done
  for listener in secure password; do
    cat <<PROPERTIES
listener.name.$listener.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.$listener.plain.sasl.jaas.config=$modules.plain.PlainLoginModule required user_$user="$password";
listener.name.$listener.scram-sha-512.sasl.jaas.config=$modules.scram.ScramLoginModule required;
PROPERTIES
  done
}

# Makes an authority, and the broker's certificate, which is for its address and for no name.
kafka_certificates() { # DATA
  local new=("${as_server[@]}" openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650)
  "${new[@]}" -subj '/CN=order-stack authority' -keyout "$1/authority.key" -out "$1/authority.pem"
  "${new[@]}" -subj '/CN=kafka' -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=CA:FALSE \
    -CA "$1/authority.pem" -CAkey "$1/authority.key" -keyout "$1/broker.pem" -out "$1/broker.pem"
}

kafka_initialise() { # DATA
  local command users=()
  if kafka_is_secured; then
    kafka_certificates "$1"
    users=(--add-scram "SCRAM-SHA-512=[name=${kafka_credentials%%:*},password=${kafka_credentials#*:}]")
  fi
  # Any id will do, as long as the members of a cluster have the same.
  kafka_program kafka.tools.StorageTool format --cluster-id order-stack-kafka-AAAA "${users[@]}" --config \
    "$(kafka_settings "$1" "$(setting "$name" port)")"
  "${as_server[@]}" "${command[@]}"
}

kafka_command() { kafka_program kafka.Kafka "$(kafka_settings "$1" "$2")"; } # DATA PORT

# An open port is not enough: a broker counts once metadata lists it.
kafka_answers() { # PORT
  local id=${name#kafka}
  python3 "$here/stack.d/kafka_brokers.py" "$1" | grep -qx "${id:-1}"
}

kafka_url() { echo "127.0.0.1:$1"; }

kafka_exports() {
  local authority=$STACK_DIR/kafka/data/authority.pem
  ! kafka_is_secured || [ ! -e "$authority" ] || cat <<EXPORTS
export STACK_KAFKA_SECURE_URL=127.0.0.1:$kafka_secure_port
export STACK_KAFKA_AUTHORITY=$authority
EXPORTS
}

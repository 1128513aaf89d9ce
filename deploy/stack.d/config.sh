# shellcheck shell=bash
# The Spring Cloud Config server, which serves the files of a folder. See deploy/stack for what a server defines.
# shellcheck disable=SC2034,SC2154
# shellcheck source=/dev/null
. "$here/stack.d/spring/server.bash"

config_port=${STACK_CONFIG_PORT:-8888}
config_user=spring
config_stop_signal=TERM

config_packages() { spring_packages; }

config_prepare() { spring_prepare config; }

config_initialise() { "${as_server[@]}" mkdir "$1/served"; }

config_command() {
  spring_command "$1" "$2" "${STACK_CONFIG_CREDENTIALS:-}" \
    org.springframework.cloud.config.server.ConfigServerApplication \
    --spring.profiles.active=native "--spring.cloud.config.server.native.search-locations=file:$1/served/" \
    --eureka.client.enabled=false
}

config_answers() { curl --fail --silent --max-time 5 "$(config_url "$1")/application/default"; }

config_url() { spring_url config "$1"; }

config_exports() { echo "export STACK_CONFIG_DIR=$STACK_DIR/config/data/served"; }

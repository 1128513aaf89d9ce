# shellcheck shell=bash
# The Eureka server of Spring Cloud Netflix, with the patience of a test: what has expired is gone within a second or two.
# See deploy/stack for what a server defines.
# shellcheck disable=SC2034,SC2154
# shellcheck source=/dev/null
. "$here/stack.d/spring/server.bash"

eureka_port=${STACK_EUREKA_PORT:-8761}
eureka_user=spring
eureka_stop_signal=TERM

eureka_packages() { spring_packages; }

eureka_prepare() { spring_prepare eureka; }

eureka_initialise() { :; }

eureka_command() {
  # The config server's class is the one at hand that configures whatever is on the class path.
  spring_command "$1" "$2" "${STACK_EUREKA_CREDENTIALS:-}" \
    org.springframework.cloud.config.server.ConfigServerApplication,org.springframework.cloud.netflix.eureka.server.EurekaServerMarkerConfiguration \
    --spring.cloud.config.server.enabled=false \
    --eureka.client.register-with-eureka=false --eureka.client.fetch-registry=false \
    --eureka.server.enable-self-preservation=false --eureka.server.eviction-interval-timer-in-ms=1000 \
    --eureka.server.response-cache-update-interval-ms=1000
}

eureka_answers() { curl --fail --silent --max-time 5 "$(eureka_url "$1")/apps"; }

eureka_url() { echo "$(spring_url eureka "$1")/eureka"; }

# shellcheck shell=bash
# A resource server of Spring Security as it is by default: each path asks for a token, and there is nothing at any. Tests
# serve the key set and sign the tokens. See deploy/stack for what a server defines.
# shellcheck disable=SC2034,SC2154
# shellcheck source=/dev/null
. "$here/stack.d/spring/server.bash"

resource_port=${STACK_RESOURCE_PORT:-9401}
resource_user=spring
resource_stop_signal=TERM

resource_packages() { spring_packages; }

resource_prepare() { spring_prepare resource; }

resource_initialise() { :; }

resource_command() {
  local keys=http://127.0.0.1:${STACK_RESOURCE_KEYS_PORT:-9402} jwt=spring.security.oauth2.resourceserver.jwt
  cat >"$1/application.properties" <<PROPERTIES
$jwt.issuer-uri=$keys
$jwt.jwk-set-uri=$keys/keys
$jwt.audiences=orders,shop
$jwt.jws-algorithms=RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384
PROPERTIES
  chmod 644 "$1/application.properties"
  spring_by_properties "$1" "$2" security.oauth2.resource.servlet.OAuth2ResourceServerAutoConfiguration
}

resource_answers() { [ "$(curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' "$(resource_url "$1")")" = 401 ]; }

resource_url() { echo "http://127.0.0.1:$1"; }

resource_exports() { echo "export STACK_RESOURCE_PROPERTIES=$STACK_DIR/resource/data/application.properties"; }

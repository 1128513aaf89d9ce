# shellcheck shell=bash
# The Spring Authorization Server, with one client, who gets tokens with client credentials. It makes its key when it starts:
# to start it again is to change its keys. See deploy/stack for what a server defines.
# shellcheck disable=SC2034,SC2154
# shellcheck source=/dev/null
. "$here/stack.d/spring/server.bash"

issuer_port=${STACK_ISSUER_PORT:-9400}
issuer_user=spring
issuer_stop_signal=TERM
issuer_client=shop:s3cret-of-the-shop

issuer_packages() { spring_packages; }

issuer_prepare() { spring_prepare issuer; }

issuer_initialise() { :; }

issuer_command() {
  local client=spring.security.oauth2.authorizationserver.client.shop.registration
  cat >"$1/application.properties" <<PROPERTIES
$client.client-id=${issuer_client%%:*}
$client.client-secret={noop}${issuer_client#*:}
$client.client-authentication-methods=client_secret_basic
$client.authorization-grant-types=client_credentials
$client.scopes=orders:read,orders:write,orders:fulfil,orders:any,orders:admin,orders:metrics
PROPERTIES
  chmod 644 "$1/application.properties"
  spring_by_properties "$1" "$2" \
    security.oauth2.server.servlet.OAuth2AuthorizationServer{,Jwt}AutoConfiguration
}

issuer_answers() { curl --fail --silent --max-time 5 "$(issuer_url "$1")/oauth2/jwks"; }

issuer_url() { echo "http://127.0.0.1:$1"; }

issuer_exports() { echo "export STACK_ISSUER_CLIENT=$issuer_client"; }

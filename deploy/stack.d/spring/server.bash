# shellcheck shell=bash
# What the servers of Spring have in common: their jars, their account, how they are started, and who may ask them.
# No Java is written for them: Spring is told on its command line which classes to start from.
# shellcheck disable=SC2034,SC2154

spring=$here/stack.d/spring

spring_packages() {
  maven_packages
  command -v curl >/dev/null || echo curl
}

spring_prepare() { # SERVER
  ensure_account spring
  spring_jars=$(maven_jars "$spring/pom.xml")
  "${as_server[@]}" test -r "$spring_jars" ||
    die "$1: the account spring may not enter $spring_jars; set STACK_CACHE to a folder that it may"
}

# Sets `command`. CREDENTIALS (USER:PASSWORD) are kept with the data, for those who ask for the server's URL later.
spring_command() { # DATA PORT CREDENTIALS CLASSES OPTION...
  local data=$1 port=$2 credentials=$3 classes=$4 access='isAuthenticated()'
  shift 4
  echo "$credentials" >"$data/credentials"
  # In XML there has to be a user, even where no request is asked for a name.
  [ -n "$credentials" ] || { access='permitAll' && credentials=nobody:nothing; }
  install -m 644 "$spring/security.xml" "$data/security.xml"
  spring_java "$port" "$classes,file:$data/security.xml" "--stack.access=$access" \
    "--spring.security.user.name=${credentials%%:*}" "--spring.security.user.password=${credentials#*:}" "$@"
}

# Sets `command` for a server that has the defaults of Spring Security and what the properties in its data folder say. Of
# what is on the class path, only these parts of Spring Boot are configured: the server is ready in half the time.
spring_by_properties() { # DATA PORT CONFIGURATION...
  local data=$1 port=$2 boot=org.springframework.boot.autoconfigure classes
  shift 2
  # In the order in which Spring Boot takes them: the first filter chain counts.
  printf -v classes "$boot.%s," "$@" http.HttpMessageConvertersAutoConfiguration jackson.JacksonAutoConfiguration \
    security.servlet.{Security,SecurityFilter}AutoConfiguration \
    web.servlet.{ServletWebServerFactory,DispatcherServlet,WebMvc}AutoConfiguration web.servlet.error.ErrorMvcAutoConfiguration
  spring_java "$port" "${classes%,}" "--spring.config.location=file:$data/application.properties"
}

spring_java() { # PORT CLASSES OPTION...
  command=(java -Xmx160m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$spring_jars/*"
    org.springframework.boot.SpringApplication "--spring.main.sources=$2"
    --server.address=127.0.0.1 "--server.port=$1" "${@:3}")
}

# Prints the address of a running server, with its credentials.
spring_url() { # SERVER PORT
  local credentials
  credentials=$(<"$STACK_DIR/$1/data/credentials")
  echo "http://${credentials:+$credentials@}127.0.0.1:$2"
}

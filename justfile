# The commands of everyday work; each is one line that runs as well without just.

# List the commands.
default:
    @just --list

# Run the service, on SQLite unless told otherwise: just run --server.port=9000
run *options:
    cargo run --locked -- {{ options }}

# Run every check, as CI does: just test --quick, just test -- --package order-domain
test *options:
    deploy/test {{ options }}

# Start databases, Kafka, Eureka and the config server on loopback, and tell how to use them: just stack-up postgres
stack-up *servers:
    deploy/stack up {{ servers }}
    @echo 'Where they are, for this shell and the tests:  eval "$(deploy/stack env)"'

# Stop them: just stack-down --data removes their data too
stack-down *options:
    deploy/stack down {{ options }}

# Print where they are, as shell exports.
stack-env:
    @deploy/stack env

# Format the code.
fmt:
    cargo fmt --all

# Check the format and the lints.
lint:
    cargo fmt --all --check && cargo clippy --workspace --all-targets --locked -- -D warnings

# Build the documentation of the crates and open it.
doc:
    cargo doc --workspace --no-deps --locked --open

# Check the dependencies: licences, bans, sources, known vulnerabilities.
deny *options:
    deploy/tool cargo-deny --locked check {{ options }}

# Compare the public crates with those of the last release.
semver *options:
    deploy/semver {{ options }}

# Measure the release build: just bench startup
bench *options:
    deploy/bench {{ options }}

# Measure what strangers cost honest clients: just soak --minutes 2
soak *options:
    deploy/soak {{ options }}

# Play requests made up from the OpenAPI document against the service.
schemathesis *options:
    deploy/schemathesis {{ options }}

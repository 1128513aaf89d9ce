//! The adapter as a client sees it: a real server on a free port, and sockets.

#[cfg(test)]
mod actuator;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod compression;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod edge;
#[cfg(test)]
mod fingerprints;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod graphql;
#[cfg(test)]
mod graphql_commands;
#[cfg(test)]
mod graphql_lists;
#[cfg(test)]
mod graphql_ownership;
#[cfg(test)]
mod graphql_parity;
#[cfg(test)]
mod graphql_socket;
#[cfg(test)]
mod graphql_stream;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod large;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod management;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod ownership;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod put_back;
#[cfg(test)]
mod rates;
#[cfg(test)]
mod resets;
#[cfg(test)]
mod saga_operations;
#[cfg(test)]
mod sagas;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod websocket;

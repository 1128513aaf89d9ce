//! The adapter as a client sees it: a real server on a free port, and sockets.

#[cfg(test)]
mod actuator;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod edge;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod management;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod resets;
#[cfg(test)]
mod support;

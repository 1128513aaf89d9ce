//! Keys of Spring that are not read, one file a topic. Each is ignored, and a warning at the start names
//! it; or it stops the start, because to ignore it would change where data goes, who reaches this
//! service, or where it is announced. A test compares this table with the names that Spring's own jars list.

mod cloud;
mod data;
mod inside;
mod management;
mod web;

use settings_spring::Unread;

/// Names under these prefixes are meant for a service like this one.
pub(super) static ROOTS: &[&str] = &["spring.", "server.", "management.", "eureka."];

/// All tables.
pub(super) static ROWS: &[&[Unread]] =
    &[data::ROWS, data::KAFKA, cloud::ROWS, web::ROWS, management::ROWS, inside::ROWS];

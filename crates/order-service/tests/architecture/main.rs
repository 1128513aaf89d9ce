//! The architecture as a test. The table of crates in `docs/architecture.md` is its input: who may import whom and what, and
//! how large each crate may be. Beside it: no import circles between files, small files, and who reads the environment.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod crates;
mod imports;
mod sizes;
mod walks;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The text of a file, by its path from the root.
fn text(file: &Path) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// The Rust files below a folder, by their paths from the root.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_file_says_what_it_is_for() {
    for file in rust_files(Path::new("crates")) {
        assert!(
            text(&file).starts_with("//! "),
            "{} does not open with what it is for",
            file.display()
        );
    }
}

#[test]
fn only_the_settings_tests_and_examples_read_the_environment() {
    for file in rust_files(Path::new("crates")) {
        let name = file.to_str().unwrap();
        let may = name.contains("/tests/")
            || name.contains("/examples/")
            || name.starts_with("crates/order-testkit/")
            || name.starts_with("crates/order-service/src/")
            // Cargo passes facts of the build in variables.
            || name == "crates/order-service/build.rs";
        assert!(may || !text(&file).contains("std::env"), "{name} reads the environment");
    }
}

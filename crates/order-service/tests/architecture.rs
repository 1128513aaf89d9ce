//! The architecture as a test: who may import whom and what, as the table in
//! `docs/architecture.md` says, and how large a file may be.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

type Names = BTreeSet<String>;

/// What a crate may import: of this workspace, and of others.
type Permissions = BTreeMap<String, (Names, Names)>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn documented() -> Permissions {
    let document = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let names = |cell: &str| -> Names {
        cell.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    };
    let section = document.split("\n## Crates\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].trim_matches('`').to_owned(), (names(cells[2]), names(cells[3])))
    })
    .collect()
}

fn actual() -> Permissions {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: Names = packages.iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect();
    let imports = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        // Tests may use more; `null` is the kind of an ordinary dependency.
        let names = dependencies.filter(|dependency| dependency["kind"].is_null());
        let names = names.map(|dependency| dependency["name"].as_str().unwrap().to_owned());
        names.filter(|name| name != "thiserror").partition(|name| ours.contains(name))
    };
    packages.iter().map(|p| (p["name"].as_str().unwrap().to_owned(), imports(p))).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sizes() -> BTreeMap<PathBuf, usize> {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    files
        .into_iter()
        .map(|file| {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            (file.strip_prefix(root()).unwrap().to_owned(), lines)
        })
        .collect()
}

#[test]
fn crates_import_what_the_table_says_and_nothing_else() {
    assert_eq!(actual(), documented());
}

#[test]
fn adapters_do_not_import_each_other_and_nobody_imports_the_root() {
    let adapters = ["discovery-eureka", "http-actix", "persistence-diesel"];
    for (name, (ours, _)) in actual() {
        assert!(!ours.contains("order-service"), "{name} imports the composition root");
        assert!(!ours.contains("order-testkit"), "{name} imports the testkit outside tests");
        if adapters.contains(&name.as_str()) {
            assert!(
                !adapters.iter().any(|other| ours.contains(*other)),
                "{name} imports an adapter"
            );
        }
    }
}

#[test]
fn files_stay_small() {
    let sizes = sizes();
    let mut lines: Vec<_> = sizes.values().copied().collect();
    lines.sort_unstable();
    let percentile = |percent: usize| lines[(lines.len() - 1) * percent / 100];
    let large: Vec<_> = sizes.iter().filter(|(_, lines)| **lines > 600).collect();
    assert!(large.is_empty(), "files above 600 lines: {large:?}");
    assert!(percentile(50) <= 150, "half of the files have more than {} lines", percentile(50));
    assert!(percentile(95) <= 450, "one in twenty has more than {} lines", percentile(95));
    let main = sizes[Path::new("crates/order-service/src/main.rs")];
    assert!(main <= 50, "main.rs has {main} lines");
}

#[test]
fn every_file_says_what_it_is_for() {
    for file in sizes().keys() {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(text.starts_with("//! "), "{} does not open with what it is for", file.display());
    }
}

#[test]
fn only_the_settings_tests_and_examples_read_the_environment() {
    for file in sizes().keys() {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let name = file.to_str().unwrap();
        let may = name.contains("/tests/")
            || name.contains("/examples/")
            || name.starts_with("crates/order-testkit/")
            || name.starts_with("crates/order-service/src/")
            // What cargo tells a build is not what the service is told.
            || name == "crates/order-service/build.rs";
        assert!(may || !text.contains("std::env"), "{name} reads the environment");
    }
}

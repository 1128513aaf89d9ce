//! The table of crates in `docs/architecture.md` against `cargo metadata`: a dependency that the table does not list fails,
//! and so does a permission that no crate uses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{root, text};

type Names = BTreeSet<String>;

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) is: String,
    /// The crates of this workspace that it may import.
    ours: Names,
    /// The crates of others.
    others: Names,
    /// The most lines that its `src` may have.
    pub(crate) lines: usize,
}

impl Row {
    fn is_adapter(&self) -> bool {
        self.is.starts_with("driving adapter") || self.is.starts_with("driven adapter")
    }
}

/// The table, by the names of the crates.
pub(crate) fn documented() -> BTreeMap<String, Row> {
    let document = text(Path::new("docs/architecture.md"));
    let section = document.split("\n## Crates\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, is, ours, others, lines] = cells[..] else {
            panic!("a row of the table of crates has five cells: {line}");
        };
        let names = |cell: &str| -> Names {
            let names = cell.split(',').map(|name| name.trim().to_owned());
            names.filter(|name| !name.is_empty()).collect()
        };
        let row = Row {
            is: is.to_owned(),
            ours: names(ours),
            others: names(others),
            lines: lines.replace(',', "").parse().expect("the last cell is a number of lines"),
        };
        (name.trim_matches('`').to_owned(), row)
    })
    .collect()
}

/// What each crate imports: of this workspace, and of others.
fn actual() -> BTreeMap<String, (Names, Names)> {
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

#[test]
fn crates_import_what_the_table_says_and_nothing_else() {
    let documented = documented().into_iter().map(|(name, row)| (name, (row.ours, row.others)));
    assert_eq!(actual(), documented.collect());
}

#[test]
fn adapters_import_no_adapter_and_the_root_is_imported_by_none() {
    let table = documented();
    assert!(table.values().filter(|row| row.is_adapter()).count() >= 3, "the table names adapters");
    for (name, row) in &table {
        assert!(!row.ours.contains("order-service"), "{name} imports the composition root");
        assert!(!row.ours.contains("order-testkit"), "{name} imports the testkit outside tests");
        let adapters = row.ours.iter().filter(|other| table[*other].is_adapter());
        let adapters: Vec<_> = adapters.collect();
        let may = !row.is_adapter() || adapters.is_empty();
        assert!(may, "the adapter {name} imports {adapters:?}");
    }
}

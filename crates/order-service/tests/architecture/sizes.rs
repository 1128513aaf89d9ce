//! How large files and crates may be. A crate's bound stands in its row of the table, so that growth is a decision.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::crates::documented;
use crate::{rust_files, text};

fn sizes(folder: &Path) -> BTreeMap<PathBuf, usize> {
    let lines = |file: PathBuf| {
        let lines = text(&file).lines().count();
        (file, lines)
    };
    rust_files(folder).into_iter().map(lines).collect()
}

/// Whether a file of `src` holds tests alone.
fn is_of_tests(file: &Path) -> bool {
    let folders = file.components().any(|part| part.as_os_str() == "tests");
    folders || file.file_stem().is_some_and(|stem| stem.to_str().unwrap().ends_with("tests"))
}

#[test]
fn files_stay_small() {
    let sizes = sizes(Path::new("crates"));
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
fn crates_stay_within_the_bound_of_their_row() {
    for (name, row) in documented() {
        let sizes = sizes(&Path::new("crates").join(&name).join("src"));
        let lines: usize =
            sizes.iter().filter(|(file, _)| !is_of_tests(file)).map(|(_, lines)| lines).sum();
        assert!(
            lines <= row.lines,
            "{name} has {lines} lines in src, test files apart; its row allows {}",
            row.lines
        );
    }
}

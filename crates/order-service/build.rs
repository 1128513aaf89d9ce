//! Finds the commit that a release is built from, for `--version` and `/actuator/info`: `GIT_COMMIT`, or else what git
//! says if these sources are in their own repository. Other builds do not run again for each commit,
//! so they name a commit only with `GIT_COMMIT`.

#![expect(clippy::disallowed_methods, reason = "cargo tells build scripts by the environment")]

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=GIT_COMMIT");
    let version = env!("CARGO_PKG_VERSION");
    match env::var("GIT_COMMIT").ok().or_else(of_sources) {
        Some(commit) => {
            println!("cargo::rustc-env=GIT_COMMIT={commit}");
            println!("cargo::rustc-env=VERSION={version} ({commit})");
        }
        None => println!("cargo::rustc-env=VERSION={version}"),
    }
}

/// What git says of the sources, for a release.
fn of_sources() -> Option<String> {
    if env::var("PROFILE").is_ok_and(|profile| profile != "release") {
        return None;
    }
    // An unpacked archive may lie inside another repository.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let (commit, log) =
        (git(&["rev-parse", "HEAD"])?, git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    // Each commit and each checkout adds a line there.
    println!("cargo::rerun-if-changed={log}");
    Some(commit)
}

/// The output of git in one line; `None` if it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| answer.trim().to_owned())
}

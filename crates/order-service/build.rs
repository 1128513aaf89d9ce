//! Finds the commit that a release is built from, for `/actuator/info`: `GIT_COMMIT`, or else what git
//! says if these sources are in their own repository. Other builds do not run again for each commit,
//! so they name a commit only with `GIT_COMMIT`.

#![expect(clippy::disallowed_methods, reason = "cargo tells build scripts by the environment")]

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=GIT_COMMIT");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if !is_release || env::var_os("GIT_COMMIT").is_some() {
        return;
    }
    // An unpacked archive may lie inside another repository.
    let is_ours = git(&["ls-files", "--error-unmatch", "build.rs"]).is_some();
    let commit = git(&["rev-parse", "HEAD"]).filter(|_| is_ours);
    if let (Some(commit), Some(log)) = (commit, git(&["rev-parse", "--git-path", "logs/HEAD"])) {
        // Each commit and each checkout adds a line there.
        println!("cargo::rerun-if-changed={log}");
        println!("cargo::rustc-env=GIT_COMMIT={commit}");
    }
}

/// The output of git in one line; `None` if it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| answer.trim().to_owned())
}

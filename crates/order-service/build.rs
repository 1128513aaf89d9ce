//! Finds the commit that a release is built from, for `/actuator/info`: `GIT_COMMIT`, or else what git
//! says, where these sources are in a repository of their own. Other builds are not made anew for
//! each commit, so they name one only when they are told.

#![expect(clippy::disallowed_methods, reason = "so do build scripts ask cargo")]

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=GIT_COMMIT");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if !is_release || env::var_os("GIT_COMMIT").is_some() {
        return;
    }
    // Somebody else's repository may be around an unpacked archive.
    let is_ours = git(&["ls-files", "--error-unmatch", "build.rs"]).is_some();
    let commit = git(&["rev-parse", "HEAD"]).filter(|_| is_ours);
    if let (Some(commit), Some(log)) = (commit, git(&["rev-parse", "--git-path", "logs/HEAD"])) {
        // Each commit, and each change to another one, adds a line there.
        println!("cargo::rerun-if-changed={log}");
        println!("cargo::rustc-env=GIT_COMMIT={commit}");
    }
}

/// What git answers in one line, if it does.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| answer.trim().to_owned())
}

//! An empty SQLite database for the command line, without brokers.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a database.
pub(crate) struct Shop(TempDir);

impl Shop {
    pub(crate) fn new() -> Self {
        let shop = Self(TempDir::new().unwrap());
        assert!(shop.run(&["migrate"]).status.success());
        shop
    }

    /// The file of the database.
    pub(crate) fn database(&self) -> PathBuf {
        self.0.path().join("orders.db")
    }

    /// The command line in an empty environment.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(&[], arguments)
    }

    /// The command line with these environment variables alone.
    pub(crate) fn run_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_order-service"));
        command.args(arguments).env_clear().envs(environment.iter().copied());
        command.current_dir(self.0.path()).output().unwrap()
    }

    /// What `order-service events …` prints as JSON.
    pub(crate) fn events(&self, line: &str) -> Value {
        let arguments: Vec<_> = ["events"].into_iter().chain(line.split(' ')).collect();
        let output = self.run(&arguments);
        assert!(output.status.success(), "{line}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

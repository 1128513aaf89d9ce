//! `order-service completions` and `order-service man`: the command line in the forms that packages install.

use std::process::ExitCode;

use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use super::output::print;

/// Prints a shell's completions of a command.
pub(super) fn completions(shell: Shell, mut command: Command) -> ExitCode {
    let (name, mut script) = (command.get_name().to_owned(), Vec::new());
    generate(shell, &mut command, name, &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Prints the manual page of a command.
pub(super) fn page(command: Command) -> ExitCode {
    let mut page = Vec::new();
    match Man::new(command).render(&mut page) {
        Ok(()) => print(&String::from_utf8_lossy(&page)),
        Err(_) => ExitCode::FAILURE,
    }
}

//! The program: see `order_participants::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    order_participants::cli::main()
}

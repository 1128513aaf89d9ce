//! The `order-service` program. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    order_service::cli::main()
}

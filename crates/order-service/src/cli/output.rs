//! What the command line tells its caller: results on standard output, everything else on standard
//! error, and the exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

/// Prints a result. A reader that stops early (`| head`) is no failure.
pub(crate) fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

/// Prints a message beside the result, and returns the exit code.
pub(crate) fn complain(message: &str, code: u8) -> ExitCode {
    // If standard error is closed, the exit code still says it.
    let _ = writeln!(io::stderr(), "order-service: {message}");
    code.into()
}

//! What the command line tells its caller: results on standard output, everything else on standard
//! error, and the exit code. Names, values and errors come from elsewhere, and a terminal obeys what is in them: each text is
//! escaped here, and nowhere else.

use std::io::{self, Write as _};
use std::process::ExitCode;

use settings_spring::Problems;
use telemetry_otlp::escaped;

/// Prints a result: whole lines. A reader that stops early (`| head`) is no failure.
pub(crate) fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(lines(text).as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

/// Prints a result of one line, whatever is in it.
pub(crate) fn print_line(text: &str) -> ExitCode {
    print(&format!("{}\n", escaped(text)))
}

/// Prints a message of one line beside the result, and returns the exit code.
pub(crate) fn complain(message: &str, code: u8) -> ExitCode {
    // If standard error is closed, the exit code still says it.
    let _ = writeln!(io::stderr(), "order-service: {}", escaped(message));
    code.into()
}

/// Prints what is wrong with the settings, a line each, and returns the exit code.
pub(crate) fn complain_of(problems: &Problems, code: u8) -> ExitCode {
    let lines = problems.lines();
    let lines: Vec<_> = lines.iter().map(|line| escaped(line)).collect();
    let _ = writeln!(io::stderr(), "order-service: {}", lines.join("\n"));
    code.into()
}

/// Messages of libraries on standard error, each written at once as one line.
pub(crate) struct Messages;

impl io::Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let message = String::from_utf8_lossy(bytes);
        writeln!(io::stderr(), "{}", escaped(message.trim_end_matches('\n')))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Prints what the parser of the arguments says: help as it is, and an error, which repeats an argument, without colours.
pub(super) fn usage(error: &clap::Error, code: u8) -> ExitCode {
    if !error.use_stderr() {
        return error.print().map_or(ExitCode::FAILURE, |()| code.into());
    }
    let _ = io::stderr().write_all(lines(&error.render().to_string()).as_bytes());
    code.into()
}

/// A text whose ends of lines are meant.
pub(super) fn lines(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => format!("{}\n", escaped(line)),
            None => escaped(line).into_owned(),
        })
        .collect()
}

//! A service with three keys of its own. It prints the settings that apply, and greets; or it prints
//! what is wrong.
//!
//! ```console
//! $ GREETER_TIMES=2 cargo run -p settings-spring --example greeter -- --spring.profiles.active=night
//! $ cargo run -p settings-spring --example greeter -- --greeter.times=many --greeter.gests=eve
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the example prints")]

use std::process::ExitCode;

use settings_spring::values::{self, list};
use settings_spring::{Catalogue, Inputs, Occasion, Reader, Service, complete, keys, load, split};

keys! {
    ROWS;
    GREETING: String = "greeter.greeting", "hello", Plain,
        "a text", "What is said to a guest.", values::text;
    GUESTS: Vec<String> = "greeter.guests", "", Plain,
        "names with commas between them", "Who is greeted.", |text| list(text, values::text);
    TIMES: u8 = "greeter.times", "1", Plain,
        "a whole number from 1 to 9", "How often each guest is greeted.",
        |text| values::number(text, 1..=9);
}

struct Settings {
    greeting: String,
    guests: Vec<String>,
    times: u8,
}

fn read(from: &mut Reader<'_>) -> Option<Settings> {
    complete!(Settings {
        greeting: from.read(&GREETING),
        guests: from.read(&GUESTS),
        times: from.read(&TIMES),
    })
}

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1);
    let options = match split(arguments) {
        Ok((options, _)) => options,
        Err(error) => return complain(&error.to_string()),
    };
    let variables = std::env::vars_os();
    let inputs = Inputs {
        options,
        config: None,
        environment: variables
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        offered: &[],
        folder: concat!(env!("CARGO_MANIFEST_DIR"), "/examples/greeter").into(),
        random: || 4,
        now: chrono::DateTime::default,
        tell: |how| eprintln!("{how}"),
    };
    let catalogue = Catalogue::new(&[settings_spring::PROFILE, settings_spring::FILES, ROWS])
        .owning("greeter.");
    let service = Service { catalogue, config_server: None, read };
    let loaded = match load(&service, &inputs, Occasion::Start) {
        Ok(loaded) => loaded,
        Err(error) => return complain(&error.to_string()),
    };
    for setting in &loaded.effective {
        println!("{} = {:?} ({})", setting.key, setting.value, setting.origin);
    }
    let Settings { greeting, guests, times } = loaded.settings;
    for guest in guests {
        println!("{}", format!("{greeting}, {guest}! ").repeat(times.into()).trim_end());
    }
    ExitCode::SUCCESS
}

fn complain(message: &str) -> ExitCode {
    eprintln!("greeter: {message}");
    ExitCode::from(2)
}

//! Settings on the command line: `--any.key=value` or `--any.key value`. An option with a dot in
//! its name is a setting; all others belong to `cli.rs`.

use super::layers::{Entry, Layer, Origin};

/// A setting as typed: name and value.
pub type Setting = (String, String);

/// A setting without a value, by its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{0} needs a value: --{0}=VALUE")]
pub struct NoValue(String);

/// Splits the settings off the arguments, in the order in which they stand; the rest is for clap.
///
/// # Errors
/// [`NoValue`] for a setting at the end, or with another option right behind it.
pub fn split(
    arguments: impl IntoIterator<Item = String>,
) -> Result<(Vec<Setting>, Vec<String>), NoValue> {
    let (mut settings, mut others) = (Vec::new(), Vec::new());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            others.push(argument);
            others.extend(arguments.by_ref());
            break;
        }
        match setting(&argument) {
            None => others.push(argument),
            Some((name, Some(value))) => settings.push((name.into(), value.into())),
            Some((name, None)) => match arguments.next() {
                Some(value) if !value.starts_with("--") => settings.push((name.into(), value)),
                _ => return Err(NoValue(name.into())),
            },
        }
    }
    Ok((settings, others))
}

fn setting(argument: &str) -> Option<(&str, Option<&str>)> {
    let option = argument.strip_prefix("--")?;
    let (name, value) = match option.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (option, None),
    };
    name.contains('.').then_some((name, value))
}

/// The settings as a layer.
pub(crate) fn layer(settings: &[Setting]) -> Layer {
    settings
        .iter()
        .map(|(name, value)| Entry {
            name: name.clone(),
            value: value.clone(),
            origin: Origin::CommandLine,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> (Vec<Setting>, Vec<String>) {
        split(line.split(' ').map(str::to_owned)).unwrap()
    }

    #[test]
    fn an_option_with_a_dot_is_a_setting() {
        let (settings, others) =
            parts("x --server.port=1 config --order.events.topic a=b --config ./a.yml --json");
        assert_eq!(
            settings,
            [
                ("server.port".to_owned(), "1".to_owned()),
                ("order.events.topic".into(), "a=b".into())
            ]
        );
        assert_eq!(others, ["x", "config", "--config", "./a.yml", "--json"]);
    }

    #[test]
    fn a_file_name_with_a_dot_is_not_a_setting() {
        let (settings, others) = parts("x --config=./a.b/c.yml -- --server.port=1");
        assert!(settings.is_empty());
        assert_eq!(others, ["x", "--config=./a.b/c.yml", "--", "--server.port=1"]);
    }

    #[test]
    fn an_empty_value_is_a_value_and_a_missing_one_is_not() {
        assert_eq!(parts("--a.b=").0, [("a.b".into(), String::new())]);
        for wrong in ["--a.b", "--a.b --json"] {
            let error = split(wrong.split(' ').map(str::to_owned)).unwrap_err();
            assert_eq!(error.to_string(), "--a.b needs a value: --a.b=VALUE");
        }
    }
}

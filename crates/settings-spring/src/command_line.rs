//! Settings on the command line: `--any.key=value` or `--any.key value`. An option with a dot in its
//! name is a setting; the service parses all other arguments itself.

use crate::layers::{Entry, Layer, Origin};

/// A setting as it was typed: its name and its value.
pub type Setting = (String, String);

/// A setting on the command line has no value. It holds the setting's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{0} needs a value: --{0}=VALUE")]
pub struct NoValue(String);

/// Splits command-line arguments into settings and other arguments; both keep their order. Everything
/// after `--` is another argument.
///
/// # Errors
/// [`NoValue`] for a setting without a value: it is the last argument, or another option follows it.
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

//! `${name}` and `${name:default}` in values, nested as deep as one likes. What a name stands for
//! is the caller's business; here is only the grammar, which is Spring's: a default is looked at
//! when it is needed, and `\${` is a plain `${`.

/// What a placeholder may stand for.
pub(crate) trait Names {
    /// The text behind a name, not resolved yet; `has_default` says whether the placeholder could
    /// do without.
    fn text(&self, name: &str, has_default: bool) -> Option<String>;

    /// Whether there is a text, which nobody can read: then no default stands for it.
    fn is_unreadable(&self, _name: &str) -> bool {
        false
    }
}

/// Why a text cannot be resolved.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unresolvable {
    #[error("refers to ${{{0}}}, which is set nowhere and has no default")]
    Unknown(String),
    /// The text behind a name does. It is not shown, as it may be secret.
    #[error("refers to ${{{0}}}, which refers to a name that is set nowhere and has no default")]
    UnknownBehind(String),
    #[error("refers to ${{{0}}}, which the config server could not decrypt")]
    Unreadable(String),
    #[error("refers to itself: {}", .0.join(" -> "))]
    Cycle(Vec<String>),
    #[error("has a ${{ without its }}")]
    Open,
    #[error("becomes too long when its placeholders are replaced")]
    TooLong,
}

/// A text without placeholders, and every name that it was made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) text: String,
    pub(crate) names: Vec<String>,
}

/// The longest text that a value may become: placeholders can double a text at each level.
const MAX_LENGTH: usize = 64 * 1024;

/// Replaces all placeholders.
pub(crate) fn resolve(text: &str, names: &dyn Names) -> Result<Resolved, Unresolvable> {
    let mut resolved = Resolved::default();
    let mut walk = Walk { names, path: Vec::new(), used: Vec::new() };
    resolved.text = walk.text(text)?;
    resolved.names = walk.used;
    Ok(resolved)
}

struct Walk<'a> {
    names: &'a dyn Names,
    path: Vec<String>,
    used: Vec<String>,
}

impl Walk<'_> {
    fn text(&mut self, text: &str) -> Result<String, Unresolvable> {
        let mut out = String::new();
        let mut left = text;
        while let Some((before, after)) = left.split_once("${") {
            if let Some(unescaped) = before.strip_suffix('\\') {
                out.push_str(unescaped);
                out.push_str("${");
                left = after;
                continue;
            }
            out.push_str(before);
            let (inner, behind) = closed(after).ok_or(Unresolvable::Open)?;
            out.push_str(&self.placeholder(inner)?);
            left = behind;
            if out.len() > MAX_LENGTH {
                return Err(Unresolvable::TooLong);
            }
        }
        out.push_str(left);
        Ok(out)
    }

    fn placeholder(&mut self, inner: &str) -> Result<String, Unresolvable> {
        let (written, default) = name_and_default(inner);
        let name = self.text(written)?.trim().to_owned();
        if self.path.contains(&name) {
            self.path.push(name);
            return Err(Unresolvable::Cycle(std::mem::take(&mut self.path)));
        }
        match (self.names.text(&name, default.is_some()), default) {
            (Some(found), _) => {
                self.used.push(name.clone());
                self.path.push(name);
                let text = self.text(&found)?;
                self.path.pop();
                Ok(text)
            }
            (None, _) if self.names.is_unreadable(&name) => Err(Unresolvable::Unreadable(name)),
            (None, Some(default)) => self.text(default),
            // As written, because what it was made of may be secret as well.
            (None, None) => Err(match self.path.first() {
                None => Unresolvable::Unknown(written.to_owned()),
                Some(first) => Unresolvable::UnknownBehind(first.clone()),
            }),
        }
    }
}

/// Splits at the brace that closes a placeholder. Plain braces inside count as well, so that
/// `${TOPIC:{type}}` has the default `{type}`.
fn closed(text: &str) -> Option<(&str, &str)> {
    let mut open = 1_u32;
    let end = text.find(|c| {
        match c {
            '{' => open = open.saturating_add(1),
            '}' => open = open.saturating_sub(1),
            _ => {}
        }
        open == 0
    })?;
    let (inner, rest) = text.split_at(end);
    Some((inner, rest.strip_prefix('}')?))
}

/// Splits at the first colon that is not inside a nested placeholder.
fn name_and_default(inner: &str) -> (&str, Option<&str>) {
    let mut open = 0_u32;
    let colon = inner.find(|c| {
        match c {
            '{' => open = open.saturating_add(1),
            '}' => open = open.saturating_sub(1),
            _ => {}
        }
        c == ':' && open == 0
    });
    match colon {
        Some(colon) => {
            let (name, rest) = inner.split_at(colon);
            (name, rest.strip_prefix(':'))
        }
        None => (inner, None),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    impl Names for BTreeMap<&str, &str> {
        fn text(&self, name: &str, _: bool) -> Option<String> {
            self.get(name).map(|text| (*text).to_owned())
        }
    }

    fn resolved(text: &str) -> Result<String, Unresolvable> {
        let names = BTreeMap::from([
            ("a", "1"),
            ("b", "<${a}>"),
            ("which", "a"),
            ("x", "${y}"),
            ("y", "${z:${x}}"),
            ("self", "${self}"),
            ("secret", "pl4nted${pl4nted}"),
            ("plain-secret", "pl4nted"),
        ]);
        resolve(text, &names).map(|resolved| resolved.text)
    }

    #[test]
    fn placeholders_are_replaced() {
        for (text, expected) in [
            ("", ""),
            ("plain $ { } text", "plain $ { } text"),
            ("${a}", "1"),
            ("x${a}y${b}z", "x1y<1>z"),
            ("${none:d}", "d"),
            ("${none:}", ""),
            ("${none:http://h:1/}", "http://h:1/"),
            ("${none:${a}}", "1"),
            ("${none:${none:${b}}}", "<1>"),
            ("${${which}}", "1"),
            ("${a:${self}}", "1"),
            ("${none:{type}}", "{type}"),
            (r"\${a}${a}", "${a}1"),
        ] {
            assert_eq!(resolved(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_an_error() {
        assert_eq!(
            resolved("${none}").unwrap_err().to_string(),
            "refers to ${none}, which is set nowhere and has no default"
        );
        assert_eq!(resolved("${self}").unwrap_err().to_string(), "refers to itself: self -> self");
        assert_eq!(resolved("${x}").unwrap_err().to_string(), "refers to itself: x -> y -> x");
        assert_eq!(resolved("a${b").unwrap_err(), Unresolvable::Open);
        assert_eq!(
            resolved("${secret}").unwrap_err().to_string(),
            "refers to ${secret}, which refers to a name that is set nowhere and has no default"
        );
        assert_eq!(
            resolved("${${plain-secret}}").unwrap_err().to_string(),
            "refers to ${${plain-secret}}, which is set nowhere and has no default"
        );
    }

    #[test]
    fn the_names_behind_a_text_are_known() {
        let names = BTreeMap::from([("a", "${b}"), ("b", "1")]);
        assert_eq!(resolve("${a}${c:2}", &names).unwrap().names, ["a", "b"]);
    }
}

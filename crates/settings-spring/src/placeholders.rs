//! `${name}` and `${name:default}` in values, nested to any depth. This is Spring's grammar: a default
//! is resolved only if it is needed, and `\${` is a plain `${`, as is one without its `}`. What a name stands for is decided in
//! `reader.rs`.

/// The texts behind the names of placeholders.
pub(crate) trait Names {
    /// The text behind a name, with its own placeholders. `has_default` says whether the placeholder
    /// has a default.
    fn text(&self, name: &str, has_default: bool) -> Option<String>;

    /// Why a name without a text is wrong in itself: words that follow the name. The placeholder's
    /// default must not replace it.
    fn refused(&self, _name: &str) -> Option<&'static str> {
        None
    }
}

/// Why a text cannot be resolved.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unresolvable {
    #[error("refers to ${{{0}}}, which is set nowhere and has no default")]
    Unknown(String),
    /// The text behind this name refers to an unknown name. That text is not shown: it may be secret.
    #[error("refers to ${{{0}}}, which refers to a name that is set nowhere and has no default")]
    UnknownBehind(String),
    #[error("refers to ${{{0}}}, {1}")]
    Refused(String, &'static str),
    #[error("refers to itself: {}", .0.join(" -> "))]
    Cycle(Vec<String>),
    #[error("becomes too long when its placeholders are replaced")]
    TooLong,
}

/// A text without placeholders, and the names whose texts it contains.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) text: String,
    pub(crate) names: Vec<String>,
}

/// The longest text that a value may become, in bytes: placeholders can double a text at each level.
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
            let Some((inner, behind)) = closed(after) else {
                out.push_str("${");
                left = after;
                continue;
            };
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
            (None, default) => match (self.names.refused(&name), default) {
                // The name is shown as it was written: the texts that it contains may be secret.
                (Some(why), _) => Err(Unresolvable::Refused(written.to_owned(), why)),
                (None, Some(default)) => self.text(default),
                (None, None) => Err(match self.path.first() {
                    None => Unresolvable::Unknown(written.to_owned()),
                    Some(first) => Unresolvable::UnknownBehind(first.clone()),
                }),
            },
        }
    }
}

/// Splits at the brace that closes a placeholder. Plain braces inside it count, so that
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

/// Splits at the first colon outside any nested placeholder.
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

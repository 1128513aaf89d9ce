//! `${name}` and `${name:default}` in values, nested. This is Spring's grammar: a default
//! is resolved only if it is needed, and `\${` is a plain `${`, as is one without its `}`. What a name stands for is decided in
//! `scope.rs`.
//!
//! Each placeholder may double the text and the work, so that depth, steps and the length of the result are bounded. The
//! resolver also tells what a text of a config server has taken from this machine.

use crate::bounds::{LARGEST_VALUE, Work, shortened};

/// The texts behind the names of placeholders.
pub(crate) trait Names {
    /// The text behind a name, with its own placeholders. `has_default` says whether the placeholder
    /// has a default.
    fn text(&self, name: &str, has_default: bool) -> Option<Text>;

    /// Why a name without a text is wrong in itself: words that follow the name. The placeholder's
    /// default must not replace it.
    fn refused(&self, _name: &str) -> Option<&'static str> {
        None
    }
}

/// A text, and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) place: Place,
}

/// Where a text was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the environment, on the command line or in a file of this machine.
    Machine,
    /// In a document of a config server.
    Remote,
    /// Nowhere, or it is nothing that a config server does not know.
    Open,
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
    #[error(
        "is longer than {LARGEST_VALUE} bytes, or becomes so when its placeholders are replaced"
    )]
    TooLong,
    #[error("has placeholders that are nested or refer to each other more than {MAX_DEPTH} deep")]
    TooDeep,
    #[error("has placeholders that take too much work to replace")]
    TooMuch,
}

/// A text without placeholders, and what it is made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) text: String,
    /// The names whose texts it contains.
    pub(crate) names: Vec<String>,
    /// Whether a config server has written a part of it.
    pub(crate) is_remote: bool,
    /// The names, as written, whose texts of this machine a document of a config server has taken.
    pub(crate) taken: Vec<String>,
}

/// The deepest nesting, and the longest chain of names, that is followed: more than settings need, and little enough for
/// the stack of any thread.
const MAX_DEPTH: u8 = 64;
/// The steps that looking up a name takes.
const LOOK_UP: usize = 64;

/// Replaces all placeholders of a text that was written at `place`.
pub(crate) fn resolve(
    text: &str,
    place: Place,
    names: &dyn Names,
    work: &Work,
) -> Result<Resolved, Unresolvable> {
    let most = work.of_a_value();
    let mut walk = Walk { names, path: Vec::new(), left: most, resolved: Resolved::default() };
    let text = walk.text(text, place, MAX_DEPTH);
    work.done(most.saturating_sub(walk.left));
    walk.resolved.text = text?;
    Ok(walk.resolved)
}

struct Walk<'a> {
    names: &'a dyn Names,
    path: Vec<String>,
    /// The steps that are left.
    left: u64,
    resolved: Resolved,
}

impl Walk<'_> {
    fn text(&mut self, text: &str, place: Place, depth: u8) -> Result<String, Unresolvable> {
        let depth = depth.checked_sub(1).ok_or(Unresolvable::TooDeep)?;
        if text.len() > LARGEST_VALUE {
            return Err(Unresolvable::TooLong);
        }
        let mut out = String::new();
        let mut left = text;
        while let Some((before, after)) = left.split_once("${") {
            // Each byte behind an opening is looked at twice at most: for its end, and for a default.
            self.step(before.len())?;
            if let Some(unescaped) = before.strip_suffix('\\') {
                self.push(&mut out, &[unescaped, "${"], place);
                left = after;
                continue;
            }
            self.push(&mut out, &[before], place);
            let Some((inner, behind)) = closed(after) else {
                self.step(after.len())?;
                self.push(&mut out, &["${"], place);
                left = after;
                continue;
            };
            self.step(inner.len().saturating_mul(2))?;
            out.push_str(&self.placeholder(inner, place, depth)?);
            left = behind;
            if out.len() > LARGEST_VALUE {
                return Err(Unresolvable::TooLong);
            }
        }
        self.push(&mut out, &[left], place);
        self.step(left.len())?;
        if out.len() > LARGEST_VALUE { Err(Unresolvable::TooLong) } else { Ok(out) }
    }

    fn placeholder(
        &mut self,
        inner: &str,
        place: Place,
        depth: u8,
    ) -> Result<String, Unresolvable> {
        self.step(LOOK_UP)?;
        let (written, default) = name_and_default(inner);
        // A name only chooses among texts: it is no part of the result.
        let is_remote = self.resolved.is_remote;
        let name = self.text(written, place, depth)?.trim().to_owned();
        self.resolved.is_remote = is_remote;
        if self.path.contains(&name) {
            let path = self.path.iter().chain([&name]);
            return Err(Unresolvable::Cycle(path.map(|name| shortened(name)).collect()));
        }
        match (self.names.text(&name, default.is_some()), default) {
            (Some(found), _) => {
                if place == Place::Remote && found.place == Place::Machine {
                    self.resolved.taken.push(written.to_owned());
                }
                self.resolved.names.push(name.clone());
                self.path.push(name);
                let text = self.text(&found.text, found.place, depth)?;
                self.path.pop();
                Ok(text)
            }
            (None, default) => match (self.names.refused(&name), default) {
                // The name is shown as it was written: the texts that it contains may be secret.
                (Some(why), _) => Err(Unresolvable::Refused(shortened(written), why)),
                (None, Some(default)) => self.text(default, place, depth),
                (None, None) => Err(match self.path.first() {
                    None => Unresolvable::Unknown(shortened(written)),
                    Some(first) => Unresolvable::UnknownBehind(shortened(first)),
                }),
            },
        }
    }

    fn push(&mut self, out: &mut String, parts: &[&str], place: Place) {
        for part in parts {
            self.resolved.is_remote |= place == Place::Remote && !part.is_empty();
            out.push_str(part);
        }
    }

    fn step(&mut self, bytes: usize) -> Result<(), Unresolvable> {
        let steps = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(steps).ok_or(Unresolvable::TooMuch)?;
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Names with their texts, and where they were written.
    struct Known(BTreeMap<String, Text>);

    impl Known {
        fn new<N: Into<String>>(all: impl IntoIterator<Item = (N, String, Place)>) -> Self {
            let all =
                all.into_iter().map(|(name, text, place)| (name.into(), Text { text, place }));
            Self(all.collect())
        }
    }

    impl Names for Known {
        fn text(&self, name: &str, _: bool) -> Option<Text> {
            self.0.get(name).cloned()
        }
    }

    /// What becomes of a text of a config server, and how many steps it took.
    fn resolved(text: &str, names: &Known) -> (Result<Resolved, Unresolvable>, u64) {
        let work = Work::default();
        let before = work.in_all();
        let resolved = resolve(text, Place::Remote, names, &work);
        (resolved, before.abs_diff(work.in_all()))
    }

    fn none() -> Known {
        Known::new::<String>([])
    }

    #[test]
    fn nesting_and_chains_are_followed_to_a_depth_and_no_further() {
        let deep = |levels: usize| "${a:".repeat(levels) + "x" + &"}".repeat(levels);
        assert_eq!(resolved(&deep(60), &none()).0.unwrap().text, "x");
        let names = |levels: usize| "${".repeat(levels) + "x" + &"}".repeat(levels);
        let chain = Known::new(
            (0..100_000).map(|at| (format!("k{at}"), format!("${{k{}}}", at + 1), Place::Remote)),
        );
        assert_eq!(resolved(&deep(65), &none()).0, Err(Unresolvable::TooDeep));
        for text in [deep(13_000), names(20_000), "${k0}".to_owned()] {
            let (error, steps) = resolved(&text, &chain);
            assert!(
                matches!(error, Err(Unresolvable::TooDeep | Unresolvable::TooMuch)),
                "{error:?}"
            );
            assert!(steps <= 1024 * 1024, "{steps}");
        }
    }

    #[test]
    fn texts_that_double_at_each_level_end_after_a_bounded_number_of_steps() {
        for leaf in ["", "x", "${none:}"] {
            let names = Known::new((0..40).map(|at| {
                let next = format!("${{k{}}}", at + 1);
                let text = if at == 39 { leaf.to_owned() } else { next.repeat(2) };
                (format!("k{at}"), text, Place::Remote)
            }));
            let (error, steps) = resolved("${k0}", &names);
            assert!(matches!(error, Err(Unresolvable::TooMuch | Unresolvable::TooLong)), "{leaf}");
            assert!(steps <= 1024 * 1024, "{steps}");
        }
        let unclosed = "${".repeat(30_000);
        assert_eq!(resolved(&unclosed, &none()).0, Err(Unresolvable::TooMuch));
        let long = "x".repeat(LARGEST_VALUE + 1);
        assert_eq!(resolved(&long, &none()), (Err(Unresolvable::TooLong), 0));
    }

    #[test]
    fn the_work_of_all_values_together_is_bounded() {
        let work = Work::default();
        let text = "${a:}".repeat(5_000);
        let one = |_: &usize| resolve(&text, Place::Remote, &none(), &work).is_ok();
        let done = (0..1_000).take_while(one).count();
        assert!((20..1_000).contains(&done), "{done}");
        assert_eq!(resolve(&text, Place::Remote, &none(), &work), Err(Unresolvable::TooMuch));
        assert!(resolve("plain", Place::Remote, &none(), &Work::default()).is_ok());
    }

    #[test]
    fn what_a_remote_text_takes_from_this_machine_is_told_however_it_is_named() {
        use Place::{Machine, Open, Remote};
        let text = |text: &str| text.to_owned();
        let names = Known::new([
            ("HOME", text("/h"), Machine),
            ("alias", text("${HOME}"), Machine),
            ("remote", text("r"), Remote),
            ("further", text("${HOME}"), Remote),
            ("which", text("HOME"), Remote),
            ("told", text("shop"), Open),
        ]);
        for (written, taken, is_remote) in [
            ("plain", &[][..], true),
            ("${remote}", &[], true),
            ("${told}", &[], false),
            ("${HOME}", &["HOME"], false),
            ("${alias}", &["alias"], false),
            ("${further}", &["HOME"], false),
            ("a${missing:${HOME}}", &["HOME"], true),
            ("${${which}}", &["${which}"], false),
            ("${missing:b}", &[], true),
            (r"\${HOME}", &[], true),
        ] {
            let resolved = resolved(written, &names).0.unwrap();
            assert_eq!(
                (&resolved.taken[..], resolved.is_remote),
                (&taken.iter().map(|name| text(name)).collect::<Vec<_>>()[..], is_remote),
                "{written}"
            );
        }
        let local = resolve("file:/${HOME}/${remote}", Machine, &names, &Work::default()).unwrap();
        assert_eq!(
            (local.taken.len(), local.is_remote),
            (0, true),
            "a local text may take anything"
        );
    }
}

//! Profile expressions, as in `spring.config.activate.on-profile`: `prod & eu`, `prod | test`, `!test`,
//! with parentheses. As in Spring, `&` and `|` do not stand side by side without them.

use crate::values;

/// The deepest nesting that is read.
const MAX_DEPTH: u8 = 32;

/// What an expression must be.
pub(crate) const ALLOWED: &str = "must be a profile, or an expression of profiles with !, & or | and \
                                  parentheses (& and | beside each other need them); several with \
                                  commas between them";

/// Which profiles must be active.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    Profile(String),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl Expression {
    /// Reads expressions with commas between them, one of which must match. `None` if one is malformed.
    pub(crate) fn any(text: &str) -> Option<Self> {
        let parse = |text: &str| {
            let mut tokens = Tokens(text);
            let expression = tokens.expression(MAX_DEPTH)?;
            tokens.next().is_none().then_some(expression)
        };
        text.split(',').map(parse).collect::<Option<_>>().map(Self::Any)
    }

    pub(crate) fn matches(&self, active: &[String]) -> bool {
        match self {
            Self::Profile(name) => active.contains(name),
            Self::Not(inner) => !inner.matches(active),
            Self::All(all) => all.iter().all(|one| one.matches(active)),
            Self::Any(any) => any.iter().any(|one| one.matches(active)),
        }
    }
}

/// The rest of an expression.
#[derive(Clone, Copy)]
struct Tokens<'a>(&'a str);

impl<'a> Tokens<'a> {
    /// An operator, a parenthesis, or a name.
    fn next(&mut self) -> Option<&'a str> {
        const SIGNS: [char; 5] = ['(', ')', '&', '|', '!'];
        let left = self.0.trim_start();
        let end = match left.find(SIGNS) {
            Some(0) => 1,
            Some(sign) => sign,
            None => left.len(),
        };
        let (token, rest) = left.split_at_checked(end)?;
        self.0 = rest;
        Some(token.trim_end()).filter(|token| !token.is_empty())
    }

    fn peek(self) -> Option<&'a str> {
        Tokens(self.0).next()
    }

    fn expression(&mut self, depth: u8) -> Option<Expression> {
        let depth = depth.checked_sub(1)?;
        let mut terms = vec![self.term(depth)?];
        let operator = self.peek().filter(|sign| matches!(*sign, "&" | "|"));
        while operator.is_some() && self.peek() == operator {
            self.next();
            terms.push(self.term(depth)?);
        }
        match self.peek() {
            None | Some(")") => {}
            Some(_) => return None,
        }
        Some(if operator == Some("&") { Expression::All(terms) } else { Expression::Any(terms) })
    }

    fn term(&mut self, depth: u8) -> Option<Expression> {
        let depth = depth.checked_sub(1)?;
        match self.next()? {
            "!" => Some(Expression::Not(Box::new(self.term(depth)?))),
            "(" => {
                let inner = self.expression(depth)?;
                (self.next() == Some(")")).then_some(inner)
            }
            name => values::profile(name).ok().map(Expression::Profile),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_match_as_springs_do() {
        let active = ["prod".to_owned(), "eu".to_owned()];
        for (text, expected) in [
            ("prod", true),
            ("test", false),
            ("test, eu", true),
            ("!prod", false),
            ("!test", true),
            ("!!prod", true),
            ("prod & eu", true),
            ("prod&us", false),
            ("us | eu", true),
            ("prod & (us | eu)", true),
            ("(prod & us) | (test & eu)", false),
            ("!(prod & us)", true),
            ("!us & !test", true),
        ] {
            assert_eq!(Expression::any(text).unwrap().matches(&active), expected, "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let deep = "(".repeat(1_000);
        for text in [
            "",
            "a,",
            "a & b | c",
            "a b",
            "a &",
            "& a",
            "(a",
            "a)",
            "()",
            "!",
            "a ! b",
            "${A}",
            "a/b",
            &deep,
        ] {
            assert_eq!(Expression::any(text), None, "{text}");
        }
    }
}

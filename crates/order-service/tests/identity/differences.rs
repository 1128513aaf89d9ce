//! Where the answers differ from Spring's, and why. What is not here is answered alike. `docs/tokens.md` has the same list;
//! `UPDATE_DOCS=1` takes it over.

use std::fmt::Write as _;

/// How an answer differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Spring takes what is refused here.
    Stricter,
    /// Both refuse it, with another status or another code.
    Otherwise,
    /// Both refuse it with the same code, in other words.
    Worded,
    /// Spring refuses, without a line of Java, what is taken here.
    Wider,
}
use Kind::{Otherwise, Stricter, Wider, Worded};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tokens.md");
const HEAD: &str = "| What is sent | Beside Spring | Why |\n|---|---|---|\n";

impl Kind {
    const fn said(self) -> &'static str {
        match self {
            Self::Stricter => "refused, taken by Spring",
            Self::Otherwise => "refused by both, with another status or code",
            Self::Worded => "refused by both, in other words",
            Self::Wider => "taken, refused by Spring",
        }
    }
}

/// The cases that differ, and why.
pub(crate) const DIFFERENCES: &[(&[&str], Kind, &str)] = &[
    (
        &["typ at+jwt", "typ AT+JWT", "typ application/at+jwt"],
        Wider,
        "The type of an access token (RFC 9068). Spring has no property for it: its users write Java to take such tokens.",
    ),
    (
        &["a key with key_ops encrypt"],
        Stricter,
        "The issuer says that the key is for something else (RFC 7517, section 4.3). Spring reads `use` alone.",
    ),
    (
        &["crit empty", "crit null"],
        Stricter,
        "It has to name what must be understood (RFC 7515, section 4.1.11), and nothing is.",
    ),
    (
        &["exp missing", "exp null"],
        Stricter,
        "A token without an end is good for ever. Spring takes it.",
    ),
    (
        &["iat in 61 s"],
        Stricter,
        "A token that was made in the future is from a wrong clock. Spring does not compare it with its own.",
    ),
    (
        &["iss in other case"],
        Stricter,
        "Issuers are compared as texts (RFC 7519, section 4.1.1). Spring reads an address, whose scheme may be in any case.",
    ),
    (
        &["sub missing", "sub null", "sub empty"],
        Stricter,
        "A caller has a name: idempotency keys belong to it.",
    ),
    (&["sub a number"], Stricter, "It is a text (RFC 7519, section 4.1.2)."),
    (
        &["scope a list with null"],
        Stricter,
        "Authorities are texts. Spring makes one of the word null.",
    ),
    (
        &["a nested claim with a member twice"],
        Stricter,
        "Of two members with one name each reader takes its own. Spring refuses them at the top alone.",
    ),
    (
        &["a deeply nested claim"],
        Stricter,
        "Depth is bounded, so that no token exhausts the stack.",
    ),
    (
        &[
            "a signature with padding",
            "a signature with + and /",
            "a signature with other last bits",
            "a signature with a letter that base64url lacks",
        ],
        Stricter,
        "One token has one spelling (RFC 7515, section 2). Spring skips what it does not know.",
    ),
    (
        &["two headers, both good", "two headers, the second Basic"],
        Stricter,
        "400 `invalid_request`: what stands before this service may have looked at the other one. Spring reads the first.",
    ),
    (&["two headers, the first Basic"], Otherwise, "The same: 400 instead of 401."),
    (
        &["8 KiB and more"],
        Otherwise,
        "401 as for any other malformed token. Tomcat refuses the header with 400 before Spring sees it.",
    ),
    (
        &[
            "ES256 with a key of P-384",
            "ES384 with a key of P-256",
            "scope a list with a number",
            "cnf a text",
        ],
        Otherwise,
        "401 `invalid_token`. Spring fails, and its error page asks for a token without saying what was wrong.",
    ),
    (
        &[
            "exp 61 s ago",
            "PUT with a token out of date",
            "nbf in 61 s",
            "nbf after exp",
            "typ dpop+jwt",
            "typ empty",
        ],
        Worded,
        "Spring repeats the time or the type. Here nothing of a token is repeated, and it is not told how far it was from good.",
    ),
    (
        &[
            "alg none without a signature",
            "alg none with a signature",
            "crit with a name that is not understood",
            "crit with exp",
            "crit a text",
            "crit b64, claims not encoded",
            "b64 false without crit",
            "b64 null",
            "members that say nothing",
        ],
        Worded,
        "One sentence for all headers that are not taken. Spring has three.",
    ),
    (
        &[
            "exp 0",
            "exp negative",
            "exp huge",
            "exp beyond 64 bits",
            "exp at iat",
            "iat after exp",
            "claims that are empty",
            "no claims",
            "cnf of a certificate that was not shown",
            "cnf of a key that was not proven",
        ],
        Worded,
        "One sentence for all claims that are of no use. Spring names the rule.",
    ),
];

#[test]
fn the_page_about_tokens_has_this_list() {
    let mut table = HEAD.to_owned();
    for (cases, kind, reason) in DIFFERENCES {
        writeln!(table, "| {} | {} | {reason} |", cases.join("; "), kind.said()).unwrap();
    }
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(HEAD).unwrap();
    let after = rest.split_inclusive('\n').skip_while(|line| line.starts_with('|'));
    let right = format!("{before}{table}{}", after.collect::<String>());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, right).unwrap();
    } else {
        assert!(page == right, "docs/tokens.md is out of date: UPDATE_DOCS=1 mends it");
    }
}

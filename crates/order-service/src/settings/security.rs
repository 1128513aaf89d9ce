//! Who may ask: the tokens that requests need, by Spring's names, and what is open without one.

use std::path::PathBuf;

use identity_jwt::{
    Algorithm, AuthorityNames, ClaimNames, Delimiter, JwtSettings, KeySource, Url, is_protected,
};
use secrecy::{ExposeSecret as _, SecretString};
use settings_spring::values::{self, Fault, Read, list, optional};
use settings_spring::{Key, Reader, keys};

keys! {
    pub(super) ROWS;
    ISSUER: Option<SecretString> = "spring.security.oauth2.resourceserver.jwt.issuer-uri", "", Url,
        "the https:// address of the issuer, as its tokens say it",
        "Requests need a token of this issuer: `iss` must be this text. Unless jwk-set-uri says where its keys are, they are \
         found by its metadata.",
        |text| optional(text, issuer);
    JWK_SET: Option<SecretString> = "spring.security.oauth2.resourceserver.jwt.jwk-set-uri", "", Url,
        "an https:// URL",
        "Requests need a token, and this is where the keys are fetched that check it. Without issuer-uri, `iss` is not \
         looked at.",
        |text| optional(text, set);
    PUBLIC_KEY: Option<PathBuf> = "spring.security.oauth2.resourceserver.jwt.public-key-location", "",
        Plain, "the path of a file, with or without file: before it, and neither issuer-uri nor jwk-set-uri beside it",
        "Requests need a token that the RSA key in this PEM file checks. It is read at the start; `iss` is not looked at.",
        |text| optional(text, file);
    AUDIENCES: Vec<String> = "spring.security.oauth2.resourceserver.jwt.audiences", "", Plain,
        "texts with commas between them; or order.security.any-audience=true in its place",
        "`aud` of a token must name one of these.", |text| list(text, values::text);
    ALGORITHMS: Vec<Algorithm> = "spring.security.oauth2.resourceserver.jwt.jws-algorithms", "RS256",
        Plain,
        "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA, several with commas between them",
        "The algorithms that tokens may be signed with, wherever the keys are from.", algorithms;
    AUTHORITIES: Option<String> =
        "spring.security.oauth2.resourceserver.jwt.authorities-claim-name", "", Plain,
        "the name of a claim, or its path with dots",
        "The claim with the authorities of a token, a text or a list; scope unless set, and scp where there is no scope.",
        |text| optional(text, values::text);
    DELIMITER: Option<Delimiter> =
        "spring.security.oauth2.resourceserver.jwt.authorities-claim-delimiter", "", Plain,
        "a text; a regular expression only as \\s, \\s+, or with a backslash before each of its signs",
        "What stands between the authorities of a text; one blank unless set.",
        |text| optional(text, delimiter);
    PREFIX: String = "spring.security.oauth2.resourceserver.jwt.authority-prefix", "SCOPE_", Plain,
        "a text, also none", "What is put before each authority of a token.", prefix;
    PRINCIPAL: String = "spring.security.oauth2.resourceserver.jwt.principal-claim-name", "sub",
        Plain, "the name of a claim, or its path with dots",
        "The claim that says who asks; idempotency keys belong to it.", values::text;
    ANY_AUDIENCE: bool = "order.security.any-audience", "false", Plain,
        "true or false, and not true beside audiences",
        "Whether tokens may be for any audience: then a token that the issuer has made for another service is good here.",
        values::flag;
    OVER_HTTP: bool = "order.security.issuer-over-http", "false", Plain, "true or false",
        "Whether keys may be fetched over http:// from another machine: then an attacker on the way can sign tokens.",
        values::flag;
    CUSTOMER: String = "order.security.customer-claim", "customer_id", Plain,
        "the name of a claim, or its path with dots",
        "The claim with the number of the customer to whose orders a caller is limited.", values::text;
    READ: Option<String> = "order.security.authority.read", "", Plain,
        "an authority that begins with authority-prefix",
        "The authority to read orders, histories and the feed; orders:read after authority-prefix unless set.",
        |text| optional(text, authority);
    WRITE: Option<String> = "order.security.authority.write", "", Plain,
        "an authority that begins with authority-prefix",
        "The authority to place orders, replace their lines and cancel them; orders:write likewise.",
        |text| optional(text, authority);
    FULFIL: Option<String> = "order.security.authority.fulfil", "", Plain,
        "an authority that begins with authority-prefix",
        "The authority to move orders on to CONFIRMED, IN_PROGRESS and DELIVERED; orders:fulfil likewise.",
        |text| optional(text, authority);
    ANY: Option<String> = "order.security.authority.any", "", Plain,
        "an authority that begins with authority-prefix",
        "The authority over the orders of all customers; orders:any likewise.",
        |text| optional(text, authority);
    ADMIN: Option<String> = "order.security.authority.admin", "", Plain,
        "an authority that begins with authority-prefix",
        "The authority to operate the service; orders:admin likewise.",
        |text| optional(text, authority);
    METRICS: Option<String> = "order.security.authority.metrics", "", Plain,
        "an authority that begins with authority-prefix",
        "The authority to read info and metrics; orders:metrics likewise.",
        |text| optional(text, authority);
    OPEN_METRICS: bool = "order.security.open-metrics", "false", Plain, "true or false",
        "Whether info and metrics need no token.", values::flag;
    OPEN_DOCUMENTS: bool = "order.security.open-documents", "true", Plain, "true or false",
        "Whether /docs, /openapi.json and /asyncapi.json need no token.", values::flag;
}

/// Who may ask.
#[derive(Debug, Clone)]
pub struct Security {
    /// The tokens that requests need; `None`: none.
    pub tokens: Option<Tokens>,
    /// Whether info and metrics need no token.
    pub open_metrics: bool,
    /// Whether the documents of the interface need no token.
    pub open_documents: bool,
}

/// The tokens that requests need.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// What is expected of them. Of a key in a file, the content is still to be read.
    pub jwt: JwtSettings,
    /// The file with the key, if the key is in a file.
    pub file: Option<PathBuf>,
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Security> {
    let (source, audiences) = (source(from), audiences(from));
    let algorithms = from.read(&ALGORITHMS);
    let claims = claims(from);
    let delimiter = from.read(&DELIMITER);
    let prefix = from.read(&PREFIX);
    let authorities = authorities(from, prefix.as_deref());
    let plain_http = from.read(&OVER_HTTP);
    let open = (from.read(&OPEN_METRICS), from.read(&OPEN_DOCUMENTS));
    let (open_metrics, open_documents) = (open.0?, open.1?);
    let Some(Source { keys, issuer, file }) = source? else {
        return are_idle(from).then_some(Security { tokens: None, open_metrics, open_documents });
    };
    check_audience(from, audiences.as_ref()?)?;
    check_address(from, &keys, plain_http?)?;
    let jwt = JwtSettings {
        keys,
        issuer,
        audiences: audiences?.0,
        algorithms: algorithms?,
        claims: claims?,
        delimiter: delimiter?.unwrap_or_else(|| Delimiter::Text(" ".to_owned())),
        prefix: prefix?,
        authorities: authorities?,
        plain_http: plain_http?,
    };
    Some(Security { tokens: Some(Tokens { jwt, file }), open_metrics, open_documents })
}

/// Where keys are fetched and which issuer is expected: two things, though Spring has one name for both.
struct Source {
    keys: KeySource,
    issuer: Option<String>,
    file: Option<PathBuf>,
}

/// Where the keys come from. Inside, `None`: requests need no token.
#[expect(clippy::option_option, reason = "a wrong setting is something else than none")]
fn source(from: &mut Reader<'_>) -> Option<Option<Source>> {
    let found = (from.read(&ISSUER), from.read(&JWK_SET), from.read(&PUBLIC_KEY));
    let (issuer, set, file) = (found.0?, found.1?, found.2?);
    let text = |secret: &SecretString| secret.expose_secret().to_owned();
    let (issuer, set) = (issuer.as_ref().map(text), set.as_ref().map(text));
    if file.is_some() && (issuer.is_some() || set.is_some()) {
        from.refuse(&PUBLIC_KEY, "would not be read, because the keys are fetched");
        return None;
    }
    let keys = match (&set, &issuer, &file) {
        (Some(set), ..) => KeySource::Set(set.parse().ok()?),
        (None, Some(issuer), _) => {
            let Some(address) = issuer.parse().ok().filter(is_issuer) else {
                let reason = "names no address where metadata can be, and there is no jwk-set-uri";
                from.refuse(&ISSUER, reason);
                return None;
            };
            KeySource::Issuer(address)
        }
        (None, None, Some(_)) => KeySource::File(Vec::new()),
        (None, None, None) => return Some(None),
    };
    Some(Some(Source { keys, issuer, file }))
}

/// The expected audiences, `None` for any; and whether audiences and any audience are both, or neither, asked for.
fn audiences(from: &mut Reader<'_>) -> Option<(Option<Vec<String>>, bool)> {
    let (named, any) = (from.read(&AUDIENCES), from.read(&ANY_AUDIENCE));
    let (named, any) = (named?, any?);
    let is_clear = named.is_empty() == any;
    Some(((!named.is_empty()).then_some(named), is_clear))
}

fn check_audience(
    from: &mut Reader<'_>,
    (named, is_clear): &(Option<Vec<String>>, bool),
) -> Option<()> {
    if *is_clear {
        return Some(());
    }
    match named {
        Some(_) => from.refuse(&ANY_AUDIENCE, "contradicts audiences"),
        None => from.refuse(&AUDIENCES, "must be set, or tokens for other services are good here"),
    }
    None
}

fn check_address(from: &mut Reader<'_>, keys: &KeySource, plain_http: bool) -> Option<()> {
    let (address, key) = match keys {
        KeySource::Issuer(address) => (address, &ISSUER),
        KeySource::Set(address) => (address, &JWK_SET),
        KeySource::File(_) => return Some(()),
    };
    if plain_http || is_protected(address) {
        return Some(());
    }
    let reason = "brings keys over an open connection, which order.security.issuer-over-http=true would allow";
    from.refuse(key, reason);
    None
}

/// Refuses settings of tokens where requests need none: a misspelled issuer-uri must not open the service.
fn are_idle(from: &mut Reader<'_>) -> bool {
    let all = [
        is_idle(from, &AUDIENCES),
        is_idle(from, &ALGORITHMS),
        is_idle(from, &AUTHORITIES),
        is_idle(from, &DELIMITER),
        is_idle(from, &PREFIX),
        is_idle(from, &PRINCIPAL),
    ];
    all.into_iter().all(|is_idle| is_idle)
}

fn is_idle<T>(from: &mut Reader<'_>, key: &'static Key<T>) -> bool {
    if from.is_set(key) {
        from.refuse(key, "has no effect without issuer-uri, jwk-set-uri or public-key-location");
        return false;
    }
    true
}

fn claims(from: &mut Reader<'_>) -> Option<ClaimNames> {
    let found = (from.read(&AUTHORITIES), from.read(&PRINCIPAL), from.read(&CUSTOMER));
    Some(ClaimNames { authorities: found.0?, principal: found.1?, customer: found.2? })
}

/// The names of the authorities: as set, or ours with the prefix. One without the prefix would never be held.
fn authorities(from: &mut Reader<'_>, prefix: Option<&str>) -> Option<AuthorityNames> {
    let mut of = |key: &'static Key<Option<String>>, ours: &str| {
        let (set, prefix) = (from.read(key)?, prefix?);
        let name = set.unwrap_or_else(|| format!("{prefix}{ours}"));
        if name.strip_prefix(prefix).is_none_or(str::is_empty) {
            from.refuse(key, "does not begin with authority-prefix, so no token has it");
            return None;
        }
        Some(name)
    };
    let [read, write, fulfil, any, admin, metrics] = [
        of(&READ, "orders:read"),
        of(&WRITE, "orders:write"),
        of(&FULFIL, "orders:fulfil"),
        of(&ANY, "orders:any"),
        of(&ADMIN, "orders:admin"),
        of(&METRICS, "orders:metrics"),
    ];
    Some(AuthorityNames {
        read: read?,
        write: write?,
        fulfil: fulfil?,
        any: any?,
        admin: admin?,
        metrics: metrics?,
    })
}

fn issuer(text: &str) -> Read<SecretString> {
    values::text(text).map(SecretString::from)
}

fn set(text: &str) -> Read<SecretString> {
    let text = values::http_url(text.trim())?;
    if text.expose_secret().parse::<Url>().is_ok() { Ok(text) } else { Err(Fault::SHAPE) }
}

/// Whether metadata can be found from an address: it is one, and nothing else.
fn is_issuer(address: &Url) -> bool {
    let has_more = address.query().is_some() || address.fragment().is_some();
    let has_user = !address.username().is_empty() || address.password().is_some();
    address.has_host() && !has_more && !has_user
}

fn file(text: &str) -> Read<PathBuf> {
    let text = text.trim();
    if text.starts_with("classpath") {
        return Err(Fault::because("there is no class path here"));
    }
    let path = text.strip_prefix("file:").unwrap_or(text);
    let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
    if path.is_empty() { Err(Fault::SHAPE) } else { Ok(path.into()) }
}

fn algorithms(text: &str) -> Read<Vec<Algorithm>> {
    let all = list(text, |name| name.parse().map_err(|_| Fault::SHAPE))?;
    if all.is_empty() { Err(Fault::SHAPE) } else { Ok(all) }
}

/// Spring takes a regular expression. Of those, only what says nothing but a text or white space is read.
fn delimiter(text: &str) -> Read<Delimiter> {
    if [r"\s", r"\s+", r"[\s]+"].contains(&text.trim()) {
        return Ok(Delimiter::Blank);
    }
    let (mut plain, mut signs) = (String::new(), text.chars());
    while let Some(sign) = signs.next() {
        let taken = match sign {
            '\\' => signs.next().filter(char::is_ascii_punctuation),
            sign => Some(sign).filter(|sign| !"^$.|?*+()[]{}".contains(*sign)),
        };
        plain.push(taken.ok_or(Fault::because("is another regular expression"))?);
    }
    Ok(Delimiter::Text(plain))
}

/// What may stand in a challenge (RFC 6750, section 3).
fn is_scope(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
}

fn prefix(text: &str) -> Read<String> {
    if is_scope(text.trim()) { Ok(text.trim().to_owned()) } else { Err(Fault::SHAPE) }
}

fn authority(text: &str) -> Read<String> {
    values::text(text).and_then(|text| if is_scope(&text) { Ok(text) } else { Err(Fault::SHAPE) })
}

#[cfg(test)]
mod tests;

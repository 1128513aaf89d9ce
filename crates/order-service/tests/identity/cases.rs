//! The tokens, good, broken and at an edge. Each breaks one rule.

use order_testkit::tokens::signature_with_public;
use serde_json::{Value, json};

use crate::keys::base64url;
use crate::mint::{Mint, Sent, bearer};

/// What it is, and how it is made.
pub(crate) type Case = (&'static str, fn(&Mint<'_>) -> Sent);

pub(crate) const CASES: &[&[Case]] = &[ALGORITHMS, KEYS, HEADERS, TIMES, CLAIMS, TEXTS, REQUESTS];

const ALGORITHMS: &[Case] = &[
    ("RS256", |m| m.token().sent()),
    ("RS384", |m| m.signed("RS384", "rsa").sent()),
    ("RS512", |m| m.signed("RS512", "rsa").sent()),
    ("PS256", |m| m.signed("PS256", "rsa").sent()),
    ("PS384", |m| m.signed("PS384", "rsa").sent()),
    ("PS512", |m| m.signed("PS512", "rsa").sent()),
    ("ES256", |m| m.signed("ES256", "p256").sent()),
    ("ES384", |m| m.signed("ES384", "p384").sent()),
    ("ES512, which is not allowed", |m| m.signed("ES512", "p521").sent()),
    ("EdDSA, which is not allowed", |m| m.signed("EdDSA", "ed25519").sent()),
    ("alg none without a signature", |m| unsigned(m, "none")),
    ("alg None", |m| unsigned(m, "None")),
    ("alg NONE", |m| unsigned(m, "NONE")),
    ("alg nOnE", |m| unsigned(m, "nOnE")),
    ("alg none with a signature", |m| m.token().member("alg", "none").sent()),
    ("alg in lower case", |m| m.token().member("alg", "rs256").sent()),
    ("alg unknown", |m| m.token().member("alg", "RS255").sent()),
    ("alg empty", |m| m.token().member("alg", "").sent()),
    ("alg missing", |m| m.token().without_member("alg").sent()),
    ("alg a number", |m| m.token().member("alg", 256).sent()),
    ("alg a list", |m| m.token().member("alg", json!(["RS256"])).sent()),
    ("alg null", |m| m.token().member("alg", Value::Null).sent()),
    ("alg of encryption", |m| m.token().member("alg", "RSA-OAEP").sent()),
    ("HS256 with the public key for a secret", |m| {
        let draft = m.token().member("alg", "HS256");
        bearer(&draft.signed_with(|text| with_public(m, text)))
    }),
    ("HS256 with the public key for a secret, without kid", |m| {
        let draft = m.token().member("alg", "HS256").without_member("kid");
        bearer(&draft.signed_with(|text| with_public(m, text)))
    }),
];

const KEYS: &[Case] = &[
    ("kid missing", |m| m.token().without_member("kid").sent()),
    ("kid missing, signed by a stranger", |m| {
        m.token().without_member("kid").by("stranger", "RS256").sent()
    }),
    ("kid missing, ES256", |m| m.signed("ES256", "p256").without_member("kid").sent()),
    ("kid unknown", |m| m.token().member("kid", "nobody").sent()),
    ("kid of another key", |m| m.token().member("kid", "for-rs256").sent()),
    ("kid empty", |m| m.token().member("kid", "").sent()),
    ("kid a number", |m| m.token().member("kid", 1).sent()),
    ("kid null", |m| m.token().member("kid", Value::Null).sent()),
    ("kid in other case", |m| m.token().member("kid", "RSA").sent()),
    ("kid with a path", |m| m.token().member("kid", "../../dev/null").sent()),
    ("kid of two keys, signed by the first", |m| {
        m.token().member("kid", "twin").by("named", "RS256").sent()
    }),
    ("kid of two keys, signed by the second", |m| {
        m.token().member("kid", "twin").by("other", "RS256").sent()
    }),
    ("a key that says its algorithm", |m| {
        m.token().member("kid", "for-rs256").by("other", "RS256").sent()
    }),
    ("a key that says another algorithm", |m| {
        m.token().member("kid", "for-rs256").member("alg", "RS512").by("other", "RS512").sent()
    }),
    ("a key for encryption", |m| {
        m.token().member("kid", "for-secrets").by("other", "RS256").sent()
    }),
    ("a key with key_ops verify", |m| {
        m.token().member("kid", "to-verify").by("other", "RS256").sent()
    }),
    ("a key with key_ops encrypt", |m| {
        m.token().member("kid", "to-encrypt").by("other", "RS256").sent()
    }),
    ("RS256 with a key of an elliptic curve", |m| m.token().member("kid", "p256").sent()),
    ("ES256 with an RSA key", |m| m.token().member("alg", "ES256").sent()),
    ("ES256 with a key of P-384", |m| m.signed("ES256", "p384").sent()),
    ("ES384 with a key of P-256", |m| m.signed("ES384", "p256").sent()),
    ("signed by a stranger", |m| m.token().by("stranger", "RS256").sent()),
    ("signed as PS256, named RS256", |m| m.token().by("rsa", "PS256").sent()),
    ("signed as RS512, named RS256", |m| m.token().by("rsa", "RS512").sent()),
    ("ES256 with a signature of zeros", |m| {
        bearer(&m.signed("ES256", "p256").signed_with(|_| vec![0; 64]))
    }),
    ("RS256 with an empty signature", |m| bearer(&m.token().signed_with(|_| Vec::new()))),
    ("RS256 with a signature cut short", |m| {
        let signed = |text: &[u8]| m.keys.key("rsa").signature("RS256", text);
        bearer(&m.token().signed_with(|text| signed(text)[1..].to_vec()))
    }),
    ("RS256 with a byte after the signature", |m| {
        let signed = |text: &[u8]| m.keys.key("rsa").signature("RS256", text);
        bearer(&m.token().signed_with(|text| [signed(text), vec![0]].concat()))
    }),
    ("claims altered after they were signed", |m| {
        m.altered_part(1, |_| base64url(br#"{"sub":"admin"}"#))
    }),
];

const HEADERS: &[Case] = &[
    ("typ JWT", |m| m.token().member("typ", "JWT").sent()),
    ("typ in lower case", |m| m.token().member("typ", "jwt").sent()),
    ("typ at+jwt", |m| m.token().member("typ", "at+jwt").sent()),
    ("typ AT+JWT", |m| m.token().member("typ", "AT+JWT").sent()),
    ("typ application/at+jwt", |m| m.token().member("typ", "application/at+jwt").sent()),
    ("typ dpop+jwt", |m| m.token().member("typ", "dpop+jwt").sent()),
    ("typ empty", |m| m.token().member("typ", "").sent()),
    ("typ a number", |m| m.token().member("typ", 1).sent()),
    ("typ null", |m| m.token().member("typ", Value::Null).sent()),
    ("crit with a name that is not understood", |m| {
        m.token().member("crit", json!(["x"])).member("x", 1).sent()
    }),
    ("crit with exp", |m| m.token().member("crit", json!(["exp"])).member("exp", 1).sent()),
    ("crit empty", |m| m.token().member("crit", json!([])).sent()),
    ("crit a text", |m| m.token().member("crit", "exp").sent()),
    ("crit b64, claims not encoded", |m| {
        m.token().member("crit", json!(["b64"])).member("b64", false).sent()
    }),
    ("b64 true without crit", |m| m.token().member("b64", true).sent()),
    ("b64 false without crit", |m| m.token().member("b64", false).sent()),
    ("jku to another set", |m| m.token().member("jku", format!("{}/elsewhere", m.issuer)).sent()),
    ("jwk of the stranger who signs", |m| {
        let jwk = m.keys.jwk("stranger", &json!({}));
        m.token().member("jwk", jwk).by("stranger", "RS256").sent()
    }),
    ("jwk of the key that signs", |m| {
        m.token().member("jwk", m.keys.jwk("rsa", &json!({}))).sent()
    }),
    ("jwk with its private half", |m| {
        m.token().member("jwk", m.keys.jwk("rsa", &json!({"d": "AQAB"}))).sent()
    }),
    ("jwk of a shared secret", |m| {
        m.token().member("jwk", json!({"kty": "oct", "k": "AQAB"})).sent()
    }),
    ("jwk that is none", |m| m.token().member("jwk", "key").sent()),
    ("jwk that is empty", |m| m.token().member("jwk", json!({})).sent()),
    ("jku a number", |m| m.token().member("jku", 1).sent()),
    ("jku that is no address", |m| m.token().member("jku", "a b").sent()),
    ("x5u a number", |m| m.token().member("x5u", 1).sent()),
    ("x5c a text", |m| m.token().member("x5c", "MIIB").sent()),
    ("x5c a list of numbers", |m| m.token().member("x5c", json!([1])).sent()),
    ("x5t a number", |m| m.token().member("x5t", 1).sent()),
    ("cty a number", |m| m.token().member("cty", 1).sent()),
    ("members that say nothing", |m| {
        let names = ["typ", "cty", "crit", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "b64"];
        names.iter().fold(m.token(), |token, name| token.member(name, Value::Null)).sent()
    }),
    ("crit null", |m| m.token().member("crit", Value::Null).sent()),
    ("b64 null", |m| m.token().member("b64", Value::Null).sent()),
    ("x5u", |m| m.token().member("x5u", format!("{}/certificate", m.issuer)).sent()),
    ("x5c", |m| m.token().member("x5c", json!(["MIIB"])).sent()),
    ("x5t", |m| m.token().member("x5t", "AAAA").sent()),
    ("cty JWT", |m| m.token().member("cty", "JWT").sent()),
    ("zip", |m| m.token().member("zip", "DEF").sent()),
    ("an unknown member", |m| m.token().member("colour", "blue").sent()),
    ("a member twice", |m| {
        m.token().header_text(|text| text.replacen('{', r#"{"kid":"rsa","#, 1)).sent()
    }),
    ("alg twice, none first", |m| {
        m.token().header_text(|text| text.replacen('{', r#"{"alg":"none","#, 1)).sent()
    }),
    ("a header that is no JSON", |m| m.token().header_text(|text| text[1..].to_owned()).sent()),
    ("a header that is a list", |m| m.token().header_text(|text| format!("[{text}]")).sent()),
    ("a header with something after it", |m| {
        m.token().header_text(|text| format!("{text}x")).sent()
    }),
    ("a header in spaces", |m| m.token().header_text(|text| format!(" {text} ")).sent()),
];

const TIMES: &[Case] = &[
    ("exp 59 s ago", |m| m.token().claim("exp", m.now - 59).sent().until(m.now + 1)),
    ("exp 61 s ago", |m| m.token().claim("exp", m.now - 61).sent()),
    ("exp missing", |m| m.token().without("exp").sent()),
    ("exp null", |m| m.token().claim("exp", Value::Null).sent()),
    ("exp a text", |m| m.token().claim("exp", (m.now + 600).to_string()).sent()),
    ("exp a date", |m| m.token().claim("exp", "2999-01-01T00:00:00Z").sent()),
    ("exp with a fraction", |m| {
        m.token().claims_text(|text| text.replace(&exp(m), &format!("{}.5", exp(m)))).sent()
    }),
    ("exp with an exponent", |m| {
        m.token().claims_text(|text| text.replace(&exp(m), r#""exp":1e11"#)).sent()
    }),
    ("exp 0", |m| m.token().claim("exp", 0).sent()),
    ("exp negative", |m| m.token().claim("exp", -1).sent()),
    ("exp huge", |m| m.token().claim("exp", i64::MAX).sent()),
    ("exp beyond 64 bits", |m| {
        m.token().claims_text(|text| text.replace(&exp(m), r#""exp":1e30"#)).sent()
    }),
    ("exp a list", |m| m.token().claim("exp", json!([m.now + 600])).sent()),
    ("exp true", |m| m.token().claim("exp", true).sent()),
    ("exp twice", |m| m.token().claims_text(|text| text.replacen('{', r#"{"exp":1,"#, 1)).sent()),
    ("exp at iat", |m| m.token().claim("iat", m.now).claim("exp", m.now).sent()),
    ("nbf in 59 s", |m| m.token().claim("nbf", m.now + 59).sent()),
    ("nbf in 61 s", |m| m.token().claim("nbf", m.now + 61).sent().until(m.now + 1)),
    ("nbf a text", |m| m.token().claim("nbf", m.now.to_string()).sent()),
    ("nbf with a fraction", |m| m.token().claim("nbf", 1.5).sent()),
    ("nbf null", |m| m.token().claim("nbf", Value::Null).sent()),
    ("nbf after exp", |m| m.token().claim("nbf", m.now + 601).sent()),
    ("iat in 59 s", |m| m.token().claim("iat", m.now + 59).sent()),
    ("iat in 61 s", |m| m.token().claim("iat", m.now + 61).sent().until(m.now + 1)),
    ("iat missing", |m| m.token().without("iat").sent()),
    ("iat a text", |m| m.token().claim("iat", "yesterday").sent()),
    ("iat after exp", |m| m.token().claim("iat", m.now + 601).sent()),
];

fn exp(mint: &Mint<'_>) -> String {
    format!(r#""exp":{}"#, mint.now + 600)
}

const CLAIMS: &[Case] = &[
    ("iss missing", |m| m.token().without("iss").sent()),
    ("iss with a slash at its end", |m| m.token().claim("iss", format!("{}/", m.issuer)).sent()),
    ("iss in other case", |m| m.token().claim("iss", m.issuer.to_uppercase()).sent()),
    ("iss of another", |m| m.token().claim("iss", "https://issuer.example").sent()),
    ("iss empty", |m| m.token().claim("iss", "").sent()),
    ("iss a list", |m| m.token().claim("iss", json!([m.issuer])).sent()),
    ("iss a number", |m| m.token().claim("iss", 1).sent()),
    ("iss twice, the right one first", |m| {
        let right = format!(r#"{{"iss":"{}","#, m.issuer);
        let draft = m.token().claim("iss", "https://issuer.example");
        draft.claims_text(|text| text.replacen('{', &right, 1)).sent()
    }),
    ("iss twice, the right one last", |m| {
        let wrong = r#"{"iss":"https://issuer.example","#;
        m.token().claims_text(|text| text.replacen('{', wrong, 1)).sent()
    }),
    ("aud a list with ours", |m| m.token().claim("aud", json!(["a", "shop"])).sent()),
    ("aud a list without ours", |m| m.token().claim("aud", json!(["a", "b"])).sent()),
    ("aud an empty list", |m| m.token().claim("aud", json!([])).sent()),
    ("aud a list with a number", |m| m.token().claim("aud", json!(["orders", 1])).sent()),
    ("aud of another", |m| m.token().claim("aud", "billing").sent()),
    ("aud in other case", |m| m.token().claim("aud", "Orders").sent()),
    ("aud two in one text", |m| m.token().claim("aud", "orders shop").sent()),
    ("aud missing", |m| m.token().without("aud").sent()),
    ("aud null", |m| m.token().claim("aud", Value::Null).sent()),
    ("aud a number", |m| m.token().claim("aud", 1).sent()),
    ("aud an object", |m| m.token().claim("aud", json!({"orders": true})).sent()),
    ("sub missing", |m| m.token().without("sub").sent()),
    ("sub null", |m| m.token().claim("sub", Value::Null).sent()),
    ("sub empty", |m| m.token().claim("sub", "").sent()),
    ("sub a number", |m| m.token().claim("sub", 7).sent()),
    ("sub a list", |m| m.token().claim("sub", json!(["alice"])).sent()),
    ("sub of 1000 characters", |m| m.token().claim("sub", "x".repeat(1000)).sent()),
    ("sub beyond ASCII", |m| m.token().claim("sub", "Zoë").sent()),
    ("scope missing", |m| m.token().without("scope").sent()),
    ("scope a list", |m| m.token().claim("scope", json!(["orders:read"])).sent()),
    ("scope a number", |m| m.token().claim("scope", 1).sent()),
    ("scope an object", |m| m.token().claim("scope", json!({"orders:read": true})).sent()),
    ("scope null", |m| m.token().claim("scope", Value::Null).sent()),
    ("scope a list with a number", |m| m.token().claim("scope", json!(["a", 1])).sent()),
    ("scp beside no scope", |m| m.token().without("scope").claim("scp", "orders:read").sent()),
    ("scope a list with null", |m| m.token().claim("scope", json!(["a", null])).sent()),
    ("jti a number", |m| m.token().claim("jti", 1).sent()),
    ("a nested claim with a member twice", |m| {
        m.token().claims_text(|text| text.replacen('{', r#"{"a":{"b":1,"b":2},"#, 1)).sent()
    }),
    ("a deeply nested claim", |m| {
        let deep = format!(r#"{{"a":{}1{},"#, "[".repeat(300), "]".repeat(300));
        m.token().claims_text(|text| text.replacen('{', &deep, 1)).sent()
    }),
    ("cnf of a certificate that was not shown", |m| {
        m.token()
            .claim("cnf", json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}))
            .sent()
    }),
    ("cnf of a key that was not proven", |m| {
        m.token().claim("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})).sent()
    }),
    ("cnf a text", |m| m.token().claim("cnf", "key").sent()),
    ("claims that are a list", |m| m.token().claims_text(|text| format!("[{text}]")).sent()),
    ("claims that are no JSON", |m| m.token().claims_text(|_| "claims".to_owned()).sent()),
    ("claims that are empty", |m| m.token().claims_text(|_| "{}".to_owned()).sent()),
    ("claims with something after them", |m| {
        m.token().claims_text(|text| format!("{text}x")).sent()
    }),
    ("claims with a comma too many", |m| {
        m.token().claims_text(|text| text.replace('}', ",}")).sent()
    }),
];

const TEXTS: &[Case] = &[
    ("two parts", |m| m.altered(|token| token[..token.rfind('.').unwrap()].to_owned())),
    ("four parts", |m| m.altered(|token| format!("{token}.AAAA"))),
    ("five parts", |m| m.altered(|token| format!("{token}.AAAA.AAAA"))),
    ("a dot at the end", |m| m.altered(|token| format!("{token}."))),
    ("a dot at the start", |m| m.altered(|token| format!(".{token}"))),
    ("one part", |_| bearer("token")),
    ("dots alone", |_| bearer("..")),
    ("no header", |m| m.altered_part(0, |_| String::new())),
    ("no claims", |m| m.altered_part(1, |_| String::new())),
    ("a header with padding", |m| m.altered_part(0, |part| format!("{part}=="))),
    ("a signature with padding", |m| m.altered_part(2, |part| format!("{part}=="))),
    ("a signature with + and /", |m| {
        m.altered_part(2, |part| part.replace('-', "+").replace('_', "/"))
    }),
    ("a signature with other last bits", |m| m.altered_part(2, other_last_bits)),
    ("a signature with a letter that base64url lacks", |m| {
        m.altered_part(2, |part| format!("~{part}"))
    }),
    ("a signature in hexadecimal", |m| {
        bearer(&m.token().signed_with(|text| {
            let signature = m.keys.key("rsa").signature("RS256", text);
            signature.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
        }))
    }),
    ("8 KiB and more", |m| m.token().claim("filler", "x".repeat(7000)).sent()),
    ("a token in quotes", |m| m.altered(|token| format!("\"{token}\""))),
    ("letters beyond ASCII", |m| m.altered(|token| format!("{token}é"))),
    ("a space within", |m| m.altered(|token| token.replacen('.', " .", 1))),
    ("a comma after it", |m| m.altered(|token| format!("{token},"))),
];

/// The same signature, written with other bits in what its last letter has left over: 256 bytes leave 4 of them.
fn other_last_bits(part: &str) -> String {
    let (rest, last) = part.split_at(part.len() - 1);
    let next = last.bytes().map(|byte| char::from(byte + 1)).collect::<String>();
    format!("{rest}{next}")
}

/// The key confusion of RFC 8725, section 2.1.
fn with_public(mint: &Mint<'_>, text: &[u8]) -> Vec<u8> {
    signature_with_public(mint.keys.key("rsa").pem().as_bytes(), text)
}

fn unsigned(mint: &Mint<'_>, algorithm: &str) -> Sent {
    bearer(&mint.token().member("alg", algorithm).signed_with(|_| Vec::new()))
}

const REQUESTS: &[Case] = &[
    ("no Authorization", |_| Sent::nothing()),
    ("an empty Authorization", |_| Sent::nothing().and("")),
    ("Basic", |_| Sent::nothing().and("Basic YWxpY2U6c2VjcmV0")),
    ("Basic with a token", |m| Sent::nothing().and(&format!("Basic {}", m.token().compact()))),
    ("Token", |m| Sent::nothing().and(&format!("Token {}", m.token().compact()))),
    ("the token alone", |m| Sent::nothing().and(&m.token().compact())),
    ("Bearer in lower case", |m| Sent::nothing().and(&format!("bearer {}", m.token().compact()))),
    ("Bearer in upper case", |m| Sent::nothing().and(&format!("BEARER {}", m.token().compact()))),
    ("Bearer alone", |_| Sent::nothing().and("Bearer")),
    ("Bearer with spaces alone", |_| Sent::nothing().and("Bearer    ")),
    ("Bearer and two spaces", |m| Sent::nothing().and(&format!("Bearer  {}", m.token().compact()))),
    ("Bearer and a tab", |m| Sent::nothing().and(&format!("Bearer\t{}", m.token().compact()))),
    ("Bearer without a space", |m| Sent::nothing().and(&format!("Bearer{}", m.token().compact()))),
    ("Bearer with a colon", |m| Sent::nothing().and(&format!("Bearer: {}", m.token().compact()))),
    ("Bearers", |m| Sent::nothing().and(&format!("Bearers {}", m.token().compact()))),
    ("a space after the token", |m| m.altered(|token| format!("{token} "))),
    ("two tokens in one header", |m| m.altered(|token| format!("{token}, Bearer {token}"))),
    ("two headers, both good", |m| {
        m.token().sent().and(&format!("Bearer {}", m.token().compact()))
    }),
    ("two headers, the second Basic", |m| m.token().sent().and("Basic YWxpY2U6c2VjcmV0")),
    ("two headers, the first Basic", |m| {
        Sent::nothing()
            .and("Basic YWxpY2U6c2VjcmV0")
            .and(&format!("Bearer {}", m.token().compact()))
    }),
    ("a token in the query alone", |_| Sent::nothing().query("?access_token=x")),
    ("a token in the query twice", |_| Sent::nothing().query("?access_token=x&access_token=y")),
    ("a token in header and query", |m| m.token().sent().query("?access_token=x")),
    ("a token in the header, an empty one in the query", |m| {
        m.token().sent().query("?access_token=")
    }),
    ("a token in header and query, its name encoded", |m| {
        m.token().sent().query("?a=1&access%5Ftoken=x")
    }),
    ("a token in the header, another parameter in the query", |m| {
        m.token().sent().query("?token=x")
    }),
    ("POST", |m| m.token().sent().method("POST")),
    ("POST without a token", |_| Sent::nothing().method("POST")),
    ("PUT with a token out of date", |m| m.token().claim("exp", m.now - 61).sent().method("PUT")),
    ("HEAD", |m| m.token().sent().method("HEAD")),
    ("HEAD without a token", |_| Sent::nothing().method("HEAD")),
    ("OPTIONS without a token", |_| Sent::nothing().method("OPTIONS")),
];

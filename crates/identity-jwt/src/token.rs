//! A token before anything in it is believed (RFC 7515, RFC 8725): its three parts, and what its header may say.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use reqwest::Url;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::json;
use crate::refusal::{Reason, Refusal};

/// The longest token, in bytes.
const LONGEST: usize = 8 << 10;

/// The registered members of a header that are texts (RFC 7515, section 4.1). A wrong type is not ignored: another
/// reader might read something into it. What the addresses and certificates among them say is ignored, because the one
/// who made the token would choose the key that checks it.
const TEXTS: &[&str] = &["alg", "kid", "typ", "cty", "jku", "x5u", "x5t", "x5t#S256"];

/// `typ` in lower case: absent, an ordinary token, or an access token of RFC 9068.
const TYPES: &[&str] = &["jwt", "at+jwt", "application/at+jwt"];

/// A token with a header that is allowed. Its payload is not looked at yet.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    /// What is signed: header and payload as they were sent.
    pub(crate) signed: &'a str,
    pub(crate) signature: &'a str,
    payload: &'a str,
}

impl<'a> Token<'a> {
    pub(crate) fn read(text: &'a str, allowed: &[Algorithm]) -> Result<Self, Refusal> {
        let malformed = |cause| Refusal::new(Reason::Malformed, cause);
        if text.len() > LONGEST {
            return Err(malformed("it is longer than 8 KiB"));
        }
        let parts = text.rsplit_once('.').and_then(|(signed, signature)| {
            let (header, payload) = signed.split_once('.')?;
            let is_whole = ![header, payload, signature].contains(&"") && !payload.contains('.');
            is_whole.then_some((signed, header, payload, signature))
        });
        let Some((signed, header, payload, signature)) = parts else {
            return Err(malformed("it does not have three parts"));
        };
        let header = members(header).map_err(malformed)?;
        // Decoded here, so that a signature in another alphabet is malformed and not merely wrong.
        decoded(signature).map_err(malformed)?;
        let (algorithm, key_id) = checked(&header, allowed)?;
        Ok(Self { algorithm, key_id, signed, signature, payload })
    }

    /// The claims; for a token whose signature was checked.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, Refusal> {
        members(self.payload).map_err(|cause| Refusal::new(Reason::Claims, cause))
    }
}

fn checked(
    header: &Map<String, Value>,
    allowed: &[Algorithm],
) -> Result<(Algorithm, Option<String>), Refusal> {
    let refused = |cause| Refusal::new(Reason::Header, cause);
    let is_right =
        |name: &&str| header.get(*name).is_none_or(|value| value.is_string() || value.is_null());
    if !TEXTS.iter().all(is_right) || !keys_are_well_formed(header) {
        return Err(Refusal::new(Reason::Malformed, "a member of its header has a wrong type"));
    }
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let Some(name) = text("alg") else {
        return Err(Refusal::new(Reason::Malformed, "its header names no algorithm"));
    };
    let algorithm = name.parse().ok().filter(|algorithm| allowed.contains(algorithm));
    let algorithm = algorithm.ok_or(refused("its algorithm is not allowed"))?;
    // Extensions that must be understood: none is.
    if header.contains_key("crit") {
        return Err(refused("its header demands extensions"));
    }
    // It says that other bytes are signed than those that were sent (RFC 7797).
    if header.get("b64").is_some_and(|is_encoded| *is_encoded != true) {
        return Err(refused("its claims are not encoded"));
    }
    if text("typ").is_some_and(|typ| !TYPES.contains(&&*typ.to_ascii_lowercase())) {
        return Err(refused("it is a token of another type"));
    }
    Ok((algorithm, text("kid").map(ToOwned::to_owned)))
}

/// Whether what a header says of keys is what it should be. None of it is used, and Spring looks at it likewise.
fn keys_are_well_formed(header: &Map<String, Value>) -> bool {
    let value = |name: &str| header.get(name).filter(|value| !value.is_null());
    let is_address =
        |name: &&str| value(name).and_then(Value::as_str).is_none_or(|at| Url::parse(at).is_ok());
    let is_list = |value: &Value| {
        value.as_array().is_some_and(|certificates| certificates.iter().all(Value::is_string))
    };
    ["jku", "x5u"].iter().all(is_address)
        && value("x5c").is_none_or(is_list)
        && value("jwk").is_none_or(is_public_key)
}

fn is_public_key(key: &Value) -> bool {
    use AlgorithmParameters::{EllipticCurve, OctetKeyPair, RSA};
    let jwk = Jwk::deserialize(key).map(|jwk| jwk.algorithm);
    let has_public = matches!(jwk, Ok(EllipticCurve(_) | OctetKeyPair(_) | RSA(_)));
    has_public && key.get("d").is_none()
}

fn members(part: &str) -> Result<Map<String, Value>, &'static str> {
    let cause = "a part of it is no JSON object, or has a member twice";
    json::object(&decoded(part)?).ok_or(cause)
}

/// Base64url without padding, and without bits that mean nothing: one value has one spelling.
fn decoded(part: &str) -> Result<Vec<u8>, &'static str> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| "a part of it is no base64url without padding")
}

//! The keys of an issuer (RFC 7517), and which of them may check a token: `kty`, the curve, `alg`, `use` and `key_ops` have
//! to fit, so that a key is used for what its owner has made it for and for nothing else (RFC 8725, section 3.1).

use std::fmt;
use std::ops::RangeInclusive;

use aws_lc_rs::rsa;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, crypto};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Map, Value};

use crate::algorithm::{Algorithm, Family};
use crate::json;
use crate::refusal::{Reason, Refusal};
use crate::token::Token;

/// The most keys of a set.
const MOST_KEYS: usize = 100;
/// The lengths of an RSA modulus in bytes: 2,048 to 8,192 bits.
const MODULUS: RangeInclusive<usize> = 256..=1_024;

/// Keys that may check tokens: at least one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeySet {
    keys: Vec<PublicKey>,
    /// Whether a token may name a key. The one key of a file has no name.
    have_ids: bool,
}

/// A key, and what its owner says of it.
#[derive(Debug, PartialEq, Eq)]
struct PublicKey {
    id: Option<String>,
    /// The one algorithm that it is for, if its owner says so.
    algorithm: Option<Algorithm>,
    family: Family,
    numbers: Numbers,
}

/// The numbers of a key, in the form in which signatures are checked with them.
struct Numbers {
    key: DecodingKey,
    /// The same, to compare keys by.
    bytes: Vec<u8>,
}

/// Why a text holds no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKeys {
    /// It is not what it should be.
    #[error("it is no JWK set: no JSON object with an array \"keys\", or one with a member twice")]
    Shape,
    /// It has more keys than are read.
    #[error("it has more than {MOST_KEYS} keys")]
    TooMany,
    /// None is of use.
    #[error("no key in it is of use for the allowed algorithms")]
    Unusable,
    /// A file is not what it should be.
    #[error("it is no PEM file with an RSA public key (BEGIN PUBLIC KEY) of 2048 to 8192 bits")]
    File,
    /// An algorithm does not fit the file.
    #[error("its key is an RSA key, and of the allowed algorithms one is not for RSA")]
    Family,
}

impl KeySet {
    /// Reads a JWK set. Keys that are of no use are left out, as RFC 7517, section 5, says.
    pub(crate) fn read(bytes: &[u8], allowed: &[Algorithm]) -> Result<Self, NoKeys> {
        let set = json::object(bytes).ok_or(NoKeys::Shape)?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or(NoKeys::Shape)?;
        if keys.len() > MOST_KEYS {
            return Err(NoKeys::TooMany);
        }
        let keys = keys.iter().filter_map(Value::as_object).filter_map(PublicKey::read);
        let is_of_use = |key: &PublicKey| allowed.iter().any(|algorithm| key.fits(*algorithm));
        let keys: Vec<_> = keys.filter(is_of_use).collect();
        if keys.is_empty() { Err(NoKeys::Unusable) } else { Ok(Self { keys, have_ids: true }) }
    }

    /// Reads the public RSA key of a PEM file.
    pub(crate) fn of_file(pem: &[u8], allowed: &[Algorithm]) -> Result<Self, NoKeys> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| NoKeys::File)?;
        let public = rsa::PublicKey::from_der(&der).map_err(|_| NoKeys::File)?;
        let (modulus, exponent) = (public.modulus(), public.exponent());
        let numbers = Numbers::of_rsa(
            modulus.big_endian_without_leading_zero(),
            exponent.big_endian_without_leading_zero(),
        );
        let numbers = numbers.ok_or(NoKeys::File)?;
        if allowed.iter().any(|algorithm| algorithm.family() != Some(Family::Rsa)) {
            return Err(NoKeys::Family);
        }
        let key = PublicKey { id: None, algorithm: None, family: Family::Rsa, numbers };
        Ok(Self { keys: vec![key], have_ids: false })
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether a token names a key that is not among these.
    pub(crate) fn lacks(&self, id: Option<&str>) -> bool {
        let is_known = |id| self.keys.iter().any(|key| key.id.as_deref() == Some(id));
        self.have_ids && !id.is_none_or(is_known)
    }

    /// Checks the signature, by the key that the token names or else by each that fits.
    pub(crate) fn verify(&self, token: &Token<'_>) -> Result<(), Refusal> {
        let id = token.key_id.as_ref().filter(|_| self.have_ids);
        let is_meant = |key: &&PublicKey| {
            id.is_none_or(|id| key.id.as_ref() == Some(id)) && key.fits(token.algorithm)
        };
        let mut fitting = self.keys.iter().filter(is_meant).peekable();
        if fitting.peek().is_none() {
            return Err(Refusal::new(Reason::Key, "no known key is the one that it names"));
        }
        let (signed, algorithm) = (token.signed.as_bytes(), token.algorithm.signature());
        let mut fitting = fitting.map(|key| &key.numbers.key);
        // An error says that the key itself is wrong: then it has signed nothing.
        let has_signed =
            |key| crypto::verify(token.signature, signed, key, algorithm).unwrap_or(false);
        if fitting.any(has_signed) {
            return Ok(());
        }
        Err(Refusal::new(Reason::Signature, "its signature is wrong"))
    }
}

impl PublicKey {
    /// `None` for a key that is of no use here.
    fn read(members: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let number = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let is_for_signatures = match members.get("use") {
            None | Some(Value::Null) => true,
            Some(purpose) => purpose == "sig",
        };
        let may_verify = match members.get("key_ops") {
            None | Some(Value::Null) => true,
            Some(operations) => operations.as_array()?.iter().any(|one| one == "verify"),
        };
        if !is_for_signatures || !may_verify {
            return None;
        }
        let algorithm = match members.get("alg") {
            None | Some(Value::Null) => None,
            Some(name) => Some(name.as_str()?.parse().ok()?),
        };
        let id = match members.get("kid") {
            None | Some(Value::Null) => None,
            Some(id) => Some(id.as_str()?.to_owned()),
        };
        let (family, numbers) = match (text("kty")?, text("crv")) {
            ("RSA", _) => (Family::Rsa, Numbers::of_rsa(&number("n")?, &number("e")?)?),
            ("EC", Some("P-256")) => {
                (Family::P256, Numbers::on_curve(32, [number("x")?, number("y")?])?)
            }
            ("EC", Some("P-384")) => {
                (Family::P384, Numbers::on_curve(48, [number("x")?, number("y")?])?)
            }
            ("OKP", Some("Ed25519")) => (Family::Ed25519, Numbers::of_edwards(number("x")?)?),
            _ => return None,
        };
        Some(Self { id, algorithm, family, numbers })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        algorithm.family() == Some(self.family)
            && self.algorithm.is_none_or(|only| only == algorithm)
    }
}

impl Numbers {
    fn of_rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let significant = modulus.iter().position(|byte| *byte != 0)?;
        let modulus = modulus.get(significant..).filter(|bytes| MODULUS.contains(&bytes.len()))?;
        let bytes = [modulus, exponent].concat();
        Some(Self { key: DecodingKey::from_rsa_raw_components(modulus, exponent), bytes })
    }

    /// A point on a curve, uncompressed (RFC 7518, section 6.2.1: coordinates have their full length).
    fn on_curve(length: usize, [x, y]: [Vec<u8>; 2]) -> Option<Self> {
        let has_length = x.len() == length && y.len() == length;
        let bytes = [vec![4], x, y].concat();
        has_length.then(|| Self { key: DecodingKey::from_ec_der(&bytes), bytes })
    }

    fn of_edwards(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == 32).then(|| Self { key: DecodingKey::from_ed_der(&bytes), bytes })
    }
}

impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Numbers {}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

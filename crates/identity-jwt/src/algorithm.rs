//! The algorithms of signatures that may be allowed. Each has a public key: neither `none` nor an algorithm with a shared
//! secret is among them, so no setting and no token can choose one.

use std::str::FromStr;

use jsonwebtoken::Algorithm as Signature;

/// An algorithm of RFC 7518 or RFC 8037 for signatures with a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Algorithm(Signature);

/// What kind of key an algorithm needs: `kty`, and with it the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// A text that names no algorithm with a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no algorithm with a public key has this name")]
pub struct UnknownAlgorithm;

/// Name, algorithm, and the key that it needs.
const TABLE: &[(&str, Signature, Family)] = &[
    ("RS256", Signature::RS256, Family::Rsa),
    ("RS384", Signature::RS384, Family::Rsa),
    ("RS512", Signature::RS512, Family::Rsa),
    ("PS256", Signature::PS256, Family::Rsa),
    ("PS384", Signature::PS384, Family::Rsa),
    ("PS512", Signature::PS512, Family::Rsa),
    ("ES256", Signature::ES256, Family::P256),
    ("ES384", Signature::ES384, Family::P384),
    ("EdDSA", Signature::EdDSA, Family::Ed25519),
];

impl Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub const RS256: Self = Self(Signature::RS256);

    /// Its name in `alg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.0)
    }

    pub(crate) fn family(self) -> Option<Family> {
        self.row().map(|row| row.2)
    }

    pub(crate) const fn signature(self) -> Signature {
        self.0
    }

    fn row(self) -> Option<&'static (&'static str, Signature, Family)> {
        TABLE.iter().find(|row| row.1 == self.0)
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Names are compared as they are written (RFC 7515, section 4.1.1).
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        let row = TABLE.iter().find(|row| row.0 == name);
        row.map(|row| Self(row.1)).ok_or(UnknownAlgorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_none_nor_an_algorithm_with_a_shared_secret_has_a_name() {
        for name in ["none", "None", "NONE", "HS256", "HS384", "HS512", "rs256", "ES512", ""] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm), "{name}");
        }
        for (name, ..) in TABLE {
            assert_eq!(name.parse::<Algorithm>().unwrap().name(), *name);
        }
    }
}

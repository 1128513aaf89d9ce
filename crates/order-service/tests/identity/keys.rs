//! The keys of a scripted issuer, and the set in which it publishes them.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use order_testkit::tokens::{Answer, Issuer, Signer};
use serde_json::{Value, json};

pub(crate) fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The keys by name.
pub(crate) struct Keys(HashMap<&'static str, Signer>);

impl Keys {
    pub(crate) fn new() -> Self {
        let rsa = ["rsa", "other", "named", "stranger"].map(|name| (name, Signer::rsa(name)));
        let mut all = HashMap::from(rsa);
        all.insert("p256", Signer::p256("p256"));
        all.insert("p384", Signer::p384("p384"));
        all.insert("p521", Signer::p521("p521"));
        all.insert("ed25519", Signer::ed25519("ed25519"));
        Self(all)
    }

    pub(crate) fn key(&self, name: &str) -> &Signer {
        &self.0[name]
    }

    /// Its public half, which says what these members say and nothing else of what it is for.
    pub(crate) fn jwk(&self, name: &str, members: &Value) -> Value {
        let mut jwk = self.key(name).jwk();
        let all = jwk.as_object_mut().unwrap();
        all.remove("use");
        all.extend(members.as_object().unwrap().clone());
        jwk
    }

    /// Publishes them until the test ends, but for "stranger".
    pub(crate) fn publish(&self, address: &str) {
        let mut keys: Vec<_> = ["rsa", "p256", "p384", "p521", "ed25519"]
            .iter()
            .map(|name| self.jwk(name, &json!({})))
            .collect();
        keys.extend([
            self.jwk("other", &json!({"kid": "for-rs256", "alg": "RS256", "use": "sig"})),
            self.jwk("other", &json!({"kid": "for-secrets", "use": "enc"})),
            self.jwk("other", &json!({"kid": "to-verify", "key_ops": ["verify"]})),
            self.jwk("other", &json!({"kid": "to-encrypt", "key_ops": ["encrypt"]})),
            self.jwk("named", &json!({"kid": "twin"})),
            self.jwk("other", &json!({"kid": "twin"})),
        ]);
        let set = json!({ "keys": keys }).to_string();
        let _ = Issuer::at(address, Answer::Full(200, set.into_bytes()));
    }
}

//! Tokens of a test's own: keys that sign them, and an issuer that gives the keys out as a script says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A key that signs tokens.
#[derive(Debug)]
pub struct Signer {
    id: String,
    key: SigningKey,
}

#[derive(Debug)]
enum SigningKey {
    Rsa(RsaKeyPair),
    /// With the name of the curve.
    Elliptic(EcdsaKeyPair, &'static str),
    Edwards(Ed25519KeyPair),
}

impl Signer {
    /// A new RSA key of 2,048 bits.
    #[must_use]
    pub fn rsa(id: &str) -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("there is randomness");
        Self { id: id.to_owned(), key: SigningKey::Rsa(key) }
    }

    /// A new key on the curve P-256.
    #[must_use]
    pub fn p256(id: &str) -> Self {
        let key = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING);
        let key = key.expect("there is randomness");
        Self { id: id.to_owned(), key: SigningKey::Elliptic(key, "P-256") }
    }

    /// A new key on the curve P-384.
    #[must_use]
    pub fn p384(id: &str) -> Self {
        let key = EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING);
        let key = key.expect("there is randomness");
        Self { id: id.to_owned(), key: SigningKey::Elliptic(key, "P-384") }
    }

    /// A new key on the curve P-521.
    #[must_use]
    pub fn p521(id: &str) -> Self {
        let key = EcdsaKeyPair::generate(&signature::ECDSA_P521_SHA512_FIXED_SIGNING);
        let key = key.expect("there is randomness");
        Self { id: id.to_owned(), key: SigningKey::Elliptic(key, "P-521") }
    }

    /// A new key on the curve Ed25519.
    #[must_use]
    pub fn ed25519(id: &str) -> Self {
        let key = Ed25519KeyPair::generate().expect("there is randomness");
        Self { id: id.to_owned(), key: SigningKey::Edwards(key) }
    }

    /// The public key as a JWK with `kid` and `use`, without `alg`.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.key {
            SigningKey::Rsa(key) => {
                let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
                let n = n.big_endian_without_leading_zero();
                json!({"kty": "RSA", "n": text(n), "e": text(e.big_endian_without_leading_zero())})
            }
            SigningKey::Elliptic(key, curve) => {
                let point = key.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len().div_euclid(2));
                json!({"kty": "EC", "crv": curve, "x": text(x), "y": text(y)})
            }
            SigningKey::Edwards(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(key.public_key().as_ref())})
            }
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), self.id.clone().into());
            members.insert("use".to_owned(), "sig".into());
        }
        jwk
    }

    /// The public RSA key as a PEM file.
    #[must_use]
    pub fn pem(&self) -> String {
        let SigningKey::Rsa(key) = &self.key else { return String::new() };
        let der = key.public_key().as_der().expect("an RSA key has this form");
        let body = STANDARD.encode(der.as_ref());
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    /// A token as issuers make it, with `kid`, by the usual algorithm of the key.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        let algorithm = match &self.key {
            SigningKey::Rsa(_) => "RS256",
            SigningKey::Elliptic(_, "P-256") => "ES256",
            SigningKey::Elliptic(_, "P-384") => "ES384",
            SigningKey::Elliptic(..) => "ES512",
            SigningKey::Edwards(_) => "EdDSA",
        };
        let header = json!({"alg": algorithm, "kid": self.id});
        self.signed(algorithm, &header.to_string(), &claims.to_string())
    }

    /// A token with this header and these claims, as they are, and a signature by this algorithm of RSA (`RS256` to
    /// `PS512`); other keys have one algorithm.
    #[must_use]
    pub fn signed(&self, algorithm: &str, header: &str, claims: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(self.signature(algorithm, text.as_bytes())))
    }

    /// The signature of a text; the algorithm is chosen as in [`Self::signed`].
    #[must_use]
    pub fn signature(&self, algorithm: &str, text: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            SigningKey::Rsa(key) => {
                let mut bytes = vec![0; key.public_modulus_len()];
                key.sign(encoding(algorithm), &random, text, &mut bytes).expect("it signs");
                bytes
            }
            SigningKey::Elliptic(key, _) => {
                key.sign(&random, text).expect("it signs").as_ref().to_vec()
            }
            SigningKey::Edwards(key) => key.sign(text).as_ref().to_vec(),
        }
    }
}

/// The signature HS256 of one who takes a public key, in the form in which it is published, for a shared secret.
#[must_use]
pub fn signature_with_public(key: &[u8], text: &[u8]) -> Vec<u8> {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&secret, text).as_ref().to_vec()
}

fn encoding(algorithm: &str) -> &'static dyn RsaEncoding {
    match algorithm {
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        "PS256" => &signature::RSA_PSS_SHA256,
        "PS384" => &signature::RSA_PSS_SHA384,
        "PS512" => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}

/// What an issuer answers to who asks for its keys.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status and a body.
    Full(u16, Vec<u8>),
    /// That the keys are elsewhere.
    Redirect(String),
    /// Nothing, for as long as the other side waits.
    Silence,
    /// A body without end.
    Endless,
    /// Half an answer, and then the end of the connection.
    Half,
}

impl Answer {
    /// A set with the keys of these signers.
    #[must_use]
    pub fn keys(signers: &[&Signer]) -> Self {
        let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
        Self::Full(200, json!({ "keys": keys }).to_string().into_bytes())
    }
}

/// An issuer. Its metadata are where `OpenID` Connect has them, its keys at `/keys`.
#[derive(Debug)]
pub struct Issuer {
    address: String,
    script: Arc<Script>,
}

#[derive(Debug)]
struct Script {
    keys: Mutex<Answer>,
    metadata: Mutex<Answer>,
    asked: AtomicUsize,
}

impl Issuer {
    /// Starts one on a free port; it ends with the process.
    #[must_use]
    pub fn start(keys: Answer) -> Self {
        Self::at("127.0.0.1:0", keys)
    }

    /// Starts one at this host and port.
    #[must_use]
    pub fn at(place: &str, keys: Answer) -> Self {
        let listener = TcpListener::bind(place).expect("the port is free");
        let address = format!("http://{}", listener.local_addr().expect("it has one"));
        let metadata = json!({"issuer": address, "jwks_uri": format!("{address}/keys")});
        let metadata = Answer::Full(200, metadata.to_string().into_bytes());
        let script = Script {
            keys: Mutex::new(keys),
            metadata: Mutex::new(metadata),
            asked: AtomicUsize::new(0),
        };
        let script = Arc::new(script);
        let of_thread = Arc::clone(&script);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let script = Arc::clone(&of_thread);
                // A client that goes away is none of its business.
                thread::spawn(move || drop(serve(connection, &script)));
            }
        });
        Self { address, script }
    }

    /// Its own address, which is its name.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address of its keys.
    #[must_use]
    pub fn keys(&self) -> String {
        format!("{}/keys", self.address)
    }

    /// From now on, it answers this to who asks for its keys.
    pub fn answer(&self, keys: Answer) {
        *self.script.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// From now on, it answers this to who asks for its metadata.
    pub fn describe(&self, metadata: Answer) {
        *self.script.metadata.lock().unwrap_or_else(PoisonError::into_inner) = metadata;
    }

    /// How often it was asked for its keys.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.script.asked.load(Ordering::SeqCst)
    }
}

fn serve(mut connection: TcpStream, script: &Script) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let answer = match first.split(' ').nth(1) {
        Some("/keys") => {
            script.asked.fetch_add(1, Ordering::SeqCst);
            script.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
        Some("/.well-known/openid-configuration") => {
            script.metadata.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
        _ => Answer::Full(404, Vec::new()),
    };
    match answer {
        Answer::Full(status, body) => {
            let length = body.len();
            write!(
                connection,
                "HTTP/1.1 {status} Told\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            )?;
            connection.write_all(&body)
        }
        Answer::Redirect(to) => write!(
            connection,
            "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ),
        Answer::Silence => connection.read_to_end(&mut Vec::new()).map(drop),
        Answer::Endless => {
            write!(connection, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{{\"keys\":[")?;
            loop {
                connection.write_all(&[b' '; 4096])?;
            }
        }
        Answer::Half => {
            write!(connection, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{{\"keys\":[")
        }
    }
}

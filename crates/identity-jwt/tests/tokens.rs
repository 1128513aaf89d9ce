//! Each rule for tokens, broken alone and at its edge.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a broken expectation ends a test"
)]

mod support;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use identity_jwt::{Algorithm, Delimiter, Jwt, JwtSettings, KeySource, SettingsError};
use order_app::caller::{Access, Authorities, Authority, Caller, CallerName};
use order_app::ports::{Authenticator as _, Clock as _};
use order_domain::CustomerId;
use order_testkit::tokens::{Answer, Issuer, Signer};
use serde_json::{Value, json};

use support::{Desk, HOUR, settings};

/// Making a key takes its time.
static KEY: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("one"));

fn desk_with(change: impl FnOnce(&mut JwtSettings)) -> Desk {
    let mut settings = settings(KeySource::File(KEY.pem().into_bytes()));
    change(&mut settings);
    Desk::new(settings)
}

fn desk() -> Desk {
    desk_with(|_| {})
}

/// Claims with some that are other, or are not there where the value is `null`.
fn with(claims: &Value, more: &Value) -> Value {
    let mut claims = claims.clone();
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

async fn caller(desk: &Desk, more: &Value) -> Caller {
    desk.caller(&KEY.token(&with(&desk.claims(), more))).await.unwrap()
}

async fn refusal(desk: &Desk, more: &Value) -> String {
    desk.refusal(&KEY.token(&with(&desk.claims(), more))).await
}

#[tokio::test]
async fn a_good_token_says_who_asks_what_they_may_and_until_when() {
    let desk = desk();
    let expected = Caller::new(
        CallerName::new("ann").unwrap(),
        Access::Customer(CustomerId::new(42).unwrap()),
        Authorities::from_iter([Authority::Read, Authority::Fulfil]),
        Some(desk.clock.now() + TimeDelta::seconds(HOUR + 60)),
    );
    let scope = json!({"scope": "other orders:fulfil orders:read"});
    assert_eq!(caller(&desk, &scope).await, expected);
    let report = desk.jwt.report();
    assert_eq!((report.accepted, report.keys, report.age), (1, 1, None));
}

#[tokio::test]
async fn a_token_has_three_parts_in_one_spelling() {
    let desk = desk();
    let good = KEY.token(&desk.claims());
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let three = "three parts";
    let base64 = "base64url";
    for (token, expected) in [
        (String::new(), three),
        (header.to_owned(), three),
        (format!("{header}.{claims}"), three),
        (format!("{good}.{signature}"), three),
        (format!("{header}.{claims}."), three),
        (format!("{header}..{signature}"), three),
        (format!(".{claims}.{signature}"), three),
        (format!("{header}=.{claims}.{signature}"), base64),
        (format!("{header}.{claims}.{signature}=="), base64),
        (format!("{header}.{claims}.+{signature}"), base64),
        (format!(" {good}"), base64),
        (format!("{good}\n"), base64),
        (format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode("[]")), "no JSON object"),
        (format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode("{}x")), "no JSON object"),
        (format!("{header}.{claims}.{}", "A".repeat(8 << 10)), "8 KiB"),
    ] {
        let said = desk.refusal(&token).await;
        assert!(said.contains(expected), "{token}: {said:?}");
    }
    // The last sign of a signature of 256 bytes has four bits that mean nothing.
    let last = signature.chars().last().unwrap();
    let twin = if last == 'A' { 'B' } else { char::from_u32(u32::from(last) + 1).unwrap() };
    let twin = format!("{}{twin}", good.strip_suffix(last).unwrap());
    assert!(desk.refusal(&twin).await.contains(base64));
    assert_eq!(desk.refusal(&good).await, "");
}

#[tokio::test]
async fn a_token_of_the_largest_size_is_read_and_a_larger_one_is_not() {
    let desk = desk();
    let padded = |length: usize| {
        let claims = with(&desk.claims(), &json!({"pad": "x".repeat(length)}));
        KEY.token(&claims)
    };
    let empty = padded(0).len();
    let room = ((8 << 10) - empty) / 4 * 3;
    let (fits, too_long) = (padded(room - 2), padded(room + 4));
    assert!(fits.len() <= 8 << 10 && too_long.len() > 8 << 10, "{}", fits.len());
    assert_eq!(desk.refusal(&fits).await, "");
    assert!(desk.refusal(&too_long).await.contains("8 KiB"));
}

#[tokio::test]
async fn a_header_says_only_what_is_understood() {
    let desk = desk();
    let claims = desk.claims().to_string();
    let signed = |header: &str| KEY.signed("RS256", header, &claims);
    let (algorithm, kind) = ("algorithm is not allowed", "wrong type");
    for (header, expected) in [
        (r#"{"alg":"none"}"#, algorithm),
        (r#"{"alg":"NONE"}"#, algorithm),
        (r#"{"alg":"HS256"}"#, algorithm),
        (r#"{"alg":"rs256"}"#, algorithm),
        (r#"{"alg":"RS384"}"#, algorithm),
        (r#"{"alg":""}"#, algorithm),
        (r#"{"alg":7}"#, kind),
        (r#"{"alg":null}"#, "names no algorithm"),
        ("{}", "names no algorithm"),
        (r#"{"alg":"RS256","kid":7}"#, kind),
        (r#"{"alg":"RS256","typ":["JWT"]}"#, kind),
        (r#"{"alg":"RS256","jku":{}}"#, kind),
        (r#"{"alg":"RS256","jku":"a b"}"#, kind),
        (r#"{"alg":"RS256","x5u":"a b"}"#, kind),
        (r#"{"alg":"RS256","x5c":"MIIB"}"#, kind),
        (r#"{"alg":"RS256","x5c":[1]}"#, kind),
        (r#"{"alg":"RS256","jwk":"x"}"#, kind),
        (r#"{"alg":"RS256","jwk":{}}"#, kind),
        (r#"{"alg":"RS256","jwk":{"kty":"oct","k":"AQAB"}}"#, kind),
        (r#"{"alg":"RS256","jwk":{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"}}"#, kind),
        (r#"{"alg":"RS256","alg":"RS256"}"#, "twice"),
        (r#"{"alg":"RS256","x":{"y":1,"y":1}}"#, "twice"),
        (r#"{"alg":"RS256","crit":["exp"],"exp":1}"#, "extensions"),
        (r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, "extensions"),
        (r#"{"alg":"RS256","crit":[]}"#, "extensions"),
        (r#"{"alg":"RS256","crit":null}"#, "extensions"),
        (r#"{"alg":"RS256","b64":false}"#, "not encoded"),
        (r#"{"alg":"RS256","b64":null}"#, "not encoded"),
        (r#"{"alg":"RS256","typ":"secevent+jwt"}"#, "another type"),
        (r#"{"alg":"RS256","typ":""}"#, "another type"),
    ] {
        let said = desk.refusal(&signed(header)).await;
        assert!(said.contains(expected), "{header}: {said:?}");
    }
    for header in [
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"RS256","typ":"JWT"}"#,
        r#"{"alg":"RS256","typ":"jwt"}"#,
        r#"{"alg":"RS256","typ":"at+jwt"}"#,
        r#"{"alg":"RS256","typ":"application/at+jwt"}"#,
        r#"{"alg":"RS256","typ":null,"kid":null}"#,
        r#"{"alg":"RS256","kid":"of no meaning for a file"}"#,
        r#"{"alg":"RS256","x":[1],"b64":true}"#,
        r#"{"alg":"RS256","jku":null,"jwk":null,"x5u":null,"x5c":null}"#,
    ] {
        assert_eq!(desk.refusal(&signed(header)).await, "", "{header}");
    }
}

#[tokio::test]
async fn a_token_does_not_choose_the_key_that_checks_it() {
    let (desk, own) = (desk(), Signer::rsa("one"));
    let issuer = Issuer::start(Answer::keys(&[&own]));
    for more in [
        json!({"jwk": own.jwk()}),
        json!({"jku": issuer.keys()}),
        json!({"x5u": issuer.keys(), "x5c": ["MIIB"]}),
    ] {
        let header = with(&json!({"alg": "RS256", "kid": "one"}), &more).to_string();
        let token = own.signed("RS256", &header, &desk.claims().to_string());
        assert!(desk.refusal(&token).await.contains("signature is wrong"), "{header}");
        let token = KEY.signed("RS256", &header, &desk.claims().to_string());
        assert_eq!(desk.refusal(&token).await, "", "{header}");
    }
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test]
async fn what_is_not_signed_is_not_believed() {
    let desk = desk();
    let good = KEY.token(&desk.claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other = with(&desk.claims(), &json!({"sub": "eve"}));
    let other = KEY.token(&other);
    let mixed = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    for token in [
        mixed,
        Signer::rsa("one").token(&desk.claims()),
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 256])),
        format!("{signed}.AAAA"),
        KEY.signed("PS256", r#"{"alg":"RS256"}"#, &desk.claims().to_string()),
    ] {
        assert!(desk.refusal(&token).await.contains("signature is wrong"), "{token}");
    }
}

#[tokio::test]
async fn times_hold_to_the_second_with_a_minute_of_skew() {
    let desk = desk();
    let now = desk.now();
    let fraction = |seconds: i64| format!("{seconds}.9").parse::<Value>().unwrap();
    let (over, early, no_time) = ("time is over", "has not come", "is no time");
    for (more, expected) in [
        (json!({"exp": now - 60}), ""),
        (json!({"exp": now - 61}), over),
        (json!({"exp": 0}), over),
        (json!({"exp": -1}), over),
        (json!({"exp": null}), "never expires"),
        (json!({"exp": (now + 60).to_string()}), no_time),
        (json!({"exp": [now + 60]}), no_time),
        (json!({"exp": true}), no_time),
        (json!({"exp": 1e18}), no_time),
        (json!({"exp": 1e300}), no_time),
        (json!({"exp": i64::MAX}), no_time),
        (json!({"exp": u64::MAX}), no_time),
        (json!({"exp": 8_210_266_876_799_i64}), "is no time"),
        (json!({"exp": fraction(now - 60)}), ""),
        (json!({"exp": fraction(now - 61)}), over),
        (json!({"nbf": now + 60}), ""),
        (json!({"nbf": now + 61}), early),
        (json!({"nbf": "x"}), no_time),
        (json!({"iat": now + 60}), ""),
        (json!({"iat": now + 61}), early),
        (json!({"iat": false}), no_time),
        (json!({"iat": now - 1, "exp": now}), ""),
        (json!({"iat": now, "exp": now}), "ends before it begins"),
    ] {
        let said = refusal(&desk, &more).await;
        assert!(
            said.is_empty() == expected.is_empty() && said.contains(expected),
            "{more}: {said:?}"
        );
    }
    let text = format!(r#"{{"sub":"ann","nbf":null,"iat":null,"exp":{}}}"#, now + 1);
    assert_eq!(desk.refusal(&KEY.signed("RS256", r#"{"alg":"RS256"}"#, &text)).await, "");
    let token = KEY.token(&desk.claims());
    desk.clock.advance(TimeDelta::seconds(HOUR + 60));
    assert_eq!(desk.refusal(&token).await, "");
    desk.clock.advance(TimeDelta::milliseconds(1));
    assert!(desk.refusal(&token).await.contains(over));
}

#[tokio::test]
async fn claims_are_whole_and_of_the_right_type() {
    let desk = desk();
    let header = r#"{"alg":"RS256"}"#;
    let exp = desk.now() + HOUR;
    for claims in [
        format!(r#"{{"sub":"ann","exp":{exp},"exp":{exp}}}"#),
        format!(r#"{{"sub":"ann","exp":{exp},"a":[{{"b":1,"b":1}}]}}"#),
        format!(r#"{{"sub":7,"exp":{exp}}}"#),
        format!(r#"{{"sub":"ann","iss":7,"exp":{exp}}}"#),
        format!(r#"{{"sub":"ann","jti":7,"exp":{exp}}}"#),
        format!(r#"{{"sub":"ann","aud":7,"exp":{exp}}}"#),
        format!(r#"{{"sub":"ann","aud":["a",7],"exp":{exp}}}"#),
        format!(r#"{{"sub":"ann","scope":["orders:read",7],"exp":{exp}}}"#),
        format!(r#"{{"sub":"ann","cnf":{{"jkt":"x"}},"exp":{exp}}}"#),
        format!(r#"{{"sub":"","exp":{exp}}}"#),
        format!(r#"{{"exp":{exp}}}"#),
        "[]".to_owned(),
        "x".to_owned(),
    ] {
        assert_ne!(desk.refusal(&KEY.signed("RS256", header, &claims)).await, "", "{claims}");
    }
    let refused = desk.jwt.report().refused;
    assert_eq!(refused.iter().find(|(reason, _)| *reason == "claims"), Some(&("claims", 13)));
}

#[tokio::test]
async fn the_issuer_is_compared_as_text() {
    let issuer = "https://idp.example/shop";
    let desk = desk_with(|settings| settings.issuer = Some(issuer.to_owned()));
    assert_eq!(refusal(&desk, &json!({"iss": issuer})).await, "");
    for other in [
        json!("https://idp.example/shop/"),
        json!("HTTPS://idp.example/shop"),
        json!("https://idp.example:443/shop"),
        json!(""),
        json!(null),
    ] {
        let said = refusal(&desk, &json!({ "iss": other })).await;
        assert!(said.contains("another issuer"), "{other}: {said:?}");
    }
}

#[tokio::test]
async fn the_audience_has_to_be_named() {
    let named = vec!["shop".to_owned(), "orders".to_owned()];
    let desk = desk_with(|settings| settings.audiences = Some(named));
    for good in [json!("shop"), json!(["x", "orders"]), json!(["shop", "shop"])] {
        assert_eq!(refusal(&desk, &json!({ "aud": good })).await, "", "{good}");
    }
    for bad in
        [json!(null), json!("Shop"), json!("shop orders"), json!([]), json!(["x"]), json!("")]
    {
        let said = refusal(&desk, &json!({ "aud": bad })).await;
        assert!(said.contains("for others"), "{bad}: {said:?}");
    }
}

#[tokio::test]
async fn authorities_are_a_text_or_a_list_and_may_be_nested() {
    let held = async |desk: &Desk, more: Value| {
        let caller = caller(desk, &with(&json!({"scope": null}), &more)).await;
        Authority::ALL.into_iter().filter(|one| caller.needs(*one).is_ok()).collect::<Vec<_>>()
    };
    let desk = desk();
    for (more, expected) in [
        (
            json!({"scp": ["orders:write", "x", "orders:read"]}),
            &[Authority::Read, Authority::Write][..],
        ),
        (json!({"scope": "orders:read", "scp": "orders:write"}), &[Authority::Read]),
        (json!({"scope": "orders:reader SCOPE_orders:read"}), &[]),
        (json!({"scope": ["orders:read orders:write"]}), &[]),
        (json!({"scope": {"orders:read": true}}), &[]),
        (json!({"scope": 7}), &[]),
        (json!({}), &[]),
    ] {
        assert_eq!(held(&desk, more.clone()).await, expected, "{more}");
    }
    let desk = desk_with(|settings| {
        settings.claims.authorities = Some("realm_access.roles".to_owned());
        settings.prefix = "ROLE_".to_owned();
        settings.authorities.admin = "ROLE_OPS".to_owned();
        settings.delimiter = Delimiter::Text(",".to_owned());
    });
    let nested = json!({"scope": "orders:read", "realm_access": {"roles": ["OPS"]}});
    assert_eq!(held(&desk, nested).await, [Authority::Admin]);
    let literal = json!({"realm_access.roles": "x,OPS", "realm_access": {"roles": []}});
    assert_eq!(held(&desk, literal).await, [Authority::Admin], "the literal name goes first");
    assert_eq!(desk.jwt.name(Authority::Admin), "OPS", "as the issuer says it");
    let desk = desk_with(|settings| {
        settings.claims.authorities = Some("resource_access.shop.example.roles".to_owned());
        settings.delimiter = Delimiter::Blank;
    });
    let dotted = json!({"resource_access": {"shop.example": {"roles": "a\torders:any\n"}}});
    assert_eq!(held(&desk, dotted).await, [Authority::Any], "names may have dots");
}

#[tokio::test]
async fn access_is_to_one_customer_to_all_or_to_nothing() {
    let desk = desk();
    let access = async |scope: &str, customer: Value| {
        let caller = caller(&desk, &json!({"scope": scope, "customer_id": customer})).await;
        let expected = |access| {
            let held = scope.split(' ').filter_map(|name| match name {
                "orders:read" => Some(Authority::Read),
                "orders:any" => Some(Authority::Any),
                _ => None,
            });
            Caller::new(caller.name().clone(), access, held.collect(), caller.until())
        };
        let all =
            [Access::Everything, Access::Nothing, Access::Customer(CustomerId::new(7).unwrap())];
        all.into_iter().find(|access| expected(*access) == caller).unwrap()
    };
    let seven = Access::Customer(CustomerId::new(7).unwrap());
    assert_eq!(access("orders:read", json!(7)).await, seven);
    assert_eq!(access("orders:read", json!("7")).await, seven);
    assert_eq!(access("orders:any", json!(7)).await, Access::Everything);
    assert_eq!(access("orders:any", json!(null)).await, Access::Everything);
    for none in [
        json!(null),
        json!(0),
        json!(-7),
        json!(7.0),
        json!("07"),
        json!("+7"),
        json!(" 7"),
        json!(""),
        json!([7]),
        json!({"id": 7}),
        json!(i64::MAX),
        json!(true),
    ] {
        assert_eq!(access("orders:read", none.clone()).await, Access::Nothing, "{none}");
    }
}

#[tokio::test]
async fn a_name_that_does_not_fit_becomes_a_digest_and_no_name_is_the_digest_of_another() {
    let desk = desk();
    let name =
        async |sub: &str| caller(&desk, &json!({ "sub": sub })).await.name().as_str().to_owned();
    let longest = "x".repeat(64);
    for kept in ["ann", longest.as_str(), "auth0|5f7c", "sha256"] {
        assert_eq!(name(kept).await, kept);
    }
    let digest = name("Jörg").await;
    assert!(digest.starts_with("sha256:") && digest.len() == 50, "{digest}");
    let twice = name(&digest).await;
    let others = [name(&"x".repeat(65)).await, name("ann b").await, name("anonymous").await, twice];
    for other in &others {
        assert!(other.starts_with("sha256:") && *other != digest, "{other}");
    }
    let desk = desk_with(|settings| settings.claims.principal = "client.number".to_owned());
    let number = caller(&desk, &json!({"client": {"number": 17}})).await;
    assert_eq!(number.name().as_str(), "17");
    let said = refusal(&desk, &json!({"client": {"number": [17]}})).await;
    assert!(said.contains("who asks"), "{said}");
}

#[test]
fn a_file_has_an_rsa_key_and_the_algorithms_fit_it() {
    let of = |pem: &str, algorithm: &str| {
        let mut settings = settings(KeySource::File(pem.as_bytes().to_vec()));
        settings.algorithms = vec![algorithm.parse().unwrap()];
        Jwt::new(settings, std::sync::Arc::new(order_testkit::FixedClock::default())).err()
    };
    assert!(of(&KEY.pem(), "PS512").is_none());
    for (pem, algorithm) in [
        (KEY.pem().as_str(), "ES256"),
        (&KEY.pem().replace("PUBLIC", "PRIVATE"), "RS256"),
        ("", "RS256"),
        ("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n", "RS256"),
    ] {
        assert!(matches!(of(pem, algorithm), Some(SettingsError::Keys(_))), "{pem}");
    }
}

#[test]
fn algorithms_of_shared_secrets_cannot_be_set() {
    assert!("HS256".parse::<Algorithm>().is_err() && "none".parse::<Algorithm>().is_err());
}

//! Fingerprints of requests stay what earlier versions made them. They are kept for 24 hours with the
//! recorded answers, while two versions may share one database during an update. With another
//! fingerprint, a repeated request would be refused as `idempotency_key_reused`.

use std::fmt::Write as _;
use std::sync::Arc;

use order_app::idempotency::{IdempotencyKey, Operation, Recorded};
use order_app::ports::OrderStore as _;
use order_testkit::InMemoryStore;
use order_testkit::examples::{anyone, soon};

use crate::support::Service;

const LINE: &str = r#"{"productId":1,"quantity":3,"unitPrice":"49.99"}"#;

/// A service, and the store that it records its answers in.
struct World {
    service: Service,
    store: Arc<InMemoryStore>,
}

impl World {
    fn start() -> Self {
        let store = Arc::new(InMemoryStore::default());
        Self { service: Service::on(store.clone()), store }
    }

    /// Sends a body, and returns the fingerprint that was recorded with the answer.
    async fn recorded(&self, key: usize, method: &str, target: &str, body: &str) -> String {
        let operation = match (method, target) {
            ("POST", _) => Operation::Place,
            (_, target) if target.ends_with("/status") => Operation::ChangeStatus,
            _ => Operation::ReplaceLines,
        };
        let caller = anyone().name().clone();
        let key = key.to_string();
        let reply = self.service.write(method, target, &[("idempotency-key", &key)], body).await;
        assert!(reply.status < 300, "{body}: {}", reply.text());
        let key = IdempotencyKey { caller, operation, recorded: Recorded::Answer, key };
        let answer = self.store.answer(&key, soon()).await.unwrap().expect("an answer is recorded");
        answer.fingerprint.0.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
    }
}

fn assert_all(made: &[String], expected: &[&str]) {
    assert_eq!(made, expected, "{made:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn placing_an_order_keeps_its_fingerprints() {
    let world = World::start();
    let mut made = Vec::new();
    for body in [
        format!(r#"{{"customerId":42,"items":[{LINE}]}}"#),
        // The same in other words.
        r#"{"totalAmount":null,"currency":null,"clientReference":null,"customerId":42.0,"items":
            [{"unitPrice":49.9900,"name":null,"quantity":3.0,"productId":1}]}"#
            .to_owned(),
        format!(r#"{{"customerId":42,"items":[{LINE}],"currency":"USD"}}"#),
        format!(r#"{{"customerId":42,"items":[{LINE}],"clientReference":"PO-2026.08_15"}}"#),
        format!(r#"{{"customerId":42,"items":[{LINE}],"totalAmount":149.97000}}"#),
        format!(r#"{{"customerId":43,"items":[{LINE}]}}"#),
        r#"{"customerId":42,"items":[{"productId":1,"quantity":3,"unitPrice":49.99,"name":""}]}"#
            .to_owned(),
        r#"{"customerId":9007199254740991,"currency":"USD","clientReference":"x",
            "totalAmount":"12.50","items":[
            {"productId":9007199254740991,"quantity":1,"unitPrice":1e1,"name":"L\u00e4mpchen 灯"},
            {"productId":7,"quantity":5,"unitPrice":"0.50","name":"a, b"},
            {"productId":8,"quantity":9999,"unitPrice":0}]}"#
            .to_owned(),
        r#"{"customerId":42,"items":[{"productId":8,"quantity":1,"unitPrice":"2"},
            {"productId":7,"quantity":1,"unitPrice":"1.0"}]}"#
            .to_owned(),
    ] {
        made.push(world.recorded(made.len(), "POST", "/orders", &body).await);
    }
    assert_all(
        &made,
        &[
            "b3c7af777b2b6bce37118ac4dc4a04c9ba11d0d6c75f821f7ac35d1a8291505f",
            "b3c7af777b2b6bce37118ac4dc4a04c9ba11d0d6c75f821f7ac35d1a8291505f",
            "4f867bb0baaf4376139e72bef2d27143bfb8211ab5b56a4d28fafa489aa1aa36",
            "195b1567ed1385492b0e3c362206603776434e478b73a100e17f1caf40782c0d",
            "8c204151659332336cb8b872202d6b6a6f8f2a7d9c08e20efdd1834e0a6dc744",
            "3189394b8ed1257b306895383943916b65e24c89abc1b622dee56975bc1380d6",
            "dbdb41222ca58260bd1262ae881aaf245a6de09e96d5ba3d97d5bc570ce9bdc9",
            "094874677016b18e63b94de118ec534f6b31a35caf6992ede17648fb36e46a5e",
            "4aead1be561f2823d622a1ae32bc5662ff652059b2e0224c26c0c13c9d4c8d30",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn replacing_lines_keeps_its_fingerprints() {
    let world = World::start();
    for id in 1..=2 {
        assert_eq!(world.service.placed().await, id, "the id is a part of the fingerprint");
    }
    let other = r#"{"productId":7,"quantity":5,"unitPrice":0.50,"name":"灯 \"x\""}"#;
    let mut made = Vec::new();
    // Each changes the lines, because what changes nothing is not recorded.
    for (id, body) in [
        (1, format!(r#"{{"items":[{other}]}}"#)),
        (1, format!(r#"{{"items":[{LINE}]}}"#)),
        (1, format!(r#"{{"totalAmount":null,"items":[{other}]}}"#)),
        (1, format!(r#"{{"items":[{LINE}],"totalAmount":"149.970"}}"#)),
        (2, format!(r#"{{"items":[{other}]}}"#)),
    ] {
        made.push(world.recorded(made.len(), "PUT", &format!("/orders/{id}"), &body).await);
    }
    assert_all(
        &made,
        &[
            "7ffe8db92a910d0a4a1daa5414e332d280afd069538f83f6b805bcaf8b595f7d",
            "71a451c42b067354f401bb31c96f1ba18573a6b05bc1250351f80c3f11cb19cf",
            "7ffe8db92a910d0a4a1daa5414e332d280afd069538f83f6b805bcaf8b595f7d",
            "5deb524f6313de33a46b92e3d13723fe46d72afc572b2a5d55dbee0c58c03160",
            "e16169e49665c3392ae73581014e63856180b501cf468868e943d38bbb52f660",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_a_status_keeps_its_fingerprints() {
    let world = World::start();
    for id in 1..=5 {
        assert_eq!(world.service.placed().await, id, "the id is a part of the fingerprint");
    }
    let mut made = Vec::new();
    for (id, body) in [
        (1, r#"{"status":"CONFIRMED"}"#),
        (1, r#"{"status":"In progress","note":"Grüße, now"}"#),
        (2, r#"{"status":"confirmed","reason":null,"note":null}"#),
        (2, r#"{"status":"in-progress","note":""}"#),
        (3, r#"{"status":"CANCELLED"}"#),
        (4, r#"{"status":"canceled","reason":"OUT_OF_STOCK"}"#),
        (5, r#"{"status":"CANCELLED","reason":"OTHER","note":"too late"}"#),
    ] {
        made.push(world.recorded(made.len(), "PUT", &format!("/orders/{id}/status"), body).await);
    }
    assert_all(
        &made,
        &[
            "60f53e6eb7da4450647d823f076d72537d4dfc69684f7bb54d65cd81725f7268",
            "88e4dde238ca432ed945944b0d53d9e114de0c66f2a03135cb389621431c535a",
            "96796da9faefa5d56e5e5c4ff23ca44856a098e32136b32339628fbfffe63196",
            "141f4daf2f9245335417706462b19d5716e4c6e9c5319dd4e14d541d8a2c5321",
            "96f48a404a87bf1241fc6193496c0cef9bbf8a6207e1b2260a4fd8538cd38ff0",
            "fc6320505d77d7ae243217b778cd16e9822b06c8cd65a272cfdf1ab1aa263283",
            "034862cfc7a2d289fab8a5c39e880253ada5412a8f233a791bfce2720516be21",
        ],
    );
}

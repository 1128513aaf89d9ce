//! Documents that earlier releases have written. The files are never changed: a new form gets new ones beside them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use order_app::saga::{
    Action, CommandKind, DocumentError, MAX_DOCUMENT_BYTES, MAX_INTERVENTIONS, Saga, SagaState,
    StepName,
};
use serde_json::Value;

use crate::world::{Found, Led, done};

/// Each document with the order that it was stored beside.
const CORPUS: [(&str, &str, Found); 0] = [];

fn document(change: impl FnOnce(&mut Value)) -> String {
    let mut document = serde_json::from_str(&Led::ready().saga.to_document().unwrap()).unwrap();
    change(&mut document);
    document.to_string()
}

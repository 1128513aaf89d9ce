//! From a command or a reply to a message: what `decoding.rs` reads. Both sides check the same.

use serde::Serialize;

use super::command::{Command, Earlier, Item, Payment, Task};
use super::data::{AuthorizeData, FollowUpData, ItemData, ReplyData, ReserveData};
use super::decoding::{MessageError, is_traceparent};
use super::reply::Reply;
use super::{COMMAND_SCHEMA, REPLY_SCHEMA};
use crate::cloud_event::timestamp;
use crate::encoding::Message;
use crate::event::Word;
use crate::schema::values::SOURCE;

type Header = (&'static str, Option<String>);

impl Command {
    /// Encodes a command as the service sends it. A trace that is not in W3C's form is left out.
    ///
    /// # Errors
    /// [`MessageError`], when a text is longer than it may be, or a list is empty or too long.
    pub fn encode(&self) -> Result<Message, MessageError> {
        self.check()?;
        let order = self.order_id.to_string();
        let headers = [
            ("ce_specversion", Some("1.0".to_owned())),
            ("ce_id", Some(self.id.to_string())),
            ("ce_type", Some(self.task.kind().to_string())),
            ("ce_source", Some(SOURCE.to_owned())),
            ("ce_subject", Some(order.clone())),
            ("ce_partitionkey", Some(order.clone())),
            ("ce_causationid", Some(self.causation_id.clone())),
            ("ce_correlationid", Some(self.correlation_id.clone())),
            ("ce_attempt", Some(self.attempt.to_string())),
            ("ce_replyto", Some(self.reply_to.clone())),
            ("ce_expirytime", self.expires_at.map(timestamp)),
            ("ce_dataschema", Some(COMMAND_SCHEMA.to_owned())),
            ("traceparent", trace(self.traceparent.as_deref())),
            ("content-type", Some("application/json".to_owned())),
        ];
        Ok(message(order, headers, self.data()?))
    }

    fn data(&self) -> Result<String, MessageError> {
        let order_id = self.order_id.get();
        match &self.task {
            Task::Reserve(items) => {
                let item = |item: &Item| ItemData {
                    product_id: item.product_id.get(),
                    quantity: item.quantity.get().into(),
                };
                json(&ReserveData { order_id, items: items.iter().map(item).collect() })
            }
            Task::Authorize(Payment { customer_id, amount, currency }) => json(&AuthorizeData {
                order_id,
                customer_id: customer_id.get(),
                amount: match currency {
                    Word::Known(currency) => amount.display(*currency).to_string(),
                    Word::Other(_) => amount.to_string(),
                },
                currency: currency.to_string(),
            }),
            Task::Release(earlier)
            | Task::Commit(earlier)
            | Task::Void(earlier)
            | Task::Capture(earlier) => {
                let Earlier { of, reference } = earlier;
                let reference = reference.clone();
                json(&FollowUpData { order_id, of: of.to_string(), reference })
            }
        }
    }
}

impl Reply {
    /// Encodes a reply.
    ///
    /// # Errors
    /// [`MessageError`], when a text is longer than it may be.
    pub fn encode(&self) -> Result<Message, MessageError> {
        self.check()?;
        let order = self.order_id.to_string();
        let headers = [
            ("ce_specversion", Some("1.0".to_owned())),
            ("ce_id", Some(self.id.clone())),
            ("ce_type", Some(format!("{}.{}", self.to, self.verdict))),
            ("ce_source", Some(self.source.clone())),
            ("ce_subject", Some(order.clone())),
            ("ce_partitionkey", Some(order.clone())),
            ("ce_causationid", Some(self.command_id.to_string())),
            ("ce_correlationid", Some(self.correlation_id.clone())),
            ("ce_attempt", self.attempt.map(|attempt| attempt.to_string())),
            ("ce_dataschema", Some(REPLY_SCHEMA.to_owned())),
            ("traceparent", trace(self.traceparent.as_deref())),
            ("content-type", Some("application/json".to_owned())),
        ];
        let data = json(&ReplyData {
            order_id: self.order_id.get(),
            reason: self.reason.as_ref().map(ToString::to_string),
            reference: self.reference.clone(),
            detail: self.detail.clone(),
        })?;
        Ok(message(order, headers, data))
    }
}

fn trace(traceparent: Option<&str>) -> Option<String> {
    traceparent.filter(|text| is_traceparent(text)).map(str::to_owned)
}

fn json(data: &impl Serialize) -> Result<String, MessageError> {
    // Strings and numbers can always be written.
    serde_json::to_string(data).map_err(|error| MessageError::Json(error.to_string()))
}

fn message(key: String, headers: impl IntoIterator<Item = Header>, data: String) -> Message {
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Message::new(key, headers.collect(), data)
}

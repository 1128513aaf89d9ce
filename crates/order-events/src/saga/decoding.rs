//! From bytes, which may be anybody's, to a command or a reply: the binary mode of `CloudEvents`.
//! Unknown fields and headers are ignored; known ones must be right. Sizes are bounded.

use std::collections::BTreeMap;
use std::str::{self, FromStr};

use chrono::{DateTime, Utc};
use order_domain::{Amount, Currency, CustomerId, OrderId, OrderLines, ProductId, Quantity};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::command::{Command, CommandType, Earlier, Item, Payment, Task};
use super::data::{AuthorizeData, FollowUpData, ItemData, ReplyData, ReserveData};
use super::reply::{Reply, Verdict};
use super::{COMMAND_SCHEMA, MAX_HEADER, MAX_VALUE, REPLY_SCHEMA};
use crate::decoding::{json_problem, media_type};
use crate::event::Word;

/// Why bytes are no command or reply, or why a value cannot be sent as one. No variant repeats what
/// the message says: that is personal data, and errors end up in logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The message has no value.
    #[error("the message has no value")]
    NoValue,
    /// The value has more than [`MAX_VALUE`] bytes.
    #[error("the value has more than {MAX_VALUE} bytes")]
    TooLarge,
    /// A header that every such message has is not there.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// A header is there and wrong, or has more than [`MAX_HEADER`] bytes.
    #[error("the header {0} is not valid")]
    Header(&'static str),
    /// The data is in another form than JSON.
    #[error("the content type is not known")]
    ContentType,
    /// The data follows another schema: another major version, or another service's message.
    #[error("the data follows another schema than {0}")]
    Schema(&'static str),
    /// The type is none that this build knows.
    #[error("the type of the message is not known")]
    Type,
    /// What should be the JSON of the data is not.
    #[error("this is not the JSON of such a message: {0}")]
    Json(String),
    /// A field of the data has a value that the schema forbids.
    #[error("the field {0} is not valid")]
    Field(&'static str),
    /// A header and a field that always agree do not.
    #[error("the header {0} does not agree with the data")]
    Disagreement(&'static str),
}

use MessageError::{Field, Header, Missing};

const NAMES: [&str; 14] = [
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_subject",
    "ce_partitionkey",
    "ce_causationid",
    "ce_correlationid",
    "ce_attempt",
    "ce_replyto",
    "ce_expirytime",
    "ce_dataschema",
    "traceparent",
    "content-type",
];

impl Command {
    /// Decodes a command; the counterpart of [`Command::encode`].
    ///
    /// # Errors
    /// [`MessageError`], each case by its name. Trying again gives the same error.
    pub fn decode<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        value: Option<&[u8]>,
    ) -> Result<Self, MessageError> {
        let headers = Headers::read(headers, COMMAND_SCHEMA)?;
        let kind = headers.needed("ce_type")?.parse().map_err(|_| MessageError::Type)?;
        let id = headers.parsed("ce_id")?;
        let expires_at = match headers.optional("ce_expirytime") {
            Some(text) => Some(time(text).ok_or(Header("ce_expirytime"))?),
            None => None,
        };
        let (order, task) = task(kind, body(value)?)?;
        let command = Self {
            id,
            order_id: headers.order(order)?,
            task,
            causation_id: headers.needed("ce_causationid")?.to_owned(),
            correlation_id: headers.needed("ce_correlationid")?.to_owned(),
            traceparent: headers.traceparent(),
            attempt: headers.attempt()?.ok_or(Missing("ce_attempt"))?,
            reply_to: headers.needed("ce_replyto")?.to_owned(),
            expires_at,
        };
        command.check().map(|()| command)
    }

    /// What both sides keep to beyond the types.
    pub(super) fn check(&self) -> Result<(), MessageError> {
        header("ce_causationid", &self.causation_id)?;
        header("ce_correlationid", &self.correlation_id)?;
        if !is_topic(&self.reply_to) {
            return Err(Header("ce_replyto"));
        }
        if self.attempt == 0 {
            return Err(Header("ce_attempt"));
        }
        match &self.task {
            Task::Reserve(items) if items.is_empty() || items.len() > OrderLines::MAX => {
                Err(Field("items"))
            }
            Task::Release(earlier)
            | Task::Commit(earlier)
            | Task::Void(earlier)
            | Task::Capture(earlier) => {
                bounded("reference", earlier.reference.as_deref(), Reply::MAX_REFERENCE)
            }
            Task::Authorize(payment) => match &payment.currency {
                Word::Other(code) if !is_currency(code) => Err(Field("currency")),
                _ => Ok(()),
            },
            Task::Reserve(_) => Ok(()),
        }
    }
}

impl Reply {
    /// Decodes a reply; the counterpart of [`Reply::encode`].
    ///
    /// # Errors
    /// [`MessageError`], each case by its name. Trying again gives the same error.
    pub fn decode<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        value: Option<&[u8]>,
    ) -> Result<Self, MessageError> {
        let headers = Headers::read(headers, REPLY_SCHEMA)?;
        let (to, verdict) = reply_type(headers.needed("ce_type")?).ok_or(MessageError::Type)?;
        let command_id = headers.parsed("ce_causationid")?;
        let data: ReplyData = json(body(value)?)?;
        let order = OrderId::new(data.order_id).map_err(|_| Field("orderId"))?;
        let reply = Self {
            id: headers.needed("ce_id")?.to_owned(),
            source: headers.needed("ce_source")?.to_owned(),
            to,
            command_id,
            verdict,
            order_id: headers.order(order)?,
            correlation_id: headers.needed("ce_correlationid")?.to_owned(),
            traceparent: headers.traceparent(),
            attempt: headers.attempt()?,
            reason: data.reason.map(|text| Word::read(&text, text.parse().ok())),
            reference: data.reference,
            detail: data.detail,
        };
        reply.check().map(|()| reply)
    }

    /// What both sides keep to beyond the types.
    pub(super) fn check(&self) -> Result<(), MessageError> {
        header("ce_id", &self.id)?;
        header("ce_source", &self.source)?;
        header("ce_correlationid", &self.correlation_id)?;
        if self.attempt == Some(0) {
            return Err(Header("ce_attempt"));
        }
        if matches!(&self.reason, Some(Word::Other(text)) if !is_reason(text)) {
            return Err(Field("reason"));
        }
        bounded("reference", self.reference.as_deref(), Self::MAX_REFERENCE)?;
        bounded("detail", self.detail.as_deref(), Self::MAX_DETAIL)
    }
}

/// The headers that are read, by their names.
struct Headers<'a>(BTreeMap<&'static str, &'a str>);

impl<'a> Headers<'a> {
    fn read(
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        schema: &'static str,
    ) -> Result<Self, MessageError> {
        let mut read = BTreeMap::new();
        for (name, value) in headers {
            let Some(name) = NAMES.into_iter().find(|known| *known == name) else { continue };
            let text = str::from_utf8(value).ok().filter(|text| text.len() <= MAX_HEADER);
            read.insert(name, text.ok_or(Header(name))?);
        }
        let read = Self(read);
        if read.needed("ce_specversion")? != "1.0" {
            return Err(Header("ce_specversion"));
        }
        if read.needed("ce_dataschema")? != schema {
            return Err(MessageError::Schema(schema));
        }
        let media = media_type(read.optional("content-type").unwrap_or("application/json"));
        if media.eq_ignore_ascii_case("application/json") {
            Ok(read)
        } else {
            Err(MessageError::ContentType)
        }
    }

    fn optional(&self, name: &'static str) -> Option<&'a str> {
        self.0.get(name).copied()
    }

    fn needed(&self, name: &'static str) -> Result<&'a str, MessageError> {
        self.optional(name).ok_or(Missing(name))
    }

    fn parsed(&self, name: &'static str) -> Result<Uuid, MessageError> {
        Uuid::try_parse(self.needed(name)?).map_err(|_| Header(name))
    }

    fn attempt(&self) -> Result<Option<u32>, MessageError> {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let read = |text: &str| u32::from_str(text).ok().filter(|_| plain(text));
        self.optional("ce_attempt").map(|text| read(text).ok_or(Header("ce_attempt"))).transpose()
    }

    /// Anything else than W3C's form is as none at all, as that standard says.
    fn traceparent(&self) -> Option<String> {
        self.optional("traceparent").filter(|text| is_traceparent(text)).map(str::to_owned)
    }

    /// The order of the data, when the headers name the same.
    fn order(&self, order: OrderId) -> Result<OrderId, MessageError> {
        let text = order.to_string();
        if self.needed("ce_subject")? != text {
            return Err(MessageError::Disagreement("ce_subject"));
        }
        if self.optional("ce_partitionkey").is_some_and(|key| key != text) {
            return Err(MessageError::Disagreement("ce_partitionkey"));
        }
        Ok(order)
    }
}

fn body(value: Option<&[u8]>) -> Result<&[u8], MessageError> {
    let value = value.ok_or(MessageError::NoValue)?;
    if value.len() > MAX_VALUE { Err(MessageError::TooLarge) } else { Ok(value) }
}

fn json<T: DeserializeOwned>(value: &[u8]) -> Result<T, MessageError> {
    serde_json::from_slice(value).map_err(|error| MessageError::Json(json_problem(&error)))
}

fn task(kind: CommandType, value: &[u8]) -> Result<(OrderId, Task), MessageError> {
    let id = |id| OrderId::new(id).map_err(|_| Field("orderId"));
    let earlier = |wrap: fn(Earlier) -> Task| {
        let data: FollowUpData = json(value)?;
        let of = Uuid::try_parse(&data.of).map_err(|_| Field("of"))?;
        Ok((id(data.order_id)?, wrap(Earlier { of, reference: data.reference })))
    };
    match kind {
        CommandType::Reserve => {
            let data: ReserveData = json(value)?;
            let items = data.items.iter().map(item).collect::<Result<_, _>>()?;
            Ok((id(data.order_id)?, Task::Reserve(items)))
        }
        CommandType::Authorize => {
            let data: AuthorizeData = json(value)?;
            let customer = CustomerId::new(data.customer_id).map_err(|_| Field("customerId"))?;
            let amount = Amount::parse(&data.amount).map_err(|_| Field("amount"))?;
            let currency = Word::read(&data.currency, Currency::from_code(&data.currency).ok());
            let payment = Payment { customer_id: customer, amount, currency };
            Ok((id(data.order_id)?, Task::Authorize(payment)))
        }
        CommandType::Release => earlier(Task::Release),
        CommandType::Commit => earlier(Task::Commit),
        CommandType::Void => earlier(Task::Void),
        CommandType::Capture => earlier(Task::Capture),
    }
}

fn item(item: &ItemData) -> Result<Item, MessageError> {
    Ok(Item {
        product_id: ProductId::new(item.product_id).map_err(|_| Field("items.productId"))?,
        quantity: Quantity::new(item.quantity).map_err(|_| Field("items.quantity"))?,
    })
}

fn reply_type(text: &str) -> Option<(CommandType, Verdict)> {
    let (command, verdict) = text.rsplit_once('.')?;
    let verdict = Verdict::ALL.into_iter().find(|known| known.as_str() == verdict)?;
    Some((command.parse().ok()?, verdict))
}

fn header(name: &'static str, text: &str) -> Result<(), MessageError> {
    if text.is_empty() || text.len() > MAX_HEADER { Err(Header(name)) } else { Ok(()) }
}

fn bounded(name: &'static str, text: Option<&str>, most: usize) -> Result<(), MessageError> {
    let fits = text.is_none_or(|text| text.chars().nth(most).is_none());
    if fits { Ok(()) } else { Err(Field(name)) }
}

/// What Kafka allows as the name of a topic.
fn is_topic(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&text.len()) && text.bytes().all(allowed) && text != "." && text != ".."
}

fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_reason(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=Reply::MAX_REASON).contains(&text.len()) && text.bytes().all(allowed)
}

/// Version, trace, span, flags; a later version may have more behind them.
pub(super) fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let hex = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    [2, 32, 16, 2].into_iter().all(|len| parts.next().is_some_and(|p| p.len() == len && hex(p)))
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(Into::into)
}

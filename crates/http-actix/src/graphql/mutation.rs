//! Mutations: the three changes of orders, as REST has them.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use order_app::idempotency::{Answer, Operation, Recorded};
use order_app::orders::{Answered, ChangeStatus, Once, ReplaceLines, WriteRequest};
use order_domain::{OrderId, Version};
use serde::Serialize;

use super::asking::Asking;
use super::errors::{UserError, user_errors};
use super::inputs::{ChangeOrderStatusInput, PlaceOrderInput, ReplaceOrderLinesInput};
use super::order::Order;
use crate::body::{self, Digested, fingerprint};
use crate::problem::{Code, FieldError, Problem};
use crate::request;

/// What can be changed.
pub(super) struct Mutation;

/// What became of a change.
#[derive(SimpleObject)]
pub(super) struct OrderPayload {
    /// The order after the change; absent when it was refused.
    order: Option<Order>,
    /// Whether the change was made by an earlier mutation with the same idempotency key: then the order is as it was right
    /// after that.
    replayed: bool,
    /// What the client can mend; empty when the change was made.
    user_errors: Vec<UserError>,
}

/// What can be changed. Mutations of one document run one after another; each has its effect or none.
#[Object]
impl Mutation {
    /// Places an order.
    async fn place_order(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order.")] input: PlaceOrderInput,
    ) -> Option<Result<OrderPayload>> {
        let asking = match Asking::of(context) {
            Ok(asking) => asking,
            Err(error) => return Some(Err(error)),
        };
        let place = async || {
            let (orders, key) = (asking.orders(), key(input.idempotency_key.as_deref())?);
            let command = body::place_order(&json(&input)?, &orders.currencies())?;
            let write = write(asking, key, Operation::Place, None, &command);
            Ok(orders.place(&asking.caller, command, write).await?)
        };
        Some(payload(place().await, asking))
    }

    /// Replaces the lines of a pending order. The same lines again change nothing, and make no new version.
    async fn replace_order_lines(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The new lines.")] input: ReplaceOrderLinesInput,
    ) -> Option<Result<OrderPayload>> {
        let asking = match Asking::of(context) {
            Ok(asking) => asking,
            Err(error) => return Some(Err(error)),
        };
        let replace = async || {
            let (id, expected) = (order_id(&input.id)?, version(input.expected_version)?);
            let key = key(input.idempotency_key.as_deref())?;
            let (new, claims) = body::replace_lines(&json(&input)?)?;
            let write = write(asking, key, Operation::ReplaceLines, Some(id), &new);
            let (lines, claimed_total) = (new.lines, new.claimed_total);
            let command = ReplaceLines { id, lines, claimed_total, expected, claims };
            Ok(asking.orders().replace_lines(&asking.caller, command, write).await?)
        };
        Some(payload(replace().await, asking))
    }

    /// Moves an order along its status table. Being there already is success, without a new version.
    async fn change_order_status(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Where to.")] input: ChangeOrderStatusInput,
    ) -> Option<Result<OrderPayload>> {
        let asking = match Asking::of(context) {
            Ok(asking) => asking,
            Err(error) => return Some(Err(error)),
        };
        let change = async || {
            let (id, expected) = (order_id(&input.id)?, version(input.expected_version)?);
            let key = key(input.idempotency_key.as_deref())?;
            let (change, claims) = body::change_status(&json(&input)?)?;
            let write = write(asking, key, Operation::ChangeStatus, Some(id), &change);
            let command = ChangeStatus { id, change, expected, claims };
            Ok(asking.orders().change_status(&asking.caller, command, write).await?)
        };
        Some(payload(change().await, asking))
    }
}

/// The input as the body of the REST interface.
fn json(input: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(input).map_err(|error| Problem::internal(&error))
}

fn order_id(id: &ID) -> Result<OrderId, Problem> {
    id.parse().map_err(|error: order_domain::InvalidId| wrong("id", error.to_string()))
}

/// The one version that the client accepts.
fn version(expected: Option<i64>) -> Result<Option<Vec<Version>>, Problem> {
    let read = expected.map(Version::new).transpose();
    let read = read.map_err(|error| wrong("expectedVersion", error.to_string()))?;
    Ok(read.map(|version| vec![version]))
}

fn wrong(name: &'static str, message: String) -> Problem {
    let error = FieldError::parameter(name.into(), "invalid_value", message);
    Problem::new(Code::ValidationFailed, "A field is wrong.").errors(vec![error])
}

/// The key, which is looked at before what it is for, as REST looks at its header before the body.
fn key(key: Option<&str>) -> Result<Option<String>, Problem> {
    let read = |key: &str| {
        request::bare_key(key).ok_or_else(|| {
            let message = "must be 1 to 255 visible ASCII characters";
            let field = FieldError::parameter("idempotencyKey".into(), "invalid_value", message);
            Problem::new(Code::InvalidIdempotencyKey, "The idempotency key is wrong.")
                .errors(vec![field])
        })
    };
    key.map(read).transpose()
}

/// What the write carries beside its command. The order alone is recorded: a repetition may select other fields of it.
fn write(
    asking: &Asking,
    key: Option<String>,
    operation: Operation,
    order: Option<OrderId>,
    input: &impl Digested,
) -> WriteRequest {
    let once = |key| {
        let fingerprint = fingerprint(operation, order, input);
        Once { key, fingerprint, recorded: Recorded::Order }
    };
    WriteRequest {
        origin: asking.origin.clone(),
        once: key.map(once),
        encode: |order| Answer {
            tag: 0,
            head: String::new(),
            body: serde_json::to_vec(order).unwrap_or_default(),
        },
        permit: asking.permit(),
    }
}

/// The order as it was recorded, or what is wrong.
fn payload(written: Result<Answered, Problem>, asking: &Asking) -> Result<OrderPayload> {
    let read = written.and_then(|Answered { answer, replayed }| {
        let order =
            serde_json::from_slice(&answer.body).map_err(|error| Problem::internal(&error))?;
        Ok(OrderPayload { order: Some(Order(order)), replayed, user_errors: Vec::new() })
    });
    match read {
        Ok(payload) => Ok(payload),
        Err(problem) => {
            let user_errors = user_errors(&problem, asking)?;
            Ok(OrderPayload { order: None, replayed: false, user_errors })
        }
    }
}

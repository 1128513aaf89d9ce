//! Sagas that need a person.

use order_app::sagas::{Flagged, FlaggedPage};
use order_domain::OrderId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::body::saga::AttentionBody;
use crate::schema::id;

/// One page of sagas that need a person, by the ids of their orders.
#[derive(Serialize, ToSchema)]
pub struct FlaggedSagas {
    /// The sagas.
    pub sagas: Vec<FlaggedSaga>,
    /// `after` for the next page; null on the last one.
    pub next: Option<i64>,
}

/// A saga that needs a person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlaggedSaga {
    /// The order.
    #[schema(schema_with = id)]
    pub order_id: i64,
    /// Whether this release cannot read its document. Nothing else is known of such a saga.
    pub unreadable: bool,
    /// Where it stands; absent when it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "COMPENSATING")]
    pub state: Option<&'static str>,
    /// Why it needs a person; absent when it cannot be read, or when it has moved on at this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub attention: Option<AttentionBody>,
}

impl From<&FlaggedPage> for FlaggedSagas {
    fn from(page: &FlaggedPage) -> Self {
        let sagas = page.sagas.iter().map(FlaggedSaga::from).collect();
        Self { sagas, next: page.next.map(OrderId::get) }
    }
}

impl From<&Flagged> for FlaggedSaga {
    fn from(Flagged { order, saga }: &Flagged) -> Self {
        let attention = saga.and_then(|(_, attention)| attention);
        Self {
            order_id: order.get(),
            unreadable: saga.is_none(),
            state: saga.map(|(state, _)| state.as_str()),
            attention: attention.map(AttentionBody::from),
        }
    }
}

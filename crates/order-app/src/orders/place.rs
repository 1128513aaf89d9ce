//! Placing an order.

use order_domain::{
    Amount, ClientReference, Currency, CustomerId, LinesError, NewOrder, Order, OrderId, OrderLine,
    OrderLines, TotalMismatch,
};

use super::beside::Beside;
use super::write::{ATTEMPTS, Landed, Write};
use super::{Answered, Orders, WriteFailure, WriteRequest};
use crate::caller::{Authority, Caller, Forbidden};
use crate::currencies::CurrencyNotEnabled;
use crate::idempotency::Operation;
use crate::ports::{BoxError, Conflict};
use crate::traces;

/// The order that a client wants to place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    /// The customer.
    pub customer_id: CustomerId,
    /// The currency; the default one when `None`.
    pub currency: Option<Currency>,
    /// The lines, unchecked.
    pub lines: Vec<OrderLine>,
    /// The client's own name for the order.
    pub client_reference: Option<ClientReference>,
    /// The total that the client expects.
    pub claimed_total: Option<Amount>,
}

/// Why an order was not placed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The caller may not place orders, or not for this customer.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The currency is not accepted here.
    #[error(transparent)]
    CurrencyNotEnabled(#[from] CurrencyNotEnabled),
    /// The lines break the rules of an order.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The client computed another total.
    #[error(transparent)]
    TotalMismatch(#[from] TotalMismatch),
    /// The customer has an order with this reference.
    #[error("order {existing} has this client reference already")]
    DuplicateClientReference {
        /// That order.
        existing: OrderId,
    },
    /// The write itself failed.
    #[error(transparent)]
    Write(#[from] WriteFailure),
}

impl Orders {
    /// Places an order, once per idempotency key.
    ///
    /// # Errors
    /// [`PlaceError`], each case by its name.
    pub async fn place(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        request: WriteRequest,
    ) -> Result<Answered, PlaceError> {
        if !caller.orders(Authority::Write)?.covers(command.customer_id) {
            return Err(Forbidden(Authority::Any).into());
        }
        let write = Write::new(caller, Operation::Place, request);
        let orders = self.clone();
        let step = tracing::info_span!(target: traces::TARGET, "place order");
        Self::spawn_write(step, async move { orders.place_once(command, &write).await }).await
    }

    async fn place_once(&self, command: PlaceOrder, write: &Write) -> Result<Answered, PlaceError> {
        let deadline = self.deadline();
        let _running = self.start(write)?;
        if let Some(answered) = self.earlier(write, deadline).await? {
            return Ok(answered);
        }
        let currency = self.currencies().choose(command.currency)?;
        let lines = OrderLines::new(currency, command.lines)?;
        let beside = if self.0.sagas.begins { &Beside::Begins } else { &Beside::NOTHING };
        for attempt in 0..ATTEMPTS {
            let new = NewOrder {
                id: self.store().next_order_id(deadline).await.map_err(WriteFailure::from)?,
                customer_id: command.customer_id,
                lines: lines.clone(),
                client_reference: command.client_reference.clone(),
                claimed_total: command.claimed_total,
            };
            let placed = Order::place(new, self.0.ports.clock.now())?;
            match self.land(placed, beside, write, deadline).await? {
                Landed::Answered(answered) => return Ok(answered),
                Landed::Excluded(Conflict::ClientReference { existing }) => {
                    return Err(PlaceError::DuplicateClientReference { existing });
                }
                // Another program inserts orders: the next id may be free. Or the answer with the key was
                // purged after the commit failed.
                Landed::Excluded(
                    Conflict::OrderId | Conflict::IdempotencyKey | Conflict::Version,
                ) => self.pause(attempt).await,
            }
        }
        let source: BoxError = "every attempt conflicted with another order or request".into();
        Err(WriteFailure::Unavailable(source).into())
    }
}

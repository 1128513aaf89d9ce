//! Who asks. Every use case takes a [`Caller`] and asks it before anything else: a driving adapter that does not know
//! who asks cannot call one. Orders of others are to a caller as if they did not exist.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use order_domain::CustomerId;

/// The most characters of a caller's name.
const LONGEST_NAME: usize = 64;

/// The one who asks the service for something: a person, or a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    name: CallerName,
    access: Access,
    authorities: Authorities,
    until: Option<DateTime<Utc>>,
}

/// The name to which idempotency keys belong: 1 to 64 characters of visible ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallerName(Cow<'static, str>);

/// Whose orders a caller may see and change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Those of every customer.
    Everything,
    /// Those of one customer.
    Customer(CustomerId),
    /// None.
    Nothing,
}

/// What a caller may do with the orders that it has access to, or with the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Authority {
    /// Reading orders, their histories and the feed.
    Read,
    /// Placing orders, replacing their lines and cancelling them.
    Write,
    /// Moving orders on: to `CONFIRMED`, `IN_PROGRESS` and `DELIVERED`.
    Fulfil,
    /// Access to the orders of all customers.
    Any,
    /// Operating the service.
    Admin,
    /// Reading its metrics, and what it says of itself.
    Metrics,
}

/// A set of authorities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Authorities(u8);

/// The caller lacks an authority. Nothing was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the caller lacks an authority: {0:?}")]
pub struct Forbidden(pub Authority);

impl Caller {
    /// A caller with a name, whose say ends at a time, if it does.
    #[must_use]
    pub const fn new(
        name: CallerName,
        access: Access,
        authorities: Authorities,
        until: Option<DateTime<Utc>>,
    ) -> Self {
        Self { name, access, authorities, until }
    }

    /// Every caller, where none says who it is: it may do everything.
    #[must_use]
    pub const fn anonymous() -> Self {
        let name = CallerName(Cow::Borrowed("anonymous"));
        Self::new(name, Access::Everything, Authorities::ALL, None)
    }

    /// To whom idempotency keys belong.
    #[must_use]
    pub const fn name(&self) -> &CallerName {
        &self.name
    }

    /// When a stream that the caller has opened ends, UTC.
    #[must_use]
    pub const fn until(&self) -> Option<DateTime<Utc>> {
        self.until
    }

    /// Asks for an authority over the service.
    ///
    /// # Errors
    /// [`Forbidden`] without it.
    pub const fn needs(&self, authority: Authority) -> Result<(), Forbidden> {
        if self.authorities.has(authority) { Ok(()) } else { Err(Forbidden(authority)) }
    }

    /// Asks for an authority over orders, and says over whose.
    ///
    /// # Errors
    /// [`Forbidden`] without it, and for a caller with access to no orders.
    pub(crate) fn orders(&self, authority: Authority) -> Result<Reach, Forbidden> {
        self.needs(authority)?;
        match self.access {
            Access::Everything => Ok(Reach(None)),
            Access::Customer(customer) => Ok(Reach(Some(customer))),
            Access::Nothing => Err(Forbidden(Authority::Any)),
        }
    }
}

/// The orders of all customers, or of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach(Option<CustomerId>);

impl Reach {
    /// The one customer whose orders are within reach; `None`: all are.
    pub(crate) const fn only(self) -> Option<CustomerId> {
        self.0
    }

    /// Whether orders of this customer are within reach.
    pub(crate) fn covers(self, customer: CustomerId) -> bool {
        self.0.is_none_or(|own| own == customer)
    }

    /// Whether an event is of an order within reach.
    pub(crate) fn covers_id(self, customer: i64) -> bool {
        self.0.is_none_or(|own| own.get() == customer)
    }

    /// Whether some orders are out of reach.
    pub(crate) const fn is_limited(self) -> bool {
        self.0.is_some()
    }
}

impl CallerName {
    /// `None` unless the name is 1 to 64 characters of visible ASCII.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name: String = name.into();
        let fits = (1..=LONGEST_NAME).contains(&name.len());
        (fits && name.bytes().all(|byte| byte.is_ascii_graphic())).then_some(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Authority {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Write, Self::Fulfil, Self::Any, Self::Admin, Self::Metrics];

    const fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 1 << 1,
            Self::Fulfil => 1 << 2,
            Self::Any => 1 << 3,
            Self::Admin => 1 << 4,
            Self::Metrics => 1 << 5,
        }
    }
}

impl Authorities {
    /// All of them.
    pub const ALL: Self = Self(u8::MAX);

    /// Whether one is among them.
    #[must_use]
    pub const fn has(self, authority: Authority) -> bool {
        self.0 & authority.bit() != 0
    }
}

impl FromIterator<Authority> for Authorities {
    fn from_iter<T: IntoIterator<Item = Authority>>(all: T) -> Self {
        Self(all.into_iter().fold(0, |bits, authority| bits | authority.bit()))
    }
}

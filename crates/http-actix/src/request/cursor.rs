//! Cursors: where the next page of a customer's list starts. Opaque to clients: base64url over a
//! version, the place, and a digest of the query it belongs to, so that a cursor is not used with
//! other filters by mistake. It is no secret and grants nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike as _};
use order_app::ports::{CustomerOrders, PagePosition};
use order_domain::OrderId;

use crate::body::Digest;
use crate::problem::{Code, FieldError, Place, Problem};

const VERSION: u8 = 1;
/// Version, microseconds, id, digest.
const BYTES: usize = 1 + 8 + 8 + 8;

/// The cursor for a place in a query's list.
pub(crate) fn next(query: &CustomerOrders, at: PagePosition) -> String {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.push(VERSION);
    bytes.extend(at.created_at.timestamp_micros().to_be_bytes());
    bytes.extend(at.id.get().to_be_bytes());
    bytes.extend(digest(query));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a cursor names, if it belongs to this query.
pub(crate) fn read(text: &str, query: &CustomerOrders) -> Result<PagePosition, Problem> {
    position(text, query).ok_or_else(|| {
        let error = FieldError {
            place: Place::Parameter("cursor".into()),
            code: "invalid_value",
            message: "must be the nextCursor of a page of the same query".into(),
        };
        let detail = "The cursor is not one of ours, or belongs to other filters.";
        Problem::new(Code::InvalidCursor, detail).errors(vec![error])
    })
}

fn position(text: &str, query: &CustomerOrders) -> Option<PagePosition> {
    // Looked at first, so that nothing long is decoded.
    (text.len() <= BYTES.saturating_mul(2)).then_some(())?;
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (version, rest) = bytes.split_first_chunk::<1>()?;
    let (micros, rest) = rest.split_first_chunk::<8>()?;
    let (id, rest) = rest.split_first_chunk::<8>()?;
    (*version == [VERSION] && rest == digest(query)).then_some(())?;
    let created_at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?;
    // A database may not even read a time outside the years in which orders are placed.
    (1970..=9999).contains(&created_at.year()).then_some(())?;
    Some(PagePosition { created_at, id: OrderId::new(i64::from_be_bytes(*id)).ok()? })
}

/// The limit is not in it: a client may change its page size on the way.
fn digest(query: &CustomerOrders) -> [u8; 8] {
    let mut digest = Digest::new("customer-orders");
    digest.number(query.customer_id.get());
    let mut statuses: Vec<_> = query.statuses.iter().map(|status| status.as_str()).collect();
    statuses.sort_unstable();
    digest.count(statuses.len());
    for status in statuses {
        digest.text(status);
    }
    for bound in [query.created_from, query.created_to] {
        digest.optional(bound, |digest, at| digest.number(at.timestamp_micros()));
    }
    let mut short = [0; 8];
    short.iter_mut().zip(digest.finish().0).for_each(|(to, from)| *to = from);
    short
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;
    use order_domain::{CustomerId, OrderStatus};
    use proptest::prelude::*;

    use super::*;

    fn query() -> CustomerOrders {
        CustomerOrders {
            customer_id: CustomerId::new(7).unwrap(),
            statuses: vec![OrderStatus::Pending, OrderStatus::Confirmed],
            created_from: None,
            created_to: None,
            after: None,
            limit: 20,
        }
    }

    fn place() -> PagePosition {
        PagePosition {
            created_at: chrono::Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 0).unwrap(),
            id: OrderId::new(99).unwrap(),
        }
    }

    #[test]
    fn a_cursor_is_read_back_with_the_same_filters() {
        let cursor = next(&query(), place());
        assert_eq!(cursor.len(), 34);
        let same = CustomerOrders {
            statuses: vec![OrderStatus::Confirmed, OrderStatus::Pending],
            limit: 5,
            ..query()
        };
        assert_eq!(position(&cursor, &same), Some(place()));
    }

    #[test]
    fn a_cursor_is_refused_with_other_filters() {
        let cursor = next(&query(), place());
        let others = [
            CustomerOrders { customer_id: CustomerId::new(8).unwrap(), ..query() },
            CustomerOrders { statuses: vec![], ..query() },
            CustomerOrders { created_from: Some(place().created_at), ..query() },
            CustomerOrders { created_to: Some(place().created_at), ..query() },
        ];
        for other in others {
            assert_eq!(position(&cursor, &other), None, "{other:?}");
        }
    }

    #[test]
    fn a_cursor_is_of_a_year_in_which_orders_are_placed() {
        let of = |seconds, micros: u32| PagePosition {
            created_at: chrono::Utc.timestamp_opt(seconds, micros * 1_000).unwrap(),
            ..place()
        };
        for right in [of(0, 0), of(253_402_300_799, 999_999)] {
            assert_eq!(position(&next(&query(), right), &query()), Some(right));
        }
        let far = i64::MAX / 1_000_000 / 2;
        for wrong in [of(-1, 999_999), of(253_402_300_800, 0), of(far, 0), of(-far, 0)] {
            assert_eq!(position(&next(&query(), wrong), &query()), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,60}|[A-Za-z0-9_-]{34}") {
            prop_assert_eq!(position(&text, &query()), None);
        }
    }
}

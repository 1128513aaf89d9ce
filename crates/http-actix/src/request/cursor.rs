//! Cursors: where the next page of a customer's list starts. Opaque to clients: base64url over a
//! version, the position, and a digest of the query it belongs to, so that a cursor is not used with
//! other filters by mistake. It holds no secret and grants no access.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike as _};
use order_app::ports::{CustomerOrders, PagePosition};
use order_domain::OrderId;

use crate::body::Digest;
use crate::problem::{Code, FieldError, Problem};

const VERSION: u8 = 1;
/// Version, microseconds, id, digest.
const BYTES: usize = 1 + 8 + 8 + 8;

/// The cursor of a position in a query's list.
pub(crate) fn next(query: &CustomerOrders, at: PagePosition) -> String {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.push(VERSION);
    bytes.extend(at.created_at.timestamp_micros().to_be_bytes());
    bytes.extend(at.id.get().to_be_bytes());
    bytes.extend(digest(query));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position that a cursor names, if it belongs to this query.
pub(crate) fn read(text: &str, query: &CustomerOrders) -> Result<PagePosition, Problem> {
    position(text, query).ok_or_else(|| {
        let message = "must be the nextCursor of a page of the same query";
        let error = FieldError::parameter("cursor".into(), "invalid_value", message);
        let detail = "The cursor is not one of ours, or belongs to other filters.";
        Problem::new(Code::InvalidCursor, detail).errors(vec![error])
    })
}

fn position(text: &str, query: &CustomerOrders) -> Option<PagePosition> {
    // A long text is not even decoded.
    (text.len() <= BYTES.saturating_mul(2)).then_some(())?;
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (version, rest) = bytes.split_first_chunk::<1>()?;
    let (micros, rest) = rest.split_first_chunk::<8>()?;
    let (id, rest) = rest.split_first_chunk::<8>()?;
    (*version == [VERSION] && rest == digest(query)).then_some(())?;
    let created_at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?;
    // Databases read no times outside these years.
    (1970..=9999).contains(&created_at.year()).then_some(())?;
    Some(PagePosition { created_at, id: OrderId::new(i64::from_be_bytes(*id)).ok()? })
}

/// Without the limit: a client may change its page size from page to page.
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
        digest.optional(&bound);
    }
    let mut short = [0; 8];
    short.iter_mut().zip(digest.finish()).for_each(|(to, from)| *to = from);
    short
}

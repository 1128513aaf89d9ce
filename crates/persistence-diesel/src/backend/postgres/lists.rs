//! Several customers' lists by one statement: a short walk through the same index for each. With one
//! statement for each list, most of its cost would be the statement itself.

use diesel::QueryResult;
use diesel::dsl::{AsSelect, SqlTypeOf};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Integer};
use diesel_async::RunQueryDsl as _;
use futures_util::TryStreamExt as _;
use order_app::ports::{CustomerOrders, PAGE_BYTES};
use order_domain::MAX_ID;

use super::sql::pages::{one_more, share};
use super::sql::statements::list_orders;
use super::{Connection, ITEMS_BYTES};
use crate::backend::Running;
use crate::rows::OrderRow;

/// The lists, in the order of the questions. Lines that have more than their share of a page are left out.
pub(super) fn newest<'c>(
    connection: &'c mut Connection,
    asked: &'c [CustomerOrders],
) -> Running<'c, Vec<Vec<OrderRow>>> {
    Box::pin(async move {
        if let [one] = asked {
            return Ok(vec![list_orders(connection, one).await?]);
        }
        let lists = Lists {
            customers: asked.iter().map(|query| query.customer_id.get()).collect(),
            most: asked.iter().map(|query| one_more(query.limit)).collect(),
            share: asked
                .iter()
                .map(|query| share(PAGE_BYTES, query.limit))
                .min()
                .unwrap_or_default(),
        };
        let room = |most: &i64| Vec::with_capacity(usize::try_from(*most).unwrap_or_default());
        let mut found: Vec<Vec<OrderRow>> = lists.most.iter().map(room).collect();
        let mut rows = lists.load_stream::<(i64, OrderRow)>(connection).await?;
        while let Some((number, row)) = rows.try_next().await? {
            // The rows of a list come together: the server can only read the lists one after the other.
            let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
            let list = index.and_then(|index| found.get_mut(index));
            let unknown = || Error::DeserializationError("a list that was not asked for".into());
            list.ok_or_else(unknown)?.push(row);
        }
        Ok(found)
    })
}

/// Whose lists, and how many orders of each at most.
struct Lists {
    customers: Vec<i64>,
    most: Vec<i64>,
    /// Lines that have more bytes are left out.
    share: i32,
}

impl QueryFragment<Pg> for Lists {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT asked.number, listed.* FROM unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.customers)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.most)?;
        // The columns of a row, in its order.
        out.push_sql(
            ") WITH ORDINALITY AS asked (customer, most, number) CROSS JOIN LATERAL (\
             SELECT id, customer_id, CASE WHEN ",
        );
        out.push_sql(ITEMS_BYTES);
        out.push_sql(" <= ");
        out.push_bind_param::<Integer, _>(&self.share)?;
        out.push_sql(
            " THEN items END, total_amount, status, created_at, updated_at, version, currency, \
             client_reference, cancel_reason FROM orders \
             WHERE customer_id = asked.customer AND created_at IS NOT NULL AND id BETWEEN 1 AND ",
        );
        out.push_bind_param::<BigInt, _>(&MAX_ID)?;
        out.push_sql(" ORDER BY created_at DESC, id DESC LIMIT asked.most) AS listed");
        Ok(())
    }
}

/// Prepared by its text, of which there is one.
impl QueryId for Lists {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Lists {
    type SqlType = (BigInt, SqlTypeOf<AsSelect<OrderRow, Pg>>);
}

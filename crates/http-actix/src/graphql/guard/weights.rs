//! What fields cost, by their names alone: the guard does not know the schema.

use async_graphql::parser::types::Field;

use super::values::Values;
use super::{LARGEST, PAGE};

/// What a field costs beside its selection.
struct Weight {
    cost: usize,
    times: Times,
}

/// How often the selection of a field is answered.
enum Times {
    Once,
    /// As often as the argument `first` says; each entry costs one more.
    First,
    /// Once for each entry of the argument `representations`; each entry costs one more.
    Representations,
}

fn weight(field: &str) -> Weight {
    let (cost, times) = match field {
        "order" | "orderEvents" => (1, Times::Once),
        "orders" | "ordersOfCustomer" => (1, Times::First),
        "history" => (20, Times::First),
        "_entities" => (0, Times::Representations),
        "saga" | "placeOrder" | "replaceOrderLines" | "changeOrderStatus" => (20, Times::Once),
        _ => (0, Times::Once),
    };
    Weight { cost, times }
}

/// The cost of a field, from that of its selection.
pub(super) fn cost(field: &Field, selection: usize, values: &Values<'_>) -> usize {
    let weight = weight(&field.name.node);
    let entries = match weight.times {
        Times::Once => return weight.cost.saturating_add(selection),
        Times::First => argument(field, "first", PAGE, |value| values.first(value)),
        Times::Representations => {
            argument(field, "representations", LARGEST, |value| values.entries(value))
        }
    };
    weight.cost.saturating_add(entries.saturating_mul(selection.saturating_add(1)))
}

/// Whether a field reads a list of the database.
pub(super) fn is_page(field: &str) -> bool {
    !matches!(weight(field).times, Times::Once)
}

/// Below these fields is the schema itself.
pub(super) fn shows_schema(field: &str) -> bool {
    matches!(field, "__schema" | "__type")
}

/// Fields of a type in the schema that list others. In one another they would show the schema again and again. The list
/// `types` is not one of them: it is a field of the schema itself, and no type leads back to that.
pub(super) fn lists_schema(field: &str) -> bool {
    matches!(field, "fields" | "inputFields" | "interfaces" | "possibleTypes")
}

/// The largest of the arguments of one name: the library takes the first, and refuses others only later.
fn argument(
    field: &Field,
    name: &str,
    otherwise: usize,
    read: impl Fn(&async_graphql_value::Value) -> usize,
) -> usize {
    let named = field.arguments.iter().filter(|(argument, _)| argument.node == name);
    named.map(|(_, value)| read(&value.node)).max().unwrap_or(otherwise)
}

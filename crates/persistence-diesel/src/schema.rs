//! The tables, once for all databases, with SQL types of our own where the databases differ. How these
//! types are read and written is in `types.rs`; the meaning of the tables is in the top-level
//! `migrations/`.

/// SQL types of our own.
pub(crate) mod sql_types {
    use diesel::query_builder::QueryId;
    use diesel::sql_types::SqlType;

    /// A UUID: `UUID`, `BINARY(16)` or `BLOB`.
    #[derive(Debug, Clone, Copy, SqlType, QueryId)]
    #[diesel(postgres_type(oid = 2950, array_oid = 2951))]
    #[diesel(mysql_type(name = "Blob"))]
    #[diesel(sqlite_type(name = "Binary"))]
    pub struct Guid;

    /// A JSON document, as text: `JSON`.
    #[derive(Debug, Clone, Copy, SqlType, QueryId)]
    #[diesel(postgres_type(oid = 114, array_oid = 199))]
    #[diesel(mysql_type(name = "String"))]
    #[diesel(sqlite_type(name = "Text"))]
    pub struct Document;

    /// An exact amount: `DECIMAL(19,4)`, and whole ten-thousandths in SQLite.
    #[derive(Debug, Clone, Copy, SqlType, QueryId)]
    #[diesel(postgres_type(oid = 1700, array_oid = 1231))]
    #[diesel(mysql_type(name = "Numeric"))]
    #[diesel(sqlite_type(name = "Long"))]
    pub struct Money;
}

// An adopted table may hold NULL where ours may not.
diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};
    use super::sql_types::{Document, Money};

    orders (id) {
        id -> BigInt,
        customer_id -> Nullable<BigInt>,
        items -> Nullable<Document>,
        total_amount -> Nullable<Money>,
        status -> Nullable<Text>,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        version -> Nullable<BigInt>,
        currency -> Text,
        client_reference -> Nullable<Text>,
        cancel_reason -> Nullable<Text>,
        saga_revision -> BigInt,
        // SQLite alone has it, and computes it: when the order was created.
        created_at_micros -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text, Timestamp};
    use super::sql_types::Guid;

    outbox (event_id) {
        event_id -> Guid,
        order_id -> BigInt,
        sequence -> BigInt,
        event_type -> Text,
        occurred_at -> Timestamp,
        context -> Text,
        data -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Integer, Text, Timestamp};

    idempotency_keys (scope) {
        scope -> Text,
        fingerprint -> Binary,
        status -> Integer,
        headers -> Text,
        body -> Binary,
        recorded_at -> Timestamp,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};

    id_blocks (name) {
        name -> Text,
        next_id -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::BigInt;
    use super::sql_types::Guid;

    outbox_incoming (order_id, sequence) {
        order_id -> BigInt,
        sequence -> BigInt,
        event_id -> Guid,
    }
}

diesel::table! {
    use diesel::sql_types::BigInt;
    use super::sql_types::Guid;

    journal (position) {
        position -> BigInt,
        shard_position -> BigInt,
        order_id -> BigInt,
        sequence -> BigInt,
        event_id -> Guid,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};
    use super::sql_types::Guid;

    leases (name) {
        name -> Text,
        instance -> Nullable<Guid>,
        epoch -> BigInt,
        expires_at -> Timestamp,
        position -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::Timestamp;
    use super::sql_types::Guid;

    instances (instance) {
        instance -> Guid,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Integer, SmallInt, Text, Timestamp};

    parked_orders (order_id) {
        order_id -> BigInt,
        shard -> SmallInt,
        sequence -> BigInt,
        reason -> Text,
        since -> Timestamp,
        attempts -> Integer,
        redrive -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text, Timestamp};

    skipped_events (order_id, sequence) {
        order_id -> BigInt,
        sequence -> BigInt,
        reason -> Text,
        skipped_at -> Timestamp,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamp};

    sagas (order_id) {
        order_id -> BigInt,
        revision -> BigInt,
        state -> Text,
        due_at -> Nullable<Timestamp>,
        attention -> Bool,
        document -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::allow_tables_to_appear_in_same_query!(journal, orders, outbox, skipped_events);
diesel::allow_tables_to_appear_in_same_query!(orders, sagas);
diesel::allow_tables_to_appear_in_same_query!(outbox, outbox_incoming);

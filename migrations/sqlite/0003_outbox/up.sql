-- One row per version of an order, written with it, final.
CREATE TABLE outbox (
    event_id    BLOB        NOT NULL PRIMARY KEY,
    order_id    BIGINT      NOT NULL,
    sequence    BIGINT      NOT NULL,
    event_type  VARCHAR(40) NOT NULL,
    occurred_at TIMESTAMP   NOT NULL,
    context     TEXT        NOT NULL,
    data        TEXT        NOT NULL,
    UNIQUE (order_id, sequence)
);

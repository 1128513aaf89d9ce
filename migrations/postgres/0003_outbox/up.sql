-- One row per version of an order, written with it, final. `data` and `context` are texts, so that
-- their bytes never change.
CREATE TABLE outbox (
    event_id    UUID         NOT NULL PRIMARY KEY,
    order_id    BIGINT       NOT NULL,
    sequence    BIGINT       NOT NULL,
    event_type  VARCHAR(40)  NOT NULL,
    occurred_at TIMESTAMP(6) NOT NULL,
    context     TEXT         NOT NULL,
    data        TEXT         NOT NULL,
    UNIQUE (order_id, sequence)
);

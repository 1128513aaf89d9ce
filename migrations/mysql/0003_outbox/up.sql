-- One row per version of an order, written with it, final. `data` and `context` are texts, not
-- JSON, so that their bytes never change.
CREATE TABLE IF NOT EXISTS outbox (
    event_id    BINARY(16)   NOT NULL PRIMARY KEY,
    order_id    BIGINT       NOT NULL,
    sequence    BIGINT       NOT NULL,
    event_type  VARCHAR(40)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    occurred_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    context     TEXT         NOT NULL,
    data        MEDIUMTEXT   NOT NULL,
    UNIQUE INDEX outbox_by_order (order_id, sequence)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

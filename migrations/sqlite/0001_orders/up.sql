-- The seven columns of the Spring service's table, with its names; an existing table is kept.
-- Amounts are whole ten-thousandths: SQLite has no decimals, and its DECIMAL is floating point.
CREATE TABLE IF NOT EXISTS orders (
    id           INTEGER     NOT NULL PRIMARY KEY,
    customer_id  BIGINT      NOT NULL,
    items        JSON        NOT NULL,
    total_amount BIGINT      NOT NULL CHECK (typeof(total_amount) = 'integer'),
    status       VARCHAR(20) NOT NULL,
    created_at   TIMESTAMP   NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    updated_at   TIMESTAMP   NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);

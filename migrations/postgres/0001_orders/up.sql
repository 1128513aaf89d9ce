-- The seven columns of the Spring service's table, with its names; an existing table is kept.
-- `json`, not `jsonb`: the document is stored and returned, never searched.
CREATE TABLE IF NOT EXISTS orders (
    id           BIGINT         NOT NULL PRIMARY KEY,
    customer_id  BIGINT         NOT NULL,
    items        JSON           NOT NULL,
    total_amount DECIMAL(19, 4) NOT NULL,
    status       VARCHAR(20)    NOT NULL,
    created_at   TIMESTAMP(6)   NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at   TIMESTAMP(6)   NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);

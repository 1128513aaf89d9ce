-- Columns of another service are kept that were found to fit.
ALTER TABLE orders
    ADD COLUMN IF NOT EXISTS version BIGINT NOT NULL DEFAULT 1,
    ADD COLUMN IF NOT EXISTS currency         CHAR(3)     NOT NULL DEFAULT 'USD',
    ADD COLUMN IF NOT EXISTS client_reference VARCHAR(64) COLLATE "C",
    ADD COLUMN IF NOT EXISTS cancel_reason    VARCHAR(20);

-- The customer's list is one range of this index.
CREATE INDEX orders_by_customer ON orders (customer_id, created_at, id);
CREATE UNIQUE INDEX orders_by_client_reference ON orders (customer_id, client_reference)
    WHERE client_reference IS NOT NULL;

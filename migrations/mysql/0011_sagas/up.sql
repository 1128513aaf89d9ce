INSERT IGNORE INTO schema_compatibility (version, name, older_may_serve) VALUES ('0011', '0011_sagas', 'yes');

-- One row per saga, by the order that it is about. `document` is a text, not JSON, so that its bytes never change; the columns beside
-- it are what sagas are looked up by. due_at is NULL when nothing is to be done any more.
CREATE TABLE IF NOT EXISTS sagas (
    order_id   BIGINT       NOT NULL PRIMARY KEY,
    revision   BIGINT       NOT NULL,
    state      VARCHAR(16)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    due_at     TIMESTAMP(6) NULL,
    attention  BOOLEAN      NOT NULL,
    document   LONGTEXT     NOT NULL,
    created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    INDEX sagas_by_due (due_at),
    INDEX sagas_by_end (due_at, updated_at),
    INDEX sagas_by_attention (attention, order_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Who looks for sagas that are due; its position means nothing.
INSERT IGNORE INTO leases (name) VALUES ('sagas');

-- How often the saga of an order was written; 0: it has none. Each write compares it, and raises it: so an order and its saga have one
-- compare-and-set. The servers add a column at the end without touching a row, unless the format of the table forbids it. Older
-- releases serve meanwhile, and wait behind this statement while it waits for a transaction before it: not for longer than their
-- requests can wait. Run again after a crash, it finds itself done.
SET SESSION lock_wait_timeout = 1;
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
                WHERE table_schema = DATABASE() AND table_name = 'orders' AND column_name = 'saga_revision');
SET @ddl = IF(@missing, 'ALTER TABLE orders ADD COLUMN saga_revision BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_orders FROM @ddl;
EXECUTE change_orders;
DEALLOCATE PREPARE change_orders;

INSERT INTO schema_compatibility (version, name, older_may_serve) VALUES ('0011', '0011_sagas', 'yes');

-- One row per saga, by the order that it is about. `document` is a text, so that its bytes never change; the columns beside it are
-- what sagas are looked up by. due_at is NULL, and has no entry in its index, when nothing is to be done any more.
CREATE TABLE sagas (
    order_id   BIGINT                  NOT NULL PRIMARY KEY,
    revision   BIGINT                  NOT NULL,
    state      VARCHAR(16) COLLATE "C" NOT NULL,
    due_at     TIMESTAMP(6),
    attention  BOOLEAN                 NOT NULL,
    document   TEXT                    NOT NULL,
    created_at TIMESTAMP(6)            NOT NULL,
    updated_at TIMESTAMP(6)            NOT NULL
);
CREATE INDEX sagas_by_due ON sagas (due_at, order_id) WHERE due_at IS NOT NULL;
CREATE INDEX sagas_by_end ON sagas (updated_at) WHERE due_at IS NULL;
CREATE INDEX sagas_by_attention ON sagas (order_id) WHERE attention;

-- Who looks for sagas that are due; its position means nothing.
INSERT INTO leases (name) VALUES ('sagas');

-- How often the saga of an order was written; 0: it has none. Each write compares it, and raises it: so an order and its saga have one
-- compare-and-set. PostgreSQL keeps the default in its catalogue and rewrites no row. Older releases serve meanwhile, and wait behind
-- this statement while it waits for a transaction before it: not for longer than their requests can wait.
SET LOCAL lock_timeout = '300ms';
ALTER TABLE orders ADD COLUMN saga_revision BIGINT NOT NULL DEFAULT 0;

-- Events that have no place in the journal yet: one row for those that were written together, with
-- one array for each column, written with the events and deleted when they get their places. So an
-- event costs no row, and no index entry, of its own here. Numbers grow from each version of an
-- order to the next, because a version is written after the one before it was committed. The rows
-- of the largest batches (128 events) still fit into a page as they are, without TOAST.
-- The table stays small and is always changing, so it is vacuumed by the number of dead rows, not
-- by their share.
CREATE TABLE outbox_incoming (
    number    BIGINT   NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_ids BIGINT[] NOT NULL,
    sequences BIGINT[] NOT NULL,
    event_ids UUID[]   NOT NULL
) WITH (
    toast_tuple_target = 8160,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000
);
INSERT INTO outbox_incoming (order_ids, sequences, event_ids)
    SELECT ARRAY[order_id], ARRAY[sequence], ARRAY[event_id] FROM outbox
    ORDER BY order_id, sequence;

-- The place of each event. Rows go in at the end and, when they are purged, out at the beginning.
-- shard_position: shard * 2^48 + position, so that what the publisher of a shard reads next is one
-- range of one index. Over an index of two columns, planners prefer a walk through the positions
-- on which they expect to meet the shard soon, and a quiet shard makes that a walk through all.
CREATE TABLE journal (
    position       BIGINT NOT NULL PRIMARY KEY,
    shard_position BIGINT NOT NULL UNIQUE,
    order_id       BIGINT NOT NULL,
    sequence       BIGINT NOT NULL,
    event_id       UUID   NOT NULL
);

-- Who may do what: position is the last place given, or the last one published.
CREATE TABLE leases (
    name       VARCHAR(20) COLLATE "C" NOT NULL PRIMARY KEY,
    instance   UUID,
    epoch      BIGINT       NOT NULL DEFAULT 0,
    expires_at TIMESTAMP(6) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    position   BIGINT       NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO leases (name)
    SELECT 'arrange' UNION ALL SELECT 'publish-' || shard FROM generate_series(0, 15) AS shard;

CREATE TABLE instances (
    instance   UUID         NOT NULL PRIMARY KEY,
    expires_at TIMESTAMP(6) NOT NULL
) WITH (fillfactor = 50);

-- sequence: the first event of the order that is not published; all later ones wait with it.
CREATE TABLE parked_orders (
    order_id BIGINT       NOT NULL PRIMARY KEY,
    shard    SMALLINT     NOT NULL,
    sequence BIGINT       NOT NULL,
    reason   TEXT         NOT NULL,
    since    TIMESTAMP(6) NOT NULL,
    attempts INTEGER      NOT NULL,
    redrive  BOOLEAN      NOT NULL
);
CREATE INDEX parked_orders_by_shard ON parked_orders (shard, since, order_id);

-- Events that somebody decided not to publish, and why. They keep their places, and nobody reads
-- them there any more.
CREATE TABLE skipped_events (
    order_id   BIGINT       NOT NULL,
    sequence   BIGINT       NOT NULL,
    reason     TEXT         NOT NULL,
    skipped_at TIMESTAMP(6) NOT NULL,
    PRIMARY KEY (order_id, sequence)
);

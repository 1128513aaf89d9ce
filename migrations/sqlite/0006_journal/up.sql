-- Events that have no place in the journal yet: written with the event, deleted when it gets its
-- place.
CREATE TABLE outbox_incoming (
    order_id BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    event_id BLOB   NOT NULL,
    PRIMARY KEY (order_id, sequence)
) WITHOUT ROWID;
INSERT INTO outbox_incoming (order_id, sequence, event_id)
    SELECT order_id, sequence, event_id FROM outbox;

-- The place of each event. Rows go in at the end and, when they are purged, out at the beginning.
-- shard_position: shard * 2^48 + position, so that what the publisher of a shard reads next is one
-- range of one index. Over an index of two columns, planners prefer a walk through the positions
-- on which they expect to meet the shard soon, and a quiet shard makes that a walk through all.
CREATE TABLE journal (
    position       INTEGER NOT NULL PRIMARY KEY,
    shard_position BIGINT  NOT NULL UNIQUE,
    order_id       BIGINT  NOT NULL,
    sequence       BIGINT  NOT NULL,
    event_id       BLOB    NOT NULL
);

-- Who may do what: position is the last place given, or the last one published.
CREATE TABLE leases (
    name       VARCHAR(20) NOT NULL PRIMARY KEY,
    instance   BLOB,
    epoch      BIGINT      NOT NULL DEFAULT 0,
    expires_at TIMESTAMP   NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    position   BIGINT      NOT NULL DEFAULT 0
);
INSERT INTO leases (name) VALUES
    ('arrange'),
    ('publish-0'), ('publish-1'), ('publish-2'), ('publish-3'),
    ('publish-4'), ('publish-5'), ('publish-6'), ('publish-7'),
    ('publish-8'), ('publish-9'), ('publish-10'), ('publish-11'),
    ('publish-12'), ('publish-13'), ('publish-14'), ('publish-15');

CREATE TABLE instances (
    instance   BLOB      NOT NULL PRIMARY KEY,
    expires_at TIMESTAMP NOT NULL
);

-- sequence: the first event of the order that is not published; all later ones wait with it.
CREATE TABLE parked_orders (
    order_id INTEGER   NOT NULL PRIMARY KEY,
    shard    SMALLINT  NOT NULL,
    sequence BIGINT    NOT NULL,
    reason   TEXT      NOT NULL,
    since    TIMESTAMP NOT NULL,
    attempts INTEGER   NOT NULL,
    redrive  BOOLEAN   NOT NULL
);
CREATE INDEX parked_orders_by_shard ON parked_orders (shard, since, order_id);

-- Events that somebody decided not to publish, and why. They keep their places, and nobody reads
-- them there any more.
CREATE TABLE skipped_events (
    order_id   BIGINT    NOT NULL,
    sequence   BIGINT    NOT NULL,
    reason     TEXT      NOT NULL,
    skipped_at TIMESTAMP NOT NULL,
    PRIMARY KEY (order_id, sequence)
);

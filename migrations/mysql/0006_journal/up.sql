-- Events that have no place in the journal yet: written with the event, deleted when it gets its
-- place.
CREATE TABLE IF NOT EXISTS outbox_incoming (
    order_id BIGINT     NOT NULL,
    sequence BIGINT     NOT NULL,
    event_id BINARY(16) NOT NULL,
    PRIMARY KEY (order_id, sequence)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The place of each event. Rows go in at the end and, when they are purged, out at the beginning.
-- shard_position: shard * 2^48 + position, so that what the publisher of a shard reads next is one
-- range of one index. Over an index of two columns, planners prefer a walk through the positions
-- on which they expect to meet the shard soon, and a quiet shard makes that a walk through all.
CREATE TABLE IF NOT EXISTS journal (
    position       BIGINT     NOT NULL PRIMARY KEY,
    shard_position BIGINT     NOT NULL,
    order_id       BIGINT     NOT NULL,
    sequence       BIGINT     NOT NULL,
    event_id       BINARY(16) NOT NULL,
    UNIQUE INDEX journal_by_shard (shard_position)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Who may do what: position is the last place given, or the last one published.
CREATE TABLE IF NOT EXISTS leases (
    name       VARCHAR(20)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    instance   BINARY(16)   NULL,
    epoch      BIGINT       NOT NULL DEFAULT 0,
    expires_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    position   BIGINT       NOT NULL DEFAULT 0
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT IGNORE INTO leases (name) VALUES
    ('arrange'),
    ('publish-0'), ('publish-1'), ('publish-2'), ('publish-3'),
    ('publish-4'), ('publish-5'), ('publish-6'), ('publish-7'),
    ('publish-8'), ('publish-9'), ('publish-10'), ('publish-11'),
    ('publish-12'), ('publish-13'), ('publish-14'), ('publish-15');

CREATE TABLE IF NOT EXISTS instances (
    instance   BINARY(16)   NOT NULL PRIMARY KEY,
    expires_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- sequence: the first event of the order that is not published; all later ones wait with it.
CREATE TABLE IF NOT EXISTS parked_orders (
    order_id BIGINT       NOT NULL PRIMARY KEY,
    shard    SMALLINT     NOT NULL,
    sequence BIGINT       NOT NULL,
    reason   TEXT         NOT NULL,
    since    TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    attempts INTEGER      NOT NULL,
    redrive  BOOLEAN      NOT NULL,
    INDEX parked_orders_by_shard (shard, since, order_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Events that somebody decided not to publish, and why. They keep their places, and nobody reads
-- them there any more.
CREATE TABLE IF NOT EXISTS skipped_events (
    order_id   BIGINT       NOT NULL,
    sequence   BIGINT       NOT NULL,
    reason     TEXT         NOT NULL,
    skipped_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (order_id, sequence)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Run again after a crash, this finds itself done, or the journal in use.
INSERT IGNORE INTO outbox_incoming (order_id, sequence, event_id)
    SELECT order_id, sequence, event_id FROM outbox WHERE NOT EXISTS (SELECT 1 FROM journal);

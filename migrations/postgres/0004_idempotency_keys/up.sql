-- scope: caller, operation and key, joined by spaces, which none of them contains.
CREATE TABLE idempotency_keys (
    scope       VARCHAR(350) COLLATE "C" NOT NULL PRIMARY KEY,
    fingerprint BYTEA        NOT NULL,
    status      INTEGER      NOT NULL,
    headers     TEXT         NOT NULL,
    body        BYTEA        NOT NULL,
    recorded_at TIMESTAMP(6) NOT NULL
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (recorded_at);

-- scope: caller, operation and key, joined by spaces, which none of them contains.
CREATE TABLE idempotency_keys (
    scope       VARCHAR(350) NOT NULL PRIMARY KEY,
    fingerprint BLOB         NOT NULL,
    status      INTEGER      NOT NULL,
    headers     TEXT         NOT NULL,
    body        BLOB         NOT NULL,
    recorded_at TIMESTAMP    NOT NULL
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (recorded_at);

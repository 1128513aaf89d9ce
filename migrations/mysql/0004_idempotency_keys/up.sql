-- scope: caller, operation and key, joined by spaces, which none of them contains.
CREATE TABLE IF NOT EXISTS idempotency_keys (
    scope       VARCHAR(350) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    fingerprint BINARY(32)   NOT NULL,
    status      INTEGER      NOT NULL,
    headers     TEXT         NOT NULL,
    body        MEDIUMBLOB   NOT NULL,
    recorded_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    INDEX idempotency_keys_by_age (recorded_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

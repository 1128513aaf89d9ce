-- The seven columns of the Spring service's table, with its names; an existing table is kept.
-- MySQL ends a transaction at each DDL statement, so every file can be run again after a crash.
CREATE TABLE IF NOT EXISTS orders (
    id           BIGINT         NOT NULL PRIMARY KEY,
    customer_id  BIGINT         NOT NULL,
    items        JSON           NOT NULL,
    total_amount DECIMAL(19, 4) NOT NULL,
    status       VARCHAR(20)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at   TIMESTAMP(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    updated_at   TIMESTAMP(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Ids are handed out in blocks: next_id is the first one that no instance has reserved.
CREATE TABLE IF NOT EXISTS id_blocks (
    name    VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    next_id BIGINT      NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT IGNORE INTO id_blocks (name, next_id) VALUES ('orders', 1);

-- Ids are handed out in blocks: next_id is the first one that no instance has reserved.
CREATE TABLE id_blocks (
    name    VARCHAR(20) NOT NULL PRIMARY KEY,
    next_id BIGINT      NOT NULL
);
INSERT INTO id_blocks (name, next_id) VALUES ('orders', 1);

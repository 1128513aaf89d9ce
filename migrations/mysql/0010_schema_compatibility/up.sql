-- Whether releases that do not know a migration may serve while its changes are there: 'yes', or 'no'. A release reads the rows of
-- the migrations that it does not know. From here on, each migration writes its own row as its first statement.
CREATE TABLE IF NOT EXISTS schema_compatibility (
    version         VARCHAR(50)  NOT NULL PRIMARY KEY,
    name            VARCHAR(200) NOT NULL,
    older_may_serve VARCHAR(10)  NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- 0001 to 0008 came with the first release: none is older. 0010 adds a table that older releases do not read.
INSERT IGNORE INTO schema_compatibility (version, name, older_may_serve) VALUES
    ('0001', '0001_orders', 'yes'),
    ('0002', '0002_order_version_currency_reference', 'yes'),
    ('0003', '0003_outbox', 'yes'),
    ('0004', '0004_idempotency_keys', 'yes'),
    ('0005', '0005_id_blocks', 'yes'),
    ('0006', '0006_journal', 'yes'),
    ('0007', '0007_purge', 'yes'),
    ('0008', '0008_replay', 'yes'),
    ('0010', '0010_schema_compatibility', 'yes');

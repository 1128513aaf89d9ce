-- One statement, so it is done or not; run again after a crash it finds itself done. A column `version` that JPA made is kept.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
                WHERE table_schema = DATABASE() AND table_name = 'orders' AND column_name = 'currency');
SET @version = (SELECT IF(COUNT(*) = 0, 'ADD COLUMN version BIGINT NOT NULL DEFAULT 1,', '') FROM information_schema.columns
                WHERE table_schema = DATABASE() AND table_name = 'orders' AND column_name = 'version');
SET @ddl = IF(@missing, CONCAT('ALTER TABLE orders ', @version, '
        ADD COLUMN currency         CHAR(3)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''USD'',
        ADD COLUMN client_reference VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
        ADD COLUMN cancel_reason    VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NULL,
        ADD INDEX orders_by_customer (customer_id, created_at, id),
        ADD UNIQUE INDEX orders_by_client_reference (customer_id, client_reference)'), 'DO 0');
PREPARE change_orders FROM @ddl;
EXECUTE change_orders;
DEALLOCATE PREPARE change_orders;

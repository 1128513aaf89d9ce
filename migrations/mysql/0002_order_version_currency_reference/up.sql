-- One statement, so it is done or not; run again after a crash it finds itself done. Columns of another service are kept that
-- were found to fit.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.statistics
                WHERE table_schema = DATABASE() AND table_name = 'orders' AND index_name = 'orders_by_customer');
SET @there = (SELECT COALESCE(GROUP_CONCAT(LOWER(column_name)), '') FROM information_schema.columns
              WHERE table_schema = DATABASE() AND table_name = 'orders'
                  AND column_name IN ('version', 'currency', 'client_reference', 'cancel_reason'));
SET @ddl = IF(@missing, CONCAT('ALTER TABLE orders ',
        IF(FIND_IN_SET('version', @there), '', 'ADD COLUMN version BIGINT NOT NULL DEFAULT 1,'),
        IF(FIND_IN_SET('currency', @there), '',
            'ADD COLUMN currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''USD'','),
        IF(FIND_IN_SET('client_reference', @there), '',
            'ADD COLUMN client_reference VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,'),
        IF(FIND_IN_SET('cancel_reason', @there), '',
            'ADD COLUMN cancel_reason VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NULL,'), '
        ADD INDEX orders_by_customer (customer_id, created_at, id),
        ADD UNIQUE INDEX orders_by_client_reference (customer_id, client_reference)'), 'DO 0');
PREPARE change_orders FROM @ddl;
EXECUTE change_orders;
DEALLOCATE PREPARE change_orders;

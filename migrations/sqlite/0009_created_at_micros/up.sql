-- When an order was created, in microseconds since 1970: lists are sorted by it. Other programs write times in several
-- forms, which do not sort as texts, and read them again, so the texts stay as they are. The rules are those of the crate's
-- `types/sqlite_time.rs`; what is no time, or before 1970, counts as 1970.
-- SQLite's own functions have milliseconds only, so the decimals are cut off before and added after.
ALTER TABLE orders ADD COLUMN created_at_micros BIGINT GENERATED ALWAYS AS (
    CASE
        WHEN created_at IS NULL THEN NULL
        WHEN typeof(created_at) NOT IN ('text', 'integer') THEN 0
        WHEN created_at NOT GLOB '*[^0-9]*' THEN CASE
            WHEN CAST(created_at AS INTEGER) BETWEEN 946684800 AND 4102444799
                THEN 1000000 * CAST(created_at AS INTEGER)
            WHEN CAST(created_at AS INTEGER) BETWEEN 946684800000 AND 4102444799999
                THEN 1000 * CAST(created_at AS INTEGER)
            ELSE 0
        END
        WHEN (created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
              OR created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][ T][0-9][0-9]:[0-9][0-9]*')
             AND date(julianday(substr(created_at, 1, 10))) = substr(created_at, 1, 10)
             AND substr(created_at, 12, 2) < '24'
            THEN max(0, COALESCE(1000000 * CASE
                WHEN substr(created_at, 20, 1) = '.'
                    THEN strftime('%s', substr(created_at, 1, 19) || ltrim(substr(created_at, 21), '0123456789'))
                ELSE strftime('%s', created_at)
            END + CASE
                WHEN substr(created_at, 20, 1) = '.'
                    THEN CAST(round(1000000 * CAST('0.' || substr(created_at, 21, 6) AS REAL)) AS INTEGER)
                ELSE 0
            END, 0))
        ELSE 0
    END
) VIRTUAL;

-- The customer's list is one range of this index. The old one has the texts.
DROP INDEX orders_by_customer;
CREATE INDEX orders_by_customer ON orders (customer_id, created_at_micros, id);

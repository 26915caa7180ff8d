-- +goose Up
-- The list of deliveries that were given up, whether somebody sent them again or not:
-- few rows of many. The text of the condition is that of store/delivery_list.go. On
-- PostgreSQL it is made beside what goes on (see 00039).
-- +engine postgres
-- +goose NO TRANSACTION
SET lock_timeout = '2s';
-- +goose StatementBegin
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE NOT i.indisvalid AND pg_table_is_visible(c.oid) AND c.relname = 'deliveries_given_up') THEN
        DROP INDEX deliveries_given_up;
    END IF;
END $$;
-- +goose StatementEnd
SET lock_timeout = '1h';
CREATE INDEX CONCURRENTLY IF NOT EXISTS deliveries_given_up ON deliveries (merchant_id, created_at, id) WHERE state = 'dead';
RESET lock_timeout;
-- +engine sqlite
CREATE INDEX deliveries_given_up ON deliveries (merchant_id, created_at, id) WHERE state = 'dead';
-- +engine all

-- +goose Down
DROP INDEX deliveries_given_up;

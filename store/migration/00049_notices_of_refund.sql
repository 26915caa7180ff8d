-- +goose Up
-- The notices of one refund, for its page and its trace, among many. The texts of the
-- conditions are those of store/trace.go. On PostgreSQL they are made beside what goes
-- on (see 00039).
-- +engine postgres
-- +goose NO TRANSACTION
SET lock_timeout = '2s';
-- +goose StatementBegin
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE NOT i.indisvalid AND pg_table_is_visible(c.oid) AND c.relname = 'channel_notices_number') THEN
        DROP INDEX channel_notices_number;
    END IF;
    IF EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE NOT i.indisvalid AND pg_table_is_visible(c.oid) AND c.relname = 'channel_notices_refund') THEN
        DROP INDEX channel_notices_refund;
    END IF;
END $$;
-- +goose StatementEnd
SET lock_timeout = '1h';
CREATE INDEX CONCURRENTLY IF NOT EXISTS channel_notices_number ON channel_notices (merchant_id, account, number) WHERE number <> '';
CREATE INDEX CONCURRENTLY IF NOT EXISTS channel_notices_refund ON channel_notices (merchant_id, refund_id) WHERE refund_id <> '';
RESET lock_timeout;
-- +engine sqlite
CREATE INDEX channel_notices_number ON channel_notices (merchant_id, account, number) WHERE number <> '';
CREATE INDEX channel_notices_refund ON channel_notices (merchant_id, refund_id) WHERE refund_id <> '';
-- +engine all

-- +goose Down
DROP INDEX channel_notices_refund;
DROP INDEX channel_notices_number;

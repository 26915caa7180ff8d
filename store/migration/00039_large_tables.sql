-- +goose Up
-- What earlier migrations add to large tables, on PostgreSQL without a lock that readers
-- or writers wait for: each constraint is valid for new rows first and then checked
-- against the others, and indexes are made beside what goes on. None of it is in a
-- transaction, so that each statement may run again after a migration that broke off.
-- +engine postgres
-- +goose NO TRANSACTION
-- What a migration that broke off has left is dropped; readers wait behind that, so that it
-- gives up soon where somebody reads for long.
SET lock_timeout = '2s';
-- +goose StatementBegin
DO $$ DECLARE broken TEXT; BEGIN
    FOR broken IN SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE NOT i.indisvalid AND pg_table_is_visible(c.oid) AND c.relname IN ('refunds_needs_person', 'refunds_succeeded', 'refunds_watch', 'refunds_approved', 'deliveries_dead', 'refunds_short', 'refunds_adopted', 'charges_excess') LOOP
        EXECUTE 'DROP INDEX ' || quote_ident(broken);
    END LOOP;
END $$;
-- +goose StatementEnd
-- Making an index waits for transactions that have begun before; nobody waits for it.
SET lock_timeout = '1h';
CREATE INDEX CONCURRENTLY IF NOT EXISTS refunds_needs_person ON refunds (merchant_id, created_at, id) WHERE (doubt & 16) <> 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS refunds_succeeded ON refunds (merchant_id, channel_account, succeeded_at, id) WHERE state = 'succeeded';
CREATE INDEX CONCURRENTLY IF NOT EXISTS refunds_watch ON refunds (watch_at) WHERE watch_at > 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS refunds_approved ON refunds (merchant_id, id) WHERE approved <> '';
CREATE INDEX CONCURRENTLY IF NOT EXISTS deliveries_dead ON deliveries (merchant_id, created_at, id) WHERE state = 'dead' AND replayed_at = 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS refunds_short ON refunds (merchant_id, held_reason, created_at, id, channel_account, currency, amount) WHERE held_reason = 'funds';
CREATE INDEX CONCURRENTLY IF NOT EXISTS refunds_adopted ON refunds (merchant_id, created_at, id) WHERE asked_by = '{"dialect":"channel"}';
CREATE INDEX CONCURRENTLY IF NOT EXISTS charges_excess ON charges (merchant_id, created_at, id) WHERE excess > 0;
RESET lock_timeout;
ALTER TABLE charges DROP CONSTRAINT IF EXISTS charges_counted_check;
ALTER TABLE charges ADD CONSTRAINT charges_counted_check CHECK (counted >= 0) NOT VALID;
ALTER TABLE charges VALIDATE CONSTRAINT charges_counted_check;
ALTER TABLE refunds DROP CONSTRAINT IF EXISTS refunds_approved_check;
ALTER TABLE refunds ADD CONSTRAINT refunds_approved_check CHECK (held_reason <> 'approval' OR (state = 'held' AND lease_until = 0 AND approved = '')) NOT VALID;
ALTER TABLE refunds VALIDATE CONSTRAINT refunds_approved_check;
-- +engine sqlite
SELECT 1;
-- +engine all

-- +goose Down
-- The migrations that the columns came with take it back.
SELECT 1;

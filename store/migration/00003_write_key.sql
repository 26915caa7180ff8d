-- +goose Up
-- An idempotency key may stand for any other write than refunds: which call it
-- was, a hash of what it said, and what it made. Its refunds and contents are
-- empty lists. sealed is what the answer told once, for a day. One table holds
-- both, because a key is one name whatever it was used for. No CHECK: Citus
-- adds no column that has one; verify looks instead.
ALTER TABLE refund_numbers ADD COLUMN write_call TEXT NOT NULL DEFAULT '';
ALTER TABLE refund_numbers ADD COLUMN write_content TEXT NOT NULL DEFAULT '';
ALTER TABLE refund_numbers ADD COLUMN write_made TEXT NOT NULL DEFAULT '';
ALTER TABLE refund_numbers ADD COLUMN sealed TEXT NOT NULL DEFAULT '';
CREATE INDEX refund_numbers_sealed ON refund_numbers (merchant_id, created_at) WHERE sealed <> '';

-- +goose Down
DROP INDEX refund_numbers_sealed;
ALTER TABLE refund_numbers DROP COLUMN sealed;
ALTER TABLE refund_numbers DROP COLUMN write_made;
ALTER TABLE refund_numbers DROP COLUMN write_content;
ALTER TABLE refund_numbers DROP COLUMN write_call;

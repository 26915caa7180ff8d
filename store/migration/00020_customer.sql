-- +goose Up
-- Whose a charge or refund is, in the words of the merchant's own system, and a
-- short code of why it was refunded. Both may be given or not, and neither says
-- what a repeat must share.
ALTER TABLE charges ADD COLUMN customer TEXT NOT NULL DEFAULT '';
ALTER TABLE refunds ADD COLUMN customer TEXT NOT NULL DEFAULT '';
ALTER TABLE refunds ADD COLUMN reason_code TEXT NOT NULL DEFAULT '';
-- Pages of one customer, code, failure or state, newest first, whatever else a
-- merchant has. Most refunds have succeeded and lie in none of the last two.
CREATE INDEX charges_customer ON charges (merchant_id, customer, created_at, id) WHERE customer <> '';
CREATE INDEX refunds_customer ON refunds (merchant_id, customer, created_at, id) WHERE customer <> '';
CREATE INDEX refunds_reason_code ON refunds (merchant_id, reason_code, created_at, id) WHERE reason_code <> '';
CREATE INDEX refunds_failure_code ON refunds (merchant_id, failure_code, created_at, id) WHERE failure_code <> '';
CREATE INDEX refunds_state ON refunds (merchant_id, state, created_at, id) WHERE state <> 'succeeded';

-- +goose Down
DROP INDEX refunds_state;
DROP INDEX refunds_failure_code;
DROP INDEX refunds_reason_code;
DROP INDEX refunds_customer;
DROP INDEX charges_customer;
ALTER TABLE refunds DROP COLUMN reason_code;
ALTER TABLE refunds DROP COLUMN customer;
ALTER TABLE charges DROP COLUMN customer;

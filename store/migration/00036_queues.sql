-- +goose Up
-- When somebody had a delivery that ended sent once more; 0: nobody did. A dead one
-- that nobody sent again waits for a person.
ALTER TABLE deliveries ADD COLUMN replayed_at BIGINT NOT NULL DEFAULT 0;
-- The queues of what waits for a person: few rows of many. The texts of the
-- conditions are those of store/queue.go.
-- +engine sqlite
CREATE INDEX deliveries_dead ON deliveries (merchant_id, created_at, id) WHERE state = 'dead' AND replayed_at = 0;
CREATE INDEX refunds_short ON refunds (merchant_id, held_reason, created_at, id, channel_account, currency, amount) WHERE held_reason = 'funds';
CREATE INDEX refunds_adopted ON refunds (merchant_id, created_at, id) WHERE asked_by = '{"dialect":"channel"}';
CREATE INDEX charges_excess ON charges (merchant_id, created_at, id) WHERE excess > 0;
-- +engine all

-- +goose Down
DROP INDEX charges_excess;
DROP INDEX refunds_adopted;
DROP INDEX refunds_short;
DROP INDEX deliveries_dead;
ALTER TABLE deliveries DROP COLUMN replayed_at;

-- Refunds of the demo merchant that have ended, each of a charge of its own, with
-- their last events. $1 is how many are there already, $2 how many shall be, $3 the
-- time of the last one in microseconds.
INSERT INTO charges (merchant_id, id, order_no, channel, channel_account, transaction_id, currency, amount, refunded, paid_at, created_at, updated_at)
SELECT 'mer_demo', 'ch_' || i, 'T' || i, 'wx', 'sandbox_demo', 'tx' || i, 'CNY', 1000, 100, $3 - i * 2592000::BIGINT, $3 - i * 2592000::BIGINT, $3 - i * 2592000::BIGINT
FROM generate_series($1 + 1, $2) i;

INSERT INTO refunds (merchant_id, id, charge_id, unit_id, number, amount, currency, state, reason, parts, channel, channel_account, channel_number, channel_refund_id, created_at, updated_at, succeeded_at, due_at)
SELECT 'mer_demo', 're_' || i, 'ch_' || i, 're_' || i, 'N' || i, 100, 'CNY', 'succeeded', 'changed my mind', '{"payer":100}',
	'wx', 'sandbox_demo', 'cn' || i, 'cr' || i, $3 - i * 2592000::BIGINT, $3 - i * 2592000::BIGINT + 4000000, $3 - i * 2592000::BIGINT + 4000000, 0
FROM generate_series($1 + 1, $2) i;

INSERT INTO events (merchant_id, created_at, id, type, refund_id, charge_id, snapshot, feed_number, was)
SELECT 'mer_demo', $3 - i * 2592000::BIGINT + 4000000, 'evt_' || i, 'refund.succeeded', 're_' || i, 'ch_' || i, '{"state":"succeeded"}',
	(SELECT COALESCE(MAX(last_number), 0) FROM feed_counters WHERE merchant_id = 'mer_demo') + i - $1, '' FROM generate_series($1 + 1, $2) i;

INSERT INTO feed_counters (merchant_id, last_number) VALUES ('mer_demo', $2 - $1) ON CONFLICT (merchant_id) DO UPDATE SET last_number = feed_counters.last_number + excluded.last_number

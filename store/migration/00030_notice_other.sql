-- +goose Up
-- The payment's other number at the channel, '' for none: a notice is looked for by
-- it too when a charge is registered. A notice that was kept before has it from its
-- next try on.
ALTER TABLE channel_notices ADD COLUMN other_transaction_id TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE channel_notices DROP COLUMN other_transaction_id;

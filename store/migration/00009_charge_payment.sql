-- +goose Up
-- One payment is one charge also where its channel account is found only later:
-- payment_key is the charge's channel and transaction id, unique per merchant
-- whatever the account. NULL where two accounts were named for the same number,
-- and in charges of earlier schemas, which registering looks for besides.
ALTER TABLE charges ADD COLUMN payment_key TEXT;
CREATE UNIQUE INDEX charges_payment_key ON charges (merchant_id, payment_key);

-- +goose Down
DROP INDEX charges_payment_key;
ALTER TABLE charges DROP COLUMN payment_key;

-- +goose Up
-- When a charge was compared with what its channel knows of the payment, before the
-- first refund of it was sent; 0: it was not. counted is what the channel had
-- refunded by then without a list that shows it.
ALTER TABLE charges ADD COLUMN verified_at BIGINT NOT NULL DEFAULT 0;
-- +engine sqlite
ALTER TABLE charges ADD COLUMN counted BIGINT NOT NULL DEFAULT 0 CHECK (counted >= 0);
-- +engine postgres
ALTER TABLE charges ADD COLUMN counted BIGINT NOT NULL DEFAULT 0;
-- +engine all

-- +goose Down
ALTER TABLE charges DROP COLUMN counted;
ALTER TABLE charges DROP COLUMN verified_at;

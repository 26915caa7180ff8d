-- +goose Up
-- Due deliveries are found merchant by merchant when there are many.
CREATE INDEX deliveries_due_merchant ON deliveries (merchant_id, due_at) WHERE due_at > 0;

-- +goose Down
DROP INDEX deliveries_due_merchant;

-- +goose Up
-- Since when a merchant's keys and identities are not known; 0: they are.
ALTER TABLE merchants ADD COLUMN disabled_at BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE merchants DROP COLUMN disabled_at;

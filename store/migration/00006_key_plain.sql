-- +goose Up
-- Whether a key of the wallet dialect may send requests that are not sealed:
-- 'on', 'off', or '' as its wallet has it. No CHECK: Citus adds no column that
-- has one.
ALTER TABLE api_keys ADD COLUMN plain TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE api_keys DROP COLUMN plain;

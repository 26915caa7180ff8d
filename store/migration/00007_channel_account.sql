-- +goose Up
-- A channel account's life. state is active, paused or closed. takes are the
-- names of charges' channels with a space between; '' takes what no other
-- account takes by name. settings and sealed, which are there since the first
-- schema, are those of version; the versions before it are in a table of their
-- own, their secrets only until retires_at. No CHECK: Citus adds no column that
-- has one.
ALTER TABLE channel_accounts ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
ALTER TABLE channel_accounts ADD COLUMN takes TEXT NOT NULL DEFAULT '';
ALTER TABLE channel_accounts ADD COLUMN is_default BIGINT NOT NULL DEFAULT 0;
ALTER TABLE channel_accounts ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE channel_accounts ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX channel_accounts_merchant ON channel_accounts (merchant_id, created_at, id);
CREATE TABLE channel_account_versions (
    account_id TEXT   NOT NULL REFERENCES channel_accounts (id),
    version    BIGINT NOT NULL,
    settings   TEXT   NOT NULL,
    sealed     TEXT   NOT NULL,
    retires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, version)
);

-- +goose Down
DROP TABLE channel_account_versions;
DROP INDEX channel_accounts_merchant;
ALTER TABLE channel_accounts DROP COLUMN updated_at;
ALTER TABLE channel_accounts DROP COLUMN version;
ALTER TABLE channel_accounts DROP COLUMN is_default;
ALTER TABLE channel_accounts DROP COLUMN takes;
ALTER TABLE channel_accounts DROP COLUMN state;

-- +goose Up
-- A platform key's life: made, shown to those who verify by it, signs from
-- activates_at on (0: since ever), retired at expires_at. identity is whose it
-- is in the dialects where every identity has its own; what those were made
-- with stays in their row until it is replaced. certificate and public_key_id
-- are WeChat Pay's.
ALTER TABLE platform_keys ADD COLUMN identity TEXT NOT NULL DEFAULT '';
ALTER TABLE platform_keys ADD COLUMN certificate TEXT NOT NULL DEFAULT '';
ALTER TABLE platform_keys ADD COLUMN public_key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE platform_keys ADD COLUMN activates_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX platform_keys_purpose ON platform_keys (purpose, identity);
-- What a merchant's transfers up to a time left in each account, so that its
-- balances are the sum of this and of what came later. Without rows everything
-- is added up: they may be deleted at any time.
CREATE TABLE carried_balances (
    merchant_id TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    currency    TEXT   NOT NULL,
    minor       BIGINT NOT NULL,
    carried_to  BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, account, currency)
);

-- +goose Down
DROP TABLE carried_balances;
DROP INDEX platform_keys_purpose;
ALTER TABLE platform_keys DROP COLUMN activates_at;
ALTER TABLE platform_keys DROP COLUMN public_key_id;
ALTER TABLE platform_keys DROP COLUMN certificate;
ALTER TABLE platform_keys DROP COLUMN identity;

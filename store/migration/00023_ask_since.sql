-- +goose Up
-- Since when the channel of an account has to be asked what it did before the
-- account sends again, because this database may have lost what it knew of it (a
-- restore); 0: nothing is to be asked.
ALTER TABLE channel_accounts ADD COLUMN ask_since BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE channel_accounts DROP COLUMN ask_since;

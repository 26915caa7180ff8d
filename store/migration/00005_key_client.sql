-- +goose Up
-- What an API key has of its own besides its scopes: a Payin client's id, and
-- whether its requests must carry their body's hash. Its secret is sealed. '{}'
-- is a key that goes by what its identity has.
ALTER TABLE api_keys ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';

-- +goose Down
ALTER TABLE api_keys DROP COLUMN settings;

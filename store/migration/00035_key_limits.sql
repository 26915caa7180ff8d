-- +goose Up
-- What an API key is bound to besides its scopes, a JSON text ('' is nothing): the
-- networks that it may be used from, and ceilings per currency.
ALTER TABLE api_keys ADD COLUMN limits TEXT NOT NULL DEFAULT '';

-- What a key with a ceiling for a day has asked for on one, in minor units. day is
-- the UTC day's first microsecond. carried is what had been asked for before the
-- ceiling was set; ceiling is that of the last refund which was counted.
CREATE TABLE key_days (
    merchant_id TEXT   NOT NULL,
    key_id      TEXT   NOT NULL,
    day         BIGINT NOT NULL,
    currency    TEXT   NOT NULL,
    total       BIGINT NOT NULL DEFAULT 0 CHECK (total >= carried),
    carried     BIGINT NOT NULL DEFAULT 0 CHECK (carried >= 0),
    ceiling     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, key_id, day, currency),
    CONSTRAINT key_days_ceiling CHECK (total <= ceiling OR total = carried)
);

-- +goose Down
DROP TABLE key_days;
ALTER TABLE api_keys DROP COLUMN limits;

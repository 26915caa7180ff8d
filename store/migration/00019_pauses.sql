-- +goose Up
-- Pauses wider than one channel account's, which is in its state. merchant_id
-- and channel are '' for every merchant and every channel: ('', '') is the whole
-- installation. While a row is there, nothing is sent through the accounts that
-- it covers.
CREATE TABLE pauses (
    merchant_id TEXT   NOT NULL,
    channel     TEXT   NOT NULL,
    reason      TEXT   NOT NULL DEFAULT '',
    paused_at   BIGINT NOT NULL,
    paused_by   TEXT   NOT NULL,
    PRIMARY KEY (merchant_id, channel)
);

-- +goose Down
DROP TABLE pauses;

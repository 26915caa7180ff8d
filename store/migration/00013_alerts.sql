-- +goose Up
-- What an operator should look at, until one has. The same again while nobody
-- has looked counts up and is no row more. refund_id is '' for what is about no
-- refund of ours.
CREATE TABLE alerts (
    merchant_id TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    id          TEXT   NOT NULL,
    refund_id   TEXT   NOT NULL DEFAULT '',
    text        TEXT   NOT NULL,
    times       BIGINT NOT NULL DEFAULT 1,
    last_at     BIGINT NOT NULL,
    acked_at    BIGINT NOT NULL DEFAULT 0,
    acked_by    TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (merchant_id, created_at, id)
);
CREATE UNIQUE INDEX alerts_open ON alerts (merchant_id, refund_id, text) WHERE acked_at = 0;

-- +goose Down
DROP TABLE alerts;

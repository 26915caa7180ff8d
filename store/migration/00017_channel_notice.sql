-- +goose Up
-- The inbox: channels' notices that match nothing yet, and those that were not
-- taken. A notice that matches a refund at once leaves an attempt and no row here.
-- content is what it says, as JSON, text what a person may read of it. digest
-- tells the notices of an account apart; the same again counts up. merchant_id
-- and account are '' for what came for no account of ours. due_at is the next try,
-- 0 for none; charge_known says that its charge was there at the last.
CREATE TABLE channel_notices (
    merchant_id    TEXT   NOT NULL,
    account        TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    channel        TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    digest         TEXT   NOT NULL,
    times          BIGINT NOT NULL DEFAULT 1,
    text           TEXT   NOT NULL DEFAULT '',
    state          TEXT   NOT NULL,
    note           TEXT   NOT NULL DEFAULT '',
    number         TEXT   NOT NULL DEFAULT '',
    transaction_id TEXT   NOT NULL DEFAULT '',
    order_no       TEXT   NOT NULL DEFAULT '',
    content        TEXT   NOT NULL DEFAULT '{}',
    tries          BIGINT NOT NULL DEFAULT 0,
    due_at         BIGINT NOT NULL DEFAULT 0,
    charge_known   BIGINT NOT NULL DEFAULT 0,
    refund_id      TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (merchant_id, created_at, id)
);
CREATE UNIQUE INDEX channel_notices_digest ON channel_notices (merchant_id, account, digest);
CREATE INDEX channel_notices_state ON channel_notices (state, due_at);

-- +goose Down
DROP TABLE channel_notices;

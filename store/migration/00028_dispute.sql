-- +goose Up
-- Disputes of charges, as the channel told of them. held is what one holds of its
-- charge; what charges.blocked is, is the sum of it. closed_at is 0 while the channel
-- has not decided. Transfers of a dispute have its id for refund_id.
CREATE TABLE disputes (
    merchant_id        TEXT   NOT NULL,
    id                 TEXT   NOT NULL,
    charge_id          TEXT   NOT NULL,
    channel_account    TEXT   NOT NULL,
    channel_dispute_id TEXT   NOT NULL,
    amount             BIGINT NOT NULL CHECK (amount > 0),
    currency           TEXT   NOT NULL,
    held               BIGINT NOT NULL DEFAULT 0 CHECK (held >= 0),
    state              TEXT   NOT NULL CHECK (state IN ('inquiry', 'open', 'funds_withdrawn', 'won', 'lost')),
    reason             TEXT   NOT NULL DEFAULT '',
    channel_at         BIGINT NOT NULL DEFAULT 0,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    closed_at          BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, id),
    FOREIGN KEY (merchant_id, charge_id) REFERENCES charges (merchant_id, id),
    CONSTRAINT disputes_held CHECK (held = 0 OR state IN ('open', 'funds_withdrawn', 'lost')),
    CONSTRAINT disputes_closed CHECK ((closed_at > 0) = (state IN ('won', 'lost')))
);
CREATE UNIQUE INDEX disputes_channel_id ON disputes (merchant_id, channel_account, channel_dispute_id);
CREATE INDEX disputes_charge ON disputes (merchant_id, charge_id, created_at, id);

-- What is told of disputes. told_at is 0 until the fan-out has taken it; snapshot is
-- the dispute and the charge's numbers as they were then.
CREATE TABLE dispute_events (
    merchant_id TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    id          TEXT   NOT NULL,
    dispute_id  TEXT   NOT NULL,
    type        TEXT   NOT NULL,
    snapshot    TEXT   NOT NULL,
    told_at     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, created_at, id)
);
CREATE INDEX dispute_events_new ON dispute_events (merchant_id, created_at, id) WHERE told_at = 0;
CREATE INDEX dispute_events_dispute ON dispute_events (merchant_id, dispute_id);

-- A day's bill is compared with what succeeded on that day.
-- +engine sqlite
CREATE INDEX refunds_succeeded ON refunds (merchant_id, channel_account, succeeded_at, id) WHERE state = 'succeeded';
-- +engine all

-- +goose Down
DROP INDEX refunds_succeeded;
DROP TABLE dispute_events;
DROP TABLE disputes;

-- +goose Up
-- What is told of a batch of refunds as one thing: that it has ended with some
-- success, once for each unit. It is no change of a refund or a charge, which
-- events has. snapshots is a JSON list in the order of the unit's refunds.
CREATE TABLE batch_events (
    merchant_id TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    id          TEXT   NOT NULL,
    unit        TEXT   NOT NULL,
    snapshots   TEXT   NOT NULL,
    PRIMARY KEY (merchant_id, created_at, id),
    UNIQUE (merchant_id, unit)
);

-- +goose Down
DROP TABLE batch_events;

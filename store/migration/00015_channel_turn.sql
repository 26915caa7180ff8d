-- +goose Up
-- The limits of calls that replicas keep together: when the next call of one
-- kind (submit, query, reroute) to a channel account has its turn. A replica
-- moves it ahead by the calls that it takes.
CREATE TABLE channel_turns (
    merchant_id TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    step        TEXT   NOT NULL,
    next_at     BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, account, step)
);

-- +goose Down
DROP TABLE channel_turns;

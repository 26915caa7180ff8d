-- +goose Up
-- The state that a refund was in before an event: 'none' where it was new, '' where
-- a program of an earlier version wrote the event and did not say.
ALTER TABLE events ADD COLUMN was TEXT NOT NULL DEFAULT '';

-- What the overview counts, so that it reads no refunds. Everything here can be made
-- anew of refunds and events, and may be deleted at any time together with the
-- merchant's row of stat_cursors.
--
-- refund_counts has how many refunds that were accepted in an hour are in a state now,
-- and what they come to: a sum in minor units that may need more than 64 bits, as
-- minor_high * 10^9 + minor_low. hour is its beginning in UTC.
CREATE TABLE refund_counts (
    merchant_id TEXT   NOT NULL,
    hour        BIGINT NOT NULL,
    currency    TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    refunds     BIGINT NOT NULL,
    minor_high  BIGINT NOT NULL,
    minor_low   BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, hour, currency, account, state)
);
-- The few that are open, whenever they were accepted.
CREATE INDEX refund_counts_open ON refund_counts (merchant_id, state)
    WHERE refunds <> 0 AND state IN ('held', 'created', 'pending', 'abnormal');

-- refund_times has how many refunds became known to have succeeded in an hour, by how
-- long after they were accepted: up to so many milliseconds. The steps are those of
-- refund.TimeBounds.
CREATE TABLE refund_times (
    merchant_id TEXT   NOT NULL,
    hour        BIGINT NOT NULL,
    account     TEXT   NOT NULL,
    up_to       BIGINT NOT NULL,
    refunds     BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, hour, account, up_to)
);

-- Up to which number of a merchant's feed events are counted.
CREATE TABLE stat_cursors (
    merchant_id TEXT   NOT NULL PRIMARY KEY,
    folded      BIGINT NOT NULL
);

-- Hours of refund_counts that are to be counted anew from the refunds, because an
-- event did not say what the refund was before.
CREATE TABLE stat_recounts (
    merchant_id TEXT   NOT NULL,
    hour        BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, hour)
);

-- Endpoints may ask for alerts. told_at is 0 until the fan-out has taken the alert
-- over; those of before are not told.
ALTER TABLE alerts ADD COLUMN told_at BIGINT NOT NULL DEFAULT 0;
UPDATE alerts SET told_at = created_at;
CREATE INDEX alerts_new ON alerts (merchant_id, created_at, id) WHERE told_at = 0;

-- Lists of the console that a user keeps under a name: a page and its parameters.
CREATE TABLE saved_views (
    user_id    TEXT   NOT NULL,
    page       TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    query      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, page, name)
);

-- +goose Down
DROP TABLE saved_views;
DROP INDEX alerts_new;
ALTER TABLE alerts DROP COLUMN told_at;
DROP TABLE stat_recounts;
DROP TABLE stat_cursors;
DROP TABLE refund_times;
DROP INDEX refund_counts_open;
DROP TABLE refund_counts;
ALTER TABLE events DROP COLUMN was;

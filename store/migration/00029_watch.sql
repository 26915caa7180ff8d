-- +goose Up
-- When the channel is asked again about a refund that succeeded, because a bank may
-- send the money back; 0: it is not. Few refunds of few channels have one.
ALTER TABLE refunds ADD COLUMN watch_at BIGINT NOT NULL DEFAULT 0;
-- +engine sqlite
CREATE INDEX refunds_watch ON refunds (watch_at) WHERE watch_at > 0;
-- +engine all

-- +goose Down
DROP INDEX refunds_watch;
ALTER TABLE refunds DROP COLUMN watch_at;

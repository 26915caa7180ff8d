-- +goose Up
-- Where a channel wants time between two submits for one charge, not_before is
-- when the next may be sent, set by the commits that claim refunds. A refund
-- keeps the time that its channel demanded, in microseconds; 0 is none.
ALTER TABLE charges ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;
ALTER TABLE refunds ADD COLUMN submit_spacing BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE refunds DROP COLUMN submit_spacing;
ALTER TABLE charges DROP COLUMN not_before;

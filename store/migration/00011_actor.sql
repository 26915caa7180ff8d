-- +goose Up
-- Who changed something: an API key, a user of the console or the command
-- line, '' where the channel or time did. resolved_by is the operator who said
-- how a refund ended, until its channel speaks.
ALTER TABLE attempts ADD COLUMN actor TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN actor TEXT NOT NULL DEFAULT '';
ALTER TABLE refunds ADD COLUMN resolved_by TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE refunds DROP COLUMN resolved_by;
ALTER TABLE events DROP COLUMN actor;
ALTER TABLE attempts DROP COLUMN actor;

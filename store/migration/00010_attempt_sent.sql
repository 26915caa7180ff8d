-- +goose Up
-- What an attempt sent to its channel: the version of the channel account that
-- was used, and a JSON text of the digest, the channel's name for the call and
-- the members that dialects show; '' where nothing was sent. A refund shows what
-- its last submit sent. first_submitted_at is of the submits that may have
-- reached the channel; 0 is none, or a refund of a binary that did not keep it.
ALTER TABLE attempts ADD COLUMN account_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN sent TEXT NOT NULL DEFAULT '';
ALTER TABLE refunds ADD COLUMN first_submitted_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE refunds ADD COLUMN shown TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE refunds DROP COLUMN shown;
ALTER TABLE refunds DROP COLUMN first_submitted_at;
ALTER TABLE attempts DROP COLUMN sent;
ALTER TABLE attempts DROP COLUMN account_version;

-- +goose Up
-- When what a row says of a person was replaced; 0: it was not. What comes of a
-- masked refund later is masked as it is written.
ALTER TABLE charges ADD COLUMN masked_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE refunds ADD COLUMN masked_at BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE refunds DROP COLUMN masked_at;
ALTER TABLE charges DROP COLUMN masked_at;

-- +goose Up
-- Equal answers in a row are counted on the refund (streak, a JSON text, '' for
-- none), and one attempt stands for as many as times says. Refunds that only a
-- person can find out about are the few with a bit of doubt.
ALTER TABLE refunds ADD COLUMN streak TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN times BIGINT NOT NULL DEFAULT 1;
-- +engine sqlite
CREATE INDEX refunds_needs_person ON refunds (merchant_id, created_at, id) WHERE (doubt & 16) <> 0;
-- +engine all

-- +goose Down
DROP INDEX refunds_needs_person;
ALTER TABLE attempts DROP COLUMN times;
ALTER TABLE refunds DROP COLUMN streak;

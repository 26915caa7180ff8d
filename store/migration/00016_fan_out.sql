-- +goose Up
-- Payments that merchants are notified of. They are no changes of refunds, which
-- events has, and are in no feed: a payment's event has its charge's id.
-- told_at is when its deliveries were written, 0 while it is new. No foreign
-- key: a program that does not know this table may delete the charge.
CREATE TABLE payment_events (
    merchant_id TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    charge_id   TEXT   NOT NULL,
    type        TEXT   NOT NULL,
    told_at     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, created_at, charge_id)
);
CREATE INDEX payment_events_new ON payment_events (merchant_id, created_at, charge_id) WHERE told_at = 0;
CREATE INDEX payment_events_charge ON payment_events (merchant_id, charge_id);
-- A delivery that could not be made: why, and when it is tried again (0: it is
-- not). It waits, and is due in no time that comes, so that a program which
-- does not know these columns never sends it.
ALTER TABLE deliveries ADD COLUMN problem TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN make_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX deliveries_make_at ON deliveries (make_at) WHERE make_at > 0;

-- +goose Down
DROP INDEX deliveries_make_at;
ALTER TABLE deliveries DROP COLUMN make_at;
ALTER TABLE deliveries DROP COLUMN problem;
DROP TABLE payment_events;

-- +goose Up
-- How far the live auditor has come, which derives the invariants of one charge after
-- the other again, for ever: one row, and one process at a time, under a lease. The
-- place is the last charge that was read ('' before the first). found counts what did
-- not hold in the round that is under way, last_found in the one before, and last_took
-- is how long that took, in microseconds (0: there was none).
CREATE TABLE live_audits (
    id           BIGINT NOT NULL PRIMARY KEY,
    at_merchant  TEXT   NOT NULL DEFAULT '',
    at_charge    TEXT   NOT NULL DEFAULT '',
    epoch        BIGINT NOT NULL DEFAULT 0,
    lease_until  BIGINT NOT NULL DEFAULT 0,
    began_at     BIGINT NOT NULL DEFAULT 0,
    moved_at     BIGINT NOT NULL DEFAULT 0,
    found        BIGINT NOT NULL DEFAULT 0,
    last_found   BIGINT NOT NULL DEFAULT 0,
    last_took    BIGINT NOT NULL DEFAULT 0
);
INSERT INTO live_audits (id) VALUES (1);

-- +goose Down
DROP TABLE live_audits;

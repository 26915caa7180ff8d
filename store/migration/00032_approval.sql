-- +goose Up
-- The digest of what somebody approved of a refund, '' where no approval was needed
-- or none was given yet. A refund that waits for an approval can't be claimed: no
-- passing of time sends it, whichever version looks at it. Its due_at is out of reach,
-- so that no older version tries to; approvals.expires_at is the end of its time.
-- +engine sqlite
ALTER TABLE refunds ADD COLUMN approved TEXT NOT NULL DEFAULT ''
    CHECK (held_reason <> 'approval' OR (state = 'held' AND lease_until = 0 AND approved = ''));
-- +engine postgres
ALTER TABLE refunds ADD COLUMN approved TEXT NOT NULL DEFAULT '';
-- +engine all

-- +engine sqlite
CREATE INDEX refunds_approved ON refunds (merchant_id, id) WHERE approved <> '';
-- +engine all

-- Questions to a second person: whether a refund that a policy holds is sent, or
-- whether a final state is corrected. requester and decided_by are actors.
CREATE TABLE approvals (
    merchant_id    TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    refund_id      TEXT   NOT NULL,
    kind           TEXT   NOT NULL CHECK (kind IN ('send', 'correct')),
    state          TEXT   NOT NULL CHECK (state IN ('waiting', 'approved', 'refused', 'expired', 'withdrawn', 'overtaken')),
    digest         TEXT   NOT NULL CHECK (digest <> ''),
    requester      TEXT   NOT NULL,
    decided_by     TEXT   NOT NULL DEFAULT '',
    note           TEXT   NOT NULL DEFAULT '',
    policy_id      TEXT   NOT NULL DEFAULT '',
    policy_name    TEXT   NOT NULL DEFAULT '',
    policy_version BIGINT NOT NULL DEFAULT 0,
    why            TEXT   NOT NULL DEFAULT '',
    start_at       BIGINT NOT NULL DEFAULT 0,
    to_state       TEXT   NOT NULL DEFAULT '',
    proof          TEXT   NOT NULL DEFAULT '',
    succeeded_at   BIGINT NOT NULL DEFAULT 0,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    decided_at     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, id),
    FOREIGN KEY (merchant_id, refund_id) REFERENCES refunds (merchant_id, id),
    CONSTRAINT approvals_four_eyes CHECK (state <> 'approved' OR (requester <> '' AND decided_by <> '' AND decided_by <> requester)),
    CONSTRAINT approvals_decided CHECK ((state = 'waiting') = (decided_at = 0)),
    CONSTRAINT approvals_correct CHECK ((kind = 'correct') = (to_state IN ('succeeded', 'failed')))
);
CREATE UNIQUE INDEX approvals_waiting ON approvals (merchant_id, refund_id) WHERE state = 'waiting';
CREATE INDEX approvals_open ON approvals (merchant_id, created_at, id) WHERE state = 'waiting';
-- Whose time is over, of all merchants.
CREATE INDEX approvals_expires ON approvals (expires_at, merchant_id, refund_id) WHERE state = 'waiting' AND kind = 'send';
CREATE INDEX approvals_created ON approvals (merchant_id, created_at, id);
CREATE INDEX approvals_refund ON approvals (merchant_id, refund_id, created_at, id);

-- Policies judge refunds before they are accepted. expression is CEL; position is the
-- order in which they are asked.
CREATE TABLE policies (
    merchant_id TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    name        TEXT   NOT NULL CHECK (name <> ''),
    expression  TEXT   NOT NULL CHECK (expression <> ''),
    effect      TEXT   NOT NULL CHECK (effect IN ('hold', 'refuse')),
    hold_hours  BIGINT NOT NULL CHECK (hold_hours > 0),
    state       TEXT   NOT NULL CHECK (state IN ('draft', 'enabled')),
    version     BIGINT NOT NULL CHECK (version > 0),
    position    BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    updated_by  TEXT   NOT NULL,
    PRIMARY KEY (merchant_id, id)
);
CREATE UNIQUE INDEX policies_name ON policies (merchant_id, name);

-- Whoever accepts a refund of a customer under a policy that counts takes one of a
-- bounded number of gates until its commit, so that two of them at once count each
-- other. Gate -1 is the whole merchant's.
CREATE TABLE policy_gates (
    merchant_id TEXT   NOT NULL,
    gate        BIGINT NOT NULL,
    taken_at    BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, gate)
);

-- +goose Down
DROP TABLE policy_gates;
DROP TABLE policies;
DROP TABLE approvals;
DROP INDEX refunds_approved;
ALTER TABLE refunds DROP COLUMN approved;

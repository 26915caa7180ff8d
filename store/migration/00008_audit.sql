-- +goose Up
-- Who did what: a record of each action of an operator, written with its
-- effect. merchant_id '' is the installation itself. number and hash are given
-- after the commit, as events' feed numbers are, so that no action waits for
-- another; audit_chains says where each chain ends.
CREATE TABLE audit_records (
    merchant_id TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    id          TEXT   NOT NULL,
    actor       TEXT   NOT NULL,
    action      TEXT   NOT NULL,
    object      TEXT   NOT NULL,
    request_id  TEXT   NOT NULL DEFAULT '',
    detail      TEXT   NOT NULL DEFAULT '{}',
    number      BIGINT NOT NULL DEFAULT 0,
    hash        TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (merchant_id, created_at, id)
);
CREATE INDEX audit_records_new ON audit_records (merchant_id, created_at, id) WHERE number = 0;
CREATE UNIQUE INDEX audit_records_number ON audit_records (merchant_id, number) WHERE number > 0;

CREATE TABLE audit_chains (
    merchant_id TEXT   NOT NULL PRIMARY KEY,
    last_number BIGINT NOT NULL DEFAULT 0,
    last_hash   TEXT   NOT NULL DEFAULT ''
);

-- +goose Down
DROP TABLE audit_chains;
DROP TABLE audit_records;

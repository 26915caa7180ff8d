-- +goose Up
-- Files of refunds. Times are 0 for not yet. started_by and resumed_by are never who
-- uploaded the file. cursor is the last line that was checked, and from the start on
-- the last that was handed over. A file is known by its digest; one whose job was
-- stopped before it was started may be uploaded again.
CREATE TABLE bulk_jobs (
    merchant_id      TEXT   NOT NULL,
    id               TEXT   NOT NULL,
    name             TEXT   NOT NULL,
    digest           TEXT   NOT NULL,
    bytes            BIGINT NOT NULL CHECK (bytes >= 0),
    state            TEXT   NOT NULL CHECK (state IN ('uploading', 'checking', 'ready', 'running', 'paused', 'stopped', 'finished')),
    canary_lines     BIGINT NOT NULL CHECK (canary_lines > 0),
    canary_wait      BIGINT NOT NULL CHECK (canary_wait > 0),
    stop_percent     BIGINT NOT NULL CHECK (stop_percent BETWEEN 1 AND 100),
    stop_window      BIGINT NOT NULL CHECK (stop_window > 0),
    uploaded_by      TEXT   NOT NULL CHECK (uploaded_by <> ''),
    started_by       TEXT   NOT NULL DEFAULT '',
    resumed_by       TEXT   NOT NULL DEFAULT '',
    changed_by       TEXT   NOT NULL DEFAULT '',
    reason           TEXT   NOT NULL DEFAULT '',
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    started_at       BIGINT NOT NULL DEFAULT 0,
    ended_at         BIGINT NOT NULL DEFAULT 0,
    lines            BIGINT NOT NULL DEFAULT 0,
    good             BIGINT NOT NULL DEFAULT 0,
    bad              BIGINT NOT NULL DEFAULT 0,
    accepted         BIGINT NOT NULL DEFAULT 0,
    refused          BIGINT NOT NULL DEFAULT 0,
    cursor_line      BIGINT NOT NULL DEFAULT 0,
    judge_from       BIGINT NOT NULL DEFAULT 0,
    canary_at        BIGINT NOT NULL DEFAULT 0,
    canary_passed_at BIGINT NOT NULL DEFAULT 0,
    totals           TEXT   NOT NULL DEFAULT '[]',
    due_at           BIGINT NOT NULL DEFAULT 0,
    lease_until      BIGINT NOT NULL DEFAULT 0,
    lease_epoch      BIGINT NOT NULL DEFAULT 0,
    problem          TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (merchant_id, id),
    CONSTRAINT bulk_jobs_second_person CHECK (started_by <> uploaded_by AND resumed_by <> uploaded_by),
    CONSTRAINT bulk_jobs_started CHECK ((started_at > 0) = (started_by <> '') AND (started_at > 0 OR state IN ('uploading', 'checking', 'ready', 'stopped'))),
    CONSTRAINT bulk_jobs_due CHECK ((due_at > 0) = (state IN ('uploading', 'checking', 'running')))
);
CREATE UNIQUE INDEX bulk_jobs_digest ON bulk_jobs (merchant_id, digest) WHERE state <> 'stopped' OR started_at > 0;
CREATE INDEX bulk_jobs_list ON bulk_jobs (merchant_id, created_at, id);
CREATE INDEX bulk_jobs_next ON bulk_jobs (due_at, merchant_id, id) WHERE due_at > 0;

-- The lines of the files. line is its number in the file. Of one that was accepted,
-- refund_id is the refund that it became.
CREATE TABLE bulk_lines (
    merchant_id   TEXT    NOT NULL,
    job_id        TEXT    NOT NULL,
    line          BIGINT  NOT NULL CHECK (line > 0),
    state         TEXT    NOT NULL CHECK (state IN ('new', 'bad', 'good', 'accepted', 'refused')),
    charge        TEXT    NOT NULL,
    amount        TEXT    NOT NULL,
    is_decimal    BOOLEAN NOT NULL,
    says_currency TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    reason_code   TEXT    NOT NULL,
    customer      TEXT    NOT NULL,
    number        TEXT    NOT NULL,
    kind          TEXT    NOT NULL DEFAULT '',
    problem       TEXT    NOT NULL DEFAULT '',
    charge_id     TEXT    NOT NULL DEFAULT '',
    minor         BIGINT  NOT NULL DEFAULT 0 CHECK (minor >= 0),
    currency      TEXT    NOT NULL DEFAULT '',
    refund_id     TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (merchant_id, job_id, line),
    FOREIGN KEY (merchant_id, job_id) REFERENCES bulk_jobs (merchant_id, id),
    CONSTRAINT bulk_lines_refund CHECK ((refund_id <> '') = (state = 'accepted')),
    CONSTRAINT bulk_lines_amount CHECK (state IN ('new', 'bad') OR (minor > 0 AND charge_id <> ''))
);
CREATE INDEX bulk_lines_charge ON bulk_lines (merchant_id, job_id, charge_id, line) WHERE charge_id <> '';
CREATE INDEX bulk_lines_number ON bulk_lines (merchant_id, job_id, number, line) WHERE number <> '';
CREATE INDEX bulk_lines_state ON bulk_lines (merchant_id, job_id, state, line);
CREATE INDEX bulk_lines_refund ON bulk_lines (merchant_id, refund_id) WHERE refund_id <> '';

-- +goose Down
DROP TABLE bulk_lines;
DROP TABLE bulk_jobs;

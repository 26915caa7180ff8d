-- +goose Up

-- Reference tables: small, replicated to every Citus node, global unique keys.
CREATE TABLE merchants (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    mode        TEXT    NOT NULL CHECK (mode IN ('test', 'live')),
    settings    TEXT    NOT NULL DEFAULT '{}',
    created_at  BIGINT  NOT NULL
);

-- A merchant as a dialect knows it: Ping++ app, wallet, mchid, Payin merchant.
CREATE TABLE identities (
    dialect     TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    sub         TEXT    NOT NULL DEFAULT '',
    merchant_id TEXT    NOT NULL REFERENCES merchants (id),
    settings    TEXT    NOT NULL DEFAULT '{}',
    sealed      TEXT    NOT NULL DEFAULT '',
    created_at  BIGINT  NOT NULL,
    PRIMARY KEY (dialect, name)
);
CREATE INDEX identities_merchant ON identities (merchant_id);

-- Keys are found by their hash; what a protocol needs in clear is sealed.
CREATE TABLE api_keys (
    id          TEXT    NOT NULL PRIMARY KEY,
    hash        TEXT    NOT NULL,
    dialect     TEXT    NOT NULL,
    identity    TEXT    NOT NULL DEFAULT '',
    merchant_id TEXT    NOT NULL REFERENCES merchants (id),
    scopes      TEXT    NOT NULL,
    hint        TEXT    NOT NULL,
    sealed      TEXT    NOT NULL DEFAULT '',
    created_at  BIGINT  NOT NULL,
    expires_at  BIGINT  NOT NULL DEFAULT 0,
    UNIQUE (dialect, hash)
);

CREATE TABLE channel_accounts (
    id          TEXT    NOT NULL PRIMARY KEY,
    merchant_id TEXT    NOT NULL REFERENCES merchants (id),
    connector   TEXT    NOT NULL,
    settings    TEXT    NOT NULL DEFAULT '{}',
    sealed      TEXT    NOT NULL DEFAULT '',
    created_at  BIGINT  NOT NULL
);

CREATE TABLE endpoints (
    id          TEXT    NOT NULL PRIMARY KEY,
    merchant_id TEXT    NOT NULL REFERENCES merchants (id),
    dialect     TEXT    NOT NULL,
    identity    TEXT    NOT NULL DEFAULT '',
    url         TEXT    NOT NULL,
    events      TEXT    NOT NULL DEFAULT '',
    sealed      TEXT    NOT NULL DEFAULT '',
    disabled_at BIGINT  NOT NULL DEFAULT 0,
    created_at  BIGINT  NOT NULL
);
CREATE INDEX endpoints_merchant ON endpoints (merchant_id);

-- Key pairs of the service itself, and the check value of the master key.
CREATE TABLE platform_keys (
    id          TEXT    NOT NULL PRIMARY KEY,
    purpose     TEXT    NOT NULL,
    public      TEXT    NOT NULL,
    sealed      TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    expires_at  BIGINT  NOT NULL DEFAULT 0
);

-- Rows of merchants: every key starts with merchant_id.
CREATE TABLE charges (
    merchant_id      TEXT   NOT NULL,
    id               TEXT   NOT NULL,
    order_no         TEXT   NOT NULL,
    channel          TEXT   NOT NULL,
    channel_account  TEXT   NOT NULL,
    transaction_id   TEXT   NOT NULL,
    currency         TEXT   NOT NULL,
    amount           BIGINT NOT NULL CHECK (amount > 0),
    fee              BIGINT CHECK (fee >= 0),
    already_refunded BIGINT NOT NULL DEFAULT 0 CHECK (already_refunded >= 0),
    reserved         BIGINT NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    refunded         BIGINT NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    blocked          BIGINT NOT NULL DEFAULT 0 CHECK (blocked >= 0),
    excess           BIGINT NOT NULL DEFAULT 0 CHECK (excess >= 0),
    fee_used         BIGINT NOT NULL DEFAULT 0,
    used             TEXT   NOT NULL DEFAULT '',
    refunds          BIGINT NOT NULL DEFAULT 0,
    last_refund_at   BIGINT NOT NULL DEFAULT 0,
    paid_at          BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    detail           TEXT   NOT NULL DEFAULT '{}',
    aliases          TEXT   NOT NULL DEFAULT '[]',
    PRIMARY KEY (merchant_id, id),
    UNIQUE (merchant_id, channel_account, transaction_id),
    CONSTRAINT charges_cap CHECK (reserved + refunded + blocked <= amount + excess)
);
CREATE INDEX charges_created ON charges (merchant_id, created_at, id);
CREATE INDEX charges_order_no ON charges (merchant_id, order_no, created_at, id);
-- A day's payments, for reconciliation files.
CREATE INDEX charges_paid_at ON charges (merchant_id, paid_at);

CREATE TABLE charge_aliases (
    merchant_id TEXT   NOT NULL,
    dialect     TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    identity    TEXT   NOT NULL,
    sub         TEXT   NOT NULL DEFAULT '',
    charge_id   TEXT   NOT NULL,
    PRIMARY KEY (merchant_id, dialect, name),
    FOREIGN KEY (merchant_id, charge_id) REFERENCES charges (merchant_id, id)
);
CREATE INDEX charge_aliases_name ON charge_aliases (merchant_id, name);
CREATE INDEX charge_aliases_charge ON charge_aliases (merchant_id, charge_id);
CREATE INDEX charge_aliases_sub ON charge_aliases (merchant_id, dialect, sub) WHERE sub <> '';

CREATE TABLE refunds (
    merchant_id       TEXT    NOT NULL,
    id                TEXT    NOT NULL,
    charge_id         TEXT    NOT NULL,
    unit_id           TEXT    NOT NULL,
    number            TEXT    NOT NULL DEFAULT '',
    sequence          BIGINT  NOT NULL DEFAULT 0,
    amount            BIGINT  NOT NULL CHECK (amount > 0),
    currency          TEXT    NOT NULL,
    state             TEXT    NOT NULL CHECK (state IN ('held', 'created', 'pending', 'abnormal', 'succeeded', 'failed', 'canceled')),
    reason            TEXT    NOT NULL DEFAULT '',
    parts             TEXT    NOT NULL,
    channel           TEXT    NOT NULL,
    channel_account   TEXT    NOT NULL,
    channel_number    TEXT    NOT NULL,
    channel_refund_id TEXT    NOT NULL DEFAULT '',
    created_at        BIGINT  NOT NULL,
    updated_at        BIGINT  NOT NULL,
    succeeded_at      BIGINT  NOT NULL DEFAULT 0,
    due_at            BIGINT  NOT NULL DEFAULT 0,
    lease_epoch       BIGINT  NOT NULL DEFAULT 0,
    lease_until       BIGINT  NOT NULL DEFAULT 0,
    held_reason       TEXT    NOT NULL DEFAULT '',
    hold_until        BIGINT  NOT NULL DEFAULT 0,
    attempts          BIGINT  NOT NULL DEFAULT 0,
    tries             BIGINT  NOT NULL DEFAULT 0,
    doubt             BIGINT  NOT NULL DEFAULT 0,
    submitted_at      BIGINT  NOT NULL DEFAULT 0,
    failure_code      TEXT    NOT NULL DEFAULT '',
    failure_message   TEXT    NOT NULL DEFAULT '',
    settled_amount    BIGINT  NOT NULL DEFAULT 0,
    settled_currency  TEXT    NOT NULL DEFAULT '',
    landed            TEXT    NOT NULL DEFAULT '',
    asked_by          TEXT    NOT NULL DEFAULT '{}',
    detail            TEXT    NOT NULL DEFAULT '{}',
    PRIMARY KEY (merchant_id, id),
    FOREIGN KEY (merchant_id, charge_id) REFERENCES charges (merchant_id, id),
    -- Never forgotten: an open refund has a time at which someone looks at it.
    CONSTRAINT refunds_due CHECK (due_at > 0 OR state IN ('succeeded', 'failed', 'canceled')),
    CONSTRAINT refunds_succeeded CHECK ((state = 'succeeded') = (succeeded_at > 0))
);
CREATE INDEX refunds_charge ON refunds (merchant_id, charge_id, created_at, id);
CREATE INDEX refunds_created ON refunds (merchant_id, created_at, id);
CREATE INDEX refunds_due_at ON refunds (due_at) WHERE due_at > 0;
CREATE INDEX refunds_number ON refunds (merchant_id, number, created_at, id) WHERE number <> '';
CREATE UNIQUE INDEX refunds_channel_number ON refunds (merchant_id, channel_account, channel_number);
CREATE UNIQUE INDEX refunds_channel_refund_id ON refunds (merchant_id, channel_account, channel_refund_id) WHERE channel_refund_id <> '';

-- Refund numbers and idempotency keys: two namespaces, kept as long as the refund.
CREATE TABLE refund_numbers (
    merchant_id TEXT   NOT NULL,
    namespace   TEXT   NOT NULL CHECK (namespace IN ('number', 'key')),
    value       TEXT   NOT NULL,
    refunds     TEXT   NOT NULL,
    contents    TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, namespace, value)
);
-- A Ping++ batch of refunds is its key: it is there as soon as its refunds are,
-- and never without them.
CREATE INDEX refund_numbers_batches ON refund_numbers (merchant_id, created_at, value)
    WHERE namespace = 'key' AND substr(value, 1, 14) = ' pingpp batch ';

CREATE TABLE attempts (
    merchant_id TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    id          TEXT   NOT NULL,
    refund_id   TEXT   NOT NULL,
    source      TEXT   NOT NULL,
    epoch       BIGINT NOT NULL,
    outcome     TEXT   NOT NULL,
    code        TEXT   NOT NULL DEFAULT '',
    message     TEXT   NOT NULL DEFAULT '',
    note        TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (merchant_id, created_at, id)
);
CREATE INDEX attempts_refund ON attempts (merchant_id, refund_id);

CREATE TABLE transfers (
    merchant_id  TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    id           TEXT   NOT NULL,
    refund_id    TEXT   NOT NULL,
    charge_id    TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    from_account TEXT   NOT NULL,
    to_account   TEXT   NOT NULL,
    amount       BIGINT NOT NULL CHECK (amount > 0),
    currency     TEXT   NOT NULL,
    PRIMARY KEY (merchant_id, created_at, id),
    CHECK (from_account <> to_account)
);
CREATE INDEX transfers_refund ON transfers (merchant_id, refund_id);

-- feed_number is given by the fan-out, so that a reader with a cursor never
-- skips an event whose transaction was slow to commit.
CREATE TABLE events (
    merchant_id TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    id          TEXT   NOT NULL,
    type        TEXT   NOT NULL,
    refund_id   TEXT   NOT NULL,
    charge_id   TEXT   NOT NULL,
    request_id  TEXT   NOT NULL DEFAULT '',
    snapshot    TEXT   NOT NULL,
    feed_number BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, created_at, id)
);
CREATE INDEX events_new ON events (merchant_id, created_at, id) WHERE feed_number = 0;
CREATE UNIQUE INDEX events_feed ON events (merchant_id, feed_number) WHERE feed_number > 0;

CREATE TABLE feed_counters (
    merchant_id TEXT   NOT NULL PRIMARY KEY,
    last_number BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE deliveries (
    merchant_id TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    id          TEXT   NOT NULL,
    event_id    TEXT   NOT NULL,
    endpoint_id TEXT   NOT NULL DEFAULT '',
    dialect     TEXT   NOT NULL,
    url         TEXT   NOT NULL,
    host        TEXT   NOT NULL DEFAULT '',
    key_id      TEXT   NOT NULL DEFAULT '',
    body        BYTEA  NOT NULL,
    state       TEXT   NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts    BIGINT NOT NULL DEFAULT 0,
    due_at      BIGINT NOT NULL DEFAULT 0,
    lease_epoch BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT NOT NULL DEFAULT 0,
    ended_at    BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, created_at, id),
    CONSTRAINT deliveries_due CHECK ((state = 'waiting') = (due_at > 0))
);
CREATE INDEX deliveries_due_at ON deliveries (due_at) WHERE due_at > 0;
CREATE INDEX deliveries_event ON deliveries (merchant_id, event_id);

CREATE TABLE delivery_attempts (
    merchant_id TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    id          TEXT   NOT NULL,
    delivery_id TEXT   NOT NULL,
    status      BIGINT NOT NULL,
    error       TEXT   NOT NULL DEFAULT '',
    duration_us BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, created_at, id)
);
CREATE INDEX delivery_attempts_delivery ON delivery_attempts (merchant_id, delivery_id);

-- The sandbox's own books. Only it, its bill and verify read them.
CREATE TABLE sandbox_refunds (
    account         TEXT   NOT NULL,
    number          TEXT   NOT NULL,
    channel_id      TEXT   NOT NULL,
    transaction_id  TEXT   NOT NULL,
    amount          BIGINT NOT NULL CHECK (amount > 0),
    currency        TEXT   NOT NULL,
    state           TEXT   NOT NULL CHECK (state IN ('absent', 'processing', 'succeeded', 'failed', 'abnormal', 'returned')),
    submits         BIGINT NOT NULL DEFAULT 0,
    moves           BIGINT NOT NULL DEFAULT 0,
    created_at      BIGINT NOT NULL,
    succeeded_at    BIGINT NOT NULL DEFAULT 0,
    wakes_at        BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account, number),
    -- Money moves once for a number, and has moved where it arrived.
    CONSTRAINT sandbox_refunds_moves CHECK (moves BETWEEN 0 AND 1 AND (moves = 1) = (state IN ('succeeded', 'returned')))
);
CREATE INDEX sandbox_refunds_wakes ON sandbox_refunds (account, wakes_at) WHERE wakes_at > 0;

CREATE TABLE sandbox_notices (
    id          TEXT   NOT NULL PRIMARY KEY,
    account     TEXT   NOT NULL,
    number      TEXT   NOT NULL,
    content     TEXT   NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE INDEX sandbox_notices_created ON sandbox_notices (created_at, id);

CREATE TABLE sandbox_accounts (
    account         TEXT   NOT NULL PRIMARY KEY,
    clock_offset_us BIGINT NOT NULL DEFAULT 0,
    funds_added_at  BIGINT NOT NULL DEFAULT 0
);

-- +goose Down
DROP TABLE sandbox_accounts;
DROP TABLE sandbox_notices;
DROP TABLE sandbox_refunds;
DROP TABLE delivery_attempts;
DROP TABLE deliveries;
DROP TABLE feed_counters;
DROP TABLE events;
DROP TABLE transfers;
DROP TABLE attempts;
DROP TABLE refund_numbers;
DROP TABLE refunds;
DROP TABLE charge_aliases;
DROP TABLE charges;
DROP TABLE platform_keys;
DROP TABLE endpoints;
DROP TABLE channel_accounts;
DROP TABLE api_keys;
DROP TABLE identities;
DROP TABLE merchants;

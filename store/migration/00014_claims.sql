-- +goose Up
-- refund_numbers holds claims alone: that a number or key is taken, by which
-- refunds, and what a repeat of their request must share. Its primary key is the
-- one that keeps each taken once, whatever for and by whichever version. What
-- else belongs to a claim has a table of its own, whose rows go with the claim.
--
-- writes says what a key stands for that was used for another write than
-- refunds: which call it was, a hash of what it said, and what it made. sealed
-- is what the answer told once, for a day.
CREATE TABLE writes (
    merchant_id TEXT   NOT NULL,
    namespace   TEXT   NOT NULL DEFAULT 'key' CHECK (namespace = 'key'),
    key         TEXT   NOT NULL,
    call        TEXT   NOT NULL CHECK (call <> ''),
    content     TEXT   NOT NULL CHECK (content <> ''),
    made        TEXT   NOT NULL,
    sealed      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, key),
    FOREIGN KEY (merchant_id, namespace, key) REFERENCES refund_numbers (merchant_id, namespace, value) ON DELETE CASCADE
);
CREATE INDEX writes_sealed ON writes (merchant_id, created_at) WHERE sealed <> '';

-- batches are refunds that were asked for as one, in the words of a dialect.
-- key is the claim, which has the refunds in their order.
CREATE TABLE batches (
    merchant_id TEXT   NOT NULL,
    namespace   TEXT   NOT NULL DEFAULT 'key' CHECK (namespace = 'key'),
    key         TEXT   NOT NULL,
    dialect     TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    identity    TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, key),
    UNIQUE (merchant_id, dialect, id),
    FOREIGN KEY (merchant_id, namespace, key) REFERENCES refund_numbers (merchant_id, namespace, value) ON DELETE CASCADE
);
CREATE INDEX batches_created ON batches (merchant_id, dialect, created_at, id);

-- The columns write_... stay for replicas of the version before: they are
-- written still, and read where such a replica wrote a claim. Batches that one
-- accepts are entered by Store.Migrate.
INSERT INTO writes (merchant_id, key, call, content, made, sealed, created_at)
    SELECT merchant_id, value, write_call, write_content, write_made, sealed, created_at FROM refund_numbers WHERE write_call <> '';

-- +goose Down
UPDATE refund_numbers SET sealed = (SELECT w.sealed FROM writes w WHERE w.merchant_id = refund_numbers.merchant_id AND w.key = refund_numbers.value)
    WHERE EXISTS (SELECT 1 FROM writes w WHERE w.merchant_id = refund_numbers.merchant_id AND w.key = refund_numbers.value AND refund_numbers.namespace = 'key' AND w.sealed <> '');
DROP TABLE batches;
DROP TABLE writes;

-- +goose Up
-- That this database is moved to another one (side 'from': copying, resting, moved),
-- or is filled by a move (side 'to': filling, ready, complete). id is the move's, the
-- same in both databases; other is the other database's address, without its password;
-- run is the process at work, so that one that was taken over changes nothing any more.
-- kept are the indexes and foreign keys that are made again at the end, as JSON.
CREATE TABLE moves (
    side       TEXT   NOT NULL PRIMARY KEY CHECK (side IN ('from', 'to')),
    id         TEXT   NOT NULL,
    state      TEXT   NOT NULL CHECK (state IN ('copying', 'resting', 'moved', 'filling', 'ready', 'complete')),
    other      TEXT   NOT NULL,
    run        TEXT   NOT NULL,
    kept       TEXT   NOT NULL DEFAULT '[]',
    begun_at   BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- What a move has copied into this database: the rows of a table whose keys are above
-- after_key ('' for the first) and not above upto_key ('' for all that follow), in the
-- other database's order. digest is the hash of those rows as they were read back from
-- here; '' where they have to be compared.
CREATE TABLE move_pieces (
    table_name TEXT   NOT NULL,
    after_key  TEXT   NOT NULL,
    upto_key   TEXT   NOT NULL,
    row_count  BIGINT NOT NULL,
    digest     TEXT   NOT NULL,
    PRIMARY KEY (table_name, after_key)
);

-- +goose Down
DROP TABLE move_pieces;
DROP TABLE moves;

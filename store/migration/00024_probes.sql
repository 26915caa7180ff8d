-- +goose Up
-- What a process writes, and deletes again, to find out whether a database that
-- could not be used has room and takes writes again. Nobody reads it.
CREATE TABLE probes (
    id     BIGINT PRIMARY KEY,
    filler BYTEA  NOT NULL
);

-- +goose Down
DROP TABLE probes;

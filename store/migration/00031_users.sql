-- +goose Up
-- People who sign in to the console. password is an argon2id hash, "" for none;
-- sealed holds secrets by name as JSON, among them that of the second factor,
-- which counts from totp_at on (0: it does not); totp_step is the last time step
-- whose code was used, so that no code is taken twice.
CREATE TABLE users (
    id          TEXT    NOT NULL PRIMARY KEY,
    email       TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL DEFAULT '',
    password    TEXT    NOT NULL DEFAULT '',
    sealed      TEXT    NOT NULL DEFAULT '',
    totp_at     BIGINT  NOT NULL DEFAULT 0,
    totp_step   BIGINT  NOT NULL DEFAULT 0,
    language    TEXT    NOT NULL DEFAULT '',
    time_zone   TEXT    NOT NULL DEFAULT '',
    created_at  BIGINT  NOT NULL,
    disabled_at BIGINT  NOT NULL DEFAULT 0
);

-- merchant_id '' is every merchant.
CREATE TABLE user_roles (
    user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    merchant_id TEXT NOT NULL DEFAULT '',
    role        TEXT NOT NULL CHECK (role IN ('viewer', 'support', 'operator', 'approver', 'admin')),
    PRIMARY KEY (user_id, merchant_id, role)
);

-- Codes that stand in for the second factor, each once; hash is SHA-256.
CREATE TABLE user_codes (
    user_id TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash    TEXT   NOT NULL,
    used_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, hash)
);

-- hash is SHA-256 of what the cookie holds. stage 'code' waits for the second
-- factor and opens nothing.
CREATE TABLE user_sessions (
    hash       TEXT   NOT NULL PRIMARY KEY,
    id         TEXT   NOT NULL UNIQUE,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    stage      TEXT   NOT NULL CHECK (stage IN ('full', 'code')),
    address    TEXT   NOT NULL,
    agent      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX user_sessions_of ON user_sessions (user_id);

-- How often signing in was tried since begun_at, by a hash of what is bounded: an
-- account, an address, both.
CREATE TABLE sign_in_tries (
    subject  TEXT   NOT NULL PRIMARY KEY,
    tries    BIGINT NOT NULL,
    begun_at BIGINT NOT NULL
);
CREATE INDEX sign_in_tries_begun ON sign_in_tries (begun_at);

-- +goose Down
DROP TABLE sign_in_tries;
DROP TABLE user_sessions;
DROP TABLE user_codes;
DROP TABLE user_roles;
DROP TABLE users;

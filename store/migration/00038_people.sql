-- +goose Up
-- Who may act as somebody else: lists of actors, the nearest first, such as
-- 'key key_1, user a@example.com'; '' is nobody else, and all that was made before.
-- made_by is who made a key, and who was behind them then.
ALTER TABLE api_keys ADD COLUMN made_by TEXT NOT NULL DEFAULT '';

-- Who else than the user set the password last, and ended the second factor, and
-- when; own_password_at is when the user last set a password of their own.
ALTER TABLE users ADD COLUMN password_by TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN password_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN own_password_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN totp_reset_by TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN totp_reset_at BIGINT NOT NULL DEFAULT 0;

-- Who was behind the requester, and behind who decided. Neither is behind the other
-- where it was approved. (A list holds an actor if it is another one without it.)
ALTER TABLE approvals ADD COLUMN requester_behind TEXT NOT NULL DEFAULT ''
    CONSTRAINT approvals_requester_behind CHECK (state <> 'approved'
        OR replace(', ' || requester_behind || ', ', ', ' || decided_by || ', ', '') = ', ' || requester_behind || ', ');
ALTER TABLE approvals ADD COLUMN decided_behind TEXT NOT NULL DEFAULT ''
    CONSTRAINT approvals_decided_behind CHECK (state <> 'approved'
        OR replace(', ' || decided_behind || ', ', ', ' || requester || ', ', '') = ', ' || decided_behind || ', ');

-- The same of files of refunds.
ALTER TABLE bulk_jobs ADD COLUMN uploaded_behind TEXT NOT NULL DEFAULT ''
    CONSTRAINT bulk_jobs_uploaded_behind CHECK (
        (started_by = '' OR replace(', ' || uploaded_behind || ', ', ', ' || started_by || ', ', '') = ', ' || uploaded_behind || ', ')
        AND (resumed_by = '' OR replace(', ' || uploaded_behind || ', ', ', ' || resumed_by || ', ', '') = ', ' || uploaded_behind || ', '));
ALTER TABLE bulk_jobs ADD COLUMN started_behind TEXT NOT NULL DEFAULT ''
    CONSTRAINT bulk_jobs_started_behind CHECK (replace(', ' || started_behind || ', ', ', ' || uploaded_by || ', ', '') = ', ' || started_behind || ', ');
ALTER TABLE bulk_jobs ADD COLUMN resumed_behind TEXT NOT NULL DEFAULT ''
    CONSTRAINT bulk_jobs_resumed_behind CHECK (replace(', ' || resumed_behind || ', ', ', ' || uploaded_by || ', ', '') = ', ' || resumed_behind || ', ');

-- When the ceilings were set under which a key's day is counted: what was asked for
-- before is carried, also what was asked for while there were none.
ALTER TABLE key_days ADD COLUMN since BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE key_days DROP COLUMN since;
ALTER TABLE bulk_jobs DROP COLUMN resumed_behind;
ALTER TABLE bulk_jobs DROP COLUMN started_behind;
ALTER TABLE bulk_jobs DROP COLUMN uploaded_behind;
ALTER TABLE approvals DROP COLUMN decided_behind;
ALTER TABLE approvals DROP COLUMN requester_behind;
ALTER TABLE users DROP COLUMN totp_reset_at;
ALTER TABLE users DROP COLUMN totp_reset_by;
ALTER TABLE users DROP COLUMN own_password_at;
ALTER TABLE users DROP COLUMN password_at;
ALTER TABLE users DROP COLUMN password_by;
ALTER TABLE api_keys DROP COLUMN made_by;

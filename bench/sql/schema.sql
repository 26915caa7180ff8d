-- The reference: what PostgreSQL itself does for one refund, without a service.
-- One database of its own; 100,000 charges of 1,000 merchants.
CREATE TABLE reference_charges (
	merchant_id BIGINT NOT NULL,
	id          BIGINT NOT NULL,
	amount      BIGINT NOT NULL,
	refunded    BIGINT NOT NULL DEFAULT 0,
	currency    TEXT   NOT NULL DEFAULT 'CNY',
	state       TEXT   NOT NULL DEFAULT 'paid',
	PRIMARY KEY (merchant_id, id),
	CHECK (refunded BETWEEN 0 AND amount)
) WITH (fillfactor = 70);

CREATE TABLE reference_keys (
	merchant_id BIGINT      NOT NULL,
	key         TEXT        NOT NULL,
	fingerprint BYTEA       NOT NULL,
	refund_id   TEXT        NOT NULL,
	created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
	PRIMARY KEY (merchant_id, key)
);

CREATE TABLE reference_refunds (
	merchant_id BIGINT      NOT NULL,
	id          TEXT        NOT NULL,
	charge_id   BIGINT      NOT NULL,
	amount      BIGINT      NOT NULL,
	state       TEXT        NOT NULL,
	body        TEXT        NOT NULL,
	created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
	PRIMARY KEY (merchant_id, id)
);
CREATE INDEX reference_refunds_charge ON reference_refunds (merchant_id, charge_id, created_at);

CREATE TABLE reference_events (
	merchant_id BIGINT      NOT NULL,
	id          TEXT        NOT NULL,
	type        TEXT        NOT NULL,
	refund_id   TEXT        NOT NULL,
	created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
	PRIMARY KEY (merchant_id, id)
);

CREATE TABLE reference_jobs (
	merchant_id BIGINT      NOT NULL,
	id          TEXT        NOT NULL,
	type        TEXT        NOT NULL,
	refund_id   TEXT        NOT NULL,
	due_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
	PRIMARY KEY (merchant_id, id)
);
CREATE INDEX reference_jobs_due ON reference_jobs (due_at);

INSERT INTO reference_charges (merchant_id, id, amount)
SELECT (n - 1) / 100 + 1, n, 1000000000000 FROM generate_series(1, 100000) n;

-- One refund in one call: the key, the charge if it has room, the refund, its event
-- and the job that goes on with it. A repeated key returns the first refund's body.
CREATE FUNCTION reference_refund(of_merchant BIGINT, of_charge BIGINT, asked BIGINT, with_key TEXT, with_fingerprint BYTEA, new_id TEXT, new_body TEXT)
RETURNS TEXT LANGUAGE plpgsql AS $$
DECLARE
	first reference_keys;
BEGIN
	INSERT INTO reference_keys (merchant_id, key, fingerprint, refund_id)
	VALUES (of_merchant, with_key, with_fingerprint, new_id) ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		SELECT * INTO first FROM reference_keys k WHERE k.merchant_id = of_merchant AND k.key = with_key;
		IF first.fingerprint <> with_fingerprint THEN
			RAISE EXCEPTION 'the key was used for another request';
		END IF;
		RETURN (SELECT r.body FROM reference_refunds r WHERE r.merchant_id = of_merchant AND r.id = first.refund_id);
	END IF;
	UPDATE reference_charges c SET refunded = c.refunded + asked
	WHERE c.merchant_id = of_merchant AND c.id = of_charge AND c.state = 'paid' AND c.refunded + asked <= c.amount;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the charge has no room';
	END IF;
	INSERT INTO reference_refunds (merchant_id, id, charge_id, amount, state, body)
	VALUES (of_merchant, new_id, of_charge, asked, 'created', new_body);
	INSERT INTO reference_events (merchant_id, id, type, refund_id)
	VALUES (of_merchant, 'evt_' || new_id, 'refund.created', new_id);
	INSERT INTO reference_jobs (merchant_id, id, type, refund_id)
	VALUES (of_merchant, 'job_' || new_id, 'submit', new_id);
	RETURN new_body;
END $$;

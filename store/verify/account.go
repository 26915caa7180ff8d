package verify

import "context"

const (
	// accountsAmiss are channel accounts in no state or with a version that is not
	// above all that are kept before it.
	accountsAmiss = `SELECT a.merchant_id, a.id, a.state, a.version, COALESCE(MAX(p.version), 0) FROM channel_accounts a
		LEFT JOIN channel_account_versions p ON p.account_id = a.id
		GROUP BY a.merchant_id, a.id, a.state, a.version
		HAVING a.state NOT IN ('active', 'paused', 'closed') OR a.version < 1 OR COALESCE(MAX(p.version), 0) >= a.version`
	// sealedTexts are all sealed values but for the check value itself, by the
	// table and row that they stand in.
	sealedTexts = `SELECT i.merchant_id AS merchant, 'identity ' || i.dialect || ' ' || i.name AS place, i.sealed AS sealed FROM identities i
		UNION ALL SELECT k.merchant_id, 'key ' || k.id, k.sealed FROM api_keys k
		UNION ALL SELECT a.merchant_id, 'channel account ' || a.id, a.sealed FROM channel_accounts a
		UNION ALL SELECT a.merchant_id, 'channel account ' || a.id || ' version ' || p.version, p.sealed
			FROM channel_account_versions p JOIN channel_accounts a ON a.id = p.account_id
		UNION ALL SELECT e.merchant_id, 'endpoint ' || e.id, e.sealed FROM endpoints e
		UNION ALL SELECT '', 'platform key ' || p.id, p.sealed FROM platform_keys p`
	// otherSeals are sealed values that the database's own master key does not
	// open, nor one that is about to replace it: a seal begins with the id of its
	// key, and the check values' rows say which these are.
	otherSeals = `SELECT s.merchant, s.place FROM (` + sealedTexts + `) s WHERE s.sealed <> ''
		AND EXISTS (SELECT 1 FROM platform_keys c WHERE c.id = $1)
		AND NOT EXISTS (SELECT 1 FROM platform_keys c WHERE c.purpose = $1 AND SUBSTR(s.sealed, 1, LENGTH(c.public) + 4) = 'v1.' || c.public || '.')`
)

// accounts checks channel accounts, and that every sealed value can be opened
// by the one master key that the database was made with.
func (v *verifier) accounts(ctx context.Context) error {
	err := v.q.Query(ctx, accountsAmiss, nil, func(scan func(...any) error) error {
		var merchant, id, state string
		var version, kept int64
		err := scan(&merchant, &id, &state, &version, &kept)
		v.found(Accounts, merchant, "channel account "+id, "it is %q and at version %d, and version %d is kept as an earlier one", state, version, kept)
		return v.enough(err)
	})
	if err != nil {
		return err
	}
	return v.q.Query(ctx, otherSeals, []any{"check"}, func(scan func(...any) error) error {
		var merchant, place string
		err := scan(&merchant, &place)
		v.found(Sealed, merchant, place, "its secrets are sealed with another master key than the database's")
		return v.enough(err)
	})
}

package store

// What due.go and due_account.go find by going from one merchant to the next
// through an index, for tables that are spread: Citus runs no recursive query
// over all servers. Each server groups what it has, so that only the merchants
// or accounts travel.
const (
	shardedNewEvents = `SELECT n.id FROM (
		SELECT f.merchant_id AS id FROM events f WHERE f.feed_number = 0 AND f.merchant_id > $1 UNION
		SELECT p.merchant_id FROM payment_events p WHERE p.told_at = 0 AND p.merchant_id > $1 UNION
		SELECT d.merchant_id FROM dispute_events d WHERE d.told_at = 0 AND d.merchant_id > $1 UNION
		SELECT a.merchant_id FROM alerts a WHERE a.told_at = 0 AND a.merchant_id > $1) n ORDER BY n.id LIMIT $2`
	shardedMerchantsDue = `SELECT d.merchant_id FROM deliveries d WHERE d.due_at > 0 AND d.due_at <= $2 AND d.merchant_id > $1
		GROUP BY d.merchant_id ORDER BY d.merchant_id LIMIT $3`
	shardedEventsOldest = `SELECT COALESCE(MIN(n.at), 0) FROM (
		SELECT MIN(f.created_at) AS at FROM events f WHERE f.feed_number = 0 UNION ALL
		SELECT MIN(p.created_at) FROM payment_events p WHERE p.told_at = 0 UNION ALL
		SELECT MIN(d.created_at) FROM dispute_events d WHERE d.told_at = 0 UNION ALL
		SELECT MIN(a.created_at) FROM alerts a WHERE a.told_at = 0) n`
	shardedAccounts = `SELECT r.merchant_id, r.channel_account FROM refunds r WHERE r.due_at > 0 AND r.due_at <= $3
		AND (r.merchant_id, r.channel_account) > ($1, $2) GROUP BY r.merchant_id, r.channel_account
		ORDER BY r.merchant_id, r.channel_account LIMIT $4`
)

// either chooses between the text for one server and the one for several.
func (s *Store) either(one, several string) string {
	if s.db.Sharded() {
		return several
	}
	return one
}

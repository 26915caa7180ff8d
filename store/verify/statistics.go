package verify

import (
	"context"
	"fmt"
	"time"
)

// Counts of the overview, held against the refunds and events that they are of. What
// events changed that are not counted yet is taken back; hours that are to be counted
// anew, and those of which such an event does not say what it changed, are passed over.
// A merchant of whom nothing is counted yet has no row of stat_cursors.
const (
	countsDiffer = `WITH later AS (
			SELECT e.merchant_id, e.refund_id, e.type, e.was FROM stat_cursors c JOIN events e ON e.merchant_id = c.merchant_id
				WHERE e.feed_number > 0 AND e.feed_number > c.folded
			UNION ALL SELECT e.merchant_id, e.refund_id, e.type, e.was FROM stat_cursors c JOIN events e ON e.merchant_id = c.merchant_id
				WHERE e.feed_number = 0
		), unfolded AS (
			SELECT r.merchant_id, r.created_at - r.created_at % 3600000000 AS hour, r.currency, r.channel_account AS account, r.amount, e.type, e.was
				FROM later e JOIN refunds r ON r.merchant_id = e.merchant_id AND r.id = e.refund_id
		), passed (merchant_id, hour) AS (
			SELECT u.merchant_id, u.hour FROM unfolded u WHERE u.was = '' UNION SELECT h.merchant_id, h.hour FROM stat_recounts h
		)
		SELECT d.merchant_id, d.hour, d.currency, d.account, d.state, CAST(SUM(d.refunds) AS BIGINT), CAST(SUM(d.kept) AS BIGINT) FROM (
			SELECT r.merchant_id, r.created_at - r.created_at % 3600000000 AS hour, r.currency, r.channel_account AS account, r.state, COUNT(*) AS refunds, 0 AS kept,
				SUM(r.amount / 1000000000) AS high, SUM(r.amount % 1000000000) AS low
				FROM stat_cursors c JOIN refunds r ON r.merchant_id = c.merchant_id GROUP BY 1, 2, 3, 4, 5
			UNION ALL SELECT u.merchant_id, u.hour, u.currency, u.account, substr(u.type, 8), -1, 0, -(u.amount / 1000000000), -(u.amount % 1000000000) FROM unfolded u
			UNION ALL SELECT u.merchant_id, u.hour, u.currency, u.account, u.was, 1, 0, u.amount / 1000000000, u.amount % 1000000000
				FROM unfolded u WHERE u.was NOT IN ('', 'none')
			UNION ALL SELECT k.merchant_id, k.hour, k.currency, k.account, k.state, 0, k.refunds, -k.minor_high, -k.minor_low FROM refund_counts k
		) d WHERE NOT EXISTS (SELECT 1 FROM passed p WHERE p.merchant_id = d.merchant_id AND p.hour = d.hour)
		GROUP BY d.merchant_id, d.hour, d.currency, d.account, d.state
		HAVING SUM(d.refunds) <> SUM(d.kept) OR SUM(d.high) <> 0 OR SUM(d.low) <> 0 ORDER BY 1, 2, 3, 4, 5`
	timesDiffer = `SELECT d.merchant_id, d.hour, d.account, CAST(SUM(d.refunds) AS BIGINT), CAST(SUM(d.kept) AS BIGINT) FROM (
			SELECT e.merchant_id, e.created_at - e.created_at % 3600000000 AS hour, r.channel_account AS account, COUNT(*) AS refunds, 0 AS kept
				FROM stat_cursors c JOIN events e ON e.merchant_id = c.merchant_id JOIN refunds r ON r.merchant_id = e.merchant_id AND r.id = e.refund_id
				WHERE e.feed_number > 0 AND e.feed_number <= c.folded AND e.type = 'refund.succeeded'
				AND e.was <> 'none' AND (e.was <> '' OR e.created_at > r.created_at) GROUP BY 1, 2, 3
			UNION ALL SELECT k.merchant_id, k.hour, k.account, 0, k.refunds FROM refund_times k
		) d GROUP BY d.merchant_id, d.hour, d.account HAVING SUM(d.refunds) <> SUM(d.kept) ORDER BY 1, 2, 3`
	anew = " (hint: the merchant's row of stat_cursors and his rows of refund_counts and refund_times may be deleted; all is then counted anew)"
)

// statistics holds what the overview counts against what it is counted of.
func (v *verifier) statistics(ctx context.Context) error {
	err := v.q.Query(ctx, countsDiffer, nil, func(scan func(...any) error) error {
		var merchantID, currency, account, state string
		var hour, refunds, kept int64
		if err := scan(&merchantID, &hour, &currency, &account, &state, &refunds, &kept); err != nil {
			return err
		}
		row := fmt.Sprintf("%s in %s by %s, hour of %s", state, currency, account, hourText(hour))
		if refunds != kept {
			v.found(Statistics, merchantID, row, "%d refunds are counted, and there are %d"+anew, kept, refunds)
		} else {
			v.found(Statistics, merchantID, row, "the amounts of its refunds add up to something else than what is kept"+anew)
		}
		return v.enough(nil)
	})
	if err != nil {
		return err
	}
	return v.q.Query(ctx, timesDiffer, nil, func(scan func(...any) error) error {
		var merchantID, account string
		var hour, refunds, kept int64
		if err := scan(&merchantID, &hour, &account, &refunds, &kept); err != nil {
			return err
		}
		v.found(Statistics, merchantID, "successes by "+account+", hour of "+hourText(hour), "%d are counted with their time, and there are %d"+anew, kept, refunds)
		return v.enough(nil)
	})
}

func hourText(micros int64) string { return time.UnixMicro(micros).UTC().Format("2006-01-02T15:04Z") }

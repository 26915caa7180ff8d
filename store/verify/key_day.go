package verify

import (
	"context"

	"github.com/refundry/refundry/money"
)

// keyDayRows puts the total of each key's day beside the refunds that are counted
// in it: those whose asker is the key and says that it was counted. In the JSON
// text of an asker the quotes of values are escaped, so that only a member reads
// like one. A day has 86,400,000,000 microseconds.
const keyDayRows = `SELECT d.merchant_id, d.key_id, d.day, d.currency, d.total, d.carried, d.ceiling,
	(SELECT CAST(COALESCE(SUM(r.amount), 0) AS BIGINT) FROM refunds r WHERE r.merchant_id = d.merchant_id AND r.created_at >= d.day AND r.created_at >= d.since
		AND r.created_at < d.day + 86400000000 AND r.currency = d.currency AND r.asked_by LIKE '%"counted":true%'
		AND replace(r.asked_by, '"key":"' || d.key_id || '"', '') <> r.asked_by)
	FROM key_days d ORDER BY d.merchant_id, d.key_id, d.day, d.currency`

// keyDays holds the totals of keys with a ceiling against the refunds that they
// asked for. A total may be above the sum, for demo refunds are deleted by a reset.
func (v *verifier) keyDays(ctx context.Context) error {
	return v.q.Query(ctx, keyDayRows, nil, func(scan func(...any) error) error {
		var merchantID, key, currency string
		var day, total, carried, ceiling, counted int64
		if err := scan(&merchantID, &key, &day, &currency, &total, &carried, &ceiling, &counted); err != nil {
			return err
		}
		text := func(minor int64) string {
			return money.Amount{Minor: money.Minor(minor), Currency: money.Currency(currency)}.String()
		}
		row := "key " + key + " in " + currency
		if total > ceiling && total != carried {
			v.found(KeyDays, merchantID, row, "asked for %s on a day, above its ceiling of %s", text(total), text(ceiling))
		}
		if sum, fits := money.Add(money.Minor(carried), money.Minor(counted)); !fits || sum > money.Minor(total) {
			v.found(KeyDays, merchantID, row, "asked for %s on a day, and its total is %s", text(int64(sum)), text(total))
		}
		return v.enough(nil)
	})
}

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// putOff makes due refunds due later that nobody has claimed meanwhile.
const putOff = `UPDATE refunds SET due_at = v.due_at FROM v WHERE refunds.merchant_id = v.merchant_id AND refunds.id = v.id
	AND refunds.lease_epoch = v.lease_epoch AND refunds.due_at + 0 > 0 AND refunds.due_at + 0 <= v.now`

var (
	notBeforeColumns = sqldb.NewColumns("merchant_id TEXT", "id TEXT", "not_before BIGINT")
	putOffColumns    = sqldb.NewColumns("merchant_id TEXT", "id TEXT", "lease_epoch BIGINT", "now BIGINT", "due_at BIGINT")
)

// space spreads the due submits of charges whose channel wants time between two of
// them their turn, one of a charge, and puts the others off. It returns those that
// may be claimed. Charges are locked before refunds, as everywhere. Where no
// channel wants that, it does nothing.
func (s *Store) space(ctx context.Context, q sqldb.Querier, due []refund.Due, now time.Time) (map[refund.Key]bool, error) {
	var spaced []refund.Due
	var keys []refund.ChargeKey
	for _, d := range due {
		if d.Submits && d.SubmitSpacing > 0 {
			spaced = append(spaced, d)
			keys = append(keys, refund.ChargeKey{MerchantID: d.MerchantID, ID: d.ChargeID})
		}
	}
	if len(spaced) == 0 {
		return nil, nil
	}
	charges, err := s.soundCharges(ctx, q, keys, true)
	if err != nil {
		return nil, err
	}
	granted := make(map[refund.Key]bool, len(charges))
	next := make(map[refund.ChargeKey]time.Time) // the turn of the next refund that is put off
	var turns, later [][]any
	for _, d := range spaced {
		key := refund.ChargeKey{MerchantID: d.MerchantID, ID: d.ChargeID}
		if _, sound := charges[key]; !sound {
			continue // nobody claims it
		}
		charge, ok := refund.Space(charges[key], d.SubmitSpacing, now)
		if ok {
			charges[key] = charge
			granted[d.Key] = true
			turns = append(turns, []any{d.MerchantID, d.ChargeID, sqldb.Micros(charge.NotBefore)})
			continue
		}
		at := next[key]
		if at.IsZero() {
			at = charge.NotBefore
		}
		next[key] = at.Add(d.SubmitSpacing)
		later = append(later, []any{d.MerchantID, d.ID, d.LeaseEpoch, sqldb.Micros(now), sqldb.Micros(at)})
	}
	const takeTurns = `UPDATE charges SET not_before = v.not_before FROM v WHERE charges.merchant_id = v.merchant_id AND charges.id = v.id`
	statements := sqldb.WithValues(notBeforeColumns, turns, takeTurns)
	statements = append(statements, sqldb.WithValues(putOffColumns, later, putOff)...)
	if _, err := q.Send(ctx, statements); err != nil {
		return nil, fmt.Errorf("space submits: %w", err)
	}
	return granted, nil
}

package intake

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// dayOf names the total that a unit's refunds in a currency are counted in.
func (b *attempt) dayOf(unit refund.Unit, c money.Currency) refund.DayKey {
	return refund.DayKey{MerchantID: unit.MerchantID, Key: unit.By.Key, Day: refund.Day(b.now), Currency: c}
}

// lockDays locks the totals of the keys that have a ceiling for a day: the last
// rows that a run locks. Without such keys it costs nothing.
func (b *attempt) lockDays(ctx context.Context, tx Tx) (err error) {
	b.days, b.raised = nil, nil
	wanted := make(map[refund.DayKey]refund.DayTotal)
	for n, unit := range b.units {
		if unit.By.Bounds == nil || b.results[n].Err != nil {
			continue
		}
		for _, request := range unit.Requests {
			charge, ok := b.charges[refund.ChargeKey{MerchantID: unit.MerchantID, ID: request.ChargeID}]
			if ceiling := unit.By.Bounds.PerDay(charge.Currency); ok && ceiling > 0 {
				key := b.dayOf(unit, charge.Currency)
				wanted[key] = refund.DayTotal{DayKey: key, Ceiling: ceiling, Since: unit.By.Bounds.Since}
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	b.days, err = tx.KeyDays(ctx, sortedDays(wanted))
	return err
}

// raiseDays counts what was accepted of a unit.
func (b *attempt) raiseDays(unit refund.Unit, change refund.Change) {
	for _, r := range change.Refunds {
		if !r.By.Counted {
			continue
		}
		key := b.dayOf(unit, r.Currency)
		b.days[key] += r.Amount // within the ceiling, and so within 64 bits
		if b.raised == nil {
			b.raised = make(map[refund.DayKey]refund.DayTotal)
		}
		b.raised[key] = refund.DayTotal{DayKey: key, Total: b.days[key], Ceiling: unit.By.Bounds.PerDay(r.Currency)}
	}
}

func (b *attempt) saveDays(ctx context.Context, tx Tx) error {
	if len(b.raised) == 0 {
		return nil
	}
	return tx.SaveKeyDays(ctx, sortedDays(b.raised))
}

// sortedDays are totals in the order of their keys, in which they are locked.
func sortedDays(days map[refund.DayKey]refund.DayTotal) []refund.DayTotal {
	return slices.SortedFunc(maps.Values(days), func(x, y refund.DayTotal) int {
		return cmp.Or(cmp.Compare(x.MerchantID, y.MerchantID), cmp.Compare(x.Key, y.Key), x.Day.Compare(y.Day), cmp.Compare(x.Currency, y.Currency))
	})
}

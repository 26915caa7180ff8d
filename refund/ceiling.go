package refund

import (
	"math"
	"time"

	"github.com/refundry/refundry/money"
)

// Bounds are the ceilings of the key that asks.
type Bounds struct {
	Ceilings []money.Ceiling
	// Since is when they were set. What was accepted earlier on the same day
	// counts too.
	Since time.Time
}

// ceiling returns the bounds in a currency; ok is false where there are none.
func (b *Bounds) ceiling(c money.Currency) (found money.Ceiling, ok bool) {
	if b == nil {
		return money.Ceiling{}, false
	}
	for _, ceiling := range b.Ceilings {
		if ceiling.Currency == c {
			return ceiling, true
		}
	}
	return money.Ceiling{}, false
}

// PerDay is the ceiling of a day in a currency, 0 for none.
func (b *Bounds) PerDay(c money.Currency) money.Minor {
	ceiling, _ := b.ceiling(c)
	return ceiling.PerDay
}

// CheckRefund refuses one refund above the ceiling for one.
func (b *Bounds) CheckRefund(charge Charge, amount money.Minor) *Error {
	ceiling, _ := b.ceiling(charge.Currency)
	if ceiling.PerRefund == 0 || amount <= ceiling.PerRefund {
		return nil
	}
	return overCeiling(charge, "above the key's ceiling for one refund", LimitKeyRefund, ceiling.PerRefund, time.Time{})
}

// checkDay refuses refunds of a charge that together take the day's total, as it
// was before, over its ceiling.
func (b *Bounds) checkDay(charge Charge, sum, before money.Minor, now time.Time) *Error {
	ceiling, _ := b.ceiling(charge.Currency)
	total, fits := money.Add(sum, before)
	if ceiling.PerDay == 0 || fits && total <= ceiling.PerDay {
		return nil
	}
	return overCeiling(charge, "above the key's ceiling for one day", LimitKeyDay, ceiling.PerDay, Day(now).AddDate(0, 0, 1))
}

func overCeiling(charge Charge, text, rule string, value money.Minor, at time.Time) *Error {
	e := Errorf(KindLimitExceeded, "amount", "%s", text)
	e.Charge = charge.ID
	e.More = money.Amount{Minor: value, Currency: charge.Currency}.String()
	e.Limit = &Limit{Rule: rule, Value: int64(value), Unit: "minor", At: at}
	return e
}

// Bound says which limit a KindLimitExceeded is about.
func (e *Error) Bound() string {
	switch {
	case e.Limit != nil && e.Limit.Rule == LimitKeyRefund:
		return "the key's ceiling for one refund"
	case e.Limit != nil && e.Limit.Rule == LimitKeyDay:
		return "the key's ceiling for one day"
	}
	return "the limit for one refund"
}

// Day is the beginning of the UTC day that a time is in.
func Day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// DayKey names what one key asked for on one day in one currency.
type DayKey struct {
	MerchantID, Key string
	Day             time.Time // UTC, see Day
	Currency        money.Currency
}

// DayTotal is the sum of the refunds that a key asked for on a day, whatever
// became of them.
type DayTotal struct {
	DayKey
	Total money.Minor
	// Ceiling is that of the key.
	Ceiling money.Minor
	// Since is when the ceiling was set.
	Since time.Time
}

// bounded checks the ceilings of who asks against the changes of a unit.
func bounded(changes []Change, by Asker, book RuleBook, now time.Time) *Error {
	sums := make(map[money.Currency]money.Minor)
	for _, change := range changes {
		for _, r := range change.Refunds {
			if err := by.Bounds.CheckRefund(change.Charge, r.Amount); err != nil {
				return err
			}
			sum, fits := money.Add(sums[r.Currency], r.Amount)
			if !fits {
				sum = math.MaxInt64 // and so above every ceiling
			}
			sums[r.Currency] = sum
			if by.Bounds.PerDay(r.Currency) == 0 {
				continue
			}
			if err := by.Bounds.checkDay(change.Charge, sum, book.Asked(r.Currency), now); err != nil {
				return err
			}
		}
	}
	return nil
}

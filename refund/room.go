package refund

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/money"
)

// Room is how much of a charge may still be refunded, and where the rest is.
type Room struct {
	Currency money.Currency
	// Amount was paid; Left is what may still be refunded, in minor units.
	Amount, Left money.Minor
	// Refunded went back, Reserved is under way, Blocked is held by a dispute.
	Refunded, Reserved, Blocked money.Minor
}

// Room returns what is left of the charge.
func (c Charge) Room() *Room {
	return &Room{
		Currency: c.Currency, Amount: c.Amount, Left: c.Refundable(),
		Refunded: c.Refunded, Reserved: c.Reserved, Blocked: c.Blocked,
	}
}

// String is the room in words: "30.00 CNY of 100.00 CNY are left (70.00 CNY refunded)".
func (r Room) String() string {
	text := func(m money.Minor) string { return money.Amount{Minor: m, Currency: r.Currency}.String() }
	var gone []string
	for _, part := range []struct {
		minor money.Minor
		name  string
	}{{r.Refunded, "refunded"}, {r.Reserved, "under way"}, {r.Blocked, "held by a dispute"}} {
		if part.minor != 0 {
			gone = append(gone, text(part.minor)+" "+part.name)
		}
	}
	out := text(r.Left) + " of " + text(r.Amount) + " are left"
	if len(gone) > 0 {
		out += " (" + strings.Join(gone, ", ") + ")"
	}
	return out
}

// The rules that a Limit may be of.
const (
	LimitWindow  = "window"
	LimitRefunds = "refunds"
	LimitSpacing = "spacing"
	LimitFull    = "full_only"
	LimitAmount  = "amount"
	// LimitKeyRefund and LimitKeyDay are the key's own ceilings, see Bounds.
	LimitKeyRefund = "key_refund"
	LimitKeyDay    = "key_day"
)

// Limit is the rule that refuses a refund, with its value.
type Limit struct {
	Rule string
	// Value counts Units: days, months, refunds, seconds, or minor units of the
	// charge's currency.
	Value int64
	Unit  string
	// At is when a window ended, from when on a refund is spaced enough, or the key's day ends; else
	// zero.
	At time.Time
}

// limit makes the rule and what it says, for people.
func (r Rules) limit(kind Kind, c Charge, now time.Time) (*Limit, string) {
	amount := func(m money.Minor) string { return money.Amount{Minor: m, Currency: c.Currency}.String() }
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	switch kind {
	case KindWindowOver:
		limit := Limit{Rule: LimitWindow, Value: int64(r.Window / day), Unit: "days", At: c.PaidAt.Add(r.Window)}
		if r.Window == 0 || !now.After(limit.At) {
			limit.Value, limit.Unit, limit.At = int64(r.WindowMonths), "months", monthsLater(c.PaidAt, r.WindowMonths)
		} else if r.Window%day != 0 {
			limit.Value, limit.Unit = int64(r.Window/time.Second), "seconds"
		}
		return &limit, fmt.Sprintf("it was paid at %s, and the limit of %s ended at %s", at(c.PaidAt), limit.span(), at(limit.At))
	case KindTooManyRefunds:
		return &Limit{Rule: LimitRefunds, Value: r.MostRefunds, Unit: "refunds"},
			fmt.Sprintf("it has %d, and may have %d, failed ones included", c.Refunds, r.MostRefunds)
	case KindTooSoon:
		limit := Limit{Rule: LimitSpacing, Value: seconds(r.Spacing), Unit: "seconds", At: c.LastRefundAt.Add(r.Spacing)}
		return &limit, fmt.Sprintf("the last was at %s, and the next may be at %s, %s later", at(c.LastRefundAt), at(limit.At), limit.span())
	case KindFullOnly:
		return &Limit{Rule: LimitFull, Value: int64(c.Amount), Unit: "minor"}, "that is " + amount(c.Amount)
	case KindLimitExceeded:
		return &Limit{Rule: LimitAmount, Value: int64(r.MostAmount), Unit: "minor"}, amount(r.MostAmount)
	}
	return nil, ""
}

// span is the value with its unit, for people.
func (l Limit) span() string {
	unit := l.Unit
	if l.Value == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	return strconv.FormatInt(l.Value, 10) + " " + unit
}

const day = 24 * time.Hour

// seconds rounds up: a spacing that is said too short would be refused again.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// Position is a place among all charges, in the order of their keys. The zero value
// is before the first.
type Position struct{ MerchantID, ChargeID string }

// Part is what Slice read.
type Part struct {
	// Findings are what does not hold. That a charge holds more than was paid, with
	// evidence, is none.
	Findings []refund.Finding
	// Charges were read, and Passed over because they have too many refunds for a
	// slice: Run reads those.
	Charges, Passed int
	// Last is where the next slice goes on; the zero value where this was the last.
	Last Position
}

// maxSlice bounds the refunds that a slice reads of one charge, and about those that
// it reads together.
const maxSlice = 2000

// Slice derives the invariants again that concern one charge and its refunds,
// transfers, events, attempts and disputes, for about as many charges behind a
// position as limit says, in one consistent snapshot. It reads indexes only, so that
// it costs the same in a large database as in a small one. It leaves to Run what
// needs all rows of a merchant: numbers, deliveries, accounts, channels' own books. The
// first slice also reads the settings of all merchants.
//
// A row that can't be read is a finding, and the rest is read all the same.
func Slice(ctx context.Context, db *sqldb.DB, after Position, limit int) (Part, error) {
	var part Part
	err := db.Snapshot(ctx, func(q sqldb.Querier) error {
		part = Part{}
		return part.read(ctx, q, after, limit)
	})
	if err != nil {
		return Part{}, fmt.Errorf("verify a slice behind charge %q of %q: %w", after.ChargeID, after.MerchantID, err)
	}
	return part, nil
}

// read reads what is next, the charges of each merchant together.
func (p *Part) read(ctx context.Context, q sqldb.Querier, after Position, limit int) error {
	if after == (Position{}) {
		v := &verifier{q: q}
		if err := v.texts(ctx, settingTexts); err != nil && !errors.Is(err, errEnough) {
			return err
		}
		p.add(v.list)
	}
	next, err := nextCharges(ctx, q, after, limit)
	if err != nil {
		return err
	}
	if len(next) == limit {
		p.Last = next[limit-1]
	}
	for len(next) > 0 {
		count := 1
		for count < len(next) && next[count].MerchantID == next[0].MerchantID {
			count++
		}
		from := ""
		if after.MerchantID == next[0].MerchantID {
			from = after.ChargeID
		}
		if err := p.charges(ctx, q, from, next[:count]); err != nil {
			return err
		}
		after, next = next[count-1], next[count:]
	}
	return nil
}

func nextCharges(ctx context.Context, q sqldb.Querier, after Position, limit int) (next []Position, err error) {
	const text = `SELECT c.merchant_id, c.id FROM charges c WHERE (c.merchant_id, c.id) > ($1, $2) ORDER BY c.merchant_id, c.id LIMIT $3`
	err = q.Query(ctx, text, []any{after.MerchantID, after.ChargeID, int64(limit)}, func(scan func(...any) error) error {
		var one Position
		err := scan(&one.MerchantID, &one.ChargeID)
		next = append(next, one)
		return err
	})
	return next, err
}

// charges reads charges of one merchant, which come one after the other behind
// from; in halves where they have too many refunds or something can't be read.
func (p *Part) charges(ctx context.Context, q sqldb.Querier, from string, next []Position) error {
	const text = `SELECT COUNT(*) FROM (SELECT 1 FROM refunds r WHERE r.merchant_id = $1 AND r.charge_id > $2 AND r.charge_id <= $3 LIMIT $4) c`
	last := next[len(next)-1]
	var refunds int64
	err := q.Query(ctx, text, []any{last.MerchantID, from, last.ChargeID, int64(maxSlice + 1)}, func(scan func(...any) error) error { return scan(&refunds) })
	if err != nil {
		return err
	}
	var unreadable *rowError
	if refunds <= maxSlice {
		v := &verifier{q: q, slice: true, within: []any{last.MerchantID, from, last.ChargeID}}
		err = errors.Join(v.charges(ctx), v.refunds(ctx), v.texts(ctx, textsOf(true)))
		switch {
		case err == nil, errors.Is(err, errEnough):
			p.add(v.list)
			p.Charges += len(next)
			return nil
		case !errors.As(err, &unreadable):
			return err
		case len(next) == 1:
			p.add([]refund.Finding{{Invariant: Counters, MerchantID: last.MerchantID, Row: "charge " + last.ChargeID, Text: "it, or a refund of it, can't be read: " + unreadable.Error()}})
			p.Charges++
			return nil
		}
	} else if len(next) == 1 {
		p.Passed++
		return nil
	}
	half := len(next) / 2
	if err := p.charges(ctx, q, from, next[:half]); err != nil {
		return err
	}
	return p.charges(ctx, q, next[half-1].ChargeID, next[half:])
}

func (p *Part) add(found []refund.Finding) {
	for _, f := range found {
		if !f.Note && len(p.Findings) < maxFindings {
			p.Findings = append(p.Findings, f)
		}
	}
}

// rowError is that of a row which was read and makes no sense, not of the reading.
type rowError struct{ cause error }

func (e *rowError) Error() string { return e.cause.Error() }
func (e *rowError) Unwrap() error { return e.cause }

// within bounds rows of a table to a slice, whose bounds are $2 to $4.
const within = `.merchant_id = $2 AND %[1]s.%[2]s > $3 AND %[1]s.%[2]s <= $4`

// sliced is the condition of a slice on a table by the column of its charge.
func sliced(slice bool, table, column string) string {
	if !slice {
		return ""
	}
	return ` WHERE ` + table + fmt.Sprintf(within, table, column)
}

// sliceOfRefunds names the refunds of a slice "s" and the times at which they may
// have changed "x": each change left an attempt or a transfer, or is the acceptance
// or the last one. Events have no index by their refund. CROSS JOIN says that a slice
// begins with its refunds: without statistics SQLite would rather read a merchant's
// attempts, transfers and events as a whole.
func sliceOfRefunds(slice bool) string {
	if !slice {
		return ""
	}
	return `, s AS (SELECT r.id, r.created_at, r.updated_at FROM refunds r` + sliced(slice, "r", "charge_id") + `),
	x AS (SELECT s.created_at AS at FROM s UNION SELECT s.updated_at FROM s
		UNION SELECT a.created_at FROM s CROSS JOIN attempts a WHERE a.merchant_id = $2 AND a.refund_id = s.id
		UNION SELECT t.created_at FROM s CROSS JOIN transfers t WHERE t.merchant_id = $2 AND t.refund_id = s.id)`
}

// ofSlice is a table whose rows belong to refunds, with another table "f" and a
// condition, "" for none; transfers belong to disputes, too.
func ofSlice(slice bool, table, name, condition string) string {
	if !slice {
		return table + ", f" + where(condition)
	}
	disputes := ""
	if name == "t" {
		disputes = ` UNION ALL SELECT d.id FROM disputes d` + sliced(slice, "d", "charge_id")
	}
	return `(SELECT s.id FROM s` + disputes + `) o CROSS JOIN ` + table + `, f` + where(name+`.merchant_id = $2 AND `+name+`.refund_id = o.id`, condition)
}

func where(conditions ...string) string {
	conditions = slices.DeleteFunc(conditions, func(one string) bool { return one == "" })
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

// eventsOfSlice and disputeEventsOfSlice are events, with f.
func eventsOfSlice(slice bool) string {
	if !slice {
		return `events e, f`
	}
	return `x CROSS JOIN events e CROSS JOIN s, f WHERE e.merchant_id = $2 AND e.created_at = x.at AND s.id = e.refund_id`
}

func disputeEventsOfSlice(slice bool) string {
	if !slice {
		return `dispute_events e, f`
	}
	return `disputes d CROSS JOIN dispute_events e, f WHERE e.merchant_id = d.merchant_id AND e.dispute_id = d.id AND d` + fmt.Sprintf(within, "d", "charge_id")
}

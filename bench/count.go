package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

const (
	// endWait is how long the last refunds may take to their end.
	endWait = 2 * time.Minute
	// endLook is how often they are looked at meanwhile.
	endLook = 100 * time.Millisecond
	// maxWrong bounds how many faults are named one by one.
	maxWrong = 20
)

// Count is what was found when every refund of the run was read back.
type Count struct {
	Refunds int `json:"refunds"` // found in the service
	// Unanswered are refunds that are there although their request got no
	// answer that said so: right, but for merchants to ask about.
	Unanswered int      `json:"unanswered"`
	Open       int      `json:"open"` // not at their end yet
	Cents      int64    `json:"minor_units"`
	Wrong      []string `json:"wrong"` // empty: not one cent is wrong
}

// count reads every charge and refund of the run back and adds them up.
func (r *run) count(ctx context.Context) (Count, error) {
	var total Count
	if err := r.settle(ctx); err != nil {
		return total, err
	}
	missing := make(map[string]bool, len(r.made)) // by what they are found again by
	for _, one := range r.made {
		switch {
		case one.refund == "":
		case missing[one.refund]:
			total.wrong("refund %s was the answer to more than one request", one.refund)
		default:
			missing[one.refund] = true
		}
	}
	accepted := len(missing)
	sums := make(map[string]sum)
	err := r.pages(ctx, "/refunds", url.Values{"created_from": {r.since()}}, func(data json.RawMessage) error {
		var rows []refundRow
		err := json.Unmarshal(data, &rows)
		for _, row := range rows {
			r.countRefund(&total, row, missing, sums)
		}
		return err
	})
	if err != nil {
		return total, err
	}
	if len(missing) > 0 {
		total.wrong("%d refunds were accepted and %d of them are there", accepted, accepted-len(missing))
	}
	return total, r.compare(ctx, &total, sums)
}

type refundRow struct {
	ID     string `json:"id"`
	Number string `json:"number"`
	Charge string `json:"charge"`
	Amount int64  `json:"amount"`
	State  string `json:"state"`
}

// sum is of one charge's refunds, in minor units.
type sum struct{ succeeded, open int64 }

func (r *run) countRefund(total *Count, row refundRow, missing map[string]bool, sums map[string]sum) {
	if !r.ours(row.Charge) {
		return // another program's
	}
	total.Refunds++
	total.Cents += row.Amount
	of := sums[row.Charge]
	switch row.State {
	case "succeeded":
		of.succeeded += row.Amount
	case "failed", "canceled":
		total.wrong("refund %s ended as %s", row.ID, row.State)
	default:
		of.open += row.Amount
		total.Open++
	}
	sums[row.Charge] = of
	if row.Amount != amount {
		total.wrong("refund %s is of %d, asked for was %d", row.ID, row.Amount, amount)
	}
	switch {
	case missing[row.ID]:
		delete(missing, row.ID)
	case missing[row.Number]:
		delete(missing, row.Number)
	default:
		total.Unanswered++
	}
}

// ours reports whether a charge is one of the run's.
func (r *run) ours(id string) bool {
	if r.known == nil {
		r.known = make(map[string]bool, len(r.charges))
		for _, one := range r.charges {
			r.known[one.ID] = true
		}
	}
	return r.known[id]
}

// compare looks whether each charge says of itself what its refunds sum to.
func (r *run) compare(ctx context.Context, total *Count, sums map[string]sum) error {
	seen := make(map[string]bool)
	err := r.pages(ctx, "/charges", url.Values{}, func(data json.RawMessage) error {
		var rows []struct {
			ID       string `json:"id"`
			Refunded int64  `json:"refunded"`
			Reserved int64  `json:"reserved"`
		}
		err := json.Unmarshal(data, &rows)
		for _, row := range rows {
			if !r.ours(row.ID) {
				continue
			}
			seen[row.ID] = true
			if want := sums[row.ID]; row.Refunded != want.succeeded || row.Reserved != want.open {
				total.wrong("charge %s says %d refunded and %d reserved, its refunds sum to %d and %d", row.ID, row.Refunded, row.Reserved, want.succeeded, want.open)
			}
		}
		return err
	})
	if err == nil && len(seen) != len(r.charges) {
		total.wrong("%d of the run's %d charges are there", len(seen), len(r.charges))
	}
	return err
}

// settle waits until the run's refunds are at their ends, unless their accounts
// are paused.
func (r *run) settle(ctx context.Context) error {
	if r.opts.Mode == ModeAccept {
		return nil
	}
	for deadline := time.Now().Add(endWait); time.Now().Before(deadline); {
		open := 0
		query := url.Values{"created_from": {r.since()}, "state": {"created,pending"}, "limit": {"1"}}
		text, err := r.native(ctx, http.MethodGet, "/refunds?"+query.Encode(), "")
		if err != nil {
			return err
		}
		var page struct {
			Data []refundRow `json:"data"`
		}
		if err := json.Unmarshal(text, &page); err != nil {
			return err
		}
		if open = len(page.Data); open == 0 {
			return nil
		}
		if !wait(ctx, time.Now().Add(endLook)) {
			return ctx.Err()
		}
	}
	return nil
}

func (c *Count) wrong(format string, args ...any) {
	if len(c.Wrong) < maxWrong {
		c.Wrong = append(c.Wrong, fmt.Sprintf(format, args...))
	}
}

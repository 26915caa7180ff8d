package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	// countCallers is how many charges are counted at once.
	countCallers = 8
	// endWait is how long the last refunds may take to their end.
	endWait = 2 * time.Minute
	// endLook is how often a charge is looked at again meanwhile.
	endLook = 100 * time.Millisecond
	// pageLimit is the most refunds of one page of the native API.
	pageLimit = 100
	// maxWrong bounds how many faults are told one by one.
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
	var mu sync.Mutex
	var first error
	todo := make(chan string)
	var callers sync.WaitGroup
	deadline := time.Now().Add(endWait)
	for range countCallers {
		callers.Go(func() {
			for charge := range todo {
				one, err := r.countCharge(ctx, charge, deadline)
				mu.Lock()
				if err != nil && first == nil {
					first = err
				}
				total.add(one)
				mu.Unlock()
			}
		})
	}
	for _, charge := range r.charges {
		todo <- charge
	}
	close(todo)
	callers.Wait()
	for _, id := range r.twice {
		total.wrong("refund %s was the answer to more than one request", id)
	}
	if found := total.Refunds - total.Unanswered; found != len(r.accepted) && first == nil {
		total.wrong("%d refunds were accepted and %d of them are there", len(r.accepted), found)
	}
	return total, first
}

func (c *Count) add(one Count) {
	c.Refunds += one.Refunds
	c.Unanswered += one.Unanswered
	c.Open += one.Open
	c.Cents += one.Cents
	for _, text := range one.Wrong {
		c.wrong("%s", text)
	}
}

func (c *Count) wrong(format string, args ...any) {
	if len(c.Wrong) < maxWrong {
		c.Wrong = append(c.Wrong, fmt.Sprintf(format, args...))
	}
}

// countCharge adds one charge's refunds up and compares them with what the
// charge says of itself.
func (r *run) countCharge(ctx context.Context, id string, deadline time.Time) (Count, error) {
	for {
		var charge struct {
			Refunded int64 `json:"refunded"`
			Reserved int64 `json:"reserved"`
		}
		if err := r.read(ctx, "/refundry/v1/charges/"+url.PathEscape(id), &charge); err != nil {
			return Count{}, err
		}
		if charge.Reserved > 0 && time.Now().Before(deadline) {
			if !wait(ctx, time.Now().Add(endLook)) {
				return Count{}, ctx.Err()
			}
			continue
		}
		c, succeeded, err := r.refundsOf(ctx, id)
		if succeeded != charge.Refunded {
			c.wrong("charge %s says %d refunded, its refunds sum to %d", id, charge.Refunded, succeeded)
		}
		return c, err
	}
}

// refundsOf reads all refunds of a charge; succeeded is their sum.
func (r *run) refundsOf(ctx context.Context, charge string) (c Count, succeeded int64, err error) {
	seen := make(map[string]bool)
	for cursor := ""; ; {
		var page struct {
			Data []struct {
				ID     string `json:"id"`
				Amount int64  `json:"amount"`
				State  string `json:"state"`
			} `json:"data"`
			HasMore bool   `json:"has_more"`
			Next    string `json:"next"`
		}
		query := url.Values{"charge": {charge}, "limit": {fmt.Sprint(pageLimit)}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		if err := r.read(ctx, "/refundry/v1/refunds?"+query.Encode(), &page); err != nil {
			return c, succeeded, err
		}
		for _, refund := range page.Data {
			if seen[refund.ID] {
				c.wrong("refund %s is on two pages", refund.ID)
			}
			seen[refund.ID] = true
			c.Refunds++
			c.Cents += refund.Amount
			switch refund.State {
			case "succeeded":
				succeeded += refund.Amount
			case "failed", "canceled":
				c.wrong("refund %s ended as %s", refund.ID, refund.State)
			default:
				c.Open++
			}
			if refund.Amount != amount {
				c.wrong("refund %s is of %d, asked for was %d", refund.ID, refund.Amount, amount)
			}
			if r.chargeOf(refund.ID) == "" {
				c.Unanswered++
			}
		}
		if !page.HasMore {
			return c, succeeded, nil
		}
		cursor = page.Next
	}
}

func (r *run) chargeOf(refund string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accepted[refund]
}

func (r *run) read(ctx context.Context, path string, into any) error {
	status, text, err := r.call(ctx, http.MethodGet, r.opts.Target+path, "application/json", "", r.opts.NativeKey)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: HTTP %d: %s", path, status, text)
	}
	return json.Unmarshal(text, into)
}

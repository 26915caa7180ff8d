package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// Condition is what an operator should know of one merchant's rows: how much
// waits, and since when.
type Condition struct {
	MerchantID string
	// Open counts refunds that someone will look at again, by state.
	Open map[refund.State]int64
	// Overdue counts those whose time was more than overdueAfter ago: nobody
	// looks at them.
	Overdue int64
	// Pending is since when the oldest refund is at its channel, zero for none.
	Pending time.Time
	// WaitingDeliveries are due or will be; DeadDeliveries were given up.
	WaitingDeliveries, DeadDeliveries int64
	// OpenAlerts are those that nobody has looked at.
	OpenAlerts int64
	// NewEvents have no feed number yet.
	NewEvents int64
	// Approvals wait for a second person, the oldest since OldestApproval, zero for none.
	Approvals      int64
	OldestApproval time.Time
}

// since notes the oldest refund of a state.
func (c *Condition) since(state refund.State, oldest time.Time) {
	if state == refund.Pending {
		c.Pending = oldest
	}
}

const (
	// looked counts the refunds that someone will look at again, and those of them that
	// are late; untaken counts deliveries.
	looked = `SELECT merchant_id, state, COUNT(*), SUM(CASE WHEN due_at < $1 THEN 1 ELSE 0 END), MIN(created_at)
		FROM refunds WHERE due_at > 0 GROUP BY merchant_id, state`
	untaken = `SELECT merchant_id, state, COUNT(*) FROM deliveries WHERE state <> 'delivered' GROUP BY merchant_id, state`
)

// overdueAfter is far more than a busy engine needs to get to a refund.
const overdueAfter = 5 * time.Minute

// Conditions returns the condition of each merchant that has something to tell,
// for refundry doctor. It reads without locks, and may take seconds on a large
// database.
func (s *Store) Conditions(ctx context.Context, now time.Time) (map[string]Condition, error) {
	found := make(map[string]Condition)
	change := func(merchantID string, set func(*Condition)) {
		c, ok := found[merchantID]
		if !ok {
			c = Condition{MerchantID: merchantID, Open: make(map[refund.State]int64)}
		}
		set(&c)
		found[merchantID] = c
	}
	err := s.Read(ctx, func(q sqldb.Querier) error {
		err := q.Query(ctx, looked, []any{sqldb.Micros(now.Add(-overdueAfter))}, func(scan func(...any) error) error {
			var merchantID, state string
			var count, overdue, oldest int64
			err := scan(&merchantID, &state, &count, &overdue, &oldest)
			change(merchantID, func(c *Condition) {
				c.Open[refund.State(state)] = count
				c.Overdue += overdue
				c.since(refund.State(state), sqldb.FromMicros(oldest))
			})
			return err
		})
		if err != nil {
			return err
		}
		err = q.Query(ctx, untaken, nil, func(scan func(...any) error) error {
			var merchantID, state string
			var count int64
			err := scan(&merchantID, &state, &count)
			change(merchantID, func(c *Condition) {
				if state == "dead" {
					c.DeadDeliveries = count
				} else {
					c.WaitingDeliveries = count
				}
			})
			return err
		})
		if err == nil {
			err = waitingApprovals(ctx, q, change)
		}
		if err != nil {
			return err
		}
		for _, counting := range []struct {
			text string
			set  func(*Condition, int64)
		}{
			{`SELECT merchant_id, COUNT(*) FROM events WHERE feed_number = 0 GROUP BY merchant_id`, func(c *Condition, n int64) { c.NewEvents = n }},
			{`SELECT merchant_id, COUNT(*) FROM alerts WHERE acked_at = 0 GROUP BY merchant_id`, func(c *Condition, n int64) { c.OpenAlerts = n }},
		} {
			err := q.Query(ctx, counting.text, nil, func(scan func(...any) error) error {
				var merchantID string
				var count int64
				err := scan(&merchantID, &count)
				change(merchantID, func(c *Condition) { counting.set(c, count) })
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read conditions: %w", err)
	}
	return found, nil
}

// waitingApprovals notes how many approvals wait, and since when.
func waitingApprovals(ctx context.Context, q sqldb.Querier, change func(string, func(*Condition))) error {
	const text = `SELECT merchant_id, COUNT(*), MIN(created_at) FROM approvals WHERE state = 'waiting' GROUP BY merchant_id`
	return q.Query(ctx, text, nil, func(scan func(...any) error) error {
		var merchantID string
		var count, oldest int64
		err := scan(&merchantID, &count, &oldest)
		change(merchantID, func(c *Condition) { c.Approvals, c.OldestApproval = count, sqldb.FromMicros(oldest) })
		return err
	})
}

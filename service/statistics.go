package service

import (
	"context"
	"time"
)

const (
	// statisticsPause is how long counting waits when nothing is left: an overview is
	// about so far behind.
	statisticsPause = 2 * time.Second
	// statisticsApart is for how long a merchant is left alone that can't be counted.
	statisticsApart = time.Minute
	// statisticsLook is how many merchants one look takes; the next goes on behind them.
	statisticsLook = 100
)

// foldStore is the part of the store that counts.
type foldStore interface {
	MerchantsToFold(ctx context.Context, after string, limit int) ([]string, error)
	FoldStatistics(ctx context.Context, merchantID string) (n int, more bool, err error)
}

// counting counts what the overview shows (store.FoldStatistics), outside of all that
// merchants wait for. Merchants take turns, and one that can't be counted is left alone
// for a while.
type counting struct {
	service *Service
	store   foldStore
	after   string // the last merchant of the look before
	full    bool   // a merchant of the look before has more that is not counted
	apart   map[string]time.Time
}

// step counts once for each merchant of a look, and returns how much there was.
func (c *counting) step(ctx context.Context) (int, error) {
	store, now := c.store, c.service.now()
	merchants, err := store.MerchantsToFold(ctx, c.after, statisticsLook)
	if err != nil {
		return 0, err
	}
	if c.after = ""; len(merchants) == statisticsLook {
		c.after = merchants[len(merchants)-1]
	}
	done := 0
	c.full = false
	for _, id := range merchants {
		if until, is := c.apart[id]; is && until.After(now) {
			continue
		}
		delete(c.apart, id)
		n, more, err := store.FoldStatistics(ctx, id)
		done += n
		c.full = c.full || more && err == nil
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		if err != nil {
			if c.apart == nil {
				c.apart = make(map[string]time.Time)
			}
			c.apart[id] = now.Add(statisticsApart)
			c.service.opts.Log.Warn("a merchant's refunds could not be counted for the overview; trying again in a minute", "merchant_id", id, "error", err)
		}
	}
	return done, nil
}

// run counts until ctx ends.
func (c *counting) run(ctx context.Context) {
	for {
		n, err := c.step(ctx)
		if err != nil && ctx.Err() == nil {
			c.service.opts.Log.Warn("refunds could not be counted for the overview; trying again", "error", err)
		}
		if n > 0 && err == nil && (c.full || c.after != "") {
			continue // more waits
		}
		timer := time.NewTimer(statisticsPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

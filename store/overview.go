package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// maxOverviewCount bounds what the overview counts row by row: some milliseconds.
const maxOverviewCount = 10_000

const (
	// countsOf adds up the kept counts by step, sumsOpen those of open refunds.
	countsOf = `SELECT (c.hour - $2) / $4, c.currency, c.account, c.state, CAST(SUM(c.refunds) AS BIGINT), CAST(SUM(c.minor_high) AS BIGINT), CAST(SUM(c.minor_low) AS BIGINT)
		FROM refund_counts c WHERE c.merchant_id = $1 AND c.hour >= $2 AND c.hour < $3 GROUP BY 1, 2, 3, 4`
	sumsOpen = `SELECT c.currency, c.state, CAST(SUM(c.refunds) AS BIGINT), CAST(SUM(c.minor_high) AS BIGINT), CAST(SUM(c.minor_low) AS BIGINT)
		FROM refund_counts c WHERE c.merchant_id = $1 AND c.refunds <> 0 AND c.state IN ('held', 'created', 'pending', 'abnormal') GROUP BY c.currency, c.state`
	timesOf = `SELECT (t.hour - $2) / $4, t.account, t.up_to, CAST(SUM(t.refunds) AS BIGINT)
		FROM refund_times t WHERE t.merchant_id = $1 AND t.hour >= $2 AND t.hour < $3 GROUP BY 1, 2, 3`
	notCounted = `SELECT COALESCE((SELECT f.last_number FROM feed_counters f WHERE f.merchant_id = $1), 0) - COALESCE((SELECT c.folded FROM stat_cursors c WHERE c.merchant_id = $1), 0),
		(SELECT COUNT(*) FROM stat_recounts h WHERE h.merchant_id = $1)`

	oldestIn  = `SELECT r.id, r.created_at FROM refunds r WHERE r.merchant_id = $1 AND r.state = $2 AND r.state <> 'succeeded' ORDER BY r.created_at, r.id LIMIT 1`
	oldestDue = `SELECT COALESCE(MIN(d.due_at), 0) FROM deliveries d WHERE d.merchant_id = $1 AND d.due_at > 0 AND d.due_at <= $2`
	lastOf    = `SELECT r.succeeded_at FROM refunds r WHERE r.merchant_id = $1 AND r.channel_account = $2 AND r.state = 'succeeded'
		ORDER BY r.succeeded_at DESC, r.id DESC LIMIT 1`

	countNeedPerson = `FROM refunds r WHERE r.merchant_id = $1 AND ` + needsPerson + ` ORDER BY r.created_at, r.id` // else PostgreSQL expects that most are, and reads all
	countShort      = `FROM refunds r WHERE r.merchant_id = $1 AND ` + shortOfFunds
	countWaiting    = `FROM deliveries d WHERE d.merchant_id = $1 AND d.due_at > 0`
	countDue        = countWaiting + ` AND d.due_at <= $2`
	countDead       = `FROM deliveries d WHERE d.merchant_id = $1 AND ` + deadDeliveries
	countAlerts     = `FROM alerts a WHERE a.merchant_id = $1 AND a.acked_at = 0`
)

// Overview sums up a merchant's refunds. It reads kept counts, and refunds only by
// indexes of what is open or waits, up to a bound: how many refunds there are makes no
// difference.
func (s *Store) Overview(ctx context.Context, f refund.OverviewFilter, now time.Time) (refund.Overview, error) {
	r := overviewing{out: refund.Overview{OverviewFilter: f, Series: refund.NewSeries(f), Times: make(refund.Histogram)}, now: sqldb.Micros(now), of: make(map[string]*refund.AccountHealth)}
	err := s.Read(ctx, func(q sqldb.Querier) error {
		r.q = q
		for _, part := range r.parts() {
			if err := part(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return refund.Overview{}, fmt.Errorf("read overview: %w", err)
	}
	for _, a := range r.order {
		r.out.Accounts = append(r.out.Accounts, *r.of[a])
	}
	r.out.Sums = refund.JoinSums(r.out.Sums)
	return r.out, nil
}

// overviewing is Overview at work.
type overviewing struct {
	q     sqldb.Querier
	out   refund.Overview
	now   int64
	of    map[string]*refund.AccountHealth
	order []string
}

func (r *overviewing) parts() []func(context.Context) error {
	return []func(context.Context) error{r.accounts, r.counts, r.open, r.times, r.progress, r.oldest, r.waits}
}

// span are the arguments of a statement that reads the overview's time in steps.
func (r *overviewing) span() []any {
	f := r.out.OverviewFilter
	return []any{f.MerchantID, sqldb.Micros(f.From), sqldb.Micros(f.To), f.Step.Microseconds()}
}

func (r *overviewing) accounts(ctx context.Context) error {
	merchantID := r.out.MerchantID
	accounts, err := queryAccounts(ctx, r.q, merchantID)
	if err != nil {
		return err
	}
	pauses, err := queryPauses(ctx, r.q, pausesOf, merchantID)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		health := &refund.AccountHealth{MerchantID: merchantID, ID: a.ID, Channel: a.Channel, State: string(a.State), AskFirst: !a.AskSince.IsZero(), Times: make(refund.Histogram)}
		health.Paused = a.State == merchant.AccountPaused || slices.ContainsFunc(pauses, func(p merchant.Pause) bool { return p.Covers(a) })
		r.of[a.ID], r.order = health, append(r.order, a.ID)
		err := r.q.Query(ctx, lastOf, []any{merchantID, a.ID}, func(scan func(...any) error) error {
			var at int64
			err := scan(&at)
			health.LastSuccess = sqldb.FromMicros(at)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *overviewing) counts(ctx context.Context) error {
	return r.q.Query(ctx, countsOf, r.span(), func(scan func(...any) error) error {
		var step, refunds, high, low int64
		var currency, account, state string
		if err := scan(&step, &currency, &account, &state, &refunds, &high, &low); err != nil {
			return err
		}
		r.out.Sums = append(r.out.Sums, refund.StateSum{Currency: money.Currency(currency), State: refund.State(state), Refunds: refunds, Minor: sqldb.Wide(high, low)})
		if step >= 0 && step < int64(len(r.out.Series)) {
			r.out.Series[step].States[refund.State(state)] += refunds
		}
		if a := r.of[account]; a != nil {
			switch refund.State(state) {
			case refund.Succeeded:
				a.Succeeded += refunds
			case refund.Failed:
				a.Failed += refunds
			}
		}
		return nil
	})
}

func (r *overviewing) open(ctx context.Context) error {
	err := r.q.Query(ctx, sumsOpen, []any{r.out.MerchantID}, func(scan func(...any) error) error {
		var sum refund.StateSum
		var high, low int64
		err := scan((*string)(&sum.Currency), (*string)(&sum.State), &sum.Refunds, &high, &low)
		sum.Minor = sqldb.Wide(high, low)
		r.out.Open = append(r.out.Open, sum)
		return err
	})
	r.out.Open = refund.JoinSums(r.out.Open)
	return err
}

func (r *overviewing) times(ctx context.Context) error {
	return r.q.Query(ctx, timesOf, r.span(), func(scan func(...any) error) error {
		var step, upTo, refunds int64
		var account string
		if err := scan(&step, &account, &upTo, &refunds); err != nil {
			return err
		}
		bound := time.Duration(upTo) * time.Millisecond
		r.out.Times[bound] += refunds
		if step >= 0 && step < int64(len(r.out.Series)) {
			r.out.Series[step].Times[bound] += refunds
		}
		if a := r.of[account]; a != nil {
			a.Times[bound] += refunds
		}
		return nil
	})
}

func (r *overviewing) progress(ctx context.Context) error {
	return r.q.Query(ctx, notCounted, []any{r.out.MerchantID}, func(scan func(...any) error) error {
		return scan(&r.out.Behind, &r.out.Recounts)
	})
}

func (r *overviewing) oldest(ctx context.Context) error {
	for _, state := range refund.States() {
		if state.Final() {
			continue
		}
		err := r.q.Query(ctx, oldestIn, []any{r.out.MerchantID, string(state)}, func(scan func(...any) error) error {
			one := refund.Oldest{State: state, MerchantID: r.out.MerchantID}
			var at int64
			err := scan(&one.RefundID, &at)
			one.CreatedAt = sqldb.FromMicros(at)
			r.out.Oldest = append(r.out.Oldest, one)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// waits counts what waits or needs somebody.
func (r *overviewing) waits(ctx context.Context) error {
	merchantID := r.out.MerchantID
	for _, one := range []struct {
		from string
		into *refund.Counted
		args []any
	}{
		{countNeedPerson, &r.out.NeedPerson, []any{merchantID}},
		{countShort, &r.out.ShortOfFunds, []any{merchantID}},
		{countWaiting, &r.out.Deliveries.Waiting, []any{merchantID}},
		{countDue, &r.out.Deliveries.Due, []any{merchantID, r.now}},
		{countDead, &r.out.Deliveries.Dead, []any{merchantID}},
		{countAlerts, &r.out.Alerts, []any{merchantID}},
	} {
		if err := countTo(ctx, r.q, one.from, one.into, one.args); err != nil {
			return err
		}
	}
	return r.q.Query(ctx, oldestDue, []any{merchantID, r.now}, func(scan func(...any) error) error {
		var at int64
		err := scan(&at)
		r.out.Deliveries.OldestDue = sqldb.FromMicros(at)
		return err
	})
}

// countTo counts rows up to maxOverviewCount.
func countTo(ctx context.Context, q sqldb.Querier, from string, into *refund.Counted, args []any) error {
	text := `SELECT COUNT(*) FROM (SELECT 1 AS one ` + from + ` LIMIT 10001) b`
	return q.Query(ctx, text, args, func(scan func(...any) error) error {
		err := scan(&into.N)
		if into.More = into.N > maxOverviewCount; into.More {
			into.N = maxOverviewCount
		}
		return err
	})
}

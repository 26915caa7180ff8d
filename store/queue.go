package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// The conditions of the queues, in the texts of their partial indexes: an engine
// takes such an index only where it sees that the condition implies it.
const (
	shortOfFunds   = `r.held_reason = 'funds'`
	adopted        = `r.asked_by = '{"dialect":"` + refund.ByChannel + `"}'`
	withExcess     = `c.excess > 0`
	deadDeliveries = `d.state = 'dead' AND d.replayed_at = 0`

	needsPerson = `(r.doubt & 16) <> 0`
	abnormal    = `r.state = 'abnormal' AND r.state <> 'succeeded'`
	twice       = `r.failure_code <> '' AND r.failure_code = '` + refund.CodeTwice + `'`
)

// queueCounts are the statements that count a queue, of which each reads at most
// $2 entries of an index. The merchant is $1.
var queueCounts = []struct {
	queue refund.Queue
	text  string
}{
	{refund.QueueAbnormal, `SELECT COUNT(*) FROM (SELECT r.id FROM refunds r WHERE r.merchant_id = $1 AND ` + abnormal + ` LIMIT $2) n`},
	{refund.QueueFunds, `SELECT COUNT(*) FROM (SELECT r.id FROM refunds r WHERE r.merchant_id = $1 AND ` + shortOfFunds + ` LIMIT $2) n`},
	{refund.QueueUnknown, `SELECT COUNT(*) FROM (SELECT r.id FROM refunds r WHERE r.merchant_id = $1 AND ` + needsPerson + ` ORDER BY r.created_at, r.id LIMIT $2) n`},
	{refund.QueueDeliveries, `SELECT COUNT(*) FROM (SELECT d.id FROM deliveries d WHERE d.merchant_id = $1 AND ` + deadDeliveries + ` LIMIT $2) n`},
	{refund.QueueForeign, `SELECT COUNT(*) FROM (SELECT r.id FROM refunds r WHERE r.merchant_id = $1 AND ` + adopted + ` LIMIT $2) n`},
	{refund.QueueForeign, `SELECT COUNT(*) FROM (SELECT c.id FROM charges c WHERE c.merchant_id = $1 AND ` + withExcess + ` LIMIT $2) n`},
	{refund.QueueForeign, `SELECT COUNT(*) FROM (SELECT r.id FROM refunds r WHERE r.merchant_id = $1 AND ` + twice + ` LIMIT $2) n`},
}

// QueueCounts implements admin.Queues.
func (s *Store) QueueCounts(ctx context.Context, merchantID string) (refund.QueueCounts, error) {
	counts := make(refund.QueueCounts, len(queueCounts))
	err := s.Read(ctx, func(q sqldb.Querier) error {
		clear(counts)
		for _, one := range queueCounts {
			var n int64
			err := q.Query(ctx, one.text, []any{merchantID, int64(refund.MaxQueueCount)}, func(scan func(...any) error) error { return scan(&n) })
			if err != nil {
				return err
			}
			counts[one.queue] = min(counts[one.queue]+n, refund.MaxQueueCount)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count queues: %w", err)
	}
	return counts, nil
}

// shortages adds up what waits for funds from its index alone. A sum in halves
// fits whatever the rows hold.
const shortages = `SELECT r.channel_account, r.currency, COUNT(*), MIN(r.created_at),
		CAST(SUM(r.amount / 1000000000) AS BIGINT), CAST(SUM(r.amount % 1000000000) AS BIGINT)
	FROM refunds r WHERE r.merchant_id = $1 AND ` + shortOfFunds + ` GROUP BY r.channel_account, r.currency`

// Shortages implements admin.Queues.
func (s *Store) Shortages(ctx context.Context, merchantID string) ([]refund.Shortage, error) {
	var found []refund.Shortage
	err := s.Read(ctx, func(q sqldb.Querier) error {
		found = nil
		return q.Query(ctx, shortages, []any{merchantID}, func(scan func(...any) error) error {
			var one refund.Shortage
			var since, high, low int64
			err := scan(&one.Account, (*string)(&one.Currency), &one.Refunds, &since, &high, &low)
			one.Since, one.Needed = sqldb.FromMicros(since), sqldb.Wide(high, low)
			found = append(found, one)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("add up what waits for funds: %w", err)
	}
	slices.SortFunc(found, func(a, b refund.Shortage) int {
		return strings.Compare(a.Account+" "+string(a.Currency), b.Account+" "+string(b.Currency))
	})
	return found, nil
}

// maxAskedOf bounds the refunds of which one statement reads when they were asked
// about: a page of a queue.
const maxAskedOf = maxListed

// LastAsked implements admin.Queues.
func (s *Store) LastAsked(ctx context.Context, merchantID string, refunds []refund.Refund) (map[string]time.Time, error) {
	const text = `SELECT a.refund_id, MAX(a.created_at) FROM v JOIN attempts a ON a.merchant_id = v.merchant_id AND a.refund_id = v.id
		WHERE a.merchant_id = v.merchant_id AND a.source = 'query' GROUP BY a.refund_id`
	asked := make(map[string]time.Time, len(refunds))
	if len(refunds) > maxAskedOf {
		return nil, refund.Errorf(refund.KindInternal, "refund", "a page has at most %s refunds", strconv.Itoa(maxAskedOf))
	}
	keys := make([]rowKey, len(refunds))
	for n, r := range refunds {
		keys[n] = rowKey{merchantID, r.ID}
	}
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return sqldb.QueryValues(ctx, q, keyColumns, keyRows(keys), text, func(scan func(...any) error) error {
			var id string
			var at int64
			err := scan(&id, &at)
			asked[id] = sqldb.FromMicros(at)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read when refunds were asked about: %w", err)
	}
	for _, r := range refunds { // answers that are counted on the refund
		if r.Streak.Source == refund.Query && r.Streak.LastAt.After(asked[r.ID]) {
			asked[r.ID] = r.Streak.LastAt
		}
	}
	return asked, nil
}

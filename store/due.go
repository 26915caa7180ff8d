package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// DueRefunds implements engine.Store. It reads across merchants, so it locks
// nothing; the process that takes one of them compares and sets its epoch.
func (s *Store) DueRefunds(ctx context.Context, now time.Time, limit int) ([]refund.Due, error) {
	const text = `SELECT ` + dueColumns + ` FROM refunds r WHERE r.due_at > 0 AND r.due_at <= $1 ORDER BY r.due_at LIMIT $2`
	var due []refund.Due
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{sqldb.Micros(now), int64(limit)}, func(scan func(...any) error) error {
			d, err := scanDue(scan)
			due = append(due, d)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find due refunds: %w", err)
	}
	return due, nil
}

// waitingAccounts lists the channel accounts of a pause's scope that have refunds
// which wait to be sent.
func (s *Store) waitingAccounts(ctx context.Context, scope merchant.PauseScope, now time.Time) ([]refund.AccountKey, error) {
	const text = `SELECT DISTINCT r.merchant_id, r.channel_account FROM refunds r
		JOIN channel_accounts a ON a.merchant_id = r.merchant_id AND a.id = r.channel_account
		WHERE r.due_at > 0 AND r.due_at > $1 AND r.lease_until = 0 AND (r.state = 'created' OR r.state = 'pending' AND r.submitted_at = 0)
		AND ($2 = '' OR r.merchant_id = $2) AND ($3 = '' OR a.connector = $3) ORDER BY r.merchant_id, r.channel_account`
	var found []refund.AccountKey
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{sqldb.Micros(now), scope.MerchantID, scope.Channel}, func(scan func(...any) error) error {
			var a refund.AccountKey
			err := scan(&a.MerchantID, &a.ID)
			found = append(found, a)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find what waits: %w", err)
	}
	return found, nil
}

// NeedPerson counts the refunds, of all merchants, of which only a person can find
// out what became of them.
func (s *Store) NeedPerson(ctx context.Context) (count int64, err error) {
	const text = `SELECT COUNT(*) FROM refunds r WHERE (r.doubt & 16) <> 0` // as the index refunds_needs_person says it
	err = s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, nil, func(scan func(...any) error) error { return scan(&count) })
	})
	if err != nil {
		return 0, fmt.Errorf("count refunds that need a person: %w", err)
	}
	return count, nil
}

// TakeOverLeases implements engine.Store. lease_until stays: it is how the
// next claim knows that a call may be under way, and asks first. A refund in a
// final state that nobody looks at again is left alone. Deliveries' leases are
// taken over with them; they may be sent twice, as any delivery may.
func (s *Store) TakeOverLeases(ctx context.Context, now time.Time) (int64, error) {
	const (
		text       = `UPDATE refunds SET due_at = $1 WHERE due_at > 0 AND due_at > $1 AND lease_until > 0`
		deliveries = `UPDATE deliveries SET due_at = $1 WHERE due_at > $1 AND lease_until > 0`
	)
	var taken int64
	err := s.write(ctx, func(q sqldb.Querier) (err error) {
		if taken, err = q.Exec(ctx, text, sqldb.Micros(now)); err != nil {
			return err
		}
		_, err = q.Exec(ctx, deliveries, sqldb.Micros(now))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("take over leases: %w", err)
	}
	return taken, nil
}

// NextDue is when a refund, an approval's end, a delivery, a kept notice or a bulk job is due next, of whichever
// merchant, or was due and is not taken yet; zero where nothing is. An event that
// waits for its deliveries has been due since it was written.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	const text = `SELECT COALESCE(MIN(d.at), 0) FROM (
			SELECT MIN(r.due_at) AS at FROM refunds r WHERE r.due_at > 0 AND r.due_at < $1 UNION ALL
			SELECT MIN(a.expires_at) FROM approvals a WHERE a.state = 'waiting' AND a.kind = 'send' UNION ALL
			SELECT MIN(d.due_at) FROM deliveries d WHERE d.due_at > 0 UNION ALL SELECT MIN(m.make_at) FROM deliveries m WHERE m.make_at > 0 UNION ALL
			SELECT MIN(n.due_at) FROM channel_notices n WHERE n.state = 'waiting' AND n.due_at > 0 UNION ALL
			SELECT MIN(j.due_at) FROM bulk_jobs j WHERE j.due_at > 0
		) d`
	next, err := s.oldest(ctx, "find what is due next", text, int64(neverDue))
	if err != nil {
		return time.Time{}, err
	}
	event, err := s.OldestNewEvent(ctx)
	if err == nil && !event.IsZero() && (next.IsZero() || event.Before(next)) {
		next = event
	}
	return next, err
}

// MerchantsWithNewEvents implements webhook.Store. It goes from one merchant's
// first new event to the next merchant's through the index, so that a long
// list of new events costs no more than a short one.
func (s *Store) MerchantsWithNewEvents(ctx context.Context, after string, limit int) ([]string, error) {
	const text = `WITH RECURSIVE m (id) AS (
			SELECT MIN(f.merchant_id) FROM events f WHERE f.feed_number = 0 AND f.merchant_id > $1 UNION ALL
			SELECT (SELECT MIN(e.merchant_id) FROM events e WHERE e.feed_number = 0 AND e.merchant_id > m.id) FROM m WHERE m.id IS NOT NULL
		), p (id) AS (
			SELECT MIN(f.merchant_id) FROM payment_events f WHERE f.told_at = 0 AND f.merchant_id > $1 UNION ALL
			SELECT (SELECT MIN(e.merchant_id) FROM payment_events e WHERE e.told_at = 0 AND e.merchant_id > p.id) FROM p WHERE p.id IS NOT NULL
		), d (id) AS (
			SELECT MIN(f.merchant_id) FROM dispute_events f WHERE f.told_at = 0 AND f.merchant_id > $1 UNION ALL
			SELECT (SELECT MIN(e.merchant_id) FROM dispute_events e WHERE e.told_at = 0 AND e.merchant_id > d.id) FROM d WHERE d.id IS NOT NULL
		), a (id) AS (SELECT MIN(f.merchant_id) FROM alerts f WHERE f.told_at = 0 AND f.merchant_id > $1 UNION ALL
			SELECT (SELECT MIN(e.merchant_id) FROM alerts e WHERE e.told_at = 0 AND e.merchant_id > a.id) FROM a WHERE a.id IS NOT NULL)
		SELECT n.id FROM (SELECT m.id FROM m WHERE m.id IS NOT NULL LIMIT $2) n UNION
		SELECT r.id FROM (SELECT a.id FROM a WHERE a.id IS NOT NULL LIMIT $2) r UNION
		SELECT q.id FROM (SELECT d.id FROM d WHERE d.id IS NOT NULL LIMIT $2) q UNION
		SELECT o.id FROM (SELECT p.id FROM p WHERE p.id IS NOT NULL LIMIT $2) o ORDER BY 1 LIMIT $2`
	var merchants []string
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, s.either(text, shardedNewEvents), []any{after, int64(limit)}, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			merchants = append(merchants, id)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find new events: %w", err)
	}
	return merchants, nil
}

// ChainsToLink lists the audit chains that have records which are not linked
// yet: "" is the installation's. They are few, and mostly none: whoever writes
// a record links it right after its commit.
func (s *Store) ChainsToLink(ctx context.Context, limit int) ([]string, error) {
	const text = `SELECT DISTINCT merchant_id FROM audit_records WHERE number = 0 ORDER BY merchant_id LIMIT $1`
	var chains []string
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{int64(limit)}, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			chains = append(chains, id)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find audit records to link: %w", err)
	}
	return chains, nil
}

// Unmade implements webhook.Store.
func (s *Store) Unmade(ctx context.Context, now time.Time, limit int) ([]merchant.Delivery, error) {
	const text = `SELECT ` + deliveryColumns + ` FROM deliveries d
		WHERE d.make_at > 0 AND d.make_at <= $1 AND d.state = 'waiting' ORDER BY d.make_at LIMIT $2`
	var found []merchant.Delivery
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{sqldb.Micros(now), int64(limit)}, func(scan func(...any) error) error {
			d, err := scanDelivery(scan)
			found = append(found, d)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find deliveries that could not be made: %w", err)
	}
	return found, nil
}

// maxBusyHosts bounds the hosts that DueDeliveriesOf leaves out, and so its
// statement.
const maxBusyHosts = 64

const (
	dueDeliveries = `SELECT d.merchant_id, d.created_at, d.id, d.lease_epoch, d.host FROM deliveries d WHERE d.due_at > 0 AND d.due_at <= $1`
	// merchantsDue goes from one merchant with waiting deliveries to the next
	// through the index deliveries_due_merchant.
	merchantsDue = `WITH RECURSIVE m (id) AS (
			SELECT MIN(f.merchant_id) FROM deliveries f WHERE f.due_at > 0 AND f.merchant_id > $1 UNION ALL
			SELECT (SELECT MIN(e.merchant_id) FROM deliveries e WHERE e.due_at > 0 AND e.merchant_id > m.id) FROM m WHERE m.id IS NOT NULL
		)
		SELECT m.id FROM m WHERE m.id IS NOT NULL
		AND EXISTS (SELECT 1 FROM deliveries d WHERE d.merchant_id = m.id AND d.due_at > 0 AND d.due_at <= $2) LIMIT $3`
)

// DueDeliveries implements webhook.Queue.
func (s *Store) DueDeliveries(ctx context.Context, now time.Time, limit int) ([]merchant.DeliveryKey, error) {
	return s.dueDeliveries(ctx, dueDeliveries+` ORDER BY d.due_at LIMIT $2`, sqldb.Micros(now), int64(limit))
}

// DueDeliveriesOf implements webhook.Queue.
func (s *Store) DueDeliveriesOf(ctx context.Context, merchantID string, now time.Time, without []string, limit int) ([]merchant.DeliveryKey, error) {
	args := []any{sqldb.Micros(now), int64(limit), merchantID}
	text := dueDeliveries + ` AND d.merchant_id = $3`
	for _, host := range without[:min(len(without), maxBusyHosts)] {
		args = append(args, host)
		text += ` AND d.host <> $` + strconv.Itoa(len(args))
	}
	return s.dueDeliveries(ctx, text+` ORDER BY d.due_at LIMIT $2`, args...)
}

func (s *Store) dueDeliveries(ctx context.Context, text string, args ...any) ([]merchant.DeliveryKey, error) {
	var keys []merchant.DeliveryKey
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, args, func(scan func(...any) error) error {
			var k merchant.DeliveryKey
			var createdAt int64
			err := scan(&k.MerchantID, &createdAt, &k.ID, &k.LeaseEpoch, &k.Host)
			k.CreatedAt = sqldb.FromMicros(createdAt)
			keys = append(keys, k)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find due deliveries: %w", err)
	}
	return keys, nil
}

// MerchantsWithDueDeliveries implements webhook.Queue.
func (s *Store) MerchantsWithDueDeliveries(ctx context.Context, after string, now time.Time, limit int) ([]string, error) {
	var merchants []string
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, s.either(merchantsDue, shardedMerchantsDue), []any{after, sqldb.Micros(now), int64(limit)}, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			merchants = append(merchants, id)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find merchants with due deliveries: %w", err)
	}
	return merchants, nil
}

// DueNotices implements engine.Store. A notice that names a charge which was not
// there is due as soon as it is, also after it was set aside: by either number of
// the payment, and one about a dispute by the order's number too, where that is of
// one payment of the account, as in NoticeMatch. One that can't be read is set aside.
func (s *Store) DueNotices(ctx context.Context, now time.Time, limit int) ([]refund.KeptNotice, error) {
	const text = `SELECT ` + noticeColumns + ` FROM channel_notices n
		WHERE n.state = $1 AND n.due_at > 0 AND n.due_at <= $2 OR n.state IN ($1, $3) AND n.charge_known = 0 AND (` + chargeCame + `)
		ORDER BY n.due_at LIMIT $4`
	var due, corrupt []refund.KeptNotice
	err := s.Read(ctx, func(q sqldb.Querier) error {
		args := []any{string(refund.NoticeWaiting), sqldb.Micros(now), string(refund.NoticeSetAside), int64(limit)}
		return q.Query(ctx, text, args, func(scan func(...any) error) error {
			n, err := scanNotice(scan)
			switch {
			case err == nil:
				due = append(due, n)
			case n.ID != "":
				corrupt = append(corrupt, n)
			default:
				return err
			}
			return nil
		})
	})
	if err == nil && len(corrupt) > 0 {
		err = s.setNoticesAside(ctx, corrupt)
	}
	if err != nil {
		return nil, fmt.Errorf("find due notices: %w", err)
	}
	return due, nil
}

// oldNotices lists the keys of notices that nobody has waited for since before a
// time.
func (s *Store) oldNotices(ctx context.Context, before time.Time, limit int) ([][]any, error) {
	const text = `SELECT n.merchant_id, n.created_at, n.id FROM channel_notices n WHERE n.state <> $1 AND n.created_at < $2 LIMIT $3`
	var keys [][]any
	err := s.Read(ctx, func(q sqldb.Querier) error {
		args := []any{string(refund.NoticeWaiting), sqldb.Micros(before), int64(limit)}
		return q.Query(ctx, text, args, func(scan func(...any) error) error {
			var merchantID, id string
			var createdAt int64
			err := scan(&merchantID, &createdAt, &id)
			keys = append(keys, []any{merchantID, createdAt, id})
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find old notices: %w", err)
	}
	return keys, nil
}

// newEventsOldest goes from one merchant's oldest new event to the next merchant's
// through the indexes, as MerchantsWithNewEvents does.
const newEventsOldest = `WITH RECURSIVE m (id) AS (
		SELECT MIN(f.merchant_id) FROM events f WHERE f.feed_number = 0 UNION ALL
		SELECT (SELECT MIN(e.merchant_id) FROM events e WHERE e.feed_number = 0 AND e.merchant_id > m.id) FROM m WHERE m.id IS NOT NULL
	), p (id) AS (
		SELECT MIN(f.merchant_id) FROM payment_events f WHERE f.told_at = 0 UNION ALL
		SELECT (SELECT MIN(e.merchant_id) FROM payment_events e WHERE e.told_at = 0 AND e.merchant_id > p.id) FROM p WHERE p.id IS NOT NULL
	), d (id) AS (
		SELECT MIN(f.merchant_id) FROM dispute_events f WHERE f.told_at = 0 UNION ALL
		SELECT (SELECT MIN(e.merchant_id) FROM dispute_events e WHERE e.told_at = 0 AND e.merchant_id > d.id) FROM d WHERE d.id IS NOT NULL
	), a (id) AS (SELECT MIN(f.merchant_id) FROM alerts f WHERE f.told_at = 0 UNION ALL
		SELECT (SELECT MIN(e.merchant_id) FROM alerts e WHERE e.told_at = 0 AND e.merchant_id > a.id) FROM a WHERE a.id IS NOT NULL
	), n (at) AS (
		SELECT (SELECT MIN(e.created_at) FROM alerts e WHERE e.merchant_id = a.id AND e.told_at = 0) FROM a WHERE a.id IS NOT NULL UNION ALL
		SELECT (SELECT MIN(e.created_at) FROM dispute_events e WHERE e.merchant_id = d.id AND e.told_at = 0) FROM d WHERE d.id IS NOT NULL UNION ALL
		SELECT (SELECT MIN(e.created_at) FROM events e WHERE e.merchant_id = m.id AND e.feed_number = 0) FROM m WHERE m.id IS NOT NULL UNION ALL
		SELECT (SELECT MIN(e.created_at) FROM payment_events e WHERE e.merchant_id = p.id AND e.told_at = 0) FROM p WHERE p.id IS NOT NULL
	)
	SELECT COALESCE(MIN(n.at), 0) FROM n`

// OldestNewEvent returns the time of the oldest event that the fan-out has not
// taken over, of whichever merchant; zero where there is none.
func (s *Store) OldestNewEvent(ctx context.Context) (time.Time, error) {
	return s.oldest(ctx, "find oldest new event", s.either(newEventsOldest, shardedEventsOldest))
}

// OldestDueDelivery returns since when the oldest delivery has been due that
// nobody has claimed; zero where there is none.
func (s *Store) OldestDueDelivery(ctx context.Context, now time.Time) (time.Time, error) {
	const text = `SELECT COALESCE(MIN(d.due_at), 0) FROM deliveries d WHERE d.due_at > 0 AND d.due_at <= $1`
	return s.oldest(ctx, "find oldest due delivery", text, sqldb.Micros(now))
}

func (s *Store) oldest(ctx context.Context, doing, text string, args ...any) (time.Time, error) {
	var at int64
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, args, func(scan func(...any) error) error { return scan(&at) })
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", doing, err)
	}
	return sqldb.FromMicros(at), nil
}

// watchedRefunds are those that succeeded and are to be asked about again, and that
// nobody has made due yet.
const watchedRefunds = `SELECT r.merchant_id, r.id FROM refunds r WHERE r.watch_at > 0 AND r.watch_at <= $1 AND r.due_at = 0 ORDER BY r.watch_at LIMIT $2`

// WatchRefunds implements engine.Store. It reads across merchants without locks;
// each is made due by a compare-and-set.
func (s *Store) WatchRefunds(ctx context.Context, now time.Time, limit int) (int, error) {
	const (
		free    = `SELECT r.merchant_id, r.id FROM v JOIN refunds r ON r.merchant_id = v.merchant_id AND r.id = v.id ORDER BY v.n`
		makeDue = `UPDATE refunds SET due_at = $3 WHERE merchant_id = $1 AND id = $2 AND watch_at > 0 AND watch_at <= $3 AND due_at = 0`
	)
	var keys []rowKey
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, watchedRefunds, []any{sqldb.Micros(now), int64(limit)}, func(scan func(...any) error) error {
			var key rowKey
			err := scan(&key.merchant, &key.id)
			keys = append(keys, key)
			return err
		})
	})
	if err != nil || len(keys) == 0 {
		return 0, wrapWatch(err)
	}
	var made int64
	err = s.Share(ctx, func(q sqldb.Querier) error {
		made = 0
		var statements []sqldb.Statement
		err := sqldb.QueryValues(ctx, q, keyColumns, keyRows(keys), free+q.Lock("OF r SKIP LOCKED"), func(scan func(...any) error) error {
			var key rowKey
			err := scan(&key.merchant, &key.id)
			statements = append(statements, sqldb.Statement{SQL: makeDue, Args: []any{key.merchant, key.id, sqldb.Micros(now)}})
			return err
		})
		if err != nil {
			return err
		}
		counts, err := q.Send(ctx, statements)
		for _, count := range counts {
			made += count
		}
		return err
	})
	return int(made), wrapWatch(err)
}

func wrapWatch(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("make watched refunds due: %w", err)
}

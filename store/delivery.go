package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/webhook"
)

var _ webhook.Store = (*Store)(nil)

const (
	insertDeliveries = `INSERT INTO deliveries (merchant_id, created_at, id, event_id, endpoint_id, dialect, url, host, key_id, body,
		state, attempts, due_at, lease_epoch, lease_until, ended_at, problem, make_at) VALUES`
	deliveryWidth          = 18
	insertDeliveryAttempts = `INSERT INTO delivery_attempts (merchant_id, created_at, id, delivery_id, status, error, duration_us) VALUES`
	deliveryAttemptWidth   = 7

	deliveryColumns = `d.merchant_id, d.created_at, d.id, d.event_id, d.endpoint_id, d.dialect, d.url, d.host, d.key_id, d.body,
		d.attempts, d.lease_epoch, d.problem, d.make_at`
	// deliveryJoin finds rows of v that are there.
	deliveryJoin = ` FROM v JOIN deliveries d ON d.merchant_id = v.merchant_id AND d.created_at = v.created_at AND d.id = v.id`
	// deliveryLeased is a row of v under the lease that v names.
	deliveryLeased = ` FROM v WHERE deliveries.merchant_id = v.merchant_id AND deliveries.created_at = v.created_at
		AND deliveries.id = v.id AND deliveries.lease_epoch = v.lease_epoch AND deliveries.state = 'waiting'`
)

// deliveriesHeldTime is for how long deliveries are looked at before they are changed,
// after another session held one for longer than that is waited for.
const deliveriesHeldTime = 15 * time.Second

// neverDue is the due time of a delivery that could not be made, in no time
// that comes (9999-12-31), so that no program sends it as it is.
const neverDue = 253_402_214_400_000_000

// deliveryRows makes the statements that insert deliveries.
func deliveryRows(deliveries []merchant.Delivery) []sqldb.Statement {
	rows := make([][]any, len(deliveries))
	for n, d := range deliveries {
		dueAt := sqldb.Micros(d.DueAt)
		if d.Problem != "" {
			dueAt = neverDue
		}
		rows[n] = []any{
			d.MerchantID, sqldb.Micros(d.CreatedAt), d.ID, d.EventID, d.EndpointID, d.Dialect, d.URL, d.Host, d.KeyID, d.Body,
			string(merchant.DeliveryWaiting), d.Attempts, dueAt, d.LeaseEpoch, sqldb.Micros(d.LeaseUntil), int64(0), d.Problem, sqldb.Micros(d.MakeAt),
		}
	}
	return sqldb.InsertRows(insertDeliveries, deliveryWidth, rows, "")
}

func scanDelivery(scan func(...any) error) (merchant.Delivery, error) {
	var d merchant.Delivery
	var createdAt, makeAt int64
	err := scan(&d.MerchantID, &createdAt, &d.ID, &d.EventID, &d.EndpointID, &d.Dialect, &d.URL, &d.Host, &d.KeyID, &d.Body,
		&d.Attempts, &d.LeaseEpoch, &d.Problem, &makeAt)
	if err != nil {
		return merchant.Delivery{}, fmt.Errorf("read delivery: %w", err)
	}
	d.CreatedAt, d.MakeAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(makeAt)
	if d.Body == nil {
		d.Body = []byte{} // SQLite has no other word for no bytes
	}
	return d, nil
}

// leaseColumns is a list of deliveries under their leases, in the order in
// which their rows are locked.
var leaseColumns = sqldb.NewColumns(
	"n BIGINT",
	"merchant_id TEXT",
	"created_at BIGINT",
	"id TEXT",
	"lease_epoch BIGINT",
	"now BIGINT",
)

// byDelivery is the order in which deliveries are locked.
func byDelivery(a, b merchant.DeliveryKey) int {
	return cmp.Or(cmp.Compare(a.MerchantID, b.MerchantID), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

func leaseRows(keys []merchant.DeliveryKey, now time.Time) [][]any {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, byDelivery)
	rows := make([][]any, len(keys))
	for n, k := range keys {
		rows[n] = []any{int64(n), k.MerchantID, sqldb.Micros(k.CreatedAt), k.ID, k.LeaseEpoch, sqldb.Micros(now)}
	}
	return rows
}

// ClaimDeliveries implements webhook.Store. Rows that another process is
// claiming are left to it.
func (s *Store) ClaimDeliveries(ctx context.Context, keys []merchant.DeliveryKey, now, until time.Time) ([]merchant.Delivery, error) {
	const (
		find = `SELECT ` + deliveryColumns + deliveryJoin + ` AND d.lease_epoch = v.lease_epoch
			WHERE d.state = 'waiting' AND d.due_at <= v.now ORDER BY v.n`
		claim = `UPDATE deliveries SET lease_epoch = v.lease_epoch + 1, lease_until = v.now, due_at = v.now` + deliveryLeased
	)
	var claimed []merchant.Delivery
	err := s.Share(ctx, func(q sqldb.Querier) error {
		claimed = nil
		var got []merchant.DeliveryKey
		err := sqldb.QueryValues(ctx, q, leaseColumns, leaseRows(keys, now), find+q.Lock("OF d SKIP LOCKED"), func(scan func(...any) error) error {
			d, err := scanDelivery(scan)
			got = append(got, d.Key())
			d.LeaseEpoch++
			d.LeaseUntil, d.DueAt = until, until
			claimed = append(claimed, d)
			return err
		})
		if err != nil {
			return err
		}
		// The rows are locked as they were found; the epoch says so once more.
		counts, err := q.Send(ctx, sqldb.WithValues(leaseColumns, leaseRows(got, until), claim))
		if err == nil && sum(counts) != int64(len(got)) {
			err = fmt.Errorf("%d of %d locked deliveries were claimed", sum(counts), len(got))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return claimed, nil
}

// ReturnDeliveries implements webhook.Store.
func (s *Store) ReturnDeliveries(ctx context.Context, keys []merchant.DeliveryKey, at time.Time) error {
	const giveBack = `UPDATE deliveries SET lease_until = 0, due_at = v.now` + deliveryLeased
	err := s.write(ctx, func(q sqldb.Querier) error {
		_, err := q.Send(ctx, sqldb.WithValues(leaseColumns, leaseRows(keys, at), giveBack))
		return err
	})
	if err != nil {
		return fmt.Errorf("return deliveries: %w", err)
	}
	return nil
}

// attemptColumns is what a try leads to, for the delivery under its lease.
var attemptColumns = sqldb.NewColumns(
	"merchant_id TEXT",
	"created_at BIGINT",
	"id TEXT",
	"lease_epoch BIGINT",
	"state TEXT",
	"due_at BIGINT",
	"ended_at BIGINT",
)

// saveOutcome writes what tries lead to.
const saveOutcome = `UPDATE deliveries SET attempts = deliveries.attempts + 1, state = v.state, due_at = v.due_at,
	lease_until = 0, ended_at = v.ended_at` + deliveryLeased

// SaveAttempts implements webhook.Store. Whose lease has run out may have been
// taken over meanwhile; nobody else changes a delivery under its lease for long.
func (s *Store) SaveAttempts(ctx context.Context, attempts []merchant.DeliveryAttempt) (held []int, err error) {
	if done, err := s.saveLeased(ctx, attempts); done || err != nil {
		if err != nil {
			err = fmt.Errorf("record deliveries: %w", err)
		}
		return nil, err
	}
	const there = `SELECT d.id` + deliveryJoin + ` ORDER BY v.n`
	keys := make([]merchant.DeliveryKey, len(attempts))
	for n, a := range attempts {
		keys[n] = a.Delivery.Key()
	}
	err = s.Share(ctx, func(q sqldb.Querier) error {
		held = nil
		free, err := deliveryIDs(ctx, q, keys, there+q.Lock("OF d SKIP LOCKED"))
		if err != nil {
			return err
		}
		all := free
		if len(free) < len(attempts) { // some were deleted, or another transaction holds them
			if all, err = deliveryIDs(ctx, q, keys, there); err != nil {
				return err
			}
		}
		var record, outcome [][]any
		for n, a := range attempts {
			switch {
			case free[a.Delivery.ID]:
				record = append(record, attemptRow(a, s.newID(a.At)))
				outcome = append(outcome, outcomeRow(a))
			case all[a.Delivery.ID]:
				held = append(held, n)
			}
		}
		statements := sqldb.InsertRows(insertDeliveryAttempts, deliveryAttemptWidth, record, "")
		_, err = q.Send(ctx, append(statements, sqldb.WithValues(attemptColumns, outcome, saveOutcome)...))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("record deliveries: %w", err)
	}
	return held, nil
}

// errNotLeased ends a transaction about deliveries that are not all under the leases
// that it names.
var errNotLeased = errors.New("a delivery is not under its lease any more")

// saveLeased records tries whose deliveries are under their leases still and held by
// nobody else, as nearly always: the update finds that out, and nothing is read before.
// false: they are not, and nothing was written.
func (s *Store) saveLeased(ctx context.Context, attempts []merchant.DeliveryAttempt) (done bool, err error) {
	now := s.now()
	if sqldb.Micros(now) < s.deliveriesHeld.Load() {
		return false, nil
	}
	attempts = slices.Clone(attempts)
	slices.SortFunc(attempts, func(a, b merchant.DeliveryAttempt) int { return byDelivery(a.Delivery.Key(), b.Delivery.Key()) })
	err = s.Share(ctx, func(q sqldb.Querier) error {
		record, outcome := make([][]any, len(attempts)), make([][]any, len(attempts))
		for n, a := range attempts {
			record[n], outcome[n] = attemptRow(a, s.newID(a.At)), outcomeRow(a)
		}
		statements := sqldb.WithValues(attemptColumns, outcome, saveOutcome)
		counts, err := q.Send(ctx, append(statements, sqldb.InsertRows(insertDeliveryAttempts, deliveryAttemptWidth, record, "")...))
		if err == nil && counts[0] != int64(len(attempts)) {
			err = errNotLeased
		}
		return err
	})
	switch {
	case errors.Is(err, errNotLeased):
		return false, nil
	case errors.Is(err, refund.ErrLocked):
		s.deliveriesHeld.Store(sqldb.Micros(now.Add(deliveriesHeldTime)))
		return false, nil
	}
	return err == nil, err
}

// deliveryIDs are the ids of the rows that a look by keys returns.
func deliveryIDs(ctx context.Context, q sqldb.Querier, keys []merchant.DeliveryKey, text string) (map[string]bool, error) {
	found := make(map[string]bool, len(keys))
	err := sqldb.QueryValues(ctx, q, leaseColumns, leaseRows(keys, time.Time{}), text, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		found[id] = true
		return err
	})
	return found, err
}

func attemptRow(a merchant.DeliveryAttempt, id string) []any {
	return []any{a.Delivery.MerchantID, sqldb.Micros(a.At), id, a.Delivery.ID, int64(a.Status), a.Error, a.Duration.Microseconds()}
}

func outcomeRow(a merchant.DeliveryAttempt) []any {
	d := a.Delivery
	state, dueAt, endedAt := merchant.DeliveryWaiting, sqldb.Micros(a.Next), int64(0)
	if a.Delivered || a.Dead {
		state, dueAt, endedAt = merchant.DeliveryDead, 0, sqldb.Micros(a.At.Add(a.Duration))
	}
	if a.Delivered {
		state = merchant.Delivered
	}
	return []any{d.MerchantID, sqldb.Micros(d.CreatedAt), d.ID, d.LeaseEpoch, string(state), dueAt, endedAt}
}

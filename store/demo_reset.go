package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// What hangs on the charges of v, in the order in which it is deleted: what
// is found through another row goes before it.
var deleteCharges = []string{
	`DELETE FROM delivery_attempts WHERE (merchant_id, delivery_id) IN (SELECT d.merchant_id, d.id FROM v
		JOIN events e ON e.merchant_id = v.merchant_id AND e.charge_id = v.id
		JOIN deliveries d ON d.merchant_id = e.merchant_id AND d.event_id = e.id)`,
	`DELETE FROM deliveries WHERE (merchant_id, event_id) IN (SELECT e.merchant_id, e.id FROM v
		JOIN events e ON e.merchant_id = v.merchant_id AND e.charge_id = v.id)`,
	`DELETE FROM delivery_attempts WHERE (merchant_id, delivery_id) IN (SELECT d.merchant_id, d.id FROM v
		JOIN deliveries d ON d.merchant_id = v.merchant_id AND d.event_id = v.id)`,
	`DELETE FROM deliveries WHERE (merchant_id, event_id) IN (SELECT v.merchant_id, v.id FROM v)`,
	`DELETE FROM delivery_attempts WHERE (merchant_id, delivery_id) IN (SELECT w.merchant_id, w.id FROM v
		JOIN disputes d ON d.merchant_id = v.merchant_id AND d.charge_id = v.id
		JOIN dispute_events e ON e.merchant_id = d.merchant_id AND e.dispute_id = d.id
		JOIN deliveries w ON w.merchant_id = e.merchant_id AND w.event_id = e.id)`,
	`DELETE FROM deliveries WHERE (merchant_id, event_id) IN (SELECT e.merchant_id, e.id FROM v
		JOIN disputes d ON d.merchant_id = v.merchant_id AND d.charge_id = v.id
		JOIN dispute_events e ON e.merchant_id = d.merchant_id AND e.dispute_id = d.id)`,
	`DELETE FROM payment_events WHERE (merchant_id, charge_id) IN (SELECT v.merchant_id, v.id FROM v)`,
	`DELETE FROM events WHERE (merchant_id, charge_id) IN (SELECT v.merchant_id, v.id FROM v)`,
	`DELETE FROM transfers WHERE (merchant_id, charge_id) IN (SELECT v.merchant_id, v.id FROM v)`,
	`DELETE FROM attempts WHERE (merchant_id, refund_id) IN (SELECT r.merchant_id, r.id FROM v
		JOIN refunds r ON r.merchant_id = v.merchant_id AND r.charge_id = v.id)`,
	`DELETE FROM delivery_attempts WHERE (merchant_id, delivery_id) IN (SELECT d.merchant_id, d.id FROM v
		JOIN refunds r ON r.merchant_id = v.merchant_id AND r.charge_id = v.id
		JOIN alerts a ON a.merchant_id = r.merchant_id AND a.refund_id = r.id
		JOIN deliveries d ON d.merchant_id = a.merchant_id AND d.event_id = a.id)`,
	`DELETE FROM deliveries WHERE (merchant_id, event_id) IN (SELECT a.merchant_id, a.id FROM v
		JOIN refunds r ON r.merchant_id = v.merchant_id AND r.charge_id = v.id
		JOIN alerts a ON a.merchant_id = r.merchant_id AND a.refund_id = r.id)`,
	`DELETE FROM alerts WHERE (merchant_id, refund_id) IN (SELECT r.merchant_id, r.id FROM v
		JOIN refunds r ON r.merchant_id = v.merchant_id AND r.charge_id = v.id)`,
	`DELETE FROM dispute_events WHERE (merchant_id, dispute_id) IN (SELECT d.merchant_id, d.id FROM v
		JOIN disputes d ON d.merchant_id = v.merchant_id AND d.charge_id = v.id)`,
	`DELETE FROM disputes WHERE (merchant_id, charge_id) IN (SELECT v.merchant_id, v.id FROM v)`,
	`DELETE FROM approvals WHERE (merchant_id, refund_id) IN (SELECT r.merchant_id, r.id FROM v
		JOIN refunds r ON r.merchant_id = v.merchant_id AND r.charge_id = v.id)`,
	// A file of refunds goes as a whole, whose lines are about any of the charges.
	`DELETE FROM bulk_lines WHERE (merchant_id, job_id) IN (SELECT l.merchant_id, l.job_id FROM v
		JOIN bulk_lines l ON l.merchant_id = v.merchant_id AND l.charge_id = v.id AND l.charge_id <> '')`,
	`DELETE FROM bulk_jobs WHERE merchant_id IN (SELECT v.merchant_id FROM v) AND lines > 0 AND NOT EXISTS (
		SELECT l.line FROM bulk_lines l WHERE l.merchant_id = bulk_jobs.merchant_id AND l.job_id = bulk_jobs.id)`,
	`DELETE FROM refunds WHERE (merchant_id, charge_id) IN (SELECT v.merchant_id, v.id FROM v)`,
	`DELETE FROM charge_aliases WHERE (merchant_id, charge_id) IN (SELECT v.merchant_id, v.id FROM v)`,
	`DELETE FROM charges WHERE (merchant_id, id) IN (SELECT v.merchant_id, v.id FROM v)`,
}

// ResetDemo renews the demo merchant's charges: in one transaction those that
// are there under one of the names or numbers of charges are deleted with
// everything that hangs on them, and charges are registered. Errors:
// KindForbidden for any other merchant; KindStateConflict while one of the
// refunds is claimed, because a channel may be hearing of it just then.
func (s *Store) ResetDemo(ctx context.Context, merchantID string, charges []refund.Charge, now time.Time, w *refund.Write) error {
	fresh := make([]refund.Charge, len(charges))
	for n, c := range charges {
		if c.CreatedAt.IsZero() {
			c.CreatedAt = now
		}
		c.UpdatedAt = c.CreatedAt
		checked, err := refund.AsRegistered(c)
		if err != nil {
			return fmt.Errorf("reset demo: %w", err)
		}
		fresh[n] = checked
	}
	err := s.writeOnce(ctx, merchantID, w, func(q sqldb.Querier) error {
		r := resetting{store: s, q: q, merchantID: merchantID}
		if err := r.lock(ctx, fresh, now); err != nil {
			return err
		}
		if err := r.delete(ctx); err != nil {
			return err
		}
		return r.load(ctx, slices.Clone(fresh))
	})
	if err != nil {
		return fmt.Errorf("reset demo: %w", err)
	}
	return nil
}

// resetting is ResetDemo's transaction.
type resetting struct {
	store      *Store
	q          sqldb.Querier
	merchantID string
	keys       []refund.ChargeKey
	refunds    map[string]bool
}

// lock takes everything that must not change meanwhile. The feed's counter
// comes first: the fan-out must not write deliveries of events that go.
func (r *resetting) lock(ctx context.Context, charges []refund.Charge, now time.Time) error {
	var m merchant.Merchant
	err := r.q.Query(ctx, `SELECT `+merchantColumns+` FROM merchants m WHERE m.id = $1`, []any{r.merchantID}, func(scan func(...any) error) (err error) {
		m, err = scanMerchant(scan)
		return err
	})
	if err != nil {
		return err
	}
	if !m.Settings.Demo || m.Mode != merchant.Test {
		return refund.Errorf(refund.KindForbidden, "", "only the demo merchant can be renewed")
	}
	if err := lockCounter(ctx, r.q, r.merchantID); err != nil {
		return err
	}
	if err := r.find(ctx, charges); err != nil {
		return err
	}
	if err := lockCharges(ctx, r.q, r.keys); err != nil {
		return err
	}
	return r.lockRefunds(ctx, now)
}

// find gathers the charges that are there, by any of their names.
func (r *resetting) find(ctx context.Context, charges []refund.Charge) error {
	var payments, names [][]any
	for _, c := range charges {
		payments = append(payments, []any{r.merchantID, c.ChannelAccount, c.TransactionID})
		for _, a := range c.Aliases {
			names = append(names, []any{r.merchantID, a.Dialect, a.Name})
		}
	}
	found := make(map[string]bool)
	collect := func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		found[id] = true
		return err
	}
	const (
		byPayment = `SELECT c.id FROM v JOIN charges c ON c.merchant_id = v.merchant_id
			AND c.channel_account = v.channel_account AND c.transaction_id = v.transaction_id`
		byName = `SELECT a.charge_id FROM v JOIN charge_aliases a ON a.merchant_id = v.merchant_id
			AND a.dialect = v.dialect AND a.name = v.name`
	)
	if err := sqldb.QueryValues(ctx, r.q, paymentColumns, payments, byPayment, collect); err != nil {
		return err
	}
	if err := sqldb.QueryValues(ctx, r.q, nameColumns, names, byName, collect); err != nil {
		return err
	}
	for id := range found {
		r.keys = append(r.keys, refund.ChargeKey{MerchantID: r.merchantID, ID: id})
	}
	return nil
}

func (r *resetting) lockRefunds(ctx context.Context, now time.Time) error {
	text := `SELECT r.id, r.lease_until FROM v JOIN refunds r ON r.merchant_id = v.merchant_id AND r.charge_id = v.id
		ORDER BY r.id` + r.q.Lock("OF r")
	r.refunds = make(map[string]bool)
	return sqldb.QueryValues(ctx, r.q, keyColumns, chargeKeyRows(r.keys), text, func(scan func(...any) error) error {
		var id string
		var leaseUntil int64
		err := scan(&id, &leaseUntil)
		if err == nil && leaseUntil > sqldb.Micros(now) {
			e := refund.Errorf(refund.KindStateConflict, "", "a refund of the demo charges is being carried out; try again in a moment")
			e.Refund = id
			return e
		}
		r.refunds[id] = true
		return err
	})
}

// delete removes the charges with all that hangs on them.
func (r *resetting) delete(ctx context.Context) error {
	if err := r.freeNumbers(ctx); err != nil {
		return err
	}
	var statements []sqldb.Statement
	for _, text := range slices.Concat(r.store.deleteRefunds, deleteCharges) {
		statements = append(statements, sqldb.WithValues(keyColumns, chargeKeyRows(r.keys), text)...)
	}
	if _, err := r.q.Send(ctx, statements); err != nil {
		return err
	}
	if err := dropStatistics(ctx, r.q, r.merchantID); err != nil {
		return err
	}
	return dropCarried(ctx, r.q, r.merchantID)
}

// freeNumbers deletes the numbers and keys that point to one of the refunds or
// charges. They know what they stand for, not the other way round, so all are
// looked at.
func (r *resetting) freeNumbers(ctx context.Context) error {
	const all = `SELECT n.merchant_id, n.namespace, n.value, n.refunds, COALESCE(w.made, n.write_made) FROM refund_numbers n
		LEFT JOIN writes w ON w.merchant_id = n.merchant_id AND n.namespace = 'key' AND w.key = n.value WHERE n.merchant_id = $1`
	gone := func(id string) bool { return r.refunds[id] }
	var freed [][]any
	err := r.q.Query(ctx, all, []any{r.merchantID}, func(scan func(...any) error) error {
		var merchantID, namespace, value, text, made string
		var refunds []string
		err := scan(&merchantID, &namespace, &value, &text, &made)
		if err == nil {
			err = json.Unmarshal([]byte(text), &refunds)
		}
		if slices.ContainsFunc(refunds, gone) || gone(made) || slices.Contains(r.keys, refund.ChargeKey{MerchantID: r.merchantID, ID: made}) {
			freed = append(freed, []any{merchantID, namespace, value})
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := freeBatches(ctx, r.q, freed); err != nil {
		return err
	}
	_, err = r.q.Send(ctx, sqldb.WithValues(numberKeyColumns, freed, freeNumbers))
	return err
}

// load registers the charges anew.
func (r *resetting) load(ctx context.Context, charges []refund.Charge) error {
	results := make([]refund.Registered, len(charges))
	todo := make([]int, len(charges))
	for n := range charges {
		todo[n] = n
	}
	if err := newRegistering(r.store, r.q, charges, results, todo).run(ctx); err != nil {
		return err
	}
	for _, result := range results {
		if result.Err != nil {
			return result.Err
		}
	}
	return nil
}

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

var (
	_ intake.Store = (*Store)(nil)
	_ intake.Tx    = (*intakeTx)(nil)
)

// intakeTx is one transaction of the intake.
type intakeTx struct {
	store *Store
	q     sqldb.Querier
}

// InTx implements intake.Store.
func (s *Store) InTx(ctx context.Context, work func(intake.Tx) error) error {
	return s.Share(ctx, func(q sqldb.Querier) error { return work(&intakeTx{s, q}) })
}

// LockCharges implements intake.Tx.
func (t *intakeTx) LockCharges(ctx context.Context, keys []refund.ChargeKey) (map[refund.ChargeKey]refund.Charge, error) {
	return t.store.charges(ctx, t.q, keys, true)
}

// FreeCharges implements intake.Tx.
func (t *intakeTx) FreeCharges(ctx context.Context, keys []refund.ChargeKey) (free map[refund.ChargeKey]refund.Charge, held map[refund.ChargeKey]bool, err error) {
	return t.store.freeCharges(ctx, t.q, keys)
}

// Refunds implements intake.Tx.
func (t *intakeTx) Refunds(ctx context.Context, keys []refund.Key) (map[refund.Key]refund.Refund, error) {
	return t.store.refunds(ctx, t.q, keys, false)
}

// Insert implements intake.Tx.
func (t *intakeTx) Insert(ctx context.Context, changes []refund.Change) error {
	return t.store.saveChanges(ctx, t.q, changes, true)
}

var channelNumberColumns = sqldb.NewColumns("merchant_id TEXT", "channel_account TEXT", "channel_number TEXT")

// TakenNumbers implements intake.Store.
func (s *Store) TakenNumbers(ctx context.Context, numbers []refund.ChannelNumber) ([]refund.ChannelNumber, error) {
	const text = `SELECT r.merchant_id, r.channel_account, r.channel_number FROM v JOIN refunds r
		ON r.merchant_id = v.merchant_id AND r.channel_account = v.channel_account AND r.channel_number = v.channel_number`
	rows := make([][]any, len(numbers))
	for n, number := range numbers {
		rows[n] = []any{number.MerchantID, number.Account, number.Number}
	}
	var taken []refund.ChannelNumber
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return sqldb.QueryValues(ctx, q, channelNumberColumns, rows, text, func(scan func(...any) error) error {
			var number refund.ChannelNumber
			err := scan(&number.MerchantID, &number.Account, &number.Number)
			taken = append(taken, number)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("look for channel numbers: %w", err)
	}
	return taken, nil
}

// Settled implements intake.Store. A lost transaction holds its charges'
// locks until it has ended, one way or the other: who gets them sees in the
// next statement what became of it. Where the transaction locked nothing, it
// inserted nothing either, and there is only the look.
func (s *Store) Settled(ctx context.Context, charges []refund.ChargeKey, refunds []refund.Key, within time.Duration) (map[refund.Key]refund.Refund, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var found map[refund.Key]refund.Refund
	err := s.db.Fresh(ctx, func(q sqldb.Querier) error {
		if err := lockCharges(ctx, q, charges); err != nil {
			return err
		}
		var err error
		found, err = s.refunds(ctx, q, refunds, false)
		return err
	})
	return found, err
}

// lockCharges locks without reading, so that a corrupt charge does not hide
// what became of the others.
func lockCharges(ctx context.Context, q sqldb.Querier, keys []refund.ChargeKey) error {
	const text = `SELECT c.id FROM v JOIN charges c ON c.merchant_id = v.merchant_id AND c.id = v.id ORDER BY v.n`
	return sqldb.QueryValues(ctx, q, keyColumns, chargeKeyRows(keys), text+q.Lock("OF c"), func(scan func(...any) error) error {
		var id string
		return scan(&id)
	})
}

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// bookedColumns is what scanBooked reads, of tables named r and c: refunds and their
// charges.
const bookedColumns = `r.id, r.charge_id, c.transaction_id, r.channel_number, r.channel_refund_id, r.amount, r.currency, r.state,
	CASE WHEN r.asked_by = '{"dialect":"` + refund.ByChannel + `"}' THEN 1 ELSE 0 END, r.created_at, r.first_submitted_at, r.submitted_at, r.succeeded_at`

func scanBooked(scan func(...any) error) (refund.Booked, error) {
	var b refund.Booked
	var adopted, createdAt, firstAt, lastAt, succeededAt int64
	err := scan(&b.ID, &b.ChargeID, &b.TransactionID, &b.ChannelNumber, &b.ChannelRefundID, (*int64)(&b.Amount.Minor), (*string)(&b.Amount.Currency), (*string)(&b.State),
		&adopted, &createdAt, &firstAt, &lastAt, &succeededAt)
	b.Adopted = adopted != 0
	b.CreatedAt, b.FirstSubmittedAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(firstAt)
	b.SubmittedAt, b.SucceededAt = sqldb.FromMicros(lastAt), sqldb.FromMicros(succeededAt)
	return b, err
}

var billNameColumns = sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "account TEXT", "name TEXT")

// BookedByName implements reconcile.Store.
func (s *Store) BookedByName(ctx context.Context, account refund.AccountKey, names []refund.BillName) (map[int]refund.Booked, error) {
	const (
		from     = `SELECT v.n, ` + bookedColumns + ` FROM v JOIN refunds r ON r.merchant_id = v.merchant_id AND r.channel_account = v.account AND `
		charge   = ` JOIN charges c ON c.merchant_id = r.merchant_id AND c.id = r.charge_id`
		byNumber = from + `r.channel_number = v.name` + charge
		byID     = from + `r.channel_refund_id = v.name AND r.channel_refund_id <> ''` + charge
	)
	found := make(map[int]refund.Booked, len(names))
	err := s.Read(ctx, func(q sqldb.Querier) error {
		clear(found)
		look := func(text string, name func(refund.BillName) string) error {
			var rows [][]any
			for n, one := range names {
				if _, has := found[n]; !has && name(one) != "" {
					rows = append(rows, []any{int64(n), account.MerchantID, account.ID, name(one)})
				}
			}
			return sqldb.QueryValues(ctx, q, billNameColumns, rows, text, func(scan func(...any) error) error {
				var n int64
				b, err := scanBooked(func(into ...any) error { return scan(append([]any{&n}, into...)...) })
				found[int(n)] = b
				return err
			})
		}
		if err := look(byNumber, func(b refund.BillName) string { return b.Number }); err != nil {
			return err
		}
		return look(byID, func(b refund.BillName) string { return b.ChannelRefundID })
	})
	if err != nil {
		return nil, fmt.Errorf("find refunds of a bill: %w", err)
	}
	return found, nil
}

// Succeeded implements reconcile.Store. It reads the index refunds_succeeded.
func (s *Store) Succeeded(ctx context.Context, account refund.AccountKey, from, to time.Time, after refund.Booked, limit int) ([]refund.Booked, error) {
	const text = `SELECT ` + bookedColumns + ` FROM refunds r JOIN charges c ON c.merchant_id = r.merchant_id AND c.id = r.charge_id
		WHERE r.merchant_id = $1 AND r.channel_account = $2 AND r.state = 'succeeded'
		AND r.succeeded_at >= $3 AND r.succeeded_at < $4 AND (r.succeeded_at, r.id) > ($5, $6) ORDER BY r.succeeded_at, r.id LIMIT $7`
	var found []refund.Booked
	args := []any{account.MerchantID, account.ID, sqldb.Micros(from), sqldb.Micros(to), sqldb.Micros(after.SucceededAt), after.ID, int64(limit)}
	err := s.Read(ctx, func(q sqldb.Querier) error {
		found = found[:0]
		return q.Query(ctx, text, args, func(scan func(...any) error) error {
			b, err := scanBooked(scan)
			found = append(found, b)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list refunds that succeeded: %w", err)
	}
	return found, nil
}

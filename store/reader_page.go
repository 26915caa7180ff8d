package store

import (
	"context"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// ChargePage implements wallet.Pager. Counting and passing over rows reads all
// that the filter selects: this is for a protocol that numbers its pages.
func (s *Store) ChargePage(ctx context.Context, f refund.ChargeFilter, offset int64) (charges []refund.Charge, total int64, err error) {
	l := newListing("", "c", f.MerchantID, f.Page)
	filterCharges(l, f)
	err = s.page(ctx, l, `charges c WHERE c.merchant_id = $1`, chargeColumns, offset, &total, func(scan func(...any) error) error {
		c, err := scanCharge(scan)
		charges = append(charges, c)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read page of charges: %w", err)
	}
	return charges, total, nil
}

// RefundPage implements wallet.Pager.
func (s *Store) RefundPage(ctx context.Context, f refund.Filter, offset int64) (refunds []refund.Refund, total int64, err error) {
	l := newListing("", "r", f.MerchantID, f.Page)
	filterRefunds(l, f)
	err = s.page(ctx, l, `refunds r WHERE r.merchant_id = $1`, refundColumns, offset, &total, func(scan func(...any) error) error {
		r, err := scanRefund(scan)
		refunds = append(refunds, r)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read page of refunds: %w", err)
	}
	return refunds, total, nil
}

// page counts what a listing selects from a table and reads one page of it,
// newest first. The listing holds the conditions alone; from begins them with
// the merchant.
func (s *Store) page(ctx context.Context, l *listing, from, columns string, offset int64, total *int64, row func(scan func(...any) error) error) error {
	selected := from + l.text.String()
	args := append(l.args[:len(l.args):len(l.args)], int64(l.page.Limit), offset)
	text := strings.Join([]string{
		`SELECT ` + columns, `FROM ` + selected, `ORDER BY ` + l.alias + `.created_at DESC, ` + l.alias + `.id DESC`,
		`LIMIT $` + strconv.Itoa(len(args)-1), `OFFSET $` + strconv.Itoa(len(args)),
	}, " ")
	return s.Read(ctx, func(q sqldb.Querier) error {
		count := func(scan func(...any) error) error { return scan(total) }
		if err := q.Query(ctx, `SELECT COUNT(*) FROM `+selected, l.args, count); err != nil {
			return err
		}
		return q.Query(ctx, text, args, row)
	})
}

// ChargeSums implements wallet.Pager. A charge that holds more than was paid
// has nothing free, and one with several names counts once. A sum may need more
// than 64 bits.
func (s *Store) ChargeSums(ctx context.Context, merchantID, dialect, identity string, currency money.Currency) (free, held *big.Int, err error) {
	const text = `SELECT
			CAST(COALESCE(SUM(s.free / 1000000000), 0) AS BIGINT), CAST(COALESCE(SUM(s.free % 1000000000), 0) AS BIGINT),
			CAST(COALESCE(SUM(s.held / 1000000000), 0) AS BIGINT), CAST(COALESCE(SUM(s.held % 1000000000), 0) AS BIGINT)
		FROM (
			SELECT CASE WHEN c.reserved + c.refunded + c.blocked < c.amount THEN c.amount - c.reserved - c.refunded - c.blocked ELSE 0 END AS free,
				c.reserved + c.blocked AS held
			FROM (SELECT DISTINCT a.charge_id FROM charge_aliases a WHERE a.merchant_id = $1 AND a.dialect = $2 AND a.identity = $3) n
			JOIN charges c ON c.merchant_id = $1 AND c.id = n.charge_id
			WHERE c.currency = $4
		) s`
	var high, low, heldHigh, heldLow int64
	err = s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{merchantID, dialect, identity, string(currency)}, func(scan func(...any) error) error {
			return scan(&high, &low, &heldHigh, &heldLow)
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("add up charges: %w", err)
	}
	return sqldb.Wide(high, low), sqldb.Wide(heldHigh, heldLow), nil
}

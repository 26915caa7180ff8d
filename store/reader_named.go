package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// namedRefund is a refund with the names of its charge.
type namedRefund struct {
	refund                          refund.Refund
	orderNo, transactionID, aliases string
}

const (
	// namedColumns are what scanNamed reads of a list's row r, and calledColumns the part
	// of the charge within it.
	namedColumns  = refundColumns + `, r.charge_order_no, r.charge_transaction_id, r.charge_aliases`
	calledColumns = `c.order_no AS charge_order_no, c.transaction_id AS charge_transaction_id, c.aliases AS charge_aliases`
	// namedCharge is the charge that a row of a list v names.
	namedCharge = `SELECT c.id, ` + calledColumns + ` FROM charge_aliases a JOIN charges c ON c.merchant_id = a.merchant_id AND c.id = a.charge_id
		WHERE a.merchant_id = v.merchant_id AND a.dialect = v.dialect AND a.name = v.name OFFSET 0`
	// ofNamedCharge are the refunds of the charge that $3 names in the dialect $2. CROSS
	// JOIN has SQLite begin with the name.
	ofNamedCharge = `SELECT ` + refundColumns + `, ` + calledColumns + ` FROM charge_aliases a
		CROSS JOIN charges c CROSS JOIN refunds r
		WHERE a.merchant_id = $1 AND a.dialect = $2 AND a.name = $3 AND c.merchant_id = $1 AND c.id = a.charge_id
		AND r.merchant_id = $1 AND r.charge_id = a.charge_id`
)

// Reads of refunds with the charge's names, by one of those names. A charge without such
// refunds has no row.
var (
	refundByAlias = keyed[namedRefund]{
		scanInto: scanNamed, columns: sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "dialect TEXT", "name TEXT", "id TEXT"),
		alone: ofNamedCharge + ` AND r.id = $4`,
		together: `SELECT ` + namedColumns + `, v.n FROM v CROSS JOIN LATERAL (` + namedCharge + `) c CROSS JOIN LATERAL (
			SELECT ` + refundColumns + `, c.charge_order_no, c.charge_transaction_id, c.charge_aliases
			FROM refunds r WHERE r.merchant_id = v.merchant_id AND r.id = v.id AND r.charge_id = c.id OFFSET 0) r`,
	}
	refundsByAlias = keyed[namedRefund]{
		scanInto: scanNamed, columns: sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "dialect TEXT", "name TEXT", "size BIGINT"),
		alone: ofNamedCharge + ` ORDER BY r.created_at DESC, r.id DESC LIMIT $4`,
		together: `SELECT ` + namedColumns + `, v.n FROM v CROSS JOIN LATERAL (` + namedCharge + `) c CROSS JOIN LATERAL (
			SELECT ` + refundColumns + `, c.charge_order_no, c.charge_transaction_id, c.charge_aliases
			FROM refunds r WHERE r.merchant_id = v.merchant_id AND r.charge_id = c.id ORDER BY r.created_at DESC, r.id DESC LIMIT v.size) r`,
	}
)

func scanNamed(n *namedRefund, scan func(...any) error) error {
	return scanRefundInto(&n.refund, func(columns ...any) error {
		return scan(append(columns, &n.orderNo, &n.transactionID, &n.aliases)...)
	})
}

// names are those of the refund's charge.
func (n namedRefund) names() (refund.NamedCharge, error) {
	out := refund.NamedCharge{MerchantID: n.refund.MerchantID, ID: n.refund.ChargeID, OrderNo: n.orderNo, TransactionID: n.transactionID}
	var err error
	if out.Aliases, err = aliasesOf(n.aliases); err != nil {
		return out, unreadable("charge", out.ID, err)
	}
	return out, nil
}

// RefundByAlias implements dialect.Reader.
func (s *Store) RefundByAlias(ctx context.Context, merchantID, dialect, name, id string) (refund.Refund, refund.NamedCharge, error) {
	rows, err := s.together.refundByAlias.rows(ctx, merchantID, dialect, name, id)
	if err == nil {
		err = firstFault(rows, anyFault)
	}
	if err == nil && len(rows) == 0 {
		// The charge is what is looked for first.
		if _, err = s.ChargeByAlias(ctx, merchantID, dialect, name); err == nil {
			err = refundNotFound(id)
		}
	}
	if err != nil {
		return refund.Refund{}, refund.NamedCharge{}, fmt.Errorf("find refund: %w", err)
	}
	charge, err := rows[0].row.names()
	return rows[0].row.refund, charge, err
}

// RefundsByAlias implements dialect.Reader.
func (s *Store) RefundsByAlias(ctx context.Context, merchantID, dialect, name string, limit int) (refunds []refund.Refund, charge refund.NamedCharge, more bool, err error) {
	l := newListing("", "r", merchantID, refund.Page{Limit: limit})
	rows, err := s.together.refundsByAlias.rows(ctx, merchantID, dialect, name, int64(l.page.Limit)+1)
	if err == nil {
		rows, more = cut(l, rows)
		err = firstFault(rows, anyFault)
	}
	switch {
	case err != nil:
	case len(rows) == 0:
		var whole refund.Charge
		whole, err = s.ChargeByAlias(ctx, merchantID, dialect, name)
		charge = whole.Named()
	default:
		charge, err = rows[0].row.names()
	}
	if err != nil {
		return nil, refund.NamedCharge{}, false, fmt.Errorf("list refunds: %w", err)
	}
	refunds = make([]refund.Refund, len(rows))
	for n, one := range rows {
		refunds[n] = one.row.refund
	}
	return refunds, charge, more, nil
}

package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// The columns of lists of charges' keys and names.
var (
	chargeIDColumns    = sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "id TEXT")
	chargeAliasColumns = sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "dialect TEXT", "name TEXT")
	chargeNameColumns  = sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "name TEXT")
)

// Reads of charges that callers make together. OFFSET 0 has PostgreSQL look up key
// by key, by the indexes that it takes for one, whatever it knows of the tables.
var (
	chargeByID = keyed[refund.Charge]{
		scan: scanCharge, columns: chargeIDColumns,
		alone: `SELECT ` + chargeColumns + ` FROM charges c WHERE c.merchant_id = $1 AND c.id = $2`,
		together: `SELECT ` + chargeColumns + `, v.n FROM v CROSS JOIN LATERAL (
			SELECT ` + chargeColumns + ` FROM charges c WHERE c.merchant_id = v.merchant_id AND c.id = v.id OFFSET 0) c`,
	}
	chargeByAlias = keyed[refund.Charge]{
		scan: scanCharge, columns: chargeAliasColumns,
		alone: `SELECT ` + chargeColumns + ` FROM charge_aliases a
			JOIN charges c ON c.merchant_id = a.merchant_id AND c.id = a.charge_id
			WHERE a.merchant_id = $1 AND a.dialect = $2 AND a.name = $3`,
		together: `SELECT ` + chargeColumns + `, v.n FROM v CROSS JOIN LATERAL (
			SELECT ` + chargeColumns + ` FROM charge_aliases a
			JOIN charges c ON c.merchant_id = a.merchant_id AND c.id = a.charge_id
			WHERE a.merchant_id = v.merchant_id AND a.dialect = v.dialect AND a.name = v.name OFFSET 0) c`,
	}
	chargeByName = keyed[refund.Charge]{
		scan: scanCharge, columns: chargeNameColumns,
		alone: `SELECT ` + chargeColumns + ` FROM (` + idsByName + `) n JOIN charges c ON c.merchant_id = $1 AND c.id = n.id`,
		together: `SELECT ` + chargeColumns + `, v.n FROM v CROSS JOIN LATERAL (
			SELECT ` + chargeColumns + ` FROM (` + listedIDsByName + `) n JOIN charges c ON c.merchant_id = v.merchant_id AND c.id = n.id OFFSET 0) c`,
	}
	chargeIDByName = keyed[string]{
		scan: scanID, columns: chargeNameColumns,
		alone:    idsByName,
		together: `SELECT c.id, v.n FROM v CROSS JOIN LATERAL (` + listedIDsByName + ` OFFSET 0) c`,
	}
)

func scanID(scan func(...any) error) (id string, err error) {
	err = scan(&id)
	return id, err
}

// Charge implements dialect.Reader.
func (s *Store) Charge(ctx context.Context, merchantID, id string) (refund.Charge, error) {
	rows, err := s.together.charge.rows(ctx, merchantID, id)
	return oneCharge(id, rows, err)
}

// ChargeByAlias implements dialect.Reader.
func (s *Store) ChargeByAlias(ctx context.Context, merchantID, dialect, name string) (refund.Charge, error) {
	rows, err := s.together.chargeByAlias.rows(ctx, merchantID, dialect, name)
	return oneCharge(name, rows, err)
}

// ChargeByAny implements dialect.Reader. The charge's id and the names that
// dialects gave it come first; only what is none of them is looked for among
// the channel's and the merchant's own numbers, which may repeat. What stands
// for different charges is KindInvalid: money must not go back on a guess.
func (s *Store) ChargeByAny(ctx context.Context, merchantID, name string) (refund.Charge, error) {
	const byNumber = `SELECT ` + chargeColumns + ` FROM (` + idsByNumber + `) n JOIN charges c ON c.merchant_id = $1 AND c.id = n.id`
	rows, err := s.together.chargeByName.rows(ctx, merchantID, name)
	if err == nil && len(rows) == 0 && name != "" {
		rows, err = read(ctx, s, keyed[refund.Charge]{scan: scanCharge, alone: byNumber}, merchantID, name)
	}
	return oneCharge(name, rows, err)
}

const (
	// idsByName are the ids of charges that have an id or a dialect's name. UNION
	// ALL, not UNION or IN: to take doubles out, SQLite would read all of the
	// merchant's names in the order of their charges.
	idsByName = `SELECT b.id FROM charges b WHERE b.merchant_id = $1 AND b.id = $2
		UNION ALL SELECT a.charge_id FROM charge_aliases a WHERE a.merchant_id = $1 AND a.name = $2`
	// listedIDsByName is the same of a row of a list v.
	listedIDsByName = `SELECT b.id FROM charges b WHERE b.merchant_id = v.merchant_id AND b.id = v.name
		UNION ALL SELECT a.charge_id FROM charge_aliases a WHERE a.merchant_id = v.merchant_id AND a.name = v.name`
	// idsByNumber are those that have a number of the channel or the merchant.
	// Three rows distinguish one charge that both numbers name from two charges.
	idsByNumber = `SELECT t.id FROM charges t WHERE t.merchant_id = $1 AND t.channel_account` + ofMerchantsAccounts + ` AND t.transaction_id = $2
		UNION ALL SELECT o.id FROM charges o WHERE o.merchant_id = $1 AND o.order_no = $2
		LIMIT 3`
)

// ChargeIDByAny implements dialect.Reader. It reads two indexes and no row.
func (s *Store) ChargeIDByAny(ctx context.Context, merchantID, name string) (string, error) {
	rows, err := s.together.chargeID.rows(ctx, merchantID, name)
	if err == nil && len(rows) == 0 && name != "" {
		rows, err = read(ctx, s, keyed[string]{scan: scanID, alone: idsByNumber}, merchantID, name)
	}
	if err != nil {
		return "", fmt.Errorf("find charge: %w", err)
	}
	var ids []string
	for _, one := range rows {
		if !slices.Contains(ids, one.row) {
			ids = append(ids, one.row)
		}
	}
	if len(ids) != 1 {
		return "", notOneCharge(name, ids)
	}
	return ids[0], nil
}

// oneCharge is the charge of rows that are all of the same one. One that is damaged is
// KindCorrupt, with what is known of it.
func oneCharge(name string, rows []seen[refund.Charge], err error) (refund.Charge, error) {
	if err == nil {
		err = firstFault(rows, anyFault)
	}
	if err != nil {
		damaged := refund.Charge{}
		if isCorrupt(err) && len(rows) == 1 {
			damaged = rows[0].row
		}
		return damaged, fmt.Errorf("find charge: %w", numbered(err, damaged.OrderNo))
	}
	var ids []string
	for _, one := range rows {
		if !slices.Contains(ids, one.row.ID) {
			ids = append(ids, one.row.ID)
		}
	}
	if len(ids) != 1 {
		return refund.Charge{}, notOneCharge(name, ids)
	}
	return rows[0].row, nil
}

// notOneCharge is the error of a name that stands for no charge or for several.
func notOneCharge(name string, ids []string) error {
	e := refund.Errorf(refund.KindChargeNotFound, "charge", "there is no such charge")
	if len(ids) > 1 {
		e = ambiguous("charge", ids, false)
	}
	e.Charge = name
	return e
}

// ChargeList implements dialect.Reader.
func (s *Store) ChargeList(ctx context.Context, f refund.ChargeFilter) (charges []refund.Charge, more bool, err error) {
	l, one := listedCharges(f)
	charges, more, err = readAll(ctx, s, l, one, func(scan func(...any) error) (refund.Charge, error) {
		c, err := scanCharge(scan)
		return c, numbered(err, c.OrderNo)
	})
	if err != nil {
		return nil, false, fmt.Errorf("list charges: %w", err)
	}
	return charges, more, nil
}

// listedCharges is the statement of a page of charges.
func listedCharges(f refund.ChargeFilter) (*listing, sqldb.Statement) {
	const text = `SELECT ` + chargeColumns + ` FROM charges c WHERE c.merchant_id = $1`
	l := newListing(text, "c", f.MerchantID, f.Page)
	filterCharges(l, f)
	return l, l.end()
}

// chargesBySub are the charges that a dialect groups under one name, found by
// their index; the statement's first argument is the merchant.
const chargesBySub = `SELECT a.charge_id FROM charge_aliases a WHERE a.merchant_id = $1 AND a.dialect = ? AND a.sub <> '' AND a.sub = ?`

// filterCharges adds what a filter selects by.
func filterCharges(l *listing, f refund.ChargeFilter) {
	l.equal("order_no", f.OrderNo)
	l.indexed("customer", f.Customer)
	l.amounts(f.AmountMin, f.AmountMax)
	l.equal("channel", f.Channel)
	if len(f.Channels) > 0 {
		names := make([]any, len(f.Channels))
		for n, name := range f.Channels {
			names[n] = name
		}
		l.where("c.channel IN (?"+strings.Repeat(", ?", len(names)-1)+")", names...)
	}
	if f.Excess {
		l.where(withExcess)
	}
	if f.Refunded != nil {
		condition := "(c.refunds > 0 OR c.already_refunded > 0)"
		if !*f.Refunded {
			condition = "c.refunds = 0 AND c.already_refunded = 0"
		}
		l.where(condition)
	}
	if f.RefundedInFull != nil {
		condition := "c.refunded >= c.amount"
		if !*f.RefundedInFull {
			condition = "c.refunded < c.amount"
		}
		l.where(condition)
	}
	l.between("created_at", f.CreatedFrom, f.CreatedTo)
	l.between("paid_at", f.PaidFrom, f.PaidTo)
	if f.Dialect != "" {
		l.where(`EXISTS (SELECT 1 FROM charge_aliases a WHERE a.merchant_id = c.merchant_id AND a.charge_id = c.id
			AND a.dialect = ? AND (? = '' OR a.identity = ?))`, f.Dialect, f.Identity, f.Identity)
	}
	if f.Sub != "" {
		l.where(`c.id IN (`+chargesBySub+`)`, f.Dialect, f.Sub)
	}
	if f.Reversed != nil {
		// asked_by holds nothing that came with a request, so the text is no
		// one else's.
		condition := `EXISTS (SELECT 1 FROM refunds r WHERE r.merchant_id = c.merchant_id AND r.charge_id = c.id
			AND r.state NOT IN ('failed', 'canceled') AND r.asked_by LIKE '%"call":"` + refund.ByReverse + `"%')`
		if !*f.Reversed {
			condition = "NOT " + condition
		}
		l.where(condition)
	}
}

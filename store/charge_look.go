package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// ChargeLook is ChargeList for a person who waits: where no index knows what the filter
// asks for, a page looks through lookRows charges at most, newest first, and says where
// it stopped. So it may have few rows or none though there are more. Charges that are
// damaged are left out and named.
func (s *Store) ChargeLook(ctx context.Context, f refund.ChargeFilter) (refund.ChargeLook, error) {
	return s.lookThroughCharges(ctx, f, lookRows)
}

func (s *Store) lookThroughCharges(ctx context.Context, f refund.ChargeFilter, most int) (refund.ChargeLook, error) {
	var out refund.ChargeLook
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		var end *refund.Position
		if !chargesIndexed(f) {
			if end, err = positionOf(ctx, q, chargeLookEnd(f, most)); err != nil {
				return err
			}
		}
		l, one := chargeLookPage(f, end)
		rows, more, err := seeAll(ctx, q, l, one, scanCharge)
		out = refund.ChargeLook{Next: end}
		for n, one := range rows {
			c := one.row
			if one.unreadable() {
				out.Unreadable = append(out.Unreadable, refund.Unreadable{Key: refund.Key{MerchantID: c.MerchantID, ID: c.ID}, CreatedAt: c.CreatedAt})
			} else {
				out.Charges = append(out.Charges, c)
			}
			if more && n == len(rows)-1 {
				out.Next = &refund.Position{CreatedAt: c.CreatedAt, ID: c.ID}
			}
		}
		return err
	})
	if err != nil {
		return refund.ChargeLook{}, fmt.Errorf("look for charges: %w", err)
	}
	return out, nil
}

// chargesIndexed reports whether an index leaves few charges of what the filter asks
// for, or all that it asks for.
func chargesIndexed(f refund.ChargeFilter) bool {
	if f.OrderNo != "" || f.Customer != "" || f.Sub != "" || f.Page.Before != nil {
		return true
	}
	return f.Channel == "" && len(f.Channels) == 0 && f.AmountMin == 0 && f.AmountMax == 0 && f.PaidFrom.IsZero() && f.PaidTo.IsZero() &&
		f.Refunded == nil && f.RefundedInFull == nil && f.Reversed == nil && f.Dialect == ""
}

// chargeLookEnd is the statement for the last charge that a page looks at.
func chargeLookEnd(f refund.ChargeFilter, most int) sqldb.Statement {
	base := refund.ChargeFilter{MerchantID: f.MerchantID, Excess: f.Excess, CreatedFrom: f.CreatedFrom, CreatedTo: f.CreatedTo, Page: f.Page}
	base.Page.Limit = 1
	l := newListing(`SELECT c.created_at, c.id FROM charges c WHERE c.merchant_id = $1`, "c", base.MerchantID, base.Page)
	filterCharges(l, base)
	return lastLooked(l, most)
}

// chargeLookPage is the statement of a page that ends there, nil for all.
func chargeLookPage(f refund.ChargeFilter, end *refund.Position) (*listing, sqldb.Statement) {
	l := newListing(`SELECT `+chargeColumns+` FROM charges c WHERE c.merchant_id = $1`, "c", f.MerchantID, f.Page)
	filterCharges(l, f)
	if end != nil {
		l.where("(c.created_at, c.id) >= (?, ?)", sqldb.Micros(end.CreatedAt), end.ID)
	}
	return l, l.end()
}

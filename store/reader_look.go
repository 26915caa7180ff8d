package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// lookRows is how many refunds a page looks through at most for what no index knows:
// some ten milliseconds.
const lookRows = 20_000

// RefundLook is RefundList for a person who waits: where no index knows what the filter
// asks for, a page looks through some refunds, newest first, and says where it
// stopped. So it may have few rows or none though there are more. Refunds that are
// damaged are left out and named: one of them must not hold up the others.
func (s *Store) RefundLook(ctx context.Context, f refund.Filter) (refund.Look, error) {
	return s.lookThrough(ctx, f, lookRows)
}

func (s *Store) lookThrough(ctx context.Context, f refund.Filter, most int) (refund.Look, error) {
	var end *refund.Position
	var rows []lookedRow
	var more bool
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		rows = nil
		l, one := listedRefunds(f)
		if f.Page.Before == nil && !indexedOnly(f) {
			if end, err = lookEnd(ctx, q, f, most); err != nil {
				return err
			}
			l, one = lookPage(f, end)
		}
		err = q.Query(ctx, one.SQL, one.Args, func(scan func(...any) error) error {
			r, err := scanRefund(scan)
			corrupt := err != nil && refund.KindOf(err) == refund.KindCorrupt
			if corrupt {
				err = nil
			}
			rows = append(rows, lookedRow{r, corrupt})
			return err
		})
		rows, more = cut(l, rows)
		return err
	})
	if err != nil {
		return refund.Look{}, fmt.Errorf("look for refunds: %w", err)
	}
	return looked(rows, more, end), nil
}

// lookedRow is a row of a page. Of a corrupt one the plain columns are read.
type lookedRow struct {
	refund.Refund
	corrupt bool
}

func looked(rows []lookedRow, more bool, end *refund.Position) refund.Look {
	out := refund.Look{More: more || end != nil, Next: end}
	for _, row := range rows {
		if row.corrupt {
			key := refund.Key{MerchantID: row.MerchantID, ID: row.ID}
			out.Unreadable = append(out.Unreadable, refund.Unreadable{Key: key, State: row.State, CreatedAt: row.CreatedAt})
			continue
		}
		out.Refunds = append(out.Refunds, row.Refund)
	}
	if more && len(rows) > 0 {
		last := rows[len(rows)-1]
		out.Next = &refund.Position{CreatedAt: last.CreatedAt, ID: last.ID}
	}
	return out
}

// indexedOnly reports whether an index or a charge leaves few rows of what the filter
// asks for.
func indexedOnly(f refund.Filter) bool {
	if f.ChargeID != "" || f.Number != "" {
		return true
	}
	return f.Channel == "" && f.ChannelAccount == "" && f.AmountMin == 0 && f.AmountMax == 0 && f.Reason == "" &&
		(len(f.States) == 0 || !slices.Contains(f.States, refund.Succeeded)) && f.State != refund.Succeeded
}

// lookBase is the part of a filter that an index knows.
func lookBase(f refund.Filter) refund.Filter {
	f.Channel, f.ChannelAccount, f.AmountMin, f.AmountMax, f.Reason = "", "", 0, 0, ""
	if len(f.States) > 1 || slices.Contains(f.States, refund.Succeeded) {
		f.States = nil
	}
	if f.State == refund.Succeeded {
		f.State = ""
	}
	return f
}

// lookEnd is the last refund that a page looks at, nil where that are all.
func lookEnd(ctx context.Context, q sqldb.Querier, f refund.Filter, most int) (*refund.Position, error) {
	one := lookEndStatement(f, most)
	var end *refund.Position
	err := q.Query(ctx, one.SQL, one.Args, func(scan func(...any) error) error {
		var at int64
		end = &refund.Position{}
		err := scan(&at, &end.ID)
		end.CreatedAt = sqldb.FromMicros(at)
		return err
	})
	return end, err
}

func lookEndStatement(f refund.Filter, most int) sqldb.Statement {
	base := lookBase(f)
	base.Page.Limit = 1
	l := newListing(`SELECT r.created_at, r.id FROM refunds r WHERE r.merchant_id = $1`, "r", base.MerchantID, base.Page)
	filterRefunds(l, base)
	one := l.end()
	one.Args[len(one.Args)-1] = int64(1) // not one too many
	return sqldb.Statement{SQL: one.SQL + " OFFSET $" + strconv.Itoa(len(one.Args)+1), Args: append(one.Args, int64(most-1))}
}

func lookPage(f refund.Filter, end *refund.Position) (*listing, sqldb.Statement) {
	l := newListing(`SELECT `+refundColumns+` FROM refunds r WHERE r.merchant_id = $1`, "r", f.MerchantID, f.Page)
	filterRefunds(l, f)
	if end != nil {
		l.where("(r.created_at, r.id) >= (?, ?)", sqldb.Micros(end.CreatedAt), end.ID)
	}
	return l, l.end()
}

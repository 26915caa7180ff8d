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

// lookApart is the same for refunds that lie apart, as those of one state do: the
// database reads a page of the table for each.
const lookApart = lookRows / 10

// RefundLook is RefundList for a person who waits: where no index knows what the filter
// asks for, a page looks through some refunds, newest first, and says where it
// stopped. So it may have few rows or none though there are more. Refunds that are
// damaged are left out and named: one of them must not hold up the others.
func (s *Store) RefundLook(ctx context.Context, f refund.Filter) (refund.Look, error) {
	base := lookBase(f)
	if base.State != "" || len(base.States) > 0 || base.Customer != "" || base.ReasonCode != "" || base.FailureCode != "" {
		return s.lookThrough(ctx, f, lookApart)
	}
	return s.lookThrough(ctx, f, lookRows)
}

func (s *Store) lookThrough(ctx context.Context, f refund.Filter, most int) (refund.Look, error) {
	if pages, key := s.firstPageOf(f); pages != nil {
		rows, more, err := firstPage(ctx, pages, key, f)
		if fault := firstFault(rows, func(err error) bool { return !isCorrupt(err) }); err == nil {
			err = fault
		}
		if err != nil {
			return refund.Look{}, fmt.Errorf("look for refunds: %w", err)
		}
		return lookOf(rows, more, nil), nil
	}
	var look refund.Look
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		var end *refund.Position
		l, one := listedRefunds(f)
		if f.Page.Before == nil && !indexedOnly(f) {
			if end, err = lookEnd(ctx, q, f, most); err != nil {
				return err
			}
			l, one = lookPage(f, end)
		}
		look, err = lookAt(ctx, q, l, one, end)
		return err
	})
	if err != nil {
		return refund.Look{}, fmt.Errorf("look for refunds: %w", err)
	}
	return look, nil
}

// seeAll reads the rows of a page, with those that are damaged.
func seeAll[T any](ctx context.Context, q sqldb.Querier, l *listing, one sqldb.Statement, read func(scan func(...any) error) (T, error)) (rows []seen[T], more bool, err error) {
	rows, err = seeRows(ctx, q, one.SQL, one.Args, read)
	rows, more = cut(l, rows)
	return rows, more, err
}

// lookAt reads a page of refunds that were looked through up to end, nil where that
// are all.
func lookAt(ctx context.Context, q sqldb.Querier, l *listing, one sqldb.Statement, end *refund.Position) (refund.Look, error) {
	rows, more, err := seeAll(ctx, q, l, one, scanRefund)
	return lookOf(rows, more, end), err
}

// lookOf makes a page of the rows that lookAt reads.
func lookOf(rows []seen[refund.Refund], more bool, end *refund.Position) refund.Look {
	out := refund.Look{More: more || end != nil, Next: end}
	for n, one := range rows {
		r := one.row
		at := refund.Position{CreatedAt: r.CreatedAt, ID: r.ID}
		if one.unreadable() {
			key := refund.Key{MerchantID: r.MerchantID, ID: r.ID}
			out.Unreadable = append(out.Unreadable, refund.Unreadable{Key: key, State: r.State, CreatedAt: r.CreatedAt})
		} else {
			out.Refunds = append(out.Refunds, r)
		}
		if more && n == len(rows)-1 {
			out.Next = &at
		}
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
	return positionOf(ctx, q, lookEndStatement(f, most))
}

// positionOf reads a row's time and id, nil where there is none.
func positionOf(ctx context.Context, q sqldb.Querier, one sqldb.Statement) (*refund.Position, error) {
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
	return lastLooked(l, most)
}

// lastLooked is the statement for the last of so many rows of a listing whose page has
// one.
func lastLooked(l *listing, most int) sqldb.Statement {
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

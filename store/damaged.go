package store

import (
	"context"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// isCorrupt reports whether an error is about one damaged row.
func isCorrupt(err error) bool { return err != nil && refund.KindOf(err) == refund.KindCorrupt }

// unreadable is the error of a row whose JSON texts, or sealed ones, can't be read.
func unreadable(what, id string, cause error) error {
	fault := refund.Errorf(refund.KindCorrupt, what, "%s %s can't be read", what, id)
	fault.Cause = cause
	return fault
}

// ofRefund adds which refund the error of a damaged row is about.
func ofRefund(err error, r refund.Refund) error {
	if fault := refund.As(err); fault != nil && fault.Kind == refund.KindCorrupt {
		fault.Refund, fault.Charge = r.ID, r.ChargeID
	}
	return numbered(err, r.Number)
}

// numbered adds the number by which a merchant knows a damaged refund or charge.
func numbered(err error, number string) error {
	if fault := refund.As(err); fault != nil && fault.Kind == refund.KindCorrupt && number != "" && fault.More == "" {
		fault.More = "the merchant's number is " + number
	}
	return err
}

// seeRows reads a statement's rows, with those that are damaged: one of them must not
// hold up the others. read returns KindCorrupt for such a row, with what it has of it;
// any other error ends the reading.
func seeRows[T any](ctx context.Context, q sqldb.Querier, text string, args []any, read func(scan func(...any) error) (T, error)) (rows []seen[T], err error) {
	err = q.Query(ctx, text, args, func(scan func(...any) error) error {
		row, err := read(scan)
		one := seen[T]{row: row}
		if isCorrupt(err) {
			one.fault, err = err, nil
		}
		rows = append(rows, one)
		return err
	})
	return rows, err
}

// markRows is seeRows where a row itself says that it is damaged; mark has it do so.
func markRows[T any](ctx context.Context, q sqldb.Querier, text string, args []any, read func(scan func(...any) error) (T, error), mark func(*T)) ([]T, error) {
	rows, err := seeRows(ctx, q, text, args, read)
	out := make([]T, len(rows))
	for n := range rows {
		out[n] = rows[n].row
		if rows[n].unreadable() {
			mark(&out[n])
		}
	}
	return out, err
}

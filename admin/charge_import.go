package admin

import (
	"context"

	"github.com/refundry/refundry/refund"
)

// Charges registers paid charges for an operator.
type Charges interface {
	// ImportCharges registers charges, in few commits, and returns one Registered
	// for each, in their order. What is wrong with one harms no other. Each commit
	// that registers something new writes the record.
	ImportCharges(ctx context.Context, charges []refund.Charge, record refund.Action) ([]refund.Registered, error)
}

// ImportCharges registers a part of a merchant's charges from a source, such as
// a file's name, and returns one Registered for each, in their order. Those that
// are there already with the same content change nothing. The error is of all of
// them; calling it again does no harm.
func (a *Admin) ImportCharges(ctx context.Context, by By, merchantID, source string, charges []refund.Charge) ([]refund.Registered, error) {
	record, err := a.record(by, merchantID, "charge.import", "")
	if err != nil {
		return nil, err
	}
	results, err := a.s.Store.ImportCharges(ctx, charges, record.With("source", source))
	if err != nil {
		return nil, err
	}
	a.done(merchantID)
	return results, nil
}

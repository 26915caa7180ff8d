package store

import (
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Dialects is what only the dialects know and the store has to: the registry
// hands it in. With the zero value no refund is found by an id that a dialect
// derives, and the end of a batch leaves no event.
type Dialects struct {
	// References read a text as what a refund is called in a dialect, with the
	// merchant's identities, which come without their secrets.
	References []func(text string, identities []merchant.Identity) []refund.Reference
	// BatchEnd returns the type of the event that tells of refunds which were
	// accepted as one batch, "" while there is nothing to tell.
	BatchEnd func(refund.Together) string
}

func (d Dialects) batchEnd(batch refund.Together) string {
	if d.BatchEnd == nil {
		return ""
	}
	return d.BatchEnd(batch)
}

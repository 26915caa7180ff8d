package dialect

import (
	"context"

	"github.com/refundry/refundry/refund"
)

// Damage is called for each request of a merchant that fails on a damaged row, so that
// an operator is notified. e names the row. Nil does nothing.
type Damage func(ctx context.Context, merchantID string, e *refund.Error)

// Note calls it for an error of KindCorrupt of a request whose caller is known.
func (d Damage) Note(ctx context.Context, merchantID string, e *refund.Error) {
	if d != nil && e.Kind == refund.KindCorrupt && merchantID != "" {
		d(ctx, merchantID, e)
	}
}

// Place is where a row stands in its list, for the page that begins behind it. A row
// that is damaged has one too, where that much of it can be read: so a client can read
// the rest of a list after it was refused and the row was named.
func Place(at refund.Position, err error) (refund.Position, error) {
	if refund.KindOf(err) == refund.KindCorrupt && at.ID != "" && !at.CreatedAt.IsZero() {
		return at, nil
	}
	return at, err
}

package dialect

import (
	"errors"

	"github.com/refundry/refundry/refund"
)

// ErrReadFirst is returned by the Complete of a refund.ByName that can't tell without
// a read what to make of the charge. Nothing was accepted: the charge is to be read,
// and the refund asked for by the charge's id.
var ErrReadFirst = errors.New("the charge has to be read first")

// ReadFirst reports whether a unit of a named charge was not accepted because of
// ErrReadFirst, or because there is no such charge here: it may be at a channel.
func ReadFirst(err error) bool {
	return errors.Is(err, ErrReadFirst) || refund.KindOf(err) == refund.KindChargeNotFound
}

package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/batch"
	"github.com/refundry/refundry/refund"
)

const (
	// longestCount bounds the count of earlier refunds for a merchant's policies. Its
	// charges are locked meanwhile, and one of countedWorkers and a connection are
	// taken.
	longestCount = 2 * time.Second
	// countedWorkers is how many merchants' units that take long are committed at
	// once, each merchant's alone.
	countedWorkers = 3
)

// errApart ends a unit whose merchant's policies take long in a batch that is of several
// merchants, as when a policy was enabled since: nothing was done, and it is tried
// again in a batch of its merchant.
var errApart = fmt.Errorf("%w: the merchant's policies are asked apart", errHeld)

// errSlowCount is why a batch of one merchant was given up: the count was too slow.
var errSlowCount = errors.New("earlier refunds could not be counted in time")

// newCounted makes the group of the units whose merchants' policies count earlier
// refunds or cost much. Each of its batches is one merchant's, so that a slow count, or a gate
// that another transaction holds, delays that merchant alone.
func (i *Intake) newCounted(group batch.Options[refund.Unit]) *batch.Group[refund.Unit, Result] {
	group.Workers, group.Crowd, group.Apart = countedWorkers, 0, true
	return batch.New(group, func(ctx context.Context, units []refund.Unit) []batch.Result[Result] {
		return i.flush(ctx, units, waits)
	})
}

// setApart ends the units of merchants whose policies take long, where the batch is of
// several merchants.
func (b *attempt) setApart() {
	if len(b.books) < 2 {
		return
	}
	for n, unit := range b.units {
		if policies := b.books[unit.MerchantID].book.Policies; policies != nil && policies.Apart() {
			b.results[n].Err = errApart
		}
	}
}

// countRecent is tx.Recent for at most longestCount. All units of the batch are answered
// "busy" after that: what is slow for one of the merchant is for the others.
func countRecent(ctx context.Context, tx Tx, asks []refund.WindowAsk) (map[refund.WindowAsk]refund.Recent, error) {
	limited, cancel := context.WithTimeout(ctx, longestCount)
	defer cancel()
	counts, err := tx.Recent(limited, asks)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		fault := refund.Errorf(refund.KindBusy, "", "counting earlier refunds for the merchant's policies takes too long; nothing was accepted, try again")
		fault.Cause = fmt.Errorf("%w: %w", errSlowCount, err)
		return nil, fault
	}
	return counts, err
}

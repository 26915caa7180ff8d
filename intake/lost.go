package intake

import (
	"context"
	"errors"
	"fmt"

	"github.com/refundry/refundry/batch"
	"github.com/refundry/refundry/refund"
)

// maxLost is how many lost batches are looked up beside the others. Each has a
// connection of its own.
const maxLost = 8

// lost is a batch whose commit's result is not known. It is looked up beside the
// others, because its charges may be held by another session meanwhile.
type lost struct {
	done    chan struct{}
	results []batch.Result[Result] // by the unit's place, once done is closed
}

// lostUnit is the result of a unit until its batch has been looked up.
type lostUnit struct {
	batch *lost
	at    int
}

// Error implements error. Nobody sees it: take waits for the result.
func (*lostUnit) Error() string { return "the commit's result is being looked up" }

// lose has a lost batch looked up, and run again as far as it did not happen. With
// too many of them the caller does so itself.
func (i *Intake) lose(ctx context.Context, b *attempt, units []refund.Unit, results []batch.Result[Result], todo []int, rounds int, cause error) {
	select {
	case i.losing <- struct{}{}:
	default:
		i.find(ctx, b, units, results, todo, rounds, cause)
		return
	}
	l := &lost{make(chan struct{}), make([]batch.Result[Result], len(units))}
	for _, n := range todo {
		results[n].Err = &lostUnit{l, n}
	}
	i.lost.Go(func() {
		defer func() {
			if problem := recover(); problem != nil {
				unknown(l.results, todo, fmt.Errorf("%w: %v", batch.ErrBroken, problem))
			}
			<-i.losing
			close(l.done)
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		i.find(ctx, b, units, l.results, todo, rounds, cause)
	})
}

// find is the work of lose.
func (i *Intake) find(ctx context.Context, b *attempt, units []refund.Unit, results []batch.Result[Result], todo []int, rounds int, cause error) {
	rest, ok := i.lookUp(ctx, b, results, todo)
	if !ok || rounds >= maxRounds {
		unknown(results, rest, cause)
		return
	}
	i.settle(ctx, units, results, rest, b.patience, rounds+1)
}

// result waits for the result of a unit whose batch was lost.
func result(value Result, err error) (Result, error) {
	var unit *lostUnit
	for errors.As(err, &unit) {
		<-unit.batch.done
		found := unit.batch.results[unit.at]
		value, err = found.Value, found.Err
	}
	return value, err
}

package intake

import (
	"context"
	"errors"
	"time"

	"github.com/refundry/refundry/batch"
	"github.com/refundry/refundry/refund"
)

const (
	// MostUnits is the largest batch: large enough that a commit's cost is
	// spread thin, small enough that its statements stay short.
	MostUnits = 256
	// MostWaiting bounds the queue; a request beyond it is answered "busy".
	MostWaiting = 4096
	// LongestWait is how long a request may wait for its batch to begin.
	LongestWait = 5 * time.Second
	// lookupTime is how long an unknown commit's charges are waited for.
	lookupTime = 10 * time.Second
	// mostRounds bounds how often one batch is run again after unknown commits.
	mostRounds = 3
	// commitTimeout bounds one batch's transaction.
	commitTimeout = 30 * time.Second
)

// Options of an intake. The zero value of each has a default.
type Options struct {
	Now     func() time.Time // default time.Now
	NewID   func(time.Time) string
	Workers int // batches under way at once; default 1
	// Observe is told the size of each batch; may be nil.
	Observe func(units int)
}

// Intake takes units of refund requests.
type Intake struct {
	store  Store
	engine Engine
	board  *Board
	opts   Options
	group  *batch.Group[refund.Unit, Result]
}

// New makes an intake that writes to store and hands over to engine.
func New(store Store, engine Engine, board *Board, opts Options) *Intake {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.NewID == nil {
		opts.NewID = refund.NewID
	}
	i := &Intake{store: store, engine: engine, board: board, opts: opts}
	i.group = batch.New(batch.Options{
		MaxItems: MostUnits, MaxQueued: MostWaiting, MaxWait: LongestWait, Workers: max(1, opts.Workers), Now: opts.Now,
	}, i.flush)
	return i
}

// Run keeps taking batches until ctx ends and what was queued is answered.
func (i *Intake) Run(ctx context.Context) { i.group.Run(ctx) }

// Step takes what is queued now through one commit.
func (i *Intake) Step(ctx context.Context) int { return i.group.Step(ctx) }

// Accept takes a unit, or gives an Error whose kind says what was wrong with
// it; KindBusy and KindUnknownOutcome are the two that may be repeated. With
// wait above 0 it waits that long for the channel's word after the commit;
// whatever happens meanwhile, an accepted refund is answered as accepted.
func (i *Intake) Accept(ctx context.Context, unit refund.Unit, wait time.Duration) (Result, error) {
	now := i.opts.Now().UTC().Truncate(time.Microsecond)
	ids := make([]string, len(unit.Requests))
	requests := make([]refund.Request, len(unit.Requests))
	for n, request := range unit.Requests {
		ids[n] = i.opts.NewID(now)
		request.RefundID, request.ChannelNumber = "re_"+ids[n], ids[n]
		requests[n] = request
	}
	unit.Requests = requests
	var watch *Watch
	if wait > 0 {
		watch = i.board.Watch(requests)
		defer watch.Close()
	}
	result, err := i.group.Do(ctx, unit)
	if errors.Is(err, batch.ErrBusy) {
		return Result{}, refund.Errorf(refund.KindBusy, "", "too many requests are waiting; nothing was accepted, try again")
	}
	if errors.Is(err, batch.ErrBroken) {
		e := refund.Errorf(refund.KindUnknownOutcome, "", unknownText)
		e.Cause = err
		return Result{}, e
	}
	if err != nil {
		return Result{}, err
	}
	if watch != nil && !result.Repeated {
		watch.Wait(ctx, wait, &result)
	}
	return result, nil
}

// flush takes units through a commit and finds out what became of each.
func (i *Intake) flush(ctx context.Context, units []refund.Unit) []batch.Result[Result] {
	if i.opts.Observe != nil {
		i.opts.Observe(len(units))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	results := make([]batch.Result[Result], len(units))
	todo := make([]int, len(units))
	for n := range units {
		todo[n] = n
	}
	for round := 0; len(todo) > 0; round++ {
		b := newAttempt(i, pick(units, todo))
		err := b.run(ctx)
		switch {
		case err == nil:
			b.answer(results, todo)
			return results
		case errors.Is(err, ErrCommitUnknown) && round < mostRounds:
			todo = i.lookUp(ctx, b, results, todo)
		case errors.Is(err, ErrCommitUnknown):
			unknown(results, todo)
			return results
		case len(todo) == 1:
			results[todo[0]] = batch.Result[Result]{Err: failure(err)}
			return results
		default:
			for _, n := range todo {
				results[n] = i.flush(ctx, units[n:n+1])[0]
			}
			return results
		}
	}
	return results
}

// lookUp asks on a fresh connection which of the batch's refunds are there:
// those are accepted, and the rest is given back to be run again.
func (i *Intake) lookUp(ctx context.Context, b *attempt, results []batch.Result[Result], todo []int) []int {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTime)
	defer cancel()
	found, err := i.store.Settled(ctx, b.chargeKeys(), b.refundKeys(), lookupTime)
	if err != nil {
		unknown(results, todo)
		return nil
	}
	var rest []int
	for n, unit := range b.units {
		if result, ok := b.present(unit, found); ok {
			results[todo[n]] = batch.Result[Result]{Value: result}
			continue
		}
		rest = append(rest, todo[n])
	}
	return rest
}

const unknownText = "it is not known whether the refund was accepted; query it, or repeat the same request"

func unknown(results []batch.Result[Result], todo []int) {
	for _, n := range todo {
		results[n] = batch.Result[Result]{Err: refund.Errorf(refund.KindUnknownOutcome, "", unknownText)}
	}
}

func failure(err error) error {
	if refund.As(err) != nil {
		return err
	}
	return refund.Wrap(err, "accept refunds")
}

func pick(units []refund.Unit, which []int) []refund.Unit {
	out := make([]refund.Unit, len(which))
	for n, w := range which {
		out[n] = units[w]
	}
	return out
}

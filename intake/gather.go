package intake

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/refundry/refundry/batch"
	"github.com/refundry/refundry/refund"
)

const (
	// MostUnits is the largest batch: large enough that a commit's cost is
	// spread thin, small enough that its statements stay short.
	MostUnits = 256
	// MaxRefunds bounds the refunds of a batch, whose commit would otherwise take
	// seconds where units are large: it takes about as long as that of MostUnits
	// small units, and whoever comes meanwhile waits for it.
	MaxRefunds = 2000
	// MostRequests is the most refunds of one unit: a dialect's batch has at
	// most 100 (docs/rules/pingpp.md, P3.5-4), and a batch of units must stay
	// short.
	MostRequests = 100
	// crowd is how many units must wait for a second commit to begin beside one
	// under way: with fewer, one commit for all of them is cheaper, and on one
	// hot charge a second would only wait for its lock.
	crowd = 32
	// MostWaiting bounds the queue; a request beyond it is answered "busy". One
	// merchant fills at most half of it.
	MostWaiting = 4096
	// LongestWait is how long a request may wait for its batch to begin.
	LongestWait = 5 * time.Second
	// lookupTime is how long an unknown commit's charges are waited for.
	lookupTime = 10 * time.Second
	// maxRounds bounds how often one batch is run again after unknown commits.
	maxRounds = 3
	// maxClashes bounds how often a unit is run again because its channel numbers
	// were taken: each run finds others.
	maxClashes = 8
	// flushTimeout bounds what is done for one batch, except for lookups: its
	// transaction, repeats, and its members one by one. What was not begun by
	// then is answered "busy".
	flushTimeout = 30 * time.Second
)

// Options of an intake. The zero value of each has a default.
type Options struct {
	Now     func() time.Time // default time.Now
	NewID   func(time.Time) string
	Workers int // batches under way at once; default 1
	// Observe is called with the size of each batch; may be nil.
	Observe func(units int)
	// Committed is called with the context of each unit, and its refunds, when its
	// commit is over, before the wait for the channel's word; may be nil.
	Committed func(ctx context.Context, refunds []refund.Refund, err error)
}

// Intake takes units of refund requests.
type Intake struct {
	store  Store
	engine Engine
	board  *Board
	opts   Options
	group  *batch.Group[refund.Unit, Result]
	// apart takes units of which another transaction holds the charge or a number.
	apart *batch.Group[refund.Unit, Result]
	// counted takes units whose merchants' policies count earlier refunds or cost much,
	// those of one merchant at a time.
	counted *batch.Group[refund.Unit, Result]
	// held are charges and merchants whose units go apart at once; vain are those
	// that were waited for in vain.
	held, vain held
	// lost are the lookups of lost batches, and losing has one for each.
	lost   sync.WaitGroup
	losing chan struct{}
}

// New makes an intake that writes to store and hands over to engine.
func New(store Store, engine Engine, board *Board, opts Options) *Intake {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.NewID == nil {
		opts.NewID = refund.NewID
	}
	i := &Intake{store: store, engine: engine, board: board, opts: opts, losing: make(chan struct{}, maxLost)}
	group := batch.Options[refund.Unit]{
		MaxItems: MostUnits, MaxQueued: MostWaiting, MaxWait: LongestWait, Workers: max(1, opts.Workers), Crowd: crowd, Now: opts.Now,
		MaxWeight: MaxRefunds, Weight: func(unit refund.Unit) int { return len(unit.Requests) },
		Lane: func(unit refund.Unit) string { return unit.MerchantID },
	}
	i.group = batch.New(group, func(ctx context.Context, units []refund.Unit) []batch.Result[Result] {
		return i.flush(ctx, units, skips)
	})
	group.Workers = 1
	i.apart = batch.New(group, func(ctx context.Context, units []refund.Unit) []batch.Result[Result] {
		return i.flush(ctx, units, waits)
	})
	i.counted = i.newCounted(group)
	return i
}

// Run keeps taking batches until ctx ends and what was queued is answered.
func (i *Intake) Run(ctx context.Context) {
	var apart sync.WaitGroup
	apart.Go(func() { i.apart.Run(ctx) })
	apart.Go(func() { i.counted.Run(ctx) })
	i.group.Run(ctx)
	apart.Wait()
	i.lost.Wait()
}

// Step takes what is queued now through one commit, what is to be tried apart
// through another, and units of one merchant whose policies take long through a third.
func (i *Intake) Step(ctx context.Context) int {
	return i.group.Step(ctx) + i.apart.Step(ctx) + i.counted.Step(ctx)
}

// Waiting is how many units are queued for the next batch.
func (i *Intake) Waiting() int { return i.group.Len() + i.apart.Len() + i.counted.Len() }

// Oldest is how long the unit has waited for its batch that waits longest.
func (i *Intake) Oldest() time.Duration {
	return max(i.group.Oldest(), i.apart.Oldest(), i.counted.Oldest())
}

// Accept takes a unit, or gives an Error whose kind says what was wrong with
// it; KindBusy and KindUnknownOutcome are the two that may be repeated. With
// wait above 0 it waits that long for the channel's word after the commit;
// whatever happens meanwhile, an accepted refund is answered as accepted.
func (i *Intake) Accept(ctx context.Context, unit refund.Unit, wait time.Duration) (Result, error) {
	if err := check(unit); err != nil {
		return Result{}, err
	}
	if unit.ByName != nil {
		unit = placeholders(unit)
	}
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
	result, err := i.take(ctx, unit)
	if i.opts.Committed != nil {
		i.opts.Committed(ctx, result.Refunds, err)
	}
	if errors.Is(err, batch.ErrBusy) {
		return Result{}, refund.Errorf(refund.KindBusy, "", busyText)
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

// check refuses what would confuse the batch that the unit is in.
func check(unit refund.Unit) *refund.Error {
	if unit.ByName != nil && len(unit.Requests) > 0 {
		return refund.Wrap(errors.New("a unit has requests and is to be completed"), "accept refunds")
	}
	if len(unit.Members) != len(unit.Requests) {
		return refund.Wrap(errors.New("a unit has not as many contents as requests"), "accept refunds")
	}
	if len(unit.Requests) > MostRequests {
		return refund.Errorf(refund.KindInvalid, "refunds", "at most %d refunds together", MostRequests)
	}
	numbers := make(map[string]bool)
	for _, request := range unit.Requests {
		if request.Number != "" && numbers[request.Number] {
			return refund.Errorf(refund.KindInvalid, "number", "the refund number %q is there twice", request.Number)
		}
		numbers[request.Number] = true
	}
	return nil
}

// flush takes units through a commit and finds out what became of each.
func (i *Intake) flush(ctx context.Context, units []refund.Unit, p patience) []batch.Result[Result] {
	if i.opts.Observe != nil {
		i.opts.Observe(len(units))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	results := make([]batch.Result[Result], len(units))
	todo := make([]int, len(units))
	for n := range units {
		todo[n] = n
	}
	i.settle(ctx, units, results, todo, p, 0)
	return results
}

// settle answers the units at the places todo: together, and after a failure
// that is not the connection's one by one, so that only the guilty one fails.
// p is that of the attempts, and rounds is how often the commit was lost before.
func (i *Intake) settle(ctx context.Context, units []refund.Unit, results []batch.Result[Result], todo []int, p patience, rounds int) {
	taken := make(map[refund.ChannelNumber]bool)
	for clashes := 0; len(todo) > 0; {
		b := newAttempt(i, pick(units, todo))
		b.taken, b.patience = taken, p
		err := b.run(ctx)
		switch {
		case err == nil:
			b.answer(results, todo)
			return
		case errors.Is(err, refund.ErrCommitUnknown):
			i.lose(ctx, b, units, results, todo, rounds, err)
			return
		case errors.Is(err, refund.ErrLocked):
			i.settleHeld(ctx, units, results, todo, p, rounds)
			return
		case len(todo) == 1 && clashes < maxClashes && i.clash(ctx, b, err):
			clashes++
		case len(todo) == 1 || ctx.Err() != nil || errors.Is(err, refund.ErrUnavailable) || errors.Is(err, errSlowCount):
			for _, n := range todo {
				results[n] = batch.Result[Result]{Err: failure(ctx, err)}
			}
			return
		default:
			for n := range todo {
				i.settle(ctx, units, results, todo[n:n+1], p, rounds)
			}
			return
		}
	}
}

// clash reports whether a unit failed because a channel number is another
// refund's, and notes which, so that the next run takes others. It is looked into
// only then: the numbers of most channels never clash.
func (i *Intake) clash(ctx context.Context, b *attempt, failure error) bool {
	if len(b.made) == 0 || ctx.Err() != nil || refund.As(failure) != nil {
		return false
	}
	taken, err := i.store.TakenNumbers(ctx, slices.Collect(maps.Keys(b.made)))
	for _, number := range taken {
		b.taken[number] = true
	}
	return err == nil && len(taken) > 0
}

// lookUp asks on a fresh connection which of the batch's refunds are there:
// those are accepted, and the rest is given back to be run again. False: it
// can't be found out.
func (i *Intake) lookUp(ctx context.Context, b *attempt, results []batch.Result[Result], todo []int) (rest []int, ok bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTime)
	defer cancel()
	found, err := i.store.Settled(ctx, b.chargeKeys(), b.refundKeys(), lookupTime)
	b.handOver(found)
	if err != nil {
		return todo, false
	}
	for n, unit := range b.units {
		if result, there := b.present(unit, found); there {
			results[todo[n]] = batch.Result[Result]{Value: result}
			continue
		}
		rest = append(rest, todo[n])
	}
	return rest, true
}

const unknownText = "it is not known whether the refund was accepted; query it, or repeat the same request"

func unknown(results []batch.Result[Result], todo []int, cause error) {
	for _, n := range todo {
		e := refund.Errorf(refund.KindUnknownOutcome, "", unknownText)
		e.Cause = cause
		results[n] = batch.Result[Result]{Err: e}
	}
}

const busyText = "too many requests are waiting; nothing was accepted, try again"

// failure is the answer to a unit of which nothing was accepted.
func failure(ctx context.Context, err error) error {
	switch {
	case refund.As(err) != nil:
		return err
	case ctx.Err() != nil: // the database was too slow, or could not be reached
		e := refund.Errorf(refund.KindBusy, "", busyText)
		e.Cause = err
		return e
	default:
		return refund.Wrap(err, "accept refunds")
	}
}

func pick(units []refund.Unit, which []int) []refund.Unit {
	out := make([]refund.Unit, len(which))
	for n, w := range which {
		out[n] = units[w]
	}
	return out
}

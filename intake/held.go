package intake

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/refundry/refundry/batch"
	"github.com/refundry/refundry/refund"
)

const (
	// heldTime is how long a charge that another transaction held is taken to be
	// held still: its units go apart, where nobody waits for them, and each look at
	// it there says what is true now.
	heldTime = 2 * time.Second
	// maxHeld bounds the memory of them.
	maxHeld = 4096
	// firstHeldPause and maxHeldPause bound the pause before a unit is tried again
	// whose charge is held: at first its holder may be about to end.
	firstHeldPause = 20 * time.Millisecond
	maxHeldPause   = 400 * time.Millisecond
)

// patience says what a run does about charges that other transactions hold.
type patience int

const (
	// skips leaves their units out: nobody else in the batch waits.
	skips patience = iota
	// waits waits for them, as ours are held for milliseconds, but not for those
	// that are known to have been waited for in vain.
	waits
	// finds is skips after a wait in vain, and remembers for which.
	finds
)

// errHeld is what became of a unit of which another transaction holds the charge
// or a number: nothing was done, and it is tried again apart from the others.
var errHeld = errors.New("another transaction holds the charge")

const heldText = "another change of the charge is under way; nothing was accepted, try again"

// place is a charge, or a merchant's numbers if charge is "".
type place struct{ merchantID, charge string }

// held is what other transactions hold. It is a guess that saves time: what it
// says wrongly costs a wait, or a turn apart.
type held struct {
	mu    sync.Mutex
	until map[place]time.Time
}

// note remembers or forgets that a place is held.
func (h *held) note(at place, is bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !is {
		delete(h.until, at)
		return
	}
	if h.until == nil || len(h.until) >= maxHeld {
		h.until = make(map[place]time.Time)
	}
	h.until[at] = now.Add(heldTime)
}

// part parts charges into those that are not held, as far as is known, and those
// that are.
func (h *held) part(keys []refund.ChargeKey, now time.Time) (free, held []refund.ChargeKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range keys {
		if h.until[place{key.MerchantID, key.ID}].After(now) {
			held = append(held, key)
		} else {
			free = append(free, key)
		}
	}
	return free, held
}

// holds reports whether a unit has to do with a place that is held.
func (h *held) holds(unit refund.Unit, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.until) == 0 {
		return false // as nearly always
	}
	if h.until[place{unit.MerchantID, ""}].After(now) {
		return true
	}
	for _, request := range unit.Requests {
		if h.until[place{unit.MerchantID, request.ChargeID}].After(now) {
			return true
		}
	}
	return false
}

// take has a unit committed with others, apart from them if another transaction
// holds what it needs, or with those of its merchant alone if its policies take long,
// for as long as a unit may wait.
func (i *Intake) take(ctx context.Context, unit refund.Unit) (Result, error) {
	group := i.group
	if i.held.holds(unit, i.opts.Now()) {
		group = i.apart
	}
	waited := time.Duration(0)
	for pause := firstHeldPause; ; pause = min(2*pause, maxHeldPause) {
		if i.store.Apart(unit.MerchantID) {
			group = i.counted
		}
		value, err := result(group.Do(ctx, unit))
		if !errors.Is(err, errHeld) {
			return value, err
		}
		if group == i.group {
			group = i.apart // where it is waited for
			continue
		}
		if waited += pause; waited > LongestWait || ctx.Err() != nil {
			fault := refund.Errorf(refund.KindBusy, "charge", heldText)
			fault.Cause = err
			return Result{}, fault
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// settleHeld answers the units of a batch that waited in vain for a row which
// another transaction held: first all without waiting for charges; then, because it
// is a number, each merchant alone. The units of a merchant whose number is held
// are tried again apart.
func (i *Intake) settleHeld(ctx context.Context, units []refund.Unit, results []batch.Result[Result], todo []int, p patience, rounds int) {
	if p == waits {
		i.settle(ctx, units, results, todo, finds, rounds)
		return
	}
	parts := byMerchant(units, todo)
	for _, part := range parts {
		if len(parts) > 1 && ctx.Err() == nil {
			i.settle(ctx, units, results, part, p, rounds)
			continue
		}
		for _, n := range part {
			i.held.note(place{units[n].MerchantID, ""}, true, i.opts.Now())
			results[n] = batch.Result[Result]{Err: errHeld}
		}
	}
}

// byMerchant parts places by the merchants of their units, in order.
func byMerchant(units []refund.Unit, todo []int) [][]int {
	at := make(map[string]int)
	var parts [][]int
	for _, n := range todo {
		id := units[n].MerchantID
		if _, known := at[id]; !known {
			at[id] = len(parts)
			parts = append(parts, nil)
		}
		parts[at[id]] = append(parts[at[id]], n)
	}
	return parts
}
